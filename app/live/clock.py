"""The feed's clock: the highest event time over all subscriptions.

Bars end and gaps begin and end by the market's time, not by this machine's: the stream may be a replay. While the
stream is quiet but alive the clock goes on by itself, at the pace of a real one.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Seconds without an event after which the clock goes on by itself.
QUIET = 5.0
_SECOND = 1_000_000
#: Microseconds that events lie back when it is no lateness, for as long as ``QUIET`` and all of them.
_SET_BACK = 60 * _SECOND


@dataclass(slots=True)
class FeedClock:
    """Times are UTC microseconds; ``mono`` is a monotonic clock's seconds.

    ``latest``: the highest event time seen by this or, as recorded, by a former owner; ``events`` counts what was
    seen on the present connection.
    """

    latest: int | None = None
    moved: float = 0.0
    events: int = 0
    #: Microseconds of ``latest`` that are a guess.
    guessed: int = 0
    #: Times that the market's time was found to have been set back, as only a replay's is.
    set_back: int = 0
    _behind: float | None = None

    @property
    def in_doubt(self) -> bool:
        """Whether events come that are far behind it: late ones, or the market's time was set back."""
        return self._behind is not None

    def restart(self) -> None:
        """A new connection, or a link that is back: its events are counted from here on."""
        self.events = 0

    def recall(self, latest: int, age: float, mono: float) -> None:
        """Go on from a former owner's clock, ``age`` seconds after it was recorded: a guess until an event comes."""
        self.guessed = round(max(age, 0.0) * _SECOND)
        self.latest = latest + self.guessed
        self.moved = mono

    def advance(self, micros: int, count: int, mono: float) -> None:
        """``count`` events have been seen, the latest at ``micros``."""
        if self.latest is not None:
            self.latest -= self.guessed
            if micros >= self.latest - _SET_BACK:
                self._behind = None
            elif self._behind is not None and mono - self._behind > QUIET:
                self.latest, self._behind = None, None
                self.set_back += 1
            elif self._behind is None:
                self._behind = mono
        self.guessed = 0
        if self.latest is None or micros > self.latest:
            self.latest, self.moved = micros, mono
        self.events += count

    def now(self, mono: float) -> int | None:
        """The market's time; None while nothing is known of it."""
        if self.latest is None:
            return None
        quiet = mono - self.moved
        return self.latest if quiet < QUIET else self.latest + round(quiet * _SECOND)
