"""The terminal's REST API: what is asked, and what becomes of each kind of answer."""

from __future__ import annotations

import datetime as dt
import gzip
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from app.domain.plan import Chunk
from app.domain.schema import STOCK_EOD, STOCK_OHLCV
from app.domain.series import SeriesName
from app.errors import (
    BadTable,
    Patience,
    ProviderBusy,
    ProviderError,
    ProviderGlitch,
    ProviderRefused,
    ProviderUnavailable,
    RequestTooLarge,
)
from app.provider import Hours
from app.theta.client import ThetaClient, request_of

GOLDEN = Path(__file__).parent.parent / "golden"
OHLC = (GOLDEN / "stock__history__ohlc.example.csv").read_bytes()
DAY = dt.date(2024, 1, 2)
BARS = SeriesName("stock", "AAPL", "ohlcv", "1m", "1")
EOD = SeriesName("stock", "AAPL", "eod", None, "1")
ONE_DAY = Chunk(DAY, DAY, 391)
REGULAR = Hours(None, None)


def answer(status: int, body: bytes, *headers: str, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", f"content-length: {len(body) if length is None else length}", *headers]
    return "\r\n".join([*lines, "connection: close", "", ""]).encode() + body


def chunked(*parts: bytes, ended: bool = True) -> bytes:
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + (b"0\r\n\r\n" if ended else b"")


@pytest.fixture
def client(terminal: Any) -> Iterator[ThetaClient]:
    found = ThetaClient(terminal.url, connections=2, first_byte=10)
    yield found
    found.close()


def failure(client: ThetaClient, series: SeriesName = BARS) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        client.fetch(series, ONE_DAY, REGULAR)
    return caught.value


# --- what is asked ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("series", "chunk", "hours", "path", "params"),
    [
        pytest.param(
            BARS,
            ONE_DAY,
            REGULAR,
            "/v3/stock/history/ohlc",
            {"symbol": "AAPL", "format": "csv", "interval": "1m", "date": "20240102"},
            id="one day",
        ),
        pytest.param(
            BARS,
            Chunk(DAY, dt.date(2024, 1, 31), 8_000),
            REGULAR,
            "/v3/stock/history/ohlc",
            {"symbol": "AAPL", "format": "csv", "interval": "1m", "start_date": "20240102", "end_date": "20240131"},
            id="a month",
        ),
        pytest.param(
            SeriesName("stock", "BRK.B", "ohlcv", "1s", None),
            ONE_DAY,
            Hours(dt.time(4), dt.time(20, 0, 1)),
            "/v3/stock/history/ohlc",
            {
                "symbol": "BRK.B",
                "format": "csv",
                "interval": "1s",
                "date": "20240102",
                "start_time": "04:00:00",
                "end_time": "20:00:01",
            },
            id="seconds, with hours",
        ),
        pytest.param(
            EOD,
            Chunk(DAY, dt.date(2024, 12, 31), 252),
            REGULAR,
            "/v3/stock/history/eod",
            {"symbol": "AAPL", "format": "csv", "start_date": "20240102", "end_date": "20241231"},
            id="a year of reports",
        ),
        pytest.param(
            EOD,
            ONE_DAY,
            REGULAR,
            "/v3/stock/history/eod",
            {"symbol": "AAPL", "format": "csv", "start_date": "20240102", "end_date": "20240102"},
            id="one report",
        ),
        pytest.param(
            SeriesName("stock", "A+B/C", "ohlcv", "1h", None),
            ONE_DAY,
            Hours(dt.time(12), None),
            "/v3/stock/history/ohlc",
            {"symbol": "A+B/C", "format": "csv", "interval": "1h", "date": "20240102", "start_time": "12:00:00"},
            id="a symbol that must be escaped",
        ),
    ],
)
def test_a_chunk_is_asked_for_with_its_parameters(
    terminal: Any,
    client: ThetaClient,
    series: SeriesName,
    chunk: Chunk,
    hours: Hours,
    path: str,
    params: dict[str, str],
) -> None:
    terminal.answer = answer(472, b"No data found for your request")

    client.fetch(series, chunk, hours)

    assert request_of(series, chunk, hours) == (path, params)
    assert [(one.path, one.params) for one in terminal.requests] == [(path, params)]


# --- rows -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(answer(200, OHLC, "content-type: text/csv"), id="with a length"),
        pytest.param(chunked(OHLC[:100], OHLC[100:101], OHLC[101:]), id="in chunks"),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\n" + OHLC, id="until the connection closes"),
        pytest.param(answer(200, OHLC.replace(b"\r\n", b"\n")), id="other line ends"),
    ],
)
def test_a_table_becomes_rows(terminal: Any, client: ThetaClient, raw: bytes) -> None:
    terminal.answer = raw

    rows = client.fetch(BARS, ONE_DAY, REGULAR)

    assert rows.record is STOCK_OHLCV
    assert rows.columns["close"].tolist() == [187.83, 187.765, 188.2984, 188.16, 187.73]


@pytest.mark.parametrize(("series", "record"), [(BARS, STOCK_OHLCV), (EOD, STOCK_EOD)])
def test_no_data_is_no_error_but_an_empty_table(
    terminal: Any, client: ThetaClient, series: SeriesName, record: Any
) -> None:
    terminal.answer = answer(472, b"No data found for your request")

    rows = client.fetch(series, ONE_DAY, REGULAR)

    assert len(rows) == 0
    assert {name: column.dtype for name, column in rows.columns.items()} == {
        column.name: column.kind.dtype for column in record.columns
    }


def test_a_terminal_behind_something_that_compresses_is_understood(terminal: Any, client: ThetaClient) -> None:
    def reply(request: Any) -> bytes:
        if "gzip" in request.headers.get("accept-encoding", ""):
            return answer(200, gzip.compress(OHLC), "content-encoding: gzip")
        return answer(200, OHLC)

    terminal.answer = reply

    assert len(client.fetch(BARS, ONE_DAY, REGULAR)) == 5


# --- refusals ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind", "patience"),
    [
        (400, ProviderRefused, "none"),
        (403, ProviderRefused, "none"),
        (404, ProviderRefused, "none"),
        (410, ProviderRefused, "none"),
        (429, ProviderBusy, "wait"),
        (470, ProviderGlitch, "few"),
        (471, ProviderRefused, "none"),
        (473, ProviderRefused, "none"),
        (474, ProviderUnavailable, "wait"),
        (475, ProviderGlitch, "few"),
        (476, ProviderRefused, "none"),
        (478, ProviderRefused, "none"),
        (500, ProviderGlitch, "few"),
        (502, ProviderGlitch, "few"),
        (503, ProviderGlitch, "few"),
        (570, RequestTooLarge, "none"),
        (571, ProviderUnavailable, "wait"),
        (572, ProviderGlitch, "few"),
        (302, ProviderRefused, "none"),
        (204, ProviderRefused, "none"),
        (499, ProviderRefused, "none"),
        (599, ProviderGlitch, "few"),
    ],
)
def test_a_refusal_is_the_kind_of_error_that_its_status_means(
    terminal: Any, client: ThetaClient, status: int, kind: type[ProviderError], patience: Patience
) -> None:
    words = b"" if status == 204 else b"the vendor's\r\n own   words\xff"
    terminal.answer = answer(status, words) if words else b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"

    error = failure(client)

    assert type(error) is kind
    assert (error.patience, error.retriable) == (patience, patience != "none")
    assert error.status == status
    assert f"answered {status}" in str(error)
    assert ("the vendor's own words" if words else "no words") in str(error)
    assert "/v3/stock/history/ohlc?symbol=AAPL&format=csv&interval=1m&date=20240102" in str(error)
    assert error.url in str(error)


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (403, "subscription"),
        (471, "subscription"),
        (404, "update"),
        (474, "cut off"),
        (476, "127.0.0.1"),
        (478, "another terminal"),
        (571, "restarting"),
    ],
)
def test_a_refusal_that_needs_doing_something_says_what(
    terminal: Any, client: ThetaClient, status: int, advice: str
) -> None:
    terminal.answer = answer(status, b"words")

    assert advice in str(failure(client))


def test_long_words_of_the_vendor_are_shortened(terminal: Any, client: ThetaClient) -> None:
    terminal.answer = answer(400, b"x" * 100_000)

    assert len(str(failure(client))) < 1_000


# --- answers that are none --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(answer(200, OHLC[:200], length=len(OHLC)), id="shorter than its length"),
        pytest.param(answer(200, b"", length=len(OHLC)), id="a length and nothing more"),
        pytest.param(chunked(OHLC[:200], ended=False), id="without the last chunk"),
        pytest.param(chunked(OHLC[:200], ended=False)[:-30], id="within a chunk"),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\n" + OHLC[:200], id="until the connection closes, within a row"),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\n" + OHLC[:-3], id="until the connection closes, within the last number"),
        pytest.param(answer(200, OHLC[:200]), id="within a row, with a length that fits"),
    ],
)
def test_a_body_that_is_cut_off_is_never_taken_for_a_whole_one(terminal: Any, client: ThetaClient, raw: bytes) -> None:
    terminal.answer = raw

    error = failure(client)

    assert type(error) is BadTable
    assert error.patience == "few"
    assert "/v3/stock/history/ohlc?symbol=AAPL" in str(error)
    assert error.url.startswith("/v3/stock/history/ohlc?symbol=AAPL")


@pytest.mark.parametrize(
    "body",
    [
        b"Invalid session ID",
        b"Terminal is busy\r\ntry again\r\n",
        b"",
        b"<html><body>proxy</body></html>",
        b'{"a":1}',
        b"timestamp,open\r\n2024-01-02T09:30:00,1\r\n",
        gzip.compress(OHLC),
    ],
)
def test_text_with_status_200_is_no_table(terminal: Any, client: ThetaClient, body: bytes) -> None:
    terminal.answer = answer(200, body, "content-type: text/plain")

    error = failure(client)

    assert type(error) is BadTable
    assert error.status == 200
    assert "the request was /v3/stock/history/ohlc?" in str(error)
    assert repr(body.decode("utf-8", "replace").splitlines()[0] if body else "")[1:-1][:18] in str(error)


def test_a_table_of_another_day_is_no_answer(terminal: Any, client: ThetaClient) -> None:
    terminal.answer = answer(200, OHLC.replace(b"2024-01-02T09:34", b"2024-01-03T09:34"))

    assert type(failure(client)) is BadTable


@pytest.mark.parametrize("raw", [b"", b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 two hundred\r\n\r\n"])
def test_what_does_not_speak_http_is_an_error_that_can_be_tried_again(
    terminal: Any, client: ThetaClient, raw: bytes
) -> None:
    terminal.answer = raw

    assert failure(client).retriable


def test_a_terminal_that_does_not_listen_is_waited_for(refusing_url: str) -> None:
    client = ThetaClient(refusing_url, connections=1)
    error = failure(client)
    client.close()

    assert type(error) is ProviderUnavailable
    assert error.patience == "wait"
    assert (error.status, error.url.split("?")[0]) == (0, "/v3/stock/history/ohlc")
    assert refusing_url in str(error)


def test_a_terminal_that_says_nothing_is_given_up_after_a_while(terminal: Any) -> None:
    given_up = threading.Event()
    terminal.answer = lambda _: b"" * given_up.wait(20)
    client = ThetaClient(terminal.url, connections=1, first_byte=0.1)
    error = failure(client)
    given_up.set()
    client.close()

    assert type(error) is ProviderUnavailable


# --- the terminal's own state -----------------------------------------------------------------------------


def test_the_terminals_state_is_its_own_word(terminal: Any, client: ThetaClient) -> None:
    terminal.answer = answer(200, b"CONNECTED\r\n")

    assert client.state() == "CONNECTED"
    assert terminal.requests[0].path == "/v3/terminal/mdds/status"


def test_another_status_is_told(terminal: Any, client: ThetaClient) -> None:
    terminal.answer = answer(404, b"?")

    assert client.state() == "HTTP 404"


def test_a_terminal_that_does_not_listen_is_unreachable(refusing_url: str) -> None:
    client = ThetaClient(refusing_url, connections=1)

    assert client.state().startswith("UNREACHABLE")
    client.close()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"nonsense\r\n\r\n",
        answer(200, b"\xff\xfe"),
        answer(200, b"CONN", length=9),
        answer(200, b"CONNECTED", "content-encoding: gzip"),
    ],
)
def test_asking_for_the_state_raises_nothing(terminal: Any, client: ThetaClient, raw: bytes) -> None:
    terminal.answer = raw

    assert isinstance(client.state(), str)


def test_several_threads_share_a_client(terminal: Any, client: ThetaClient) -> None:
    terminal.answer = answer(200, OHLC)
    with ThreadPoolExecutor(3) as pool:
        found = [pool.submit(client.fetch, BARS, ONE_DAY, REGULAR) for _ in range(12)]

    assert [len(one.result()) for one in found] == [5] * 12
