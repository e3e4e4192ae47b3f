"""The calendar endpoints: the schedule of a day, and a year's closures and half-days.

The vendor has 2012-01-01 to the end of the year after the current one; beyond that there is no data.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from app.domain import sessions
from simulator.answers import Portion, Terminal
from simulator.query import Query
from simulator.refusals import no_data
from simulator.tables import Column, Table, Texts

FIRST_YEAR = 2012


def today(terminal: Terminal, query: Query) -> list[Portion]:
    """``/v3/calendar/today``."""
    return [Portion(None, lambda: _schedule([terminal.today]))]


def on_date(terminal: Terminal, query: Query) -> list[Portion]:
    """``/v3/calendar/on_date``."""
    day = query.date("date")
    _check_year(terminal, day.year)
    return [Portion(None, lambda: _schedule([day]))]


def year_holidays(terminal: Terminal, query: Query) -> list[Portion]:
    """``/v3/calendar/year_holidays``: the weekdays on which the exchange is closed or closes early."""
    year = query.year("year")
    _check_year(terminal, year)
    weekdays = sessions.weekdays(dt.date(year, 1, 1), dt.date(year, 12, 31))
    unusual = [day for day in weekdays if sessions.day_type(day) != "open"]
    dates: dict[str, Column] = {"date": Texts([day.isoformat() for day in unusual])}

    def make() -> Table:
        return Table(dates | dict(_schedule(unusual).columns), len(unusual))

    return [Portion(("holidays", year), make)]


def _check_year(terminal: Terminal, year: int) -> None:
    if not FIRST_YEAR <= year <= terminal.today.year + 1:
        raise no_data()


def _schedule(days: Sequence[dt.date]) -> Table:
    found = [sessions.session(day) for day in days]
    return Table(
        {
            "type": Texts([sessions.day_type(day) for day in days]),
            "open": Texts([session.open.isoformat() if session else None for session in found]),
            "close": Texts([session.close.isoformat() if session else None for session in found]),
        },
        len(days),
    )
