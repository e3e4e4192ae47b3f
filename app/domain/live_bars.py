"""Bars made from live trades as the provider's history makes them (THETA API 3.4).

A bar is stamped with its open, on the grid that begins at the begin of the hours, and holds the trades of
``[stamp, stamp + interval)``; of trades after the end of the hours there is no bar, so the one stamped with it holds
those of that very millisecond. What a trade counts for, its condition tells (``app.domain.conditions``). First and last
go by event time, then by arrival. A bar without a price has zeros for prices; one without a counted trade is not made.

``*`` in the table of conditions is taken within a bar: such a trade opens it if it is its first, and closes it if no
other one does. So a bar follows from its own trades, whatever was seen of the session.

A bar is *due* when the feed's clock is ``LATENESS`` past its last moment, and a trade that comes for it later is
*late*: it is counted, and counts in the session's average price from then on, but the bar stays what it is.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import numpy.typing as npt

from app.domain import conditions, sessions
from app.domain.contracts import occ_parts
from app.domain.live import LATENESS
from app.domain.rows import Rows, constant
from app.domain.schema import INTERVAL_SECONDS
from app.domain.series import SeriesName
from app.domain.session_vwap import SessionSums, units
from app.domain.times import SECOND, date_of, micros_of, new_york_days

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Table = npt.NDArray[np.void]

_NEVER = np.iinfo(np.int64).max
#: Hours are given, and end, to the millisecond.
_MILLISECOND = 1_000
#: Trades that are gathered before they are merged into the open bars, at the least.
_GATHERED = 512

#: An open bar, or a single trade as one. ``first`` and ``last``: when the trades of ``open`` and ``close`` were, or
#: never; ``value``: sum of price times size of what counts for volume; ``written``: the bar is in the topic already.
_BAR = np.dtype(
    [(name, np.int64) for name in ("stamp", "due", "contract", "first", "last", "volume", "count", "value", "written")]
    + [(name, np.float64) for name in ("open", "high", "low", "close")]
)
#: Rows are moved as wholes: so, and by ``take`` and ``compress``, numpy needs a tenth of the time of moving fields.
_WHOLE = np.dtype((np.void, _BAR.itemsize))
_MERGED = {
    "first": np.minimum,
    "last": np.maximum,
    "high": np.maximum,
    "low": np.minimum,
    "volume": np.add,
    "count": np.add,
    "value": np.add,
    "written": np.maximum,
}


class BarBuilder:
    """Makes the bars of one live series, of a stock or of all contracts of a root; belongs to one thread.

    ``start_time`` and ``end_time``: New York, both inclusive, None for the regular hours, as in history. Times are UTC
    microseconds; contracts are packed (``app.domain.contracts``), 0 for a stock. ``late``: trades that came after their
    bar was due; ``outside``: trades outside of the hours. Of a session there is nothing left when the one after the
    next begins.
    """

    def __init__(self, name: SeriesName, start_time: dt.time | None = None, end_time: dt.time | None = None) -> None:
        if name.schema != "ohlcv" or name.interval is None:
            raise ValueError(f"{name.topic} has no bars")
        self._name = name
        self._grid = _Grid(INTERVAL_SECONDS[name.interval] * SECOND, start_time, end_time)
        self._nothing = Rows.none(name.record)
        self._bars: Table = np.empty(0, dtype=_BAR)
        self._added: list[Table] = []
        self._waiting = 0
        self._sessions: dict[int, SessionSums] = {}
        self._gaps: list[tuple[int, int]] = []
        self._clock = self._floor = self._oldest = self._midnight = -_NEVER
        self._next = _NEVER
        self.late = 0
        self.outside = 0

    def add(self, timestamps: Ints, contracts: Ints, prices: Floats, sizes: Ints, codes: Ints) -> None:
        """Take trades in the order of their arrival; shapes ``(n,)``, ``codes`` are their conditions."""
        if not len(timestamps):
            return
        opens, stops = self._grid.hours(timestamps)
        inside = (timestamps >= opens) & (timestamps < stops)
        self.outside += len(timestamps) - int(np.count_nonzero(inside))
        flags = conditions.rows_of(codes)
        stamps, dues = self._grid.bars(timestamps, opens, stops)
        counted = inside & conditions.matters[flags] & (stamps >= self._floor)
        if not counted.any():
            return
        counts = conditions.volume_counts[flags]
        made = np.empty(len(timestamps), dtype=_BAR)
        made["stamp"], made["due"], made["contract"] = stamps, dues, contracts
        made["open"] = made["close"] = prices
        made["high"] = np.where(conditions.makes_high[flags], prices, -np.inf)
        made["low"] = np.where(conditions.makes_low[flags], prices, np.inf)
        closes = conditions.makes_last[flags]
        made["first"] = np.where(closes | conditions.last_if_first[flags], timestamps, _NEVER)
        made["last"] = np.where(closes, timestamps, -_NEVER)
        made["count"] = counts
        made["volume"] = volumes = np.where(counts, sizes, 0)
        made["value"] = units(prices) * volumes
        made["written"] = 0
        late = counted & (dues <= self._clock)
        if late.any():
            self.late += int(np.count_nonzero(late))
            self._count(made.compress(late))
            counted &= ~late
        self._take(made if counted.all() else made.compress(counted))

    def finish(self, clock: int) -> Rows:
        """The bars that are due at this time of the feed's clock and have not been made yet, by time and contract.

        A clock that goes back changes nothing; one that runs ahead of the market makes late what comes after it.
        """
        self._clock = max(self._clock, clock)
        made = self._made() if self._clock >= self._next else self._nothing
        if self._clock >= self._midnight:
            self._forget()
        return made

    def seed(self, contracts: npt.ArrayLike, date: dt.date, volumes: npt.ArrayLike, vwaps: npt.ArrayLike) -> None:
        """Set what a session had traded, by history, before the first bar that is made here; scalars or columns.

        Again for a contract: in place of the former. Everything that is counted here comes on top of it.
        """
        opened = self._grid.open_of(date)
        if opened >= self._oldest:
            wanted, volume = np.atleast_1d(np.asarray(contracts)), np.atleast_1d(np.asarray(volumes))
            self._session(opened).seeded.set(wanted, volume, volume * units(np.atleast_1d(np.asarray(vwaps))))

    def drop_before(self, micros: int) -> None:
        """Make no bar that opens before this instant: those are history's, their trades too, unless a seed has them."""
        self._floor = max(self._floor, micros)
        self._merge()
        self._bars = self._bars.compress(self._bars["stamp"] >= self._floor)

    def adopt(self, stamps: Ints, contracts: Ints) -> None:
        """Make none of these bars, they were written from history; what was fed of them is forgotten, as history's.

        It is remembered until they are due: of a trade that comes later no bar is made anyway.
        """
        if not len(stamps):
            return
        made = np.zeros(len(stamps), dtype=_BAR)
        made["stamp"], made["contract"], made["written"] = stamps, contracts, 1
        made["due"] = self._grid.bars(stamps, *self._grid.hours(stamps))[1]
        made["first"], made["last"] = _NEVER, -_NEVER
        self._take(made)

    def withhold(self, begin: int, end: int) -> None:
        """Make no bar that overlaps the gap (``begin``, ``end``] until it is released."""
        if begin < end:
            self._gaps.append((begin, end))

    def release(self, begin: int, end: int) -> None:
        """Let go of a gap: its bars that are due, not adopted, and in no other gap are made by the next ``finish``."""
        if (begin, end) in self._gaps:
            self._gaps.remove((begin, end))
            self._next = -_NEVER

    # --- open bars ----------------------------------------------------------------------------------------

    def _take(self, made: Table) -> None:
        if not len(made):
            return
        self._added.append(made)
        self._waiting += len(made)
        self._next = min(self._next, int(made["due"].min()))
        # Merging goes over the open bars too, so it waits for as many trades.
        if self._waiting >= max(_GATHERED, len(self._bars)):
            self._merge()

    def _merge(self) -> None:
        if self._added:
            rows = np.concatenate([part.view(_WHOLE) for part in (self._bars, *self._added)])
            self._bars = _merged(rows.view(_BAR))
            self._added.clear()
            self._waiting = 0

    def _made(self) -> Rows:
        self._merge()
        bars = self._bars
        due = bars["due"] <= self._clock
        written = bars["written"] != 0
        ready = due & (written | ~self._withheld(bars))
        self._bars = bars.compress(~ready)
        self._next = int(bars["due"].min(where=~due, initial=_NEVER))
        # What is withheld was traded all the same, and is in the averages of what comes after it.
        seen = bars.compress(due & ~written)
        vwaps, ready = self._running(seen), ready.compress(due & ~written)
        self._count(seen.compress(ready))
        made = ready & (seen["count"] > 0)
        return self._rows(seen.compress(made), vwaps[made])

    def _withheld(self, bars: Table) -> npt.NDArray[np.bool_]:
        held = np.zeros(len(bars), dtype=bool)
        for begin, end in self._gaps:
            held |= (bars["stamp"] <= end) & (bars["due"] - LATENESS > begin + 1)
        return held

    def _rows(self, bars: Table, vwaps: Floats) -> Rows:
        name, count = self._name, len(bars)
        if not count:
            return self._nothing
        symbol, contracts = constant(name.symbol, count), bars["contract"].copy()
        opens = np.where(bars["first"] == _NEVER, 0.0, bars["open"])
        columns: dict[str, npt.NDArray[Any]] = {
            **({"symbol": symbol} if name.asset == "stock" else {"root": symbol, **occ_parts(contracts)}),
            "timestamp": bars["stamp"].copy(),
            "open": opens,
            "high": np.where(bars["high"] == -np.inf, 0.0, bars["high"]),
            "low": np.where(bars["low"] == np.inf, 0.0, bars["low"]),
            "close": np.where(bars["last"] == -_NEVER, opens, bars["close"]),
            "volume": bars["volume"].copy(),
            "count": bars["count"].copy(),
            "session_vwap": vwaps,
        }
        ordered = {column.name: columns[column.name] for column in name.record.columns}
        return Rows(name.record, ordered, None if name.asset == "stock" else contracts)

    # --- sessions -----------------------------------------------------------------------------------------

    def _session(self, opened: int) -> SessionSums:
        return self._sessions.setdefault(opened, SessionSums())

    def _split(self, bars: Table) -> list[tuple[int, Any]]:
        """The sessions of the bars, and which bars are of each."""
        if not len(bars):
            return []
        opens, _ = self._grid.hours(bars["stamp"])
        if isinstance(opens, int):
            return [(opens, slice(None))]
        return [(opened, opens == opened) for opened in np.unique(opens).tolist()]

    def _count(self, bars: Table) -> None:
        """Add what these bars hold to the sums of their sessions."""
        for opened, which in self._split(bars):
            if opened >= self._oldest:
                counted = bars[which]
                self._session(opened).built.add(counted["contract"], counted["volume"], counted["value"])

    def _running(self, bars: Table) -> Floats:
        """The session's average price at the end of each bar; they come in the order of time."""
        vwaps = np.zeros(len(bars))
        for opened, which in self._split(bars):
            vwaps[which] = self._session(opened).running(bars[which])
        return vwaps

    def _forget(self) -> None:
        """A new day: let go of what is older than the session before it."""
        (day,) = new_york_days(np.array([self._clock], dtype=np.int64)).tolist()
        self._midnight = micros_of(date_of(day + 1))
        day -= 1
        while sessions.session(date_of(day)) is None:
            day -= 1
        self._oldest = micros_of(date_of(day))
        self._sessions = {opened: one for opened, one in self._sessions.items() if opened >= self._oldest}
        self._gaps = [gap for gap in self._gaps if gap[1] >= self._oldest]
        self._merge()
        self._bars = self._bars.compress(self._bars["stamp"] >= self._oldest)


def _merged(rows: Table) -> Table:
    """Rows of the same bar as one, by time and contract; ``rows`` in the order of their arrival."""
    rows = rows.take(np.lexsort((rows["contract"], rows["stamp"])))  # within a bar they stay as they came
    stamps, contracts, places = rows["stamp"], rows["contract"], np.arange(len(rows))
    begins = np.ones(len(rows), dtype=bool)
    begins[1:] = (stamps[1:] != stamps[:-1]) | (contracts[1:] != contracts[:-1])
    begin, bar = np.flatnonzero(begins), np.cumsum(begins) - 1
    bars: Table = rows.take(begin)
    for name, merge in _MERGED.items():
        bars[name] = merge.reduceat(rows[name], begin)
    # Of two trades at one moment the one that came earlier opens, the later one closes.
    opening = np.where(rows["first"] == bars["first"][bar], places, len(rows))
    closing = np.where(rows["last"] == bars["last"][bar], places, -1)
    bars["open"] = rows["open"][np.minimum.reduceat(opening, begin)]
    bars["close"] = rows["close"][np.maximum.reduceat(closing, begin)]
    return bars


class _Grid:
    """Hours and bars of instants. The latest day is kept: nearly everything asked for lies in it."""

    def __init__(self, interval: int, start_time: dt.time | None, end_time: dt.time | None) -> None:
        self._interval = interval
        self._start, self._end = start_time or sessions.OPEN, end_time or sessions.CLOSE
        self._day = (0, 0)
        self._hours = (0, 0)

    def open_of(self, date: dt.date) -> int:
        return micros_of(date, self._start)

    def hours(self, times: Ints) -> tuple[Ints | int, Ints | int]:
        """When the hours of each instant's New York date begin, and the millisecond after which they are over."""
        if self._day[0] <= times.min() and times.max() < self._day[1]:
            return self._hours
        days, inverse = np.unique(new_york_days(times), return_inverse=True)
        dates = [date_of(day) for day in days.tolist()]
        hours = [(self.open_of(date), micros_of(date, self._end) + _MILLISECOND) for date in dates]
        self._day = micros_of(dates[-1]), micros_of(dates[-1] + dt.timedelta(days=1))
        self._hours = hours[-1]
        opens, stops = np.array(hours, dtype=np.int64)[inverse.ravel()].T
        return opens, stops

    def bars(self, times: Ints, opens: Ints | int, stops: Ints | int) -> tuple[Ints, Ints]:
        """The stamp of each instant's bar, and when that bar is due.

        The clocks change by an hour, of which every interval is a part: the grid is the wall clock's on any day.
        """
        stamps = times - (times - opens) % self._interval
        return stamps, np.minimum(stamps + self._interval, stops) + LATENESS
