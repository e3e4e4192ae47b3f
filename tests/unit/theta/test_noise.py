"""What a terminal may say that no terminal says: one kind of error comes out, memory stays bounded, good frames are
taken among bad ones."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import json
import random
import resource
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from noise import SCALE, Noise

from app.domain.listing import Need
from app.domain.plan import Chunk
from app.domain.series import SeriesName
from app.errors import PlatformError
from app.theta.client import ThetaClient
from app.theta.frames import FrameReader

GOLDEN = Path(__file__).parent.parent / "golden"
DAY = date(2024, 1, 2)
TABLES = {
    SeriesName("stock", "AAPL", "ohlcv", "1m", "1"): "stock__history__ohlc",
    SeriesName("stock", "AAPL", "eod", None, "1"): "stock__history__eod",
    SeriesName("stock", "AAPL", "trade", None, "1"): "stock__history__trade",
    SeriesName("option", "AAPL", "quote", "1m", "1"): "option__history__quote",
    SeriesName("option", "AAPL", "greeks", "1m", "1"): "option__history__greeks__all",
    SeriesName("option", "AAPL", "open_interest", None, "1"): "option__history__open_interest",
}
LISTS = {"expirations": "option__list__expirations", "strikes": "option__list__strikes"}
LISTS |= {"contracts": "option__list__contracts__request_type"}
CELLS = [
    b"",
    b"nan",
    b"inf",
    b"-1",
    b"1e400",
    b"99999999999999999999",
    b"2024-02-30T25:61:61",
    b'"',
    b'"a\nb"',
    b"\xff",
]
CELLS += [
    b"0001-01-01",
    b"9999-12-31T23:59:59.999",
    b"\x00",
    b"1,2",
    b"CALL",
    b"AAPL",
    b"x" * 3_000,
    "é".encode("utf-16"),
]


def spoiled_table(noise: Noise, table: bytes) -> bytes:
    """A table with other cells, rows or columns than it should have, or no table any more."""
    draw = noise.random
    rows = [line.split(b",") for line in table.split(b"\r\n")]
    for _ in range(draw.randrange(1, 5)):
        row = draw.choice(rows)
        match draw.randrange(7):
            case 0 | 1 | 2:
                row[draw.randrange(len(row))] = draw.choice(CELLS)
            case 3:
                del row[draw.randrange(len(row))]
                row.append(b"") if not row else None
            case 4:
                row.insert(draw.randrange(len(row) + 1), draw.choice(CELLS))
            case 5:
                rows.insert(draw.randrange(len(rows)), list(draw.choice(rows)))
            case _:
                draw.shuffle(rows[0])
    found = b"\r\n".join(b",".join(row) for row in rows)
    match draw.randrange(6):
        case 0:
            return noise.spoiled(found)
        case 1:
            return found.decode("latin-1").encode(draw.choice(["utf-16", "utf-32", "utf-8-sig"]))
        case 2:
            return found[: draw.randrange(len(found))]
        case _:
            return found


def spoiled_answer(noise: Noise, table: bytes) -> bytes | Iterator[bytes]:
    """Bytes that a terminal's connection may bring."""
    draw = noise.random
    body = noise.bytes(2_000) if draw.random() < 0.2 else spoiled_table(noise, table)
    length = len(body) if draw.random() < 0.8 else draw.choice([0, 1, len(body) + 100, -1, 10**30])
    lines = [b"HTTP/1.1 %d x" % draw.choice([200] * 8 + [200, 201, 204, 206, 301, 404, 472, 500, 570, 572, 999, 100])]
    lines.append(
        b"Content-Type: " + draw.choice([b"text/csv", b"application/json", b"text/csv; charset=utf-16", b"\xff"])
    )
    match draw.randrange(8):
        case 0:
            lines.append(b"Transfer-Encoding: chunked")
            body = b"%x\r\n%s\r\n%s" % (
                len(body),
                body,
                draw.choice([b"0\r\n\r\n", b"", b"zz\r\n", b"ffffffffffffffffffff\r\n"]),
            )
        case 1:
            lines.append(b"Content-Encoding: " + draw.choice([b"gzip", b"deflate", b"br", b"x"]))
        case 2:
            lines += [b"Content-Encoding: gzip", b"Content-Length: %d" % len(body := gzip.compress(body))]
        case 3:
            pass
        case _:
            lines.append(b"Content-Length: %d" % length)
    whole = b"\r\n".join([*lines, b"", b""]) + body
    return noise.spoiled(whole) if draw.random() < 0.1 else whole


@pytest.mark.timeout(240 * SCALE)
def test_whatever_a_terminal_answers_is_rows_or_an_error_that_is_told(terminal: Any) -> None:
    noise = Noise("rest")
    client = ThetaClient(terminal.url, connections=1, tier="pro", first_byte=2, stall=2)
    refused = 0
    for _ in range(400 * SCALE):
        with contextlib.suppress(PlatformError):
            refused += 1
            if noise.random.random() < 0.7:
                series, name = noise.random.choice(list(TABLES.items()))
                terminal.answer = spoiled_answer(noise, (GOLDEN / f"{name}.example.csv").read_bytes())
                client.fetch(series, Chunk(DAY, DAY, 391), 1_000)
            else:
                kind, name = noise.random.choice(list(LISTS.items()))
                terminal.answer = spoiled_answer(noise, (GOLDEN / f"{name}.example.csv").read_bytes())
                client.list(SeriesName("option", "AAPL", "quote", "1m", "1"), Need(kind, DAY))
            refused -= 1
        client.state()
    client.close()
    print(f"{refused} of {400 * SCALE} refused")
    assert refused > 200


ENDLESS = {
    "rows": b"timestamp,open,high,low,close,volume,count,vwap\r\n"
    + b"2024-01-02T09:30:00.000,1,1,1,1,1,1,1\r\n" * 1_000,
    "a line": b"timestamp,open,high,low,close,volume,count,vwap\r\n2024-01-02" + b"0" * 50_000,
    "a header": b"timestamp,open" * 5_000,
    "quotes": b'timestamp,open,high,low,close,volume,count,vwap\r\n"' + b"\r\n" * 20_000,
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_an_answer_without_an_end_is_given_up_before_it_fills_the_memory(terminal: Any, kind: str) -> None:
    first = ENDLESS[kind]
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        # A gigabyte is without an end for this purpose.
        for part in itertools.chain([first], itertools.repeat(first[-20_000:], 50_000)):
            sent += len(part)
            yield b"%x\r\n%s\r\n" % (len(part), part)

    terminal.answer = lambda _: endless()
    client = ThetaClient(terminal.url, connections=1, tier="pro", first_byte=20, stall=20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        with pytest.raises(PlatformError):
            client.fetch(SeriesName("stock", "AAPL", "ohlcv", "1m", "1"), Chunk(DAY, DAY, 391), 1_000)
    finally:
        client.close()
    assert sent < 300_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000, "kilobytes"


# --- frames -----------------------------------------------------------------------------------------------

TRADE = {
    "header": {"type": "TRADE", "status": "CONNECTED"},
    "contract": {"security_type": "STOCK", "root": "NOISE"},
    "trade": {
        "ms_of_day": 38437607,
        "sequence": 1,
        "size": 5,
        "condition": 0,
        "price": 1.5,
        "exchange": 57,
        "date": 20240503,
    },
}
QUOTE = {
    "header": {"type": "QUOTE", "status": "CONNECTED"},
    "contract": {"security_type": "OPTION", "root": "NOISE", "expiration": 20240510, "strike": 360000, "right": "P"},
    "quote": dict.fromkeys(("bid_size", "bid_exchange", "bid", "bid_condition"), 1)
    | dict.fromkeys(("ask_size", "ask_exchange", "ask", "ask_condition"), 2)
    | {"ms_of_day": 43032783, "date": 20240503},
}
ANSWER = {"header": {"type": "REQ_RESPONSE", "status": "CONNECTED", "response": "SUBSCRIBED", "req_id": 3}}
STATUS = {"header": {"type": "STATUS", "status": "CONNECTED"}}
GOOD = json.dumps({**TRADE, "contract": {"security_type": "STOCK", "root": "GOOD"}})


@settings(max_examples=150 * SCALE, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.integers(0, 30))
def test_among_whatever_frames_the_good_ones_are_taken(seed: int, count: int) -> None:
    with contextlib.redirect_stdout(None):
        noise = Noise("frames", seed)
    frames: list[str] = []
    for _ in range(count):
        body = noise.random.choice([TRADE, QUOTE, ANSWER, STATUS])
        frames.append(noise.text(noise.changed(body)).decode("utf-8", "replace"))
        frames.append(GOOD)
    reader = FrameReader()
    taken = [
        symbol
        for segment in reader.read(frames)
        for events in segment.events
        for symbol in np.asarray(events.symbols).tolist()
    ]
    assert taken.count("GOOD") == count
    assert reader.bad <= len(frames)
    # And the reader itself is as before.
    (segment,) = [one for one in reader.read([GOOD]) if one.events]
    assert segment.events[0].symbols == ["GOOD"]


@given(st.lists(st.text(max_size=60) | st.binary(max_size=60).map(lambda data: data.decode("latin-1")), max_size=20))
def test_texts_that_are_no_frames_are_counted(texts: list[str]) -> None:
    reader = FrameReader()
    events = [one for segment in reader.read([*texts, GOOD]) for one in segment.events]
    assert [one.symbols for one in events] == [["GOOD"]]
    assert reader.bad <= len(texts)


def test_random_is_not_used_by_what_is_tested() -> None:
    """The seeds say everything: the same noise twice."""
    with contextlib.redirect_stdout(None):
        one, other = Noise("same", 7), Noise("same", 7)
    random.seed(1)
    first = [one.text(one.changed(QUOTE)) for _ in range(50)]
    random.seed(2)
    assert [other.text(other.changed(QUOTE)) for _ in range(50)] == first
