"""The terminal's WebSocket frames: what is sent, and many received ones at once as columns.

Frames are JSON texts, addressed by name, for the order of their fields is not guaranteed (THETA API 5.3). Strikes are
tenths of a cent on the socket, which are the thousandths of a dollar of a packed contract; times are New York dates
and milliseconds.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from app.domain.contracts import pack, unpack
from app.domain.schema import Asset
from app.domain.stream import COLUMNS, Events, Response, Segment, StreamKey, What
from app.domain.times import DAY, SECOND, new_york_to_utc

logger = logging.getLogger(__name__)

Ints = npt.NDArray[np.int64]
#: Frames that are decoded together.
_AT_ONCE = 128
#: The terminal's word for a link that works.
CONNECTED = "CONNECTED"
_PRICES = frozenset({"price", "bid", "ask"})
#: An event's own values: its columns, its time, its date.
_VALUES = {what: (*names, "ms_of_day", "date") for what, names in COLUMNS.items()}
_TRADE, _QUOTE = itemgetter(*_VALUES["trade"]), itemgetter(*_VALUES["quote"])
#: Where among them prices stand, and what is to fit 32 bits.
_PRICE_ROWS = {what: [i for i, name in enumerate(names) if name in _PRICES] for what, names in COLUMNS.items()}
_WHOLE_ROWS = {what: [i for i, name in enumerate(names) if name not in _PRICES] for what, names in COLUMNS.items()}
_INT32 = np.iinfo(np.int32)
_EPOCH = dt.date(1970, 1, 1).toordinal()
#: Contracts whose packing is remembered; an index has ten thousand a day.
_REMEMBERED = 200_000
_KINDS: tuple[tuple[Asset, What], ...] = (
    ("stock", "trade"),
    ("stock", "quote"),
    ("option", "trade"),
    ("option", "quote"),
)


def request_frame(key: StreamKey, number: int, *, add: bool) -> str:
    """A request to begin or to end a stream. ``number`` must be greater than that of every request before it."""
    contract: dict[str, Any] = {"root": key.symbol}
    if key.asset == "option":
        expiration, put, strike = unpack(key.contract)
        contract |= {"expiration": int(f"{expiration:%Y%m%d}"), "strike": strike, "right": "P" if put else "C"}
    body = {
        "msg_type": "STREAM",
        "sec_type": key.asset.upper(),
        "req_type": key.what.upper(),
        "add": add,
        "id": number,
        "contract": contract,
    }
    return orjson.dumps(body).decode()


class _Found:
    """Events of one kind: the values of all one after the other, so that no object is kept for each."""

    __slots__ = ("contracts", "symbols", "values")

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.symbols: list[str] = []
        self.contracts: list[int] = []

    def add(self, other: _Found) -> None:
        self.values += other.values
        self.symbols += other.symbols
        self.contracts += other.contracts

    def each(self, width: int) -> Iterator[_Found]:
        """Each event by itself; ``width``: how many values one has."""
        for i, (symbol, contract) in enumerate(zip(self.symbols, self.contracts, strict=True)):
            one = _Found()
            one.values, one.symbols, one.contracts = self.values[i * width : (i + 1) * width], [symbol], [contract]
            yield one


def _nothing() -> tuple[_Found, _Found, _Found, _Found]:
    return _Found(), _Found(), _Found(), _Found()


class FrameReader:
    """Turns frames into columns; remembers the link's state from call to call, and what it has seen."""

    def __init__(self) -> None:
        self.link = ""
        #: Frames that are not as documented, which are left out.
        self.bad = 0
        self._contracts: dict[tuple[Any, ...], int] = {}
        self._days: dict[float, tuple[int, int | None]] = {}

    def read(self, frames: list[str]) -> list[Segment]:  # noqa: PLR0912 - one pass over every frame, at the rate of the stream
        """The frames in their order, cut where the link's state changes."""
        segments: list[Segment] = []
        found = _nothing()
        stock_trades, stock_quotes, option_trades, option_quotes = found
        responses: list[Response] = []
        link = self.link
        contracts = self._contracts
        for frame in self._decoded(frames):
            try:
                header = frame["header"]
                kind = header["type"]
                if header["status"] != link and kind != "REQ_RESPONSE":
                    # A state that lasted for no event is still one: events were missed meanwhile.
                    if any(one.symbols for one in found) or responses or link:
                        segments.append(self._segment(link, found, responses))
                        found = _nothing()
                        stock_trades, stock_quotes, option_trades, option_quotes = found
                        responses = []
                    link = header["status"]
                if kind == "QUOTE":
                    values, stock, option = _QUOTE(frame["quote"]), stock_quotes, option_quotes
                elif kind == "TRADE":
                    values, stock, option = _TRADE(frame["trade"]), stock_trades, option_trades
                elif kind == "REQ_RESPONSE":
                    responses.append(Response(int(header["req_id"]), str(header["response"])))
                    continue
                else:
                    continue
                contract = frame["contract"]
                security, root, packed = contract["security_type"], contract["root"], 0
                if root.__class__ is not str:
                    raise TypeError
                if security == "STOCK":
                    into = stock
                elif security == "OPTION":
                    into, name = option, (contract["expiration"], contract["strike"], contract["right"])
                    known = contracts.get(name)
                    packed = self._pack(name) if known is None else known
                else:
                    continue
                into.values += values
                into.symbols.append(root)
                into.contracts.append(packed)
            except (KeyError, TypeError, ValueError):
                self._complain(frame)
        if any(one.symbols for one in found) or responses or link != (segments[-1].link if segments else None):
            segments.append(self._segment(link, found, responses))
        self.link = link
        return segments

    def _decoded(self, frames: list[str]) -> Iterator[dict[str, Any]]:
        # Some at a time: when tens of thousands wait, all their objects at once cost five times as much, for the
        # garbage collector looks at them again and again, and who is behind would stay behind.
        for begin in range(0, len(frames), _AT_ONCE):
            some = frames[begin : begin + _AT_ONCE]
            try:
                yield from orjson.loads(f"[{','.join(some)}]")
            except orjson.JSONDecodeError:
                yield from self._one_by_one(some)

    def _one_by_one(self, frames: list[str]) -> Iterator[dict[str, Any]]:
        for text in frames:
            try:
                yield orjson.loads(text)
            except orjson.JSONDecodeError:
                self._complain(text)

    def _complain(self, frame: object) -> None:
        self.bad += 1
        if self.bad & (self.bad - 1) == 0:
            logger.warning("%d frames were not as documented, the last: %.200s", self.bad, frame)

    def _segment(self, link: str, found: tuple[_Found, ...], responses: list[Response]) -> Segment:
        events = [
            made
            for (asset, what), rows in zip(_KINDS, found, strict=True)
            if rows.symbols and len(made := self._events(asset, what, rows))
        ]
        return Segment(link, events, responses)

    def _events(self, asset: Asset, what: What, rows: _Found) -> Events:
        try:
            return self._columns(asset, what, rows)
        except (TypeError, ValueError, OverflowError):
            # One of them is not what it should be; the others are.
            good = _Found()
            for row in rows.each(len(_VALUES[what])):
                if self._is_good(asset, what, row):
                    good.add(row)
            return self._columns(asset, what, good)

    def _is_good(self, asset: Asset, what: What, row: _Found) -> bool:
        try:
            self._columns(asset, what, row)
        except (TypeError, ValueError, OverflowError):
            self._complain((row.symbols, row.values))
            return False
        return True

    def _columns(self, asset: Asset, what: What, rows: _Found) -> Events:
        names, count = _VALUES[what], len(rows.symbols)
        # All at once: a turn has some hundred events, and a call to numpy costs as much as twenty of them.
        table = np.fromiter(rows.values, dtype=np.float64, count=count * len(names))
        table = np.ascontiguousarray(table.reshape(count, len(names)).T)
        whole = table[_WHOLE_ROWS[what]]
        if count:
            if not np.isfinite(table[_PRICE_ROWS[what]]).all():
                raise ValueError("a price is no number")
            if not _INT32.min <= whole.min() <= whole.max() <= _INT32.max:
                raise ValueError("a number does not fit 32 bits")
            if not 0 <= table[-2].min() <= table[-2].max() < 86_400_000:
                raise ValueError("ms_of_day is not within a day")
        columns = dict(zip(names, table, strict=True))
        columns |= dict(zip([names[i] for i in _WHOLE_ROWS[what]], whole.astype(np.int64), strict=True))
        time_of_day = columns.pop("ms_of_day").astype(np.int64)
        timestamps = self._instants(columns.pop("date"), time_of_day)
        contracts = np.array(rows.contracts, dtype=np.int64)
        return Events(asset, what, rows.symbols, contracts, timestamps, time_of_day, columns)

    def _instants(self, dates: npt.NDArray[np.float64], time_of_day: Ints) -> Ints:
        """UTC microseconds of times of day; dates are numbers like 20240304."""
        if not len(dates):
            return time_of_day
        first = float(dates[0])
        if (dates == first).all():
            midnight, shift = self._day(first)
            naive = midnight + time_of_day * 1000
            return new_york_to_utc(naive) if shift is None else naive - shift
        midnights = [self._day(date)[0] for date in dates.tolist()]
        return new_york_to_utc(np.array(midnights, dtype=np.int64) + time_of_day * 1000)

    def _day(self, date: float) -> tuple[int, int | None]:
        """A date's midnight as microseconds since 1970, as if UTC, and how far its times are ahead of UTC; None on a
        day on which that changes."""
        found = self._days.get(date)
        if found is None:
            day = dt.datetime.strptime(f"{date:.0f}", "%Y%m%d").date()  # noqa: DTZ007
            midnight = (day.toordinal() - _EPOCH) * DAY
            ends = np.array([midnight, midnight + DAY - SECOND], dtype=np.int64)
            first, last = (ends - new_york_to_utc(ends)).tolist()
            if len(self._days) > 1000:
                self._days.clear()
            found = self._days[date] = midnight, first if first == last else None
        return found

    def _pack(self, name: tuple[Any, ...]) -> int:
        expiration, strike, right = name
        day = dt.datetime.strptime(str(expiration), "%Y%m%d").date()  # noqa: DTZ007
        if right not in ("C", "P", "CALL", "PUT"):
            raise ValueError(f"{right!r} is no right")
        if len(self._contracts) > _REMEMBERED:
            self._contracts.clear()
        packed = self._contracts[name] = pack(day, right[0] == "P", int(strike))
        return packed
