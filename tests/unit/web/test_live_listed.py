"""Named contracts are held against the provider's listings only if it gives them in time."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from app.domain.listing import Listing, Need
from app.domain.live_request import parse_subscribe
from app.domain.series import SeriesName
from app.errors import InvalidRequest, ProviderUnavailable
from app.provider import Provider
from app.web.live import MOST_EXPIRATIONS, Listed

DAYS = [dt.date(2025, 6, 6) + dt.timedelta(days=i) for i in range(MOST_EXPIRATIONS + 5)]


class Stub:
    """A provider that only lists: some expirations, each with one strike of 100 dollars."""

    def __init__(self, hold: Callable[[], None] = lambda: None) -> None:
        self.hold = hold
        self.asked: list[dt.date] = []

    def list(self, series: SeriesName, need: Need) -> Listing:
        assert need == Need("expirations")
        self.hold()
        return dict.fromkeys(DAYS, 0)

    def strikes(self, series: SeriesName, expiration: dt.date) -> frozenset[int]:
        self.hold()
        self.asked.append(expiration)
        return frozenset({100_000})


def check(stub: Stub, contracts: dict[str, Any] | None, wait: float = 5.0) -> list[str]:
    """The fields at fault."""
    asked = parse_subscribe({"root": "XYZ", "schema": "trade", "contracts": contracts}, asset="option")
    try:
        asyncio.run(Listed(cast(Provider, stub), wait).check(asked, contracts))
    except InvalidRequest as error:
        return [problem.field for problem in error.problems]
    return []


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What holds a provider up; opened at the test's end."""
    held = threading.Event()
    yield held
    held.set()


def test_strikes_are_looked_up_for_the_expirations_that_are_named() -> None:
    stub = Stub()

    assert check(stub, {"expirations": [str(DAYS[0])], "strikes": [100, 101]}) == ["contracts.strikes[1]"]
    assert stub.asked == DAYS[:1]


@pytest.mark.parametrize("contracts", [None, {"right": "call"}, {"strikes": [7]}, {"expirations": [str(DAYS[0])]}])
def test_without_both_named_no_strikes_are_looked_up(contracts: dict[str, Any] | None) -> None:
    stub = Stub()

    assert check(stub, contracts) == []
    assert stub.asked == []


def test_a_null_is_the_same_as_left_out_whatever_its_name() -> None:
    contracts = {"expirations": [str(DAYS[0])], "strikes": [100, 101], "right": None, "2024-02-30": None}

    assert check(Stub(), contracts) == ["contracts.strikes[1]"]


def test_only_so_many_expirations_are_looked_up_and_no_strike_of_others_is_refused() -> None:
    stub = Stub()

    assert check(stub, {"expirations": [str(day) for day in DAYS], "strikes": [7]}) == []
    assert sorted(stub.asked) == DAYS[:MOST_EXPIRATIONS]


def test_a_provider_that_does_not_answer_is_not_waited_for(gate: threading.Event) -> None:
    begun = time.monotonic()

    assert check(Stub(lambda: gate.wait(30) and None), {"expirations": ["2020-01-01"], "strikes": [7]}, 0.1) == []
    assert time.monotonic() - begun < 5


def test_a_provider_that_refuses_refuses_no_request() -> None:
    def refuse() -> None:
        raise ProviderUnavailable("away")

    assert check(Stub(refuse), {"expirations": ["2020-01-01"], "strikes": [7]}) == []


def test_a_defect_of_the_provider_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise KeyError("inside")

    with caplog.at_level(logging.ERROR, "app.web.live"):
        assert check(Stub(fail), {"expirations": ["2020-01-01"], "strikes": [7]}) == []
    assert "inside" in caplog.text
