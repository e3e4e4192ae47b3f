"""Rows over HTTP: whole, in every form, from where they are asked for, and cut off when they cannot be finished."""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import gzip
import io
import json
import socket
import threading
import zlib
from collections.abc import Iterator
from typing import Any

import cramjam
import httpx
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from harness import Platform, until

pytestmark = pytest.mark.integration

DAY = {"start": "2024-07-02", "end": "2024-07-03"}
MONTH = {"tickers": ["AAPL"], "start": "2024-07-01", "end": "2024-07-31", "interval": "1s"}
#: The last part of the month comes late, or not at all.
SLOW = {"match": {"date": "2024-07-31"}, "fault": {"kind": "stall", "seconds": 8}}
FAILING = {"match": {"date": "2024-07-31"}, "fault": {"status": 470, "body": "not today"}}
FORMS = ("ndjson", "csv", "arrow", "parquet")
TYPES = {
    "ndjson": "application/x-ndjson",
    "csv": "text/csv",
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
}
Row = dict[str, Any]


def data(platform: Platform, backtest_id: str, **query: Any) -> httpx.Response:
    return platform.http.get(f"/backtests/{backtest_id}/data", params=query)


def read(platform: Platform, backtest_id: str, **query: Any) -> list[Row]:
    """The rows of an answer, as plain ones."""
    response = data(platform, backtest_id, **{"format": "arrow", **query})
    assert response.status_code == 200, response.text
    return rows_in(query.get("format", "arrow"), response.content)


def rows_in(form: str, body: bytes) -> list[Row]:
    """What an answer holds, as a consumer of the topic would see it."""
    match form:
        case "arrow":
            table = pa.ipc.open_stream(body).read_all()
        case "parquet":
            table = pq.read_table(io.BytesIO(body))
        case "ndjson":
            return [
                {name: moment(name, value) for name, value in json.loads(line).items()} for line in body.splitlines()
            ]
        case _:
            return list(csv.DictReader(io.StringIO(body.decode())))
    found: list[Row] = table.to_pylist()
    return found


def moment(name: str, value: Any) -> Any:
    if name in ("timestamp", "quote_timestamp", "underlying_timestamp", "created", "last_trade"):
        return dt.datetime.fromisoformat(value)
    return dt.date.fromisoformat(value) if name == "expiration" else value


def cells(rows: list[Row]) -> list[dict[str, str]]:
    """Rows as they stand in CSV."""
    return [{name: cell(value) for name, value in row.items()} for row in rows]


def cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case dt.datetime():
            return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        case list():
            return " ".join(map(str, value))
        case _:
            return str(value)


@pytest.fixture(scope="module")
def bars(platform: Platform) -> dict[str, Any]:
    """Two days of second bars of one ticker."""
    return platform.run(tickers=["AAPL"], **DAY, interval="1s")


@pytest.fixture(scope="module")
def chain(platform: Platform) -> dict[str, Any]:
    """Minute greeks of some contracts."""
    return platform.run(
        "option",
        root="SPXW",
        start="2024-03-07",
        end="2024-03-07",
        schema="greeks",
        interval="30m",
        contracts={"max_dte": 4, "strike_range": 2},
    )


# --- every form -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("schema", ["ohlcv", "quote", "trade", "trade_quote", "eod"])
def test_every_form_holds_the_rows_that_a_consumer_reads(platform: Platform, schema: str) -> None:
    more = {"interval": "5m"} if schema in ("ohlcv", "quote") else {}
    hours = {"start_time": "09:30:00", "end_time": "09:32:00"} if schema.startswith("trade") else {}
    done = platform.run(tickers=["BRK.B"], **DAY, schema=schema, **more, **hours)
    expected = platform.rows(done["series"][0]["topic"])
    assert expected
    for form in FORMS:
        found = read(platform, done["backtest_id"], format=form)
        assert found == (cells(expected) if form == "csv" else expected), form


def test_options_and_what_the_provider_left_empty_are_the_same_too(platform: Platform, chain: dict[str, Any]) -> None:
    expected = platform.rows(chain["series"][0]["topic"])
    assert any(value is None for row in expected for value in row.values()) or expected
    for form in FORMS:
        found = read(platform, chain["backtest_id"], format=form)
        assert found == (cells(expected) if form == "csv" else expected), form


@pytest.mark.parametrize("form", FORMS)
def test_accept_names_the_form_and_the_answer_says_what_it_is(
    platform: Platform, bars: dict[str, Any], form: str
) -> None:
    name, topic = bars["backtest_id"], bars["series"][0]["topic"]
    response = platform.http.get(f"/backtests/{name}/data", params={"limit": 3}, headers={"Accept": TYPES[form]})
    assert response.status_code == 200
    assert response.headers["content-type"].partition(";")[0] == TYPES[form]
    assert response.headers["fdp-series-state"] == "complete"
    assert response.headers["fdp-rows"] == str(bars["receipts"][0]["rows"])
    assert "Accept" in response.headers["vary"]
    assert topic in response.headers.get("content-disposition", topic)
    assert len(rows_in(form, response.content)) == 3
    if form in ("arrow", "parquet"):
        read_schema = (
            pa.ipc.open_stream(response.content).schema
            if form == "arrow"
            else pq.read_schema(io.BytesIO(response.content))
        )
        assert read_schema.metadata[b"topic"].decode() == topic
        assert read_schema.metadata[b"sha256"].decode() == bars["receipts"][0]["sha256"]
        assert read_schema.field("timestamp").type == pa.timestamp("us", tz="UTC")


def test_packed_answers_unpack_to_the_same(platform: Platform, bars: dict[str, Any]) -> None:
    plain = data(platform, bars["backtest_id"], format="csv").content
    for coding, unpacked in (("gzip", gzip.decompress), ("zstd", lambda body: bytes(cramjam.zstd.decompress(body)))):
        request = platform.http.build_request(
            "GET",
            f"/backtests/{bars['backtest_id']}/data",
            params={"format": "csv"},
            headers={"Accept-Encoding": f"{coding}, identity;q=0.5"},
        )
        response = platform.http.send(request, stream=True)
        assert response.headers["content-encoding"] == coding
        assert unpacked(b"".join(response.iter_raw())) == plain
        response.close()


# --- which rows -------------------------------------------------------------------------------------------


def test_ranges_limits_and_columns_pick_the_rows_they_name(platform: Platform, bars: dict[str, Any]) -> None:
    name = bars["backtest_id"]
    rows = platform.rows(bars["series"][0]["topic"])
    second = [row for row in rows if row["timestamp"] >= dt.datetime(2024, 7, 3, 4, tzinfo=dt.UTC)]
    assert 0 < len(second) < len(rows)
    assert read(platform, name, start="2024-07-03") == second
    assert read(platform, name, end="2024-07-02") == rows[: len(rows) - len(second)]
    first, last = rows[1000]["timestamp"], rows[9000]["timestamp"]
    exact = {"start": first.isoformat().replace("+00:00", "Z"), "end": last.isoformat()}
    assert read(platform, name, **exact) == rows[1000:9001]
    assert read(platform, name, start=exact["start"], limit=5) == rows[1000:1005]
    assert read(platform, name, limit=8193) == rows[:8193]
    assert read(platform, name, start="2024-07-04", end="2024-07-05") == []
    some = read(platform, name, columns="close,timestamp", limit=2)
    assert [list(row) for row in some] == [["close", "timestamp"]] * 2
    messages = platform.messages(bars["series"][0]["topic"])
    offsets = [row["_offset"] for row in read(platform, name, columns="_offset")]
    assert offsets == [message.offset() for message in messages]


def test_contracts_are_picked_by_their_symbols_with_or_without_spaces(
    platform: Platform, chain: dict[str, Any]
) -> None:
    topic = chain["series"][0]["topic"]
    messages = platform.messages(topic)
    rows = platform.decoded(messages)
    wanted = sorted({message.key() for message in messages})[:2]
    picked = [row for message, row in zip(messages, rows, strict=True) if message.key() in wanted]
    assert 0 < len(picked) < len(rows)
    symbols = [wanted[0].decode(), wanted[1].decode().replace(" ", "")]
    assert read(platform, chain["backtest_id"], contract=symbols) == picked
    assert read(platform, chain["backtest_id"], contract=",".join(symbols)) == picked


def test_who_was_cut_off_goes_on_behind_the_last_offset(platform: Platform, bars: dict[str, Any]) -> None:
    name = bars["backtest_id"]
    messages = platform.messages(bars["series"][0]["topic"])
    rows = platform.rows(bars["series"][0]["topic"])
    response = data(platform, name, format="arrow")
    with pa.ipc.open_stream(response.content) as stream:
        first, told = stream.read_next_batch_with_custom_metadata()
    last = int(told[b"last_offset"])
    assert last == messages[first.num_rows - 1].offset()
    assert first.to_pylist() + read(platform, name, after_offset=last) == rows
    assert read(platform, name, after_offset=messages[-1].offset()) == []


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ({"series": "stock-msft-ohlcv1s-historical-x"}, 404, "has no series"),
        ({"format": "xml"}, 422, "format"),
        ({"columns": "close,price"}, 422, "price"),
        ({"start": "2024-07-02T09:30:00"}, 422, "time zone"),
        ({"start": "yesterday"}, 422, "start"),
        ({"start": "2024-07-03", "end": "2024-07-02"}, 422, "before start"),
        ({"limit": 0}, 422, "limit"),
        ({"after_offset": -2}, 422, "after_offset"),
        ({"contract": "SPXW240315C04800000"}, 422, "no options"),
        ({"sort": "close"}, 422, "sort"),
    ],
)
def test_what_cannot_be_given_is_refused_in_words(
    platform: Platform, bars: dict[str, Any], query: dict[str, Any], status: int, words: str
) -> None:
    response = data(platform, bars["backtest_id"], **query)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert words in response.text


def test_one_of_several_series_has_to_be_named(platform: Platform) -> None:
    done = platform.run(tickers=["GE", "KO"], **DAY, interval="1h")
    response = data(platform, done["backtest_id"])
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert (error["field"], error["allowed"]) == ("series", [one["topic"] for one in done["series"]])
    for one in done["series"]:
        assert read(platform, done["backtest_id"], series=one["topic"]) == platform.rows(one["topic"])
    assert data(platform, "nobody").status_code == 404
    html = platform.http.get(
        f"/backtests/{done['backtest_id']}/data?series={one['topic']}", headers={"Accept": "text/html"}
    )
    assert html.status_code == 406


def test_a_series_without_rows_is_an_empty_answer_that_is_whole(platform: Platform) -> None:
    done = platform.run(tickers=["ZZNONE"], start="2024-07-02", end="2024-07-02")
    for form in FORMS:
        assert read(platform, done["backtest_id"], format=form) == []
    assert data(platform, done["backtest_id"], format="csv").text.startswith("symbol,timestamp,open")


# --- the same answer ----------------------------------------------------------------------------------------


def test_a_complete_series_has_a_validator_that_stands_for_its_bytes(platform: Platform, bars: dict[str, Any]) -> None:
    name = bars["backtest_id"]
    tags = set()
    for query in ({"format": "arrow"}, {"format": "csv"}, {"format": "csv", "limit": 5}, {"format": "parquet"}):
        one, other = data(platform, name, **query), data(platform, name, **query)
        assert one.headers["etag"] == other.headers["etag"]
        assert one.content == other.content
        tags.add(one.headers["etag"])
        path = f"/backtests/{name}/data"
        again = platform.http.get(path, params=query, headers={"If-None-Match": f'"x", {one.headers["etag"]}'})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == one.headers["etag"]
        head = platform.http.head(path, params=query)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["etag"] == one.headers["etag"]
        assert head.headers["content-type"] == one.headers["content-type"]
    assert len(tags) == 4
    packed = platform.http.head(f"/backtests/{name}/data?format=csv", headers={"Accept-Encoding": "identity"})
    assert packed.headers["etag"] not in tags


# --- while it runs ------------------------------------------------------------------------------------------


class Follower(threading.Thread):
    """Reads an answer as it comes; ``whole``: it ended properly."""

    def __init__(self, platform: Platform, method: str, path: str, **more: Any) -> None:
        super().__init__(daemon=True)
        self._ask = (method, f"{platform.local.endpoints.web}{path}")
        self._more = {"headers": {}, **more}
        self._more["headers"] = {"Accept-Encoding": "identity", **self._more["headers"]}
        self.status = 0
        self.headers = httpx.Headers()
        self.body = bytearray()
        self.whole: bool | None = None
        self.start()

    def run(self) -> None:
        try:
            with httpx.Client(timeout=60, trust_env=False) as http, http.stream(*self._ask, **self._more) as response:
                self.headers, self.status = response.headers, response.status_code
                for piece in response.iter_raw():
                    self.body += piece
            self.whole = True
        except httpx.RemoteProtocolError:
            self.whole = False

    def ended(self) -> bool:
        self.join(60)
        assert self.whole is not None, "the answer did not end"
        return self.whole


@contextlib.contextmanager
def faults(platform: Platform, *rules: dict[str, Any]) -> Iterator[None]:
    platform.simulator.set_faults(list(rules))
    try:
        yield
    finally:
        platform.simulator.set_faults([])


@pytest.mark.parametrize("form", FORMS)
def test_who_follows_from_the_start_gets_every_row_and_a_proper_end(platform: Platform, form: str) -> None:
    with faults(platform, SLOW):
        name = platform.ask(**MONTH)
        follower = Follower(platform, "GET", f"/backtests/{name}/data?follow=true&format={form}")
        if form != "parquet":
            until("rows while the series runs", lambda: len(follower.body) > 1_000_000)
            assert platform.http.get(f"/backtests/{name}").json()["state"] == "running"
        assert follower.ended()
    assert follower.headers["fdp-series-state"] in ("accepted", "running")
    assert "etag" not in follower.headers
    done = platform.finished(name)
    found = rows_in(form, bytes(follower.body))
    assert len(found) == done["receipts"][0]["rows"]
    again = read(platform, name, format=form)
    assert found == again


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_an_answer_that_cannot_be_finished_has_no_proper_end(platform: Platform, form: str, coding: str) -> None:
    with faults(platform, FAILING):
        name = platform.ask(**MONTH)
        path = f"/backtests/{name}/data?follow=true&format={form}"
        follower = Follower(platform, "GET", path, headers={"Accept-Encoding": coding})
        assert not follower.ended()
        assert follower.status == 200
        failed = platform.finished(name)
    assert failed["state"] == "failed"
    body = bytes(follower.body)
    if coding == "gzip" and form != "parquet":
        unpacking = zlib.decompressobj(31)
        body = unpacking.decompress(body)
        assert not unpacking.eof
    if form == "parquet":
        with pytest.raises(pa.ArrowInvalid):
            rows_in(form, body)
    if form == "arrow":
        assert not body.endswith(b"\xff\xff\xff\xff\x00\x00\x00\x00")
    refused = data(platform, name, follow="true")
    assert refused.status_code == 409
    assert "not today" in refused.text
    assert "/retry" in refused.text
    # What there is can be had without waiting for more, and says that it is not all.
    there = data(platform, name, format="arrow")
    assert there.headers["fdp-series-state"] == "failed"
    assert "etag" not in there.headers
    assert len(rows_in("arrow", there.content)) == failed["series"][0]["rows"] == int(there.headers["fdp-rows"])


def test_an_older_client_whose_answer_cannot_be_finished_is_reset(platform: Platform) -> None:
    """HTTP/1.0 has no chunks: the end of the connection would be the proper end."""
    with faults(platform, FAILING):
        name = platform.ask(**MONTH)
        with socket.create_connection((platform.http.base_url.host, platform.http.base_url.port), 60) as connection:
            connection.sendall(f"GET /backtests/{name}/data?follow=true&format=csv HTTP/1.0\r\n\r\n".encode())

            def read_on() -> int:
                received = 0
                while piece := connection.recv(1 << 20):
                    received += len(piece)
                return received

            assert connection.recv(1 << 20)
            with pytest.raises(ConnectionResetError):
                read_on()
        assert platform.finished(name)["state"] == "failed"


def test_a_request_whose_rows_cannot_be_packed_as_asked_begins_nothing(platform: Platform) -> None:
    body = {"backtest_id": platform.new_id(), **MONTH}
    headers = {"Accept": "text/csv", "Accept-Encoding": "identity;q=0"}

    assert platform.http.post("/historical/stock", json=body, headers=headers).status_code == 406
    assert platform.http.get(f"/backtests/{body['backtest_id']}").status_code == 404


def test_following_ends_without_a_proper_end_when_the_backtest_is_deleted(platform: Platform) -> None:
    with faults(platform, SLOW):
        name = platform.ask(**MONTH)
        follower = Follower(platform, "GET", f"/backtests/{name}/data?follow=true&format=csv")
        until("rows", lambda: len(follower.body) > 100_000)
        platform.http.delete(f"/backtests/{name}?topics=true")
        assert not follower.ended()


# --- who does not read --------------------------------------------------------------------------------------


def test_a_reader_that_stalls_holds_no_consumer_and_then_gets_the_rest(
    platform: Platform, bars: dict[str, Any]
) -> None:
    pid = platform.pids()["coordinator"]
    assert pid is not None
    process = psutil.Process(pid)
    read(platform, bars["backtest_id"], limit=1)
    web = platform.local.endpoints.web
    port = int(web.rpartition(":")[2])
    whole = data(platform, bars["backtest_id"], format="ndjson")
    before = process.num_threads()
    with contextlib.closing(socket.socket()) as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect(("127.0.0.1", port))
        path = f"/backtests/{bars['backtest_id']}/data?format=ndjson"
        reader.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
        received = reader.recv(100)
        until("the consumer to be given up", lambda: process.num_threads() <= before)
        assert data(platform, bars["backtest_id"], limit=1).status_code == 200
        while piece := reader.recv(1 << 20):
            received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"chunked" in head.lower()
    assert unchunked(body) == whole.content


def unchunked(body: bytes) -> bytes:
    out = bytearray()
    while True:
        size, _, body = body.partition(b"\r\n")
        if int(size, 16) == 0:
            return bytes(out)
        out += body[: int(size, 16)]
        body = body[int(size, 16) + 2 :]


# --- POST ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_a_post_that_takes_rows_is_answered_with_those_of_all_series_in_order(platform: Platform, form: str) -> None:
    body = {"backtest_id": platform.new_id("rows"), "tickers": ["KO", "GE"], **DAY, "interval": "5m"}
    response = platform.http.post("/historical/stock", json=body, headers={"Accept": TYPES[form]})
    assert response.status_code == 200, response.text
    assert response.headers["location"] == f"/backtests/{body['backtest_id']}"
    assert response.headers["content-type"].partition(";")[0] == TYPES[form]
    done = platform.finished(str(body["backtest_id"]))
    expected = [row for one in done["series"] for row in platform.rows(one["topic"])]
    found = rows_in(form, response.content)
    assert found == (cells(expected) if form == "csv" else expected)
    assert found[0]["symbol"] == "KO"


def test_a_post_of_options_takes_rows_too(platform: Platform, chain: dict[str, Any]) -> None:
    body = {
        "backtest_id": platform.new_id("rows"),
        "root": "SPXW",
        "start": "2024-03-07",
        "end": "2024-03-07",
        "schema": "greeks",
        "interval": "30m",
        "contracts": {"max_dte": 4, "strike_range": 2},
    }
    response = platform.http.post("/historical/option", json=body, headers={"Accept": TYPES["arrow"]})
    assert rows_in("arrow", response.content) == platform.rows(chain["series"][0]["topic"])


def test_a_post_whose_series_fails_is_cut_off_and_one_that_leaves_ends_nothing(platform: Platform) -> None:
    with faults(platform, FAILING):
        body = {"backtest_id": platform.new_id("rows"), **MONTH}
        follower = Follower(platform, "POST", "/historical/stock", json=body, headers={"Accept": TYPES["csv"]})
        assert not follower.ended()
        assert platform.finished(str(body["backtest_id"]))["state"] == "failed"
    again = platform.http.post("/historical/stock", json=body, headers={"Accept": TYPES["csv"]})
    assert again.status_code == 409
    body = {"backtest_id": platform.new_id("rows"), **MONTH}
    url = f"{platform.local.endpoints.web}/historical/stock"
    with httpx.stream("POST", url, json=body, headers={"Accept": TYPES["csv"]}, trust_env=False) as response:
        next(response.iter_raw())
    assert platform.finished(str(body["backtest_id"]))["state"] == "complete"


def test_a_post_is_refused_or_answered_as_always_where_no_rows_are_asked_for(platform: Platform) -> None:
    body = {"backtest_id": platform.new_id("rows"), "tickers": ["KO"], **DAY, "interval": "1h"}
    rows = {"Accept": TYPES["csv"]}
    first = platform.http.post("/historical/stock", json=body, headers={**rows, "Prefer": "respond-async"})
    assert (first.status_code, first.headers["preference-applied"]) == (202, "respond-async")
    for accept in ("*/*", "application/json", "application/json, text/csv"):
        assert platform.http.post("/historical/stock", json=body, headers={"Accept": accept}).status_code == 202
    other = platform.http.post("/historical/stock", json={**body, "tickers": ["GE"]}, headers=rows)
    assert other.status_code == 409
    wrong = platform.http.post("/historical/stock", json={**body, "interval": "2m"}, headers=rows)
    assert wrong.status_code == 422
    mixed = {
        "backtest_id": platform.new_id("rows"),
        **DAY,
        "series": [
            {"asset": "stock", "tickers": ["KO"], "schema": "ohlcv", "interval": "1h"},
            {"asset": "stock", "tickers": ["KO"], "schema": "eod"},
        ],
    }
    refused = platform.http.post("/historical/stock", json=mixed, headers=rows)
    assert refused.status_code == 422
    assert platform.http.get(f"/backtests/{mixed['backtest_id']}").status_code == 404
    taken = platform.http.post("/historical/stock", json=mixed, headers={"Accept": TYPES["ndjson"]})
    assert taken.status_code == 200
    kinds = [len(json.loads(line)) for line in taken.content.splitlines()]
    assert len(set(kinds)) == 2
