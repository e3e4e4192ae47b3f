"""What the live measurements send: trades and quotes of made-up stocks, as the terminal's frames, round robin."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from app.domain.series import SeriesName
from app.domain.stream import StreamKey, What
from simulator.stream.frames import Body
from simulator.stream.messages import Subscription

NEW_YORK = ZoneInfo("America/New_York")
#: The least significant part of a row's number in its topic that a quote carries, in its ``ask_size``.
QUOTE_NUMBERS = 1000
_WHATS: tuple[What, What] = ("trade", "quote")


@dataclass(frozen=True, slots=True)
class Stream:
    """The trades, or the quotes, of one stock."""

    symbol: str
    what: What

    @property
    def topic(self) -> str:
        return SeriesName("stock", self.symbol, self.what, None, None).topic

    @property
    def key(self) -> StreamKey:
        return StreamKey("stock", self.what, self.symbol)


def streams(prefix: str, count: int) -> list[Stream]:
    """``count`` streams: trades and quotes of the same stocks by turns."""
    return [Stream(f"{prefix}{i // 2:03d}", _WHATS[i % 2]) for i in range(count)]


class Writer:
    """Frames of some streams of one New York day; each row has its number in the topic, from 0 on: a trade as its
    ``sequence``, a quote by ``QUOTE_NUMBERS`` as its ``ask_size``."""

    def __init__(self, of: Sequence[Stream], date: dt.date) -> None:
        self._of = of
        self._bodies = [
            Body("TRADE" if one.what == "trade" else "QUOTE", Subscription("STOCK", "TRADE", one.symbol), date)
            for one in of
        ]
        self._at = 0

    def next(self, ms_of_day: int) -> bytes:
        """The next stream's next event."""
        turn, place = divmod(self._at, len(self._of))
        self._at += 1
        body = self._bodies[place]
        price = round(100 + turn % 977 * 0.01 + place, 2)
        if self._of[place].what == "trade":
            return body.trade(ms_of_day, turn, turn % 500 + 1, turn % 40, price, turn % 60 + 1)
        size = turn % 90 + 1
        return body.quote(ms_of_day, size, 7, price, turn % QUOTE_NUMBERS, 60, round(price + 0.02, 2), 50)


def texts(of: Sequence[Stream], moments: Iterator[dt.datetime], count: int) -> list[str]:
    """``count`` frames at these moments."""
    moment = next(moments).astimezone(NEW_YORK)
    writer = Writer(of, moment.date())
    found = [writer.next(ms_of_day(moment)).decode()]
    for _ in range(count - 1):
        found.append(writer.next(ms_of_day(next(moments).astimezone(NEW_YORK))).decode())
    return found


def ms_of_day(moment: dt.datetime) -> int:
    """Milliseconds since midnight of a moment's own wall clock."""
    return (moment.hour * 3600 + moment.minute * 60 + moment.second) * 1000 + moment.microsecond // 1000
