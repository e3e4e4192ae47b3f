"""The terminal's WebSocket frames: what is sent, and many received ones at once as columns.

Frames are JSON texts, addressed by name, for the order of their fields is not guaranteed (THETA API 5.3). Strikes are
tenths of a cent on the socket, which are the thousandths of a dollar of a packed contract; times are New York dates
and milliseconds.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable
from typing import Any

import numpy as np
import orjson

from app.domain.contracts import pack, unpack
from app.domain.schema import Asset
from app.domain.stream import COLUMNS, Events, Response, Segment, StreamKey, What
from app.domain.times import new_york_to_utc

logger = logging.getLogger(__name__)

#: The terminal's word for a link that works.
CONNECTED = "CONNECTED"
_PRICES = frozenset({"price", "bid", "ask"})
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


class FrameReader:
    """Turns frames into columns; remembers the link's state from call to call, and what it has seen."""

    def __init__(self) -> None:
        self.link = ""
        #: Frames that are not as documented, which are left out.
        self.bad = 0
        self._contracts: dict[tuple[Any, ...], int] = {}
        self._days: dict[Any, int] = {}

    def read(self, frames: list[str]) -> list[Segment]:
        """The frames in their order, cut where the link's state changes."""
        segments: list[Segment] = []
        found: tuple[list[tuple[Any, ...]], ...] = ([], [], [], [])
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
                    if any(found) or responses or link:
                        segments.append(self._segment(link, found, responses))
                        found = ([], [], [], [])
                        stock_trades, stock_quotes, option_trades, option_quotes = found
                        responses = []
                    link = header["status"]
                row: tuple[Any, ...]
                if kind == "QUOTE":
                    contract, q = frame["contract"], frame["quote"]
                    row = (
                        q["bid"],
                        q["bid_size"],
                        q["bid_exchange"],
                        q["bid_condition"],
                        q["ask"],
                        q["ask_size"],
                        q["ask_exchange"],
                        q["ask_condition"],
                        q["ms_of_day"],
                        q["date"],
                        contract["root"],
                    )
                    stock, option = stock_quotes, option_quotes
                elif kind == "TRADE":
                    contract, t = frame["contract"], frame["trade"]
                    row = (
                        t["price"],
                        t["size"],
                        t["exchange"],
                        t["condition"],
                        t["sequence"],
                        t["ms_of_day"],
                        t["date"],
                        contract["root"],
                    )
                    stock, option = stock_trades, option_trades
                elif kind == "REQ_RESPONSE":
                    responses.append(Response(int(header["req_id"]), str(header["response"])))
                    continue
                else:
                    continue
                security = contract["security_type"]
                if security == "STOCK":
                    stock.append((*row, 0))
                elif security == "OPTION":
                    name = (contract["expiration"], contract["strike"], contract["right"])
                    packed = contracts.get(name)
                    option.append((*row, self._pack(name) if packed is None else packed))
            except (KeyError, TypeError, ValueError):
                self._complain(frame)
        if any(found) or responses or link != self.link or not segments:
            segments.append(self._segment(link, found, responses))
        self.link = link
        return segments

    def _decoded(self, frames: list[str]) -> Iterable[dict[str, Any]]:
        try:
            decoded: list[dict[str, Any]] = orjson.loads(f"[{','.join(frames)}]")
            return decoded
        except orjson.JSONDecodeError:
            return self._one_by_one(frames)

    def _one_by_one(self, frames: list[str]) -> Iterable[dict[str, Any]]:
        for text in frames:
            try:
                yield orjson.loads(text)
            except orjson.JSONDecodeError:
                self._complain(text)

    def _complain(self, frame: object) -> None:
        self.bad += 1
        if self.bad & (self.bad - 1) == 0:
            logger.warning("%d frames were not as documented, the last: %.200s", self.bad, frame)

    def _segment(self, link: str, found: tuple[list[tuple[Any, ...]], ...], responses: list[Response]) -> Segment:
        events = [
            made
            for (asset, what), rows in zip(_KINDS, found, strict=True)
            if rows and len(made := self._events(asset, what, rows))
        ]
        return Segment(link, events, responses)

    def _events(self, asset: Asset, what: What, rows: list[tuple[Any, ...]]) -> Events:
        try:
            return self._columns(asset, what, rows)
        except (TypeError, ValueError, OverflowError):
            # One of them is not what it should be; the others are.
            good = [row for row in rows if self._is_good(asset, what, row)]
            return self._columns(asset, what, good)

    def _is_good(self, asset: Asset, what: What, row: tuple[Any, ...]) -> bool:
        try:
            self._columns(asset, what, [row])
        except (TypeError, ValueError, OverflowError):
            self._complain(row)
            return False
        return True

    def _columns(self, asset: Asset, what: What, rows: list[tuple[Any, ...]]) -> Events:
        names = COLUMNS[what]
        parts: list[tuple[Any, ...]] = list(zip(*rows, strict=True)) or [()] * (len(names) + 4)
        columns = {
            name: np.array(part, dtype=np.float64 if name in _PRICES else np.int64)
            for name, part in zip(names, parts, strict=False)
        }
        for name, column in columns.items():
            if name in _PRICES:
                if len(column) and not np.isfinite(column).all():
                    raise ValueError(f"{name} is no number")
            elif len(column) and not _INT32.min <= column.min() <= column.max() <= _INT32.max:
                raise ValueError(f"{name} does not fit 32 bits")
        times, dates, symbols, contracts = parts[len(names) :]
        time_of_day = np.array(times, dtype=np.int64)
        if len(time_of_day) and not 0 <= time_of_day.min() <= time_of_day.max() < 86_400_000:
            raise ValueError("ms_of_day is not within a day")
        days = self._days
        midnights = [days.get(date) or self._midnight(date) for date in dates]
        naive = np.array(midnights, dtype=np.int64) + time_of_day * 1000
        return Events(
            asset,
            what,
            list(symbols),
            np.array(contracts, dtype=np.int64),
            new_york_to_utc(naive) if len(naive) else naive,
            time_of_day,
            columns,
        )

    def _midnight(self, date: Any) -> int:
        """A date as microseconds since 1970, as if UTC."""
        day = dt.datetime.strptime(str(date), "%Y%m%d").date()  # noqa: DTZ007
        if len(self._days) > 1000:
            self._days.clear()
        self._days[date] = micros = (day.toordinal() - _EPOCH) * 86_400_000_000
        return micros

    def _pack(self, name: tuple[Any, ...]) -> int:
        expiration, strike, right = name
        day = dt.datetime.strptime(str(expiration), "%Y%m%d").date()  # noqa: DTZ007
        if right not in ("C", "P", "CALL", "PUT"):
            raise ValueError(f"{right!r} is no right")
        if len(self._contracts) > _REMEMBERED:
            self._contracts.clear()
        packed = self._contracts[name] = pack(day, right[0] == "P", int(strike))
        return packed
