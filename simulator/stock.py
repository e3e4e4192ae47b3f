"""The stock endpoints: bars, end of day, and the lists of symbols and dates."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np

from app.domain import sessions
from simulator import captures, market
from simulator.answers import Portion, Terminal, limit_days
from simulator.bars import session_bars
from simulator.digits import Ints
from simulator.instruments import Instrument, instrument, symbols
from simulator.intraday import by_session, traded
from simulator.market import UNIT, Draw
from simulator.query import Query
from simulator.refusals import bad, no_data
from simulator.tables import Column, Integers, Prices, Stamps, Table, Texts
from simulator.tiers import Tier, admit_from

EOD_READY = dt.time(17, 20)
"""When the current day's end-of-day row is there (reports are made at about 17:15, New York)."""

_EXCHANGES = np.array([1, 3, 7, 7, 7, 60, 65], dtype=np.int64)  # Nasdaq, NYSE, ARCA, BATS, EDGX


def ohlc(terminal: Terminal, query: Query) -> list[Portion]:
    """``/v3/stock/history/ohlc``: bars of each session in a day or a range of up to a month; see ``intraday``."""
    return by_session(terminal, query, query.interval(), "ohlc", session_bars)


def eod(terminal: Terminal, query: Query) -> list[Portion]:
    """``/v3/stock/history/eod``: a row a session, up to 365 days; recorded rows where there are any."""
    symbol, span = query.text("symbol"), query.range()
    limit_days(span.start, span.end)
    admit_from(terminal.tier, span.start)
    today = sessions.session(terminal.today)
    late = terminal.tier == Tier.FREE or terminal.now.time() < EOD_READY
    if today is not None and late and span.start <= today.date <= span.end:
        raise bad("EOD is not available for the current day")
    stock = instrument(terminal.seed, symbol)
    if stock is None:
        raise no_data()
    days = traded(stock, span.start, min(span.end, terminal.today))
    if not days:
        raise no_data()
    return [Portion(("eod", symbol, days[0].date, days[-1].date), lambda: _end_of_day(stock, days))]


def list_symbols(terminal: Terminal, query: Query) -> list[Portion]:
    """``/v3/stock/list/symbols``: the well-known ones; that any other ticker trades too is the simulator's secret."""
    names = symbols()
    return [Portion(("symbols",), lambda: Table({"symbol": Texts(names)}, len(names)))]


def list_dates(terminal: Terminal, query: Query) -> list[Portion]:
    """``/v3/stock/list/dates/{request_type}``: the sessions of one symbol, of several ``A,B``, or of all ``*``."""
    asked = query.text("symbol")
    names = symbols() if asked == "*" else asked.split(",")
    stocks = [found for name in names if (found := instrument(terminal.seed, name)) is not None]
    if not stocks:
        raise no_data()
    first, last = min(stock.first for stock in stocks), max(stock.last for stock in stocks)
    end = min(last, terminal.today - dt.timedelta(days=1))  # lists are made anew overnight

    def make() -> Table:
        cells = [session.date.isoformat() for session in sessions.sessions(first, end)]
        return Table({"date": Texts(cells)}, len(cells))

    return [Portion(("dates", first, end), make)]


def _end_of_day(stock: Instrument, days: Sequence[sessions.Session]) -> Table:
    at = np.array([day.date.toordinal() for day in days], dtype=np.int64)
    bars = market.daily_bars(stock, days)
    columns: dict[str, Ints] = {name: getattr(bars, name) for name in bars.__dataclass_fields__}
    # The report is made between 17:15 and 17:20, and the last trade came up to 3 s before.
    made = 62_100_000 + (300_000 * market.uniform(stock.key, Draw.REPORT, at)).astype(np.int64)
    traded = made - (3_000 * market.uniform(stock.key, Draw.REPORT, -at)).astype(np.int64)
    decimals = {name: np.where(columns[name] < UNIT, 4, 3) for name in ("open", "high", "low", "close")}
    step = market.tick(bars.close.astype(np.float64))
    for index, side in enumerate(("bid", "ask")):
        stream = 4 * at + 2 * index
        away = 1 + (4 * market.uniform(stock.key, Draw.QUOTE, stream)).astype(np.int64)
        columns[side] = np.maximum(bars.close + (away if side == "ask" else -away) * step, step)
        decimals[side] = np.where(columns[side] < UNIT, 4, 3)
        pick = market.uniform(stock.key, Draw.QUOTE, stream + 1)
        columns[f"{side}_size"] = 1 + (9 * pick).astype(np.int64)
        columns[f"{side}_exchange"] = _EXCHANGES[(len(_EXCHANGES) * 997 * pick).astype(np.int64) % len(_EXCHANGES)]
        columns[f"{side}_condition"] = np.zeros(len(days), dtype=np.int64)
    times = {"created": made, "last_trade": traded}
    recorded = captures.end_of_day(stock.symbol)
    for row, day in enumerate(days):
        for name, text in recorded.get(day.date, {}).items():
            if name in times:
                times[name][row] = _milliseconds(text)
            elif name in decimals:
                whole, _, fraction = text.partition(".")
                columns[name][row] = int(whole + fraction.ljust(4, "0"))
                decimals[name][row] = len(fraction)
            else:
                columns[name][row] = int(text)
    dates = np.array([day.date for day in days], dtype="datetime64[D]")
    table: dict[str, Column] = {name: Stamps(dates, values) for name, values in times.items()}
    for name, values in columns.items():
        table[name] = Prices(values, decimals[name]) if name in decimals else Integers(values)
    return Table(table, len(days))


def _milliseconds(stamp: str) -> int:
    time = dt.datetime.fromisoformat(stamp).time()
    return ((time.hour * 60 + time.minute) * 60 + time.second) * 1000 + time.microsecond // 1000
