"""Sizes: how many rows and bytes a request and a step may have, and how many they are taken to have."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Iterable, Iterator, Mapping

from app.domain.hours import AskedHours
from app.domain.limits import Limits
from app.domain.plan import Step
from app.domain.schema import INTERVAL_SECONDS
from app.domain.series import SeriesName
from app.errors import RequestTooLarge

#: What a step is planned to have at the most: rows, and bytes of columns.
STEP_ROWS, STEP_BYTES = 250_000, 32_000_000
#: Rows that one answer, and one step, may turn out to have; what has more is split.
MOST_ROWS = 500_000
#: Requests that a series may take: its plan is held in memory, recorded in one message, and hashed.
MOST_CHUNKS = 20_000
#: What a request costs beside its rows, in rows: the provider needs about as long for it as for sending that many.
REQUEST_ROWS = 20_000
#: Memory for a row's columns while they are parsed, merged and encoded, in multiples of the columns' own size.
_WORKING = 1.6

#: Rows a session is taken to have where only the market knows; what turns out larger is split.
_STOCK_TICKS = STEP_ROWS
_CONTRACT_TICKS: Mapping[str, int] = {"trade": 40, "trade_quote": 40}
_CONTRACT_QUOTES = 10_000
#: Contracts an expiration and a chain are taken to have where no listing tells.
CONTRACTS_OF_EXPIRATION, CONTRACTS_OF_CHAIN = 300, 5_000


def step_rows(name: SeriesName) -> int:
    """Rows that a step of a series is planned to have at the most."""
    return min(STEP_ROWS, STEP_BYTES // name.record.row_bytes)


def step_bytes(name: SeriesName, rows: int) -> int:
    """An upper estimate of the memory that so many rows of a series take until they are written."""
    return int(rows * name.record.row_bytes * _WORKING)


def counted(steps: Iterable[Step]) -> Iterator[Step]:
    """The steps as they are; raises ``RequestTooLarge`` when they become too many to carry out."""
    count = 0
    for step in steps:
        count += len(step.chunks)
        if count > MOST_CHUNKS:
            raise RequestTooLarge(
                f"the series would take more than {MOST_CHUNKS:,} requests to the provider: ask for a shorter range, "
                "fewer contracts or a longer interval"
            )
        yield step


def last_of_request(name: SeriesName, first: dt.date, limits: Limits) -> dt.date:
    """The last day that a request beginning on this day may have."""
    far = dt.date.max
    if not name.record.has_hours:
        return first + dt.timedelta(days=limits.report_days - 1) if limits.report_days else far
    quick = name.interval is not None and INTERVAL_SECONDS[name.interval] < 60
    ticks = name.interval is None and name.record.ticks
    if (quick or ticks) and limits.under_a_minute_days:
        return first + dt.timedelta(days=limits.under_a_minute_days - 1)
    if not limits.intraday_months:
        return far
    months = first.month - 1 + limits.intraday_months
    year, month = first.year + months // 12, months % 12 + 1
    # The day before the same day of that month: a whole number of months by whichever way it is counted.
    last = calendar.monthrange(year, month)[1]
    return dt.date(year, month, min(first.day, last)) - dt.timedelta(days=1)


def rows_of_stock(hours: AskedHours) -> int:
    """Rows of a session of a stock; ticks are a guess."""
    if not hours.name.record.has_hours:
        return 1
    return hours.points if hours.grid else _STOCK_TICKS


def rows_of_contract(hours: AskedHours) -> int:
    """Rows of a session of a contract; ticks are a guess."""
    if not hours.name.record.has_hours:
        return 1
    return hours.points if hours.grid else _CONTRACT_TICKS.get(hours.name.schema, _CONTRACT_QUOTES)
