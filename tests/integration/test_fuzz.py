"""Noise from every side: no 500, no lost message, no worker down.

A seed is printed with each failure; ``CHAOS_SEED`` has it again, ``CHAOS=full`` ten times as much.
"""

from __future__ import annotations

import gzip
import json
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from confluent_kafka import Producer
from harness import Platform, until
from noise import SCALE, Noise
from raw_http import Answer, send_raw
from raw_kafka import produce_raw

pytestmark = pytest.mark.integration

DAY = {"start": "2024-07-02", "end": "2024-07-02"}
STOCK: dict[str, Any] = {"backtest_id": "noise", "tickers": ["GE"], **DAY, "schema": "ohlcv", "interval": "1h"}
OPTION: dict[str, Any] = {
    "backtest_id": "noise",
    "root": "QUIET",
    **DAY,
    "schema": "quote",
    "interval": "1h",
    "contracts": {"expirations": ["2024-07-05"], "strikes": ["100", 105.5], "right": "call", "max_dte": 7},
}
FULL: dict[str, Any] = {
    "backtest_id": "noise",
    **DAY,
    "series": [
        {"asset": "stock", "tickers": ["GE"], "schema": "eod"},
        {"asset": "option", "root": "QUIET", "schema": "quote", "interval": "1h", "contracts": {"strike_range": 1}},
    ],
    "empty_bars": "drop",
    "start_time": "09:30:00",
    "end_time": "10:00:00",
    "live": False,
    "retain_days": 3,
}
LIVE_STOCK: dict[str, Any] = {"tickers": ["GE"], "schema": "trade", "start_time": "09:30:00"}
LIVE_OPTION: dict[str, Any] = {
    "root": "QUIET",
    "schema": "quote",
    "contracts": {"right": "put", "strike_range": 1, "max_dte": 1},
}
POSTS = {
    "/historical/stock": STOCK,
    "/historical/option": OPTION,
    "/backtests": FULL,
    "/plan": FULL,
    "/live/stock": LIVE_STOCK,
    "/live/option": LIVE_OPTION,
}
GETS = ["/backtests", "/backtests/noise", "/live", "/live/stock-ge-trade-live", "/schemas", "/metrics", "/health/live"]
GETS += ["/topics/orphaned", "/", "/nothing", "/backtests/noise/data", "/live/"]
METHODS = [
    b"GET",
    b"GET",
    b"POST",
    b"HEAD",
    b"PUT",
    b"PATCH",
    b"DELETE",
    b"OPTIONS",
    b"TRACE",
    b"FOO",
    b"get",
    b"PROPFIND",
]


@pytest.mark.timeout(240 * SCALE)
def test_whatever_comes_over_http_is_answered_and_never_with_a_500(platform: Platform) -> None:
    noise, pids, url = Noise("http"), platform.pids(), str(platform.http.base_url)
    draw = noise.random
    for count in range(250 * SCALE):
        headers: list[tuple[bytes, bytes]] = []
        if draw.random() < 0.7:
            path = draw.choice(list(POSTS))
            # Ids of their own, or all but the first would be conflicts.
            body = {**POSTS[path], "backtest_id": f"noise-{noise.seed}-{count}"} if "live" not in path else POSTS[path]
            method, target, content = b"POST", path.encode(), noise.text(noise.changed(body))
            if draw.random() < 0.05:
                packed = gzip.compress(content)
                content = noise.spoiled(packed) if draw.random() < 0.7 else packed
                headers.append((b"Content-Encoding", draw.choice([b"gzip", b"deflate", b"br", b"x"])))
        else:
            method, content = draw.choice(METHODS), noise.bytes() if draw.random() < 0.3 else b""
            target = draw.choice([*GETS, *POSTS]).encode()
        if draw.random() < 0.3:
            target = _spoiled(noise, target)
        if draw.random() < 0.3:
            headers += _headers(noise)
        _check(send_raw(url, method, target, headers, content), method, target, headers, content)
    assert platform.pids() == pids
    for one in platform.http.get("/live").json():
        platform.http.delete(f"/live/{one['topic']}")
    assert platform.run(tickers=["GE"], interval="1h", **DAY)["state"] == "complete"


def _spoiled(noise: Noise, target: bytes) -> bytes:
    draw = noise.random
    match draw.randrange(6):
        case 0:
            return target + b"/" + quote_from_bytes(noise.bytes(40), safe=b"").encode()
        case 1:
            return target + b"?" + quote_from_bytes(noise.bytes(40), safe=b"=&").encode()
        case 2:
            return target + draw.choice([b"?fresh=true&fresh=x", b"?fresh=%ff", b"?limit=-1", b"?=&&=", b"?%00", b"#x"])
        case 3:
            return target.replace(b"/", draw.choice([b"%2f", b"//", b"/./", b"/../", b"/%2e%2e/", b"/%5c"]))
        case 4:
            # Bytes that ought to be escaped, but for those that end the line.
            return target + bytes(byte for byte in noise.bytes(10) if byte > 0x7F)
        case _:
            return target + b"/" + b"a" * draw.choice([300, 5_000])


def _headers(noise: Noise) -> list[tuple[bytes, bytes]]:
    draw = noise.random
    values = [
        b"",
        b"*/*;q=x",
        b"\xff\xfe",
        b"a" * 3_000,
        b"Bearer \xc3\xa9",
        b"text/csv",
        b"gzip;q=0",
        b"bytes=0-1",
        b"0",
    ]
    names = [b"Accept", b"Authorization", b"Content-Type", b"Accept-Encoding", b"Range", b"Cookie", b"If-None-Match"]
    names += [b"X-Forwarded-For", b"Upgrade", b"Origin", b"X-Noise"]
    return [(draw.choice(names), draw.choice(values)) for _ in range(draw.randrange(1, 4))]


def _check(answer: Answer, method: bytes, target: bytes, headers: Any, content: bytes) -> None:
    asked = f"{method!r} {target[:300]!r} {headers!r} {content[:2_000]!r} → {answer.status} {answer.body[:500]!r}"
    kind = answer.headers.get("content-type", "")
    if answer.status == 400 and not kind.startswith("application/"):
        # The server's own, for what is no HTTP.
        return
    assert 200 <= answer.status < 500 or (answer.status == 503 and "retry-after" in answer.headers), asked
    if answer.status >= 400 and method != b"HEAD":
        assert kind.startswith("application/problem+json"), asked
        assert json.loads(answer.body)["status"] == answer.status, asked


# --- requests --------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(240 * SCALE)
def test_whatever_lies_on_requests_is_decided_or_a_dead_letter_once_and_in_order(platform: Platform) -> None:
    noise, pids = Noise("requests"), platform.pids()
    latest = f"{platform.registry}/subjects/BacktestRequest/versions/latest"
    known = int(platform.http.get(latest).json()["id"])
    sent: dict[int, bytes | None] = {}
    producer = Producer({"bootstrap.servers": platform.kafka, "linger.ms": 0})
    for number in range(150 * SCALE):
        value, key, headers = _message(noise, known, number)
        if noise.random.random() < 0.1:
            bad = tuple((noise.bytes(9), noise.random.choice([None, noise.bytes(9)])) for _ in range(3))
            sent[produce_raw(platform.kafka, "requests", value, key=key, headers=bad)] = value
        else:
            stamp = noise.random.choice([0, 1, 86_400_000, 1_700_000_000_000, 4_000_000_000_000])

            def report(error: Any, message: Any, value: bytes | None = value) -> None:
                assert error is None, error.str()
                sent[message.offset()] = value

            producer.produce("requests", value, key, headers=headers, timestamp=stamp, on_delivery=report)
            producer.flush(20)
    assert len(sent) == 150 * SCALE
    # What is decided after it is decided.
    assert platform.run(tickers=["GE"], interval="1h", **DAY)["state"] == "complete"

    def dead() -> list[tuple[int, bytes | None]] | None:
        letters = platform.messages("requests.dlq")
        found = [(int(dict(one.headers())["source_offset"]), one.value()) for one in letters]
        return [one for one in found if one[0] in sent]

    letters = until("the letters", dead)
    offsets = [offset for offset, _ in letters]
    assert offsets == sorted(set(offsets)), "each once, in order"
    assert all(value == sent[offset] or (not value and not sent[offset]) for offset, value in letters)
    for offset in set(sent) - set(offsets):
        body = json.loads(sent[offset] or b"")
        if "backtest_id" in body:
            assert platform.http.get(f"/backtests/{body['backtest_id']}").status_code == 200, body
        else:
            assert {"subscribe", "unsubscribe"} & set(body), body
    print(f"{len(offsets)} of {len(sent)} are dead letters")
    assert platform.pids() == pids
    for one in platform.http.get("/live").json():
        platform.http.delete(f"/live/{one['topic']}")


def _message(
    noise: Noise, known: int, number: int
) -> tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]:
    draw = noise.random
    value: bytes | None
    match draw.randrange(8):
        case 0:
            value = noise.bytes(draw.choice([10, 1_000, 100_000]))
        case 1:
            value = draw.choice(
                [None, b"", b"null", b"[]", b"1", b'""', b"{}", b"\xef\xbb\xbf{}", b"\x00", b"\x00\x00\x00\x00\x01"]
            )
        case 2 | 3:
            schema = draw.choice([known, known, 0, 1, 2, 2**31, 2**32 - 1, known + 1_000])
            value = b"\x00" + schema.to_bytes(4, "big") + noise.bytes()
        case 4:
            body: Any = draw.choice(
                [{"subscribe": {"asset": "stock", **LIVE_STOCK}}, {"unsubscribe": "stock-ge-trade-live"}]
            )
            value = noise.text(noise.changed(body))
        case _:
            value = noise.text(noise.changed({**FULL, "backtest_id": f"noise-{noise.seed}-{number}"}))
    key = draw.choice([None, b"", noise.bytes(), b"k" * 10_000, b"@position"])
    headers = [(draw.choice(["reason", "source_offset", "é", "", "x" * 900]), draw.choice([None, b"", noise.bytes()]))]
    return value, key, headers * draw.randrange(3)


# --- the terminal ----------------------------------------------------------------------------------------------------


@pytest.mark.timeout(240 * SCALE)
def test_a_terminal_that_answers_anything_downs_nobody(platform: Platform) -> None:
    noise, pids = Noise("terminal"), platform.pids()
    kinds = [
        "text200",
        "drop",
        "cut",
        "missing_column",
        "extra_column",
        "shuffled_columns",
        "out_of_range",
        "backwards",
    ]
    rules = []
    for kind in kinds:
        fault: dict[str, Any] = {"kind": kind}
        if kind == "text200":
            fault["body"] = noise.text(noise.value()).decode("utf-8", "replace")
        elif kind == "cut":
            fault["after_bytes"] = noise.random.randrange(5_000)
        rules.append({"match": {"path": "/history/"}, "fault": fault, "probability": 0.08})
    platform.simulator.set_faults(rules)
    asked = [
        platform.ask(tickers=["GE", "KO", "XOM"], schema="quote", interval="1m", **DAY),
        platform.ask(tickers=["GE"], start="2024-07-01", end="2024-07-05", interval="1s"),
        platform.ask("option", root="QUIET", schema="quote", interval="5m", **DAY),
    ]
    done = [platform.finished(one, 200) for one in asked]
    assert all(one["state"] in ("complete", "partial", "failed") for one in done)
    assert all(series["state"] == "complete" or series["reason"] for one in done for series in one["series"])
    platform.simulator.set_faults([])
    assert platform.pids() == pids
    assert platform.run(tickers=["GE"], interval="1h", **DAY)["state"] == "complete"
