"""The description of the topics is whole, and says of each message what it really is."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jsonschema
import orjson
import pytest
from pydantic import BaseModel

from app.domain.checking import parse_request
from app.domain.contracts import Contracts
from app.domain.live import Coverage, FeedState, Gap, Subscription
from app.domain.plan import Plan
from app.domain.receipt import Receipt, session_report
from app.domain.records import BacktestRecord, Checkpoint, series_records
from app.domain.schema import INTERVAL_SECONDS, RECORDS
from app.domain.series import SeriesName
from app.domain.short_form import expand_short_form
from app.domain.worker_report import WorkerReport
from app.kafka.topics import control_topics
from app.settings import load
from app.web import examples
from app.web.answers import records
from app.web.asyncapi import asyncapi

DESCRIBED = asyncapi("1")
NOW = dt.datetime(2024, 7, 2, 22, tzinfo=dt.UTC)
RECORD = BacktestRecord(parse_request(expand_short_form(examples.OPTION["near the money"]), NOW), 17, NOW)
PLAIN = Checkpoint(17, 17, "running", Plan(()).digest, 0, 3)
RECEIPT = Receipt(
    "stock-ko-eod-historical-1", 1, 1_719_892_800_000_000, 1_719_892_800_000_000, (0, 1), "0" * 64,
    session_report(dt.date(2024, 7, 2), dt.date(2024, 7, 4), {dt.date(2024, 7, 2): 1}, {}), 0, "theta", NOW,
    {"topic": "stock-ko-trade-live", "offset": 3, "after": "2024-07-02T20:00:00Z"},
)  # fmt: skip
GAP = Gap("stock-ko-trade-live", 17, "1", 10**15, 10**15 + 1, "widened", opened_at="2024-07-02T20:00:00.000Z")


def references(body: Any) -> Iterator[str]:
    if isinstance(body, dict):
        if isinstance(body.get("$ref"), str):
            yield body["$ref"]
        body = list(body.values())
    if isinstance(body, list):
        for part in body:
            yield from references(part)


def at(reference: str) -> Any:
    found: Any = DESCRIBED
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def test_it_is_the_same_each_time_to_the_byte() -> None:
    assert orjson.dumps(asyncapi("1")) == orjson.dumps(DESCRIBED)


def test_it_has_the_parts_of_the_standard() -> None:
    assert DESCRIBED["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= set(DESCRIBED["info"])
    assert all({"host", "protocol"} <= set(server) for server in DESCRIBED["servers"].values())
    for channel in DESCRIBED["channels"].values():
        assert {"address", "messages"} <= set(channel)
        assert set(re.findall(r"{(\w+)}", channel["address"])) == set(channel.get("parameters", {}))
    for operation in DESCRIBED["operations"].values():
        assert operation["action"] in ("send", "receive")
    for message in DESCRIBED["components"]["messages"].values():
        assert {"name", "payload", "contentType"} <= set(message)


def test_everything_that_is_referred_to_is_there() -> None:
    for reference in references(DESCRIBED):
        assert isinstance(at(reference), dict), reference


def test_every_channel_is_used_once() -> None:
    used = [operation["channel"]["$ref"] for operation in DESCRIBED["operations"].values()]
    assert sorted(used) == sorted(f"#/channels/{name}" for name in DESCRIBED["channels"])


def test_every_control_topic_is_described_as_it_is_made() -> None:
    made = {spec.name: spec for spec in control_topics(load())}
    told = {one["address"]: one for one in DESCRIBED["channels"].values() if "{" not in one["address"]}
    assert set(told) == set(made)
    for name, spec in made.items():
        binding = told[name]["bindings"]["kafka"]
        assert binding["partitions"] == spec.partitions
        if "retention.ms" in spec.config:
            assert str(binding["topicConfiguration"]["retention.ms"]) == spec.config["retention.ms"]


def test_addresses_of_data_topics_are_their_names() -> None:
    found = set()
    for channel in DESCRIBED["channels"].values():
        if "{" not in channel["address"]:
            continue
        intervals = channel["parameters"].get("interval", {}).get("enum", [""])
        for interval in intervals:
            values = {"ticker": "ko", "root": "spxw", "interval": interval, "backtest_id": "1"}
            name = SeriesName.parse(channel["address"].format(**values))
            assert list(channel["messages"]) == [name.record.name]
            found.add((name.asset, name.schema, name.interval, name.backtest_id))
    assert {(asset, schema) for asset, schema, _, of in found if of} == set(RECORDS)
    live = {"trade": 1, "quote": 1, "ohlcv": len(INTERVAL_SECONDS)}
    assert len(found) == sum(
        (len(record.intervals) + record.ticks or 1) + live.get(schema, 0) for (_, schema), record in RECORDS.items()
    )


def test_rows_are_described_by_their_registered_schema() -> None:
    for record in RECORDS.values():
        payload = DESCRIBED["components"]["messages"][record.name]["payload"]
        assert payload["schema"] == record.avro()


@pytest.mark.parametrize(
    ("model", "encoded"),
    [
        (records.Decision, RECORD.encode()),
        (records.Decision, replace(RECORD, retry=18, cancel=19, delete=20).encode()),
        (records.SeriesOf, series_records(RECORD)[0].encode()),
        (records.Checkpoint, PLAIN.encode()),
        (records.Checkpoint, replace(PLAIN, state="failed", reason="no", anew=True, first=1, last=2).encode()),
        (records.Checkpoint, replace(PLAIN, state="complete", receipt=RECEIPT.as_json()).encode()),
        (records.StandingSubscription, Subscription("stock-ko-trade-live", 17, start=10**15).encode()),
        (
            records.StandingSubscription,
            Subscription("option-spxw-quote-live", 17, (Contracts(), Contracts(strikes=(4_750_000,)))).encode(),
        ),
        (records.TopicCoverage, Coverage(17, "waiting").encode()),
        (
            records.TopicCoverage,
            Coverage(17, "live", since=10**15, lag_ms=1.5, trims={"2024-07-02": (3, None)}).encode(),
        ),
        (records.Feed, FeedState("CONNECTED", "2024-07-02T20:00:00Z", clock=10**15).encode()),
        (records.GapRecord, GAP.encode()),
        (records.GapRecord, replace(GAP, state="closed", offsets=(3, 5), repaired=10**15, rows=2).encode()),
        (
            records.Worker,
            WorkerReport("live", "host", 7, "0.1.0", NOW, "CONNECTED", {"feed": "x"}, {"rows": 3.0}).encode(),
        ),
        (records.Position, b"17"),
        (records.Cancel, b'{"cancel": "spring"}'),
        (records.Delete, b'{"delete": "spring", "run": 17}'),
        (records.Unsubscribe, b'{"unsubscribe": "stock-ko-trade-live"}'),
    ],
)
def test_records_are_what_their_models_say(model: type[BaseModel], encoded: bytes) -> None:
    body = orjson.loads(encoded)
    model.model_validate(body)
    payloads = [one["payload"] for one in DESCRIBED["components"]["messages"].values()]
    assert {"$ref": f"#/components/schemas/{model.__name__}"} in payloads
    schema = {**at(f"#/components/schemas/{model.__name__}"), "components": DESCRIBED["components"]}
    jsonschema.Draft202012Validator(schema).validate(body)


@pytest.mark.parametrize("body", [*examples.LIVE_STOCK.values(), *examples.LIVE_OPTION.values()])
def test_a_subscription_on_the_topic_names_its_asset(body: dict[str, Any]) -> None:
    schema = {**at("#/components/messages/Subscribe")["payload"], "components": DESCRIBED["components"]}
    check = jsonschema.Draft202012Validator(schema)
    asset = "option" if "root" in body else "stock"
    assert check.is_valid({"subscribe": {"asset": asset, **body}})
    assert not check.is_valid({"subscribe": body})
