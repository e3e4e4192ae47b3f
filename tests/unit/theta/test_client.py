"""The terminal's REST API: what is asked, and what becomes of each kind of answer."""

from __future__ import annotations

import datetime as dt
import gzip
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from app.domain.contracts import Contracts
from app.domain.listing import Need
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
from app.theta import columns as columns_module
from app.theta.client import ThetaClient
from app.theta.limits import THETA_LIMITS
from app.theta.requests import listing_of, request_of

GOLDEN = Path(__file__).parent.parent / "golden"
OHLC = (GOLDEN / "stock__history__ohlc.example.csv").read_bytes()
DAY = dt.date(2024, 1, 2)
BARS = SeriesName("stock", "AAPL", "ohlcv", "1m", "1")
EOD = SeriesName("stock", "AAPL", "eod", None, "1")
ONE_DAY = Chunk(DAY, DAY, 391)
QUOTES = SeriesName("option", "AAPL", "quote", "1m", "1")
MOST = 1_000_000


def answer(status: int, body: bytes, *headers: str, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", f"content-length: {len(body) if length is None else length}", *headers]
    return "\r\n".join([*lines, "connection: close", "", ""]).encode() + body


def chunked(*parts: bytes, ended: bool = True) -> bytes:
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + (b"0\r\n\r\n" if ended else b"")


@pytest.fixture
def client(terminal: Any) -> Iterator[ThetaClient]:
    found = ThetaClient(terminal.url, connections=2, tier="pro", first_byte=10)
    yield found
    found.close()


def failure(client: ThetaClient, series: SeriesName = BARS) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        client.fetch(series, ONE_DAY, MOST)
    return caught.value


# --- what is asked ----------------------------------------------------------------------------------------


def test_a_chunk_is_one_request_with_its_parameters(terminal: Any, client: ThetaClient) -> None:
    terminal.answer = answer(472, b"No data found for your request")
    series = SeriesName("option", "BRK.B", "quote", "1m", "1")
    chunk = Chunk(DAY, DAY, 1, dt.time(9, 30), dt.time(12, 44, 59, 999_000), Contracts(max_dte=7, strike_range=5))

    client.fetch(series, chunk, MOST)

    assert [(one.path, one.params) for one in terminal.requests] == [request_of(series, chunk)]


def test_a_symbol_is_escaped(terminal: Any, client: ThetaClient) -> None:
    terminal.answer = answer(472, b"No data found for your request")

    client.fetch(SeriesName("stock", "A+B/C", "ohlcv", "1h", None), ONE_DAY, MOST)

    assert terminal.requests[0].params["symbol"] == "A+B/C"


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

    rows = client.fetch(BARS, ONE_DAY, MOST)

    assert rows.record is STOCK_OHLCV
    assert rows.columns["close"].tolist() == [187.83, 187.765, 188.2984, 188.16, 187.73]


def test_an_answer_that_arrives_in_larger_pieces_than_it_is_read_in_is_read_whole(
    terminal: Any, client: ThetaClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns_module, "_BLOCK", 150)
    terminal.answer = answer(200, OHLC)

    assert client.fetch(BARS, ONE_DAY, MOST).columns["close"].tolist() == [187.83, 187.765, 188.2984, 188.16, 187.73]


@pytest.mark.parametrize(("series", "record"), [(BARS, STOCK_OHLCV), (EOD, STOCK_EOD)])
def test_no_data_is_no_error_but_an_empty_table(
    terminal: Any, client: ThetaClient, series: SeriesName, record: Any
) -> None:
    terminal.answer = answer(472, b"No data found for your request")

    rows = client.fetch(series, ONE_DAY, MOST)

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

    assert len(client.fetch(BARS, ONE_DAY, MOST)) == 5


# --- listings ---------------------------------------------------------------------------------------------


def listed(terminal: Any, client: ThetaClient, name: str, need: Need, change: tuple[bytes, bytes] = (b"", b"")) -> Any:
    terminal.answer = answer(200, (GOLDEN / name).read_bytes().replace(*change))
    found = client.list(QUOTES, need)
    assert [(one.path, one.params) for one in terminal.requests[-1:]] == [listing_of(QUOTES, need)]
    return found


def test_expirations_are_listed(terminal: Any, client: ThetaClient) -> None:
    found = listed(terminal, client, "option__list__expirations.example.csv", Need("expirations"))

    assert found == {dt.date(2012, 6, day): 0 for day in (1, 8, 16, 22, 29)}


def test_strikes_are_counted(terminal: Any, client: ThetaClient) -> None:
    need = Need("strikes", dt.date(2024, 3, 15))

    assert listed(terminal, client, "option__list__strikes.example.csv", need) == {dt.date(2024, 3, 15): 5}


def test_strikes_are_told_in_thousandths_of_a_dollar(terminal: Any, client: ThetaClient) -> None:
    terminal.answer = answer(200, (GOLDEN / "option__list__strikes.example.csv").read_bytes())
    found = client.strikes(QUOTES, dt.date(2024, 3, 15))

    assert {80_000, 128_000, 160_000, 144_000} < found
    assert len(found) == 5
    assert terminal.requests[-1].path == "/v3/option/list/strikes"


def test_an_expiration_of_which_nothing_is_listed_has_no_strikes(terminal: Any, client: ThetaClient) -> None:
    terminal.answer = answer(472, b"No data found for your request")

    assert client.strikes(QUOTES, dt.date(2024, 3, 16)) == frozenset()


def test_contracts_are_counted_by_expiration(terminal: Any, client: ThetaClient) -> None:
    lines = b"AAPL,2024-01-05,180.000,CALL", b"AAPL,2024-01-12,180.000,PUT", b"AAPL,2024-01-05,180.000,PUT"
    terminal.answer = answer(200, b"\r\n".join([b"symbol,expiration,strike,right", *lines, b""]))

    found = client.list(QUOTES, Need("contracts", DAY))

    assert found == {dt.date(2024, 1, 5): 2, dt.date(2024, 1, 12): 1}


def test_a_listing_of_other_roots_is_no_answer(terminal: Any, client: ThetaClient) -> None:
    with pytest.raises(BadTable, match="not of AAPL"):
        listed(terminal, client, "option__list__contracts__request_type.example.csv", Need("contracts", DAY))


@pytest.mark.parametrize(
    "body",
    [b"", b"words", b"symbol\r\nAAPL\r\n", b"symbol,expiration\r\nAAPL,\r\n", b"symbol,expiration\r\nAAPL,soon\r\n"],
)
def test_a_spoiled_listing_is_a_bad_table(terminal: Any, client: ThetaClient, body: bytes) -> None:
    terminal.answer = answer(200, body)

    with pytest.raises(BadTable, match="the request was /v3/option/list/expirations"):
        client.list(QUOTES, Need("expirations"))


def test_nothing_listed_is_no_error(terminal: Any, client: ThetaClient) -> None:
    terminal.answer = answer(472, b"No data found for your request")

    assert client.list(QUOTES, Need("contracts", DAY)) == {}


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
    client = ThetaClient(refusing_url, connections=1, tier="pro")
    error = failure(client)
    client.close()

    assert type(error) is ProviderUnavailable
    assert error.patience == "wait"
    assert (error.status, error.url.split("?")[0]) == (0, "/v3/stock/history/ohlc")
    assert refusing_url in str(error)


def test_a_terminal_that_says_nothing_is_given_up_after_a_while(terminal: Any) -> None:
    given_up = threading.Event()
    terminal.answer = lambda _: b"" * given_up.wait(20)
    client = ThetaClient(terminal.url, connections=1, tier="pro", first_byte=0.1)
    error = failure(client)
    given_up.set()
    client.close()

    assert type(error) is ProviderUnavailable


# --- slow answers -----------------------------------------------------------------------------------------

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(OHLC)


def test_an_answer_that_stalls_is_a_glitch_and_is_not_waited_for_as_long_as_a_first_byte(terminal: Any) -> None:
    given_up = threading.Event()

    def stalling(_: Any) -> Iterator[bytes]:
        yield HEAD + OHLC[:200]
        given_up.wait(20)

    terminal.answer = stalling
    client = ThetaClient(terminal.url, connections=1, tier="pro", first_byte=60, stall=0.2)
    begun = time.monotonic()
    error = failure(client)
    given_up.set()
    client.close()

    assert type(error) is ProviderGlitch
    assert error.patience == "few"
    assert "stalled" in str(error)
    assert "/v3/stock/history/ohlc?symbol=AAPL" in str(error)
    assert 0.15 < time.monotonic() - begun < 5


def test_a_terminal_that_queues_a_request_for_longer_than_a_stall_is_waited_for(terminal: Any) -> None:
    def slow(_: Any) -> Iterator[bytes]:
        time.sleep(0.5)
        yield HEAD + OHLC

    terminal.answer = slow
    client = ThetaClient(terminal.url, connections=1, tier="pro", first_byte=20, stall=0.1)

    assert len(client.fetch(BARS, ONE_DAY, MOST)) == 5
    client.close()


def test_an_answer_that_trickles_is_read_to_its_end(terminal: Any) -> None:
    def trickling(_: Any) -> Iterator[bytes]:
        yield HEAD
        for at in range(0, len(OHLC), 50):
            time.sleep(0.03)
            yield OHLC[at : at + 50]

    terminal.answer = trickling
    client = ThetaClient(terminal.url, connections=1, tier="pro", first_byte=20, stall=0.2)

    assert len(client.fetch(BARS, ONE_DAY, MOST)) == 5
    client.close()


def test_what_has_more_rows_than_fit_is_given_up_before_its_end(terminal: Any, client: ThetaClient) -> None:
    sent = threading.Event()

    def endless(_: Any) -> Iterator[bytes]:
        yield b"HTTP/1.0 200 OK\r\n\r\n" + OHLC[: OHLC.index(b"\n") + 1]
        while not sent.is_set():
            yield OHLC[OHLC.index(b"\n") + 1 :] * 2_000

    terminal.answer = endless
    with pytest.raises(RequestTooLarge):
        client.fetch(BARS, ONE_DAY, 1_000)
    sent.set()


def test_a_client_that_is_closed_ends_the_requests_under_way(terminal: Any) -> None:
    given_up, asked = threading.Event(), threading.Event()

    def stalling(_: Any) -> Iterator[bytes]:
        yield HEAD + OHLC[:200]
        asked.set()
        given_up.wait(20)

    terminal.answer = stalling
    client = ThetaClient(terminal.url, connections=1, tier="pro", stall=1)
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(client.fetch, BARS, ONE_DAY, MOST)
        assert asked.wait(10)
        client.close()
        with pytest.raises(ProviderError):
            found.result(timeout=10)
    given_up.set()


# --- connections ------------------------------------------------------------------------------------------


class KeptOpen(BaseHTTPRequestHandler):
    """Answers 472, then refusals, then a table, on connections that stay open; notes where requests come from."""

    protocol_version = "HTTP/1.1"
    answers: ClassVar[list[tuple[int, bytes]]] = []
    callers: ClassVar[list[tuple[str, int]]] = []

    def do_GET(self) -> None:
        self.callers.append(self.client_address)
        status, body = self.answers.pop(0)
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def test_a_connection_is_used_again_after_every_kind_of_answer() -> None:
    KeptOpen.answers = [(472, b"No data"), (200, OHLC), (429, b"busy"), (472, b""), (200, OHLC)]
    KeptOpen.callers = []
    with ThreadingHTTPServer(("127.0.0.1", 0), KeptOpen) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        client = ThetaClient(f"http://127.0.0.1:{server.server_port}", connections=2, tier="pro")
        counts = [len(client.fetch(BARS, ONE_DAY, MOST)) for _ in range(2)]
        error = failure(client)
        counts += [len(client.fetch(BARS, ONE_DAY, MOST)) for _ in range(2)]
        client.close()
        server.shutdown()

    assert counts == [0, 5, 0, 5]
    assert type(error) is ProviderBusy
    assert len(set(KeptOpen.callers)) == 1


# --- what the account has ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tier", "asset", "schema", "start", "word"),
    [
        ("free", "stock", "eod", "2023-06-01", None),
        ("free", "stock", "eod", "2023-05-31", "2023-06-01"),
        ("free", "stock", "ohlcv", "2024-01-02", "value"),
        ("value", "stock", "trade", "2024-01-02", "standard"),
        ("value", "option", "quote", "2020-01-01", None),
        ("value", "option", "quote", "2019-12-31", "2020-01-01"),
        ("standard", "option", "implied_volatility", "2016-01-04", None),
        ("standard", "option", "greeks", "2016-01-04", "pro"),
        ("pro", "option", "greeks", "2012-06-01", None),
        ("pro", "stock", "trade", "2012-05-31", "2012-06-01"),
    ],
)
def test_what_a_subscription_does_not_cover_is_refused_without_asking(
    terminal: Any, tier: Any, asset: Any, schema: Any, start: str, word: str | None
) -> None:
    client = ThetaClient(terminal.url, connections=1, tier=tier)
    why = client.refuses(SeriesName(asset, "A", schema, None, "1"), dt.date.fromisoformat(start))
    client.close()

    assert terminal.requests == []
    assert (why is None) == (word is None)
    assert word is None or (why is not None and word in why and "THETA_TIER" in why)


def test_plans_keep_to_the_terminals_rules(client: ThetaClient) -> None:
    assert client.limits is THETA_LIMITS


# --- the terminal's own state -----------------------------------------------------------------------------


def test_the_terminals_state_is_its_own_word(terminal: Any, client: ThetaClient) -> None:
    terminal.answer = answer(200, b"CONNECTED\r\n")

    assert client.state() == "CONNECTED"
    assert terminal.requests[0].path == "/v3/terminal/mdds/status"


def test_another_status_is_told(terminal: Any, client: ThetaClient) -> None:
    terminal.answer = answer(404, b"?")

    assert client.state() == "HTTP 404"


def test_a_terminal_that_does_not_listen_is_unreachable(refusing_url: str) -> None:
    client = ThetaClient(refusing_url, connections=1, tier="pro")

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
        found = [pool.submit(client.fetch, BARS, ONE_DAY, MOST) for _ in range(12)]

    assert [len(one.result()) for one in found] == [5] * 12
