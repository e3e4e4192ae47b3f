"""The description of HTTP is valid, whole, tight, and always the same."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema
import orjson
import pytest
from openapi_spec_validator import validate
from pydantic import TypeAdapter

from app.domain.checking import parse_request
from app.domain.live_request import parse_subscribe
from app.domain.short_form import expand_short_form
from app.errors import InvalidRequest
from app.web import examples
from app.web.answers.platform import Problem
from app.web.auth import OPEN_PATHS
from app.web.declared import declared
from app.web.openapi import openapi
from app.web.operations import Operation, views_of

OPERATIONS = declared(tokens=True)
DESCRIBED = openapi(OPERATIONS, "1", tokens=True)
NOW = dt.datetime(2024, 7, 2, 22, tzinfo=dt.UTC)


def operation(name: str) -> Operation:
    return next(one for one in OPERATIONS if one.name == name)


def schema_of_body(name: str) -> dict[str, Any]:
    """The JSON schema of an operation's body, with the parts that it refers to."""
    one = operation(name)
    body = DESCRIBED["paths"][one.path][one.method]["requestBody"]["content"]["application/json"]["schema"]
    return {**body, "components": DESCRIBED["components"]}


def fits(body: object, name: str) -> bool:
    validator = jsonschema.Draft202012Validator(
        schema_of_body(name), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    return bool(validator.is_valid(body))


def passes(body: Mapping[str, Any], name: str) -> bool:
    """Whether the real checks take a body."""
    try:
        match name:
            case "subscribe_stock" | "subscribe_option":
                parse_subscribe(body, asset="stock" if name.endswith("stock") else "option")
            case "ask_historical_stock" | "ask_historical_option":
                parse_request(expand_short_form(body, "stock" if name.endswith("stock") else "option"), NOW)
            case _:
                parse_request(expand_short_form(body), NOW)
    except InvalidRequest:
        return False
    return True


def test_the_description_is_valid() -> None:
    validate(DESCRIBED)
    validate(openapi(declared(tokens=False), "1", tokens=False))


def test_it_is_the_same_each_time_to_the_byte() -> None:
    again = openapi(declared(tokens=True), "1", tokens=True)
    assert orjson.dumps(again) == orjson.dumps(DESCRIBED)


def test_whatever_is_served_is_described_but_the_parts_of_pages() -> None:
    served = {(one.path, one.method) for one in OPERATIONS if not one.hidden}
    described = {(path, method) for path, methods in DESCRIBED["paths"].items() for method in methods}
    assert described == served
    assert set(views_of(OPERATIONS)) == {one.path for one in OPERATIONS}


def test_names_are_unique_and_every_part_of_a_path_is_told() -> None:
    names = [one.name for one in OPERATIONS]
    assert len(set(names)) == len(names)
    for one in OPERATIONS:
        assert set(one.path_docs) == set(re.findall(r"{(\w+)}", one.path)), one.name


def test_links_lead_to_operations_and_their_parameters() -> None:
    for one in OPERATIONS:
        for answer in one.answers:
            for name, parameters in answer.links.items():
                assert set(parameters) == set(operation(name).path_docs)


def test_what_is_open_is_what_is_let_in_without_a_token() -> None:
    opened = {one.path for one in OPERATIONS if one.open}
    # The page at / is declared by who serves it.
    assert opened | {"/"} == set(OPEN_PATHS)
    for one in OPERATIONS:
        if not one.hidden:
            assert DESCRIBED["paths"][one.path][one.method].get("security") == ([] if one.open else None), one.name


def test_without_tokens_nothing_asks_for_one() -> None:
    plain = openapi(declared(tokens=False), "1", tokens=False)
    assert "security" not in plain
    assert "securitySchemes" not in plain["components"]
    assert "Unauthorized" not in plain["components"]["responses"]


def bodies() -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for one in OPERATIONS:
        for name, body in (one.body.examples if one.body else {}).items():
            yield one.name, name, body


@pytest.mark.parametrize(("name", "example", "body"), list(bodies()))
def test_examples_of_bodies_fit_their_schema_and_pass(name: str, example: str, body: Mapping[str, Any]) -> None:
    assert fits(body, name)
    assert passes(body, name)


def test_every_body_has_an_example() -> None:
    assert all(one.body.examples for one in OPERATIONS if one.body)


def test_examples_of_answers_are_what_their_models_say() -> None:
    for one in OPERATIONS:
        for answer in one.answers:
            for example in answer.examples.values():
                TypeAdapter(answer.content["application/json"]).validate_python(example)
    for status, example in examples.PROBLEMS.items():
        assert Problem.model_validate(example).status == status


STOCK = dict(examples.STOCK["bars"])
OPTION = dict(examples.OPTION["near the money"])
FULL = dict(examples.BACKTEST["several series"])
SERIES: dict[str, Any] = FULL["series"][0]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("ask_historical_stock", {**STOCK, "tickers": []}),
        ("ask_historical_stock", {**STOCK, "tickers": ["A B"]}),
        ("ask_historical_stock", {**STOCK, "tickers": ["AAPL."]}),
        ("ask_historical_stock", {**STOCK, "tickers": "AAPL"}),
        ("ask_historical_stock", {**STOCK, "ticker": "KO"}),
        ("ask_historical_stock", {name: value for name, value in STOCK.items() if name != "tickers"}),
        ("ask_historical_stock", {name: value for name, value in STOCK.items() if name != "start"}),
        ("ask_historical_stock", {**STOCK, "root": "SPXW"}),
        ("ask_historical_stock", {**STOCK, "asset": "option"}),
        ("ask_historical_stock", {**STOCK, "asset": None}),
        ("ask_historical_stock", {**STOCK, "schema": "greeks"}),
        ("ask_historical_stock", {**STOCK, "interval": "2m"}),
        ("ask_historical_stock", {**STOCK, "start": "2024-02-30"}),
        ("ask_historical_stock", {**STOCK, "start": "02.01.2024"}),
        ("ask_historical_stock", {**STOCK, "start": 20240102}),
        ("ask_historical_stock", {**STOCK, "backtest_id": "my_test"}),
        ("ask_historical_stock", {**STOCK, "backtest_id": "x" * 65}),
        ("ask_historical_stock", {**STOCK, "backtest_id": -1}),
        ("ask_historical_stock", {**STOCK, "backtest_id": True}),
        ("ask_historical_stock", {**STOCK, "start_time": "9:30:00"}),
        ("ask_historical_stock", {**STOCK, "start_time": "24:00:00"}),
        ("ask_historical_stock", {**STOCK, "empty_bars": "keep"}),
        ("ask_historical_stock", {**STOCK, "retain_days": 0}),
        ("ask_historical_stock", {**STOCK, "retain_days": 36_501}),
        ("ask_historical_stock", {**STOCK, "retain_days": "3"}),
        ("ask_historical_stock", {**STOCK, "live": "true"}),
        ("ask_historical_stock", {**STOCK, "adjust": "splits"}),
        ("ask_historical_option", {**OPTION, "tickers": ["KO"]}),
        ("ask_historical_option", {**OPTION, "root": None}),
        ("ask_historical_option", {**OPTION, "root": "TOOLONG"}),
        ("ask_historical_option", {**OPTION, "contracts": {"right": "up"}}),
        ("ask_historical_option", {**OPTION, "contracts": {"max_dte": -1}}),
        ("ask_historical_option", {**OPTION, "contracts": {"strike_range": 0}}),
        ("ask_historical_option", {**OPTION, "contracts": {"strikes": []}}),
        ("ask_historical_option", {**OPTION, "contracts": {"strikes": [0]}}),
        ("ask_historical_option", {**OPTION, "contracts": {"strikes": ["1.2345"]}}),
        ("ask_historical_option", {**OPTION, "contracts": {"strikes": [100_000]}}),
        ("ask_historical_option", {**OPTION, "contracts": {"expirations": ["soon"]}}),
        ("ask_historical_option", {**OPTION, "contracts": {"delta": 0.5}}),
        ("ask_backtest", {**FULL, "series": []}),
        ("ask_backtest", {**FULL, "series": [{**SERIES, "asset": "bond"}]}),
        ("ask_backtest", {**FULL, "series": [{**SERIES, "root": "SPXW"}]}),
        ("ask_backtest", {**FULL, "series": [{**SERIES, "asset": "option"}]}),
        ("ask_backtest", {**FULL, "series": [{**SERIES, "schema": "open_interest"}]}),
        ("ask_backtest", {**FULL, "series": [{**SERIES, "backtest_id": "inner"}]}),
        ("ask_backtest", {**FULL, "tickers": ["KO"]}),
        ("subscribe_stock", {"tickers": ["KO"], "schema": "eod"}),
        ("subscribe_stock", {"tickers": ["KO"], "backtest_id": "1"}),
        ("subscribe_option", {"tickers": ["KO"]}),
        ("subscribe_option", {"root": "SPXW", "schema": "greeks"}),
    ],
)
def test_the_schema_is_as_tight_as_the_check(name: str, body: Mapping[str, Any]) -> None:
    assert not passes(body, name)
    assert not fits(body, name)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("ask_historical_stock", {**STOCK, "backtest_id": 17}),
        ("ask_historical_stock", {**STOCK, "tickers": ["brk.b", "BRK/B", "BC-PA", "A+", "X=Y", "^X"[1:]]}),
        ("ask_historical_stock", {**STOCK, "schema": None, "interval": None, "live": None, "retain_days": None}),
        ("ask_historical_stock", {**STOCK, "asset": "stock", "start_time": "00:00:00", "end_time": "23:59:59"}),
        ("ask_historical_option", {**OPTION, "contracts": None}),
        ("ask_historical_option", {**OPTION, "contracts": {"strikes": [4750, "4750.500", 0.001], "right": None}}),
        ("ask_historical_option", {**OPTION, "schema": "greeks", "interval": "tick"}),
        ("ask_backtest", {**FULL, "series": [{**SERIES, "root": None, "empty_bars": "drop"}]}),
        ("ask_backtest", OPTION),
        ("plan_backtest", STOCK),
        ("subscribe_stock", {"ticker": "KO", "asset": None}),
        ("subscribe_option", {"root": "SPXW", "schema": "quote", "interval": "tick"}),
    ],
)
def test_what_passes_fits_the_schema(name: str, body: Mapping[str, Any]) -> None:
    assert passes(body, name)
    assert fits(body, name)
