"""How fast the simulator is: ``python -m simulator.speed`` prints rows a second, made anew and from the cache.

*made* is one thread that simulates and writes days it has not seen; *cached* is the joining of days it has. The last
lines are over HTTP, a process of its own against one client that only counts bytes.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import http.client
import subprocess
import sys
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from app.domain import sessions
from simulator import routes
from simulator.answers import Terminal
from simulator.ledger import Entry
from simulator.query import Query
from simulator.refusals import Refusal
from simulator.service import Options, Service

_OHLC = "/v3/stock/history/ohlc"
_OPTION = "/v3/option/history/"
_CHAIN_DAY = "20240109"
_CHAIN = f"symbol=SPXW&expiration=*&date={_CHAIN_DAY}"
_CHAINS = (
    ("quote", f"{_CHAIN}&interval=1m"),
    ("ohlc", f"{_CHAIN}&interval=1m"),
    ("greeks/first_order", f"{_CHAIN}&interval=5m"),
    ("trade_quote", _CHAIN),
    ("open_interest", _CHAIN),
    ("eod", f"symbol=SPXW&expiration=*&start_date={_CHAIN_DAY}&end_date={_CHAIN_DAY}"),
    ("quote", f"{_CHAIN}&max_dte=0&interval=tick"),
)
_CASES = (("1s", 1), ("1m", 31), ("5m", 31), ("1h", 31))


def main() -> None:
    """Print the table."""
    asyncio.run(_in_process())
    _over_http()


async def _in_process() -> None:
    service = Service(Options(), lambda: None)
    await _rows(service, "SPY", dt.date(2024, 5, 1), 1, "1m")  # imports and calendars
    print(f"{'interval':10}{'days a request':>16}{'made, Mrows/s':>16}{'cached, Mrows/s':>18}")
    for interval, span in _CASES:
        starts = [dt.date(2023, month, 1) for month in (1, 3, 5, 7, 8, 10)] if span > 1 else _sessions(12)
        made = await _measured(service, "AAPL", starts, span, interval, 1)
        cached = await _measured(service, "AAPL", starts, span, interval, 20)
        print(f"{interval:10}{span:>16}{made / 1e6:>16.2f}{cached / 1e6:>18.2f}")
    rows, seconds = 0, time.perf_counter()
    for year in range(2017, 2024):
        rows += await _answered(
            service, "/v3/stock/history/eod", f"symbol=KO&start_date={year}0101&end_date={year}1230"
        )
    print(f"{'eod':10}{365:>16}{rows / (time.perf_counter() - seconds) / 1e6:>16.2f}")
    await _options(service)
    service.close()


async def _options(service: Service) -> None:
    """All expirations of an index for a day, and the same without writing it as text."""
    print(f"{'SPXW, all expirations':32}{'rows':>10}{'seconds':>9}{'Mrows/s':>9}{'unwritten, Mrows/s':>20}")
    for name, query in _CHAINS:
        _unwritten(service, name, query.replace(_CHAIN_DAY, "20240108"))  # imports, and tables of texts
        began = time.perf_counter()
        rows = await _answered(service, _OPTION + name, query)
        seconds = time.perf_counter() - began
        unwritten = _unwritten(service, name, query.replace(_CHAIN_DAY, "20240110"))
        shown = f"{name} {query.partition('&interval=')[2]}"
        print(f"{shown:32}{rows:>10}{seconds:>9.2f}{rows / seconds / 1e6:>9.2f}{unwritten / 1e6:>20.2f}")


def _unwritten(service: Service, name: str, query: str) -> float:
    """Rows a second of the tables alone, of a day that was not asked before."""
    found = routes.find(_OPTION + name)
    assert found is not None
    options, route = service.options, found[0]
    read = Query.read(route.parameters, {}, [(key, value) for key, _, value in _pairs(query)])
    began = time.perf_counter()
    portions = route.answer(Terminal.at(options.seed, options.tier, options.clock()), read)
    rows = sum(portion.make().rows for portion in portions)
    return rows / (time.perf_counter() - began)


def _pairs(query: str) -> list[tuple[str, str, str]]:
    return [pair.partition("=") for pair in query.split("&")]


async def _measured(
    service: Service, symbol: str, starts: list[dt.date], span: int, interval: str, times: int
) -> float:
    began, rows = time.perf_counter(), 0
    for _ in range(times):
        for start in starts:
            rows += await _rows(service, symbol, start, span, interval)
    return rows / (time.perf_counter() - began)


async def _rows(service: Service, symbol: str, start: dt.date, span: int, interval: str) -> int:
    return await _answered(service, _OHLC, _query(symbol, start, span, interval))


async def _answered(service: Service, path: str, query: str) -> int:
    pairs = [(name, value) for name, _, value in _pairs(query)]
    try:
        reply = await service.reply(Entry(1, path, query, 0), pairs)
    except Refusal as refused:
        raise SystemExit(str(refused)) from refused
    return b"".join(reply.chunks).count(b"\n") - 1


def _over_http() -> None:
    command = [sys.executable, "-m", "simulator", "--http-port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = urlsplit(process.stdout.readline().split(": ", 1)[1].split()[0]).netloc
        connection = http.client.HTTPConnection(address)

        def fetch(query: str) -> int:
            connection.request("GET", f"{_OHLC}?{query}")
            return connection.getresponse().read().count(b"\n") - 1

        cases: tuple[tuple[str, Callable[[dt.date], str]], ...] = (
            ("1s, a day", lambda day: _query("AAPL", day, 1, "1s")),
            ("1m, a month", lambda day: _query("AAPL", day.replace(day=1), 31, "1m")),
        )
        for name, query in cases:
            for round_, times in (("made", 1), ("cached", 10)):
                began = time.perf_counter()
                rows = sum(fetch(query(day)) for _ in range(times) for day in _sessions(12))
                print(f"HTTP, {name}, {round_}: {rows / (time.perf_counter() - began) / 1e6:.2f} Mrows/s")
        connection.close()
        process.terminate()


def _sessions(count: int) -> list[dt.date]:
    every = sessions.sessions(dt.date(2023, 1, 1), dt.date(2023, 12, 31))
    return [session.date for session in every[:: len(every) // count][:count]]


def _query(symbol: str, start: dt.date, span: int, interval: str) -> str:
    end = start + dt.timedelta(days=min(span, 31) - 1)
    if span > 1:  # the rest of the month
        end = min(end, (start + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1))
    return f"symbol={symbol}&start_date={start:%Y%m%d}&end_date={end:%Y%m%d}&interval={interval}"


if __name__ == "__main__":
    main()
