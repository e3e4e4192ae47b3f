"""Where history ends: which session's rows are all there, and where a backtest goes on into its live topics."""

from __future__ import annotations

import datetime as dt

from app.domain import sessions
from app.domain.request import Backtest, SeriesRequest
from app.domain.times import micros_of

#: The report of a session's end is made at about 17:15 New York time and readable by 18:00 at the latest.
EOD_READY = dt.time(18, 0)


def last_available(entry: SeriesRequest, now: dt.datetime) -> dt.date:
    """The last session whose rows for this series are all there at ``now``."""
    last = sessions.last_closed(now)
    # On half-days options trade on after the exchange's close.
    close = last.option_close if entry.asset == "option" else last.close
    ready = EOD_READY if entry.schema == "eod" else max(entry.end_time or close, close)
    local = now.astimezone(sessions.NEW_YORK)
    if last.date == local.date() and local.time() < ready:
        return sessions.last_closed(dt.datetime.combine(last.date, last.open, sessions.NEW_YORK)).date
    return last.date


def history_end(backtest: Backtest, entry: SeriesRequest, accepted_at: dt.datetime) -> dt.date:
    """The last day that history brings of a series: of a backtest that goes on live, what was not over when it was
    accepted is the live topic's. Never before the backtest's start."""
    if not backtest.live:
        return backtest.end
    return max(backtest.start, min(backtest.end, last_available(entry, accepted_at)))


def handover_after(start: dt.date, end: dt.date, end_time: dt.time | None) -> int:
    """UTC microseconds at which history ends: rows later than this are the live topic's.

    The last session from ``start`` to ``end`` (both included) at the end of the asked hours, regular ones when
    ``end_time`` is None; without any session ``end`` itself stands for it.
    """
    days = sessions.sessions(start, end)
    return micros_of(days[-1].date if days else end, end_time or sessions.CLOSE)
