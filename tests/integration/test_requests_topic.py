"""Requests published straight to the topic: the same as a POST, and dead letters for what is wrong."""

from __future__ import annotations

import datetime as dt
import io
import json
from typing import Any

import fastavro
import pytest
from harness import Platform, until
from raw_kafka import produce_raw
from requests_topic import dead_letter, publish

pytestmark = pytest.mark.integration

DAY = {"start": "2024-07-02", "end": "2024-07-02"}


def series(**change: Any) -> list[dict[str, Any]]:
    return [{"asset": "stock", "tickers": ["GE"], "schema": "ohlcv", "interval": "1h", **change}]


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_json_is_taken_whatever_its_compression(platform: Platform, codec: str) -> None:
    name = platform.new_id(codec)
    body = {"backtest_id": name, **DAY, "series": series()}
    publish(platform, json.dumps(body).encode(), **{"compression.type": codec})
    until(f"{name} to be known", lambda: platform.http.get(f"/backtests/{name}").status_code == 200)
    assert platform.finished(name)["state"] == "complete"


def test_the_short_form_is_taken_too(platform: Platform) -> None:
    name = platform.new_id()
    publish(platform, json.dumps({"backtest_id": name, "ticker": "ge", **DAY}).encode(), key=b"anything")
    until(f"{name} to be known", lambda: platform.http.get(f"/backtests/{name}").status_code == 200)
    done = platform.finished(name)
    assert [one["topic"] for one in done["series"]] == [f"stock-ge-ohlcv1m-historical-{name}"]


def avro_message(platform: Platform, body: dict[str, Any]) -> bytes:
    """Confluent framing by the registered schema, written with fastavro alone."""
    latest = platform.http.get(f"{platform.registry}/subjects/BacktestRequest/versions/latest").json()
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(json.loads(latest["schema"])), body)
    return b"\x00" + latest["id"].to_bytes(4, "big") + out.getvalue()


def test_avro_in_confluent_framing_does_the_same_as_json(platform: Platform) -> None:
    name = platform.new_id("avro")
    day = dt.date(2024, 7, 2)
    publish(platform, avro_message(platform, {"backtest_id": name, "start": day, "end": day, "series": series()}))
    until(f"{name} to be known", lambda: platform.http.get(f"/backtests/{name}").status_code == 200)
    done = platform.finished(name)
    assert done["state"] == "complete"
    posted = platform.http.post("/backtests", json={"backtest_id": name, **DAY, "series": series()})
    assert posted.status_code == 202, "the same request, whichever way it came"


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (b"\x80\x81\x82", "JSON"),
        (b"", "empty"),
        (None, "empty"),
        (b"[1, 2]", "object"),
        (b"\x00\x00", "frame"),
        (b"\x00\x7f\xff\xff\xff\x02a", "schema"),
        (b'{"backtest_id": "dead", "series": []}', "start"),
        (b'{"subscribe": {"asset": "stock"}}', "subscribe"),
    ],
)
def test_what_cannot_be_done_goes_to_the_dead_letters_with_bytes_and_reasons(
    platform: Platform, value: bytes | None, word: str
) -> None:
    offset = publish(platform, value, key=b"who")
    letter = dead_letter(platform, offset)
    headers = dict(letter.headers())
    assert letter.value() == (value or None) or letter.value() == value
    assert letter.key() == b"who"
    assert word in headers["reason"].decode()
    assert headers["source_topic"] == b"requests"
    assert json.loads(headers["errors"])


def test_a_record_of_the_right_schema_with_rubbish_behind_it_is_a_dead_letter(platform: Platform) -> None:
    day = dt.date(2024, 7, 2)
    whole = avro_message(platform, {"backtest_id": "rubbish", "start": day, "end": day, "series": series()})
    for value in (whole + b"\x00", whole[:-3]):
        assert dead_letter(platform, publish(platform, value)).value() == value


def test_dead_letters_do_not_stop_the_stream(platform: Platform) -> None:
    name = platform.new_id("after")
    offsets = [publish(platform, b"rubbish %d" % i) for i in range(20)]
    body = {"backtest_id": name, **DAY, "series": series()}
    publish(platform, json.dumps(body).encode())
    until(f"{name} to be known", lambda: platform.http.get(f"/backtests/{name}").status_code == 200)
    assert platform.finished(name)["state"] == "complete"
    found = [int(dict(m.headers())["source_offset"]) for m in platform.messages("requests.dlq")]
    assert [offset for offset in found if offset in offsets] == offsets, "each once, in order"


def test_a_conflict_on_the_topic_is_a_dead_letter(platform: Platform) -> None:
    done = platform.run(tickers=["GE"], interval="1h", **DAY)
    body = {"backtest_id": done["backtest_id"], **DAY, "series": series(interval="30m")}
    letter = dead_letter(platform, publish(platform, json.dumps(body).encode()))
    assert "taken by another request" in dict(letter.headers())["reason"].decode()


def test_a_message_of_which_every_byte_is_wrong_stops_nobody(platform: Platform) -> None:
    value = b'{"tickers": ["' + b"\x7f" * 900_000 + b'"], "start": "' + b"\x7f" * 50_000 + b'"}'
    letter = dead_letter(platform, publish(platform, value))
    assert letter.value() == value
    assert len(dict(letter.headers())["errors"]) < 20_000
    assert platform.run(tickers=["GE"], interval="1h", **DAY)["state"] == "complete"


def test_a_message_that_was_compressed_under_the_limit_is_a_dead_letter_too(platform: Platform) -> None:
    value = b"x" * 6_000_000
    offset = publish(platform, value, **{"compression.type": "zstd", "message.max.bytes": 10_000_000})
    letter = dead_letter(platform, offset)
    assert dict(letter.headers())["truncated_from"] == b"6000000"
    assert value.startswith(letter.value())
    assert platform.run(tickers=["GE"], interval="1h", **DAY)["state"] == "complete"


def test_a_header_whose_name_is_not_utf8_stops_nobody(platform: Platform) -> None:
    pids = platform.pids()
    offset = produce_raw(platform.kafka, "requests", b"rubbish", key=b"k\xff", headers=((b"\xff\xfe", b"\x80"),))
    letter = dead_letter(platform, offset)
    assert (letter.key(), letter.value()) == (b"k\xff", b"rubbish")
    assert dict(letter.headers())["headers_unreadable"]
    assert platform.run(tickers=["GE"], interval="1h", **DAY)["state"] == "complete"
    assert platform.pids() == pids


@pytest.mark.parametrize(("count", "dropped"), [(90_000, b"90000"), (200_000, None)])
def test_a_message_of_very_many_headers_is_a_dead_letter_too(
    platform: Platform, count: int, dropped: bytes | None
) -> None:
    # Of more than 100,000 the client library reads none.
    offset = produce_raw(platform.kafka, "requests", b"rubbish", headers=((b"h", None),) * count, compressed=True)
    assert dict(dead_letter(platform, offset).headers()).get("headers_dropped") == dropped
    assert platform.run(tickers=["GE"], interval="1h", **DAY)["state"] == "complete"
