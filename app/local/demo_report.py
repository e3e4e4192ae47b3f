"""What the demo prints of its results: a table, a chart, the receipts, and what to try next."""

from __future__ import annotations

import os
import sys
from typing import Any

import plotext
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.domain.sessions import NEW_YORK
from app.local.demo_groups import Collected, DailyRange, GroupResult, MovingAverage, Row
from app.local.platform import Endpoints


def show(
    console: Console,
    read: list[GroupResult],
    receipts: list[dict[str, Any]],
    checked: dict[str, bool],
    endpoints: Endpoints,
) -> None:
    """Print everything."""
    average = next(one.calculation for one in read if isinstance(one.calculation, MovingAverage))
    ranges = next(one.calculation for one in read if isinstance(one.calculation, DailyRange))
    reports = next(one.calculation for one in read if isinstance(one.calculation, Collected))
    assert isinstance(average, MovingAverage)
    assert isinstance(ranges, DailyRange)
    assert isinstance(reports, Collected)
    console.print(_calculations(average, ranges))
    console.print(_candles(ranges, min(console.width, 110)))
    if reports.rows:
        console.print(_reports(reports.rows))
    console.print(_receipts(receipts, checked))
    python = os.path.relpath(sys.executable)
    console.print(
        "Next:\n"
        f"  {python} -m app local          the same services, until Ctrl-C; addresses in .fdp/endpoints.json\n"
        f'  curl {endpoints.web}/historical/stock -d \'{{"backtest_id":"1","tickers":["NVDA"],'
        '"start":"2024-06-03","end":"2024-06-28"}\'\n'
        f"  curl {endpoints.web}/backtests/1\n"
        f"  {python} examples/consume.py {endpoints.kafka} {endpoints.registry} mine stock-nvda-ohlcv1m-historical-1\n",
        markup=False,
        soft_wrap=True,
    )


def _calculations(average: MovingAverage, ranges: DailyRange) -> Table:
    table = Table(title="Calculation 1 (group A) and Calculation 2 (group B)", title_justify="left")
    for name in ("symbol", "sessions", f"SMA({average.bars}) at the end", "mean daily range", "widest", "on"):
        table.add_column(name, justify="left" if name == "symbol" else "right")
    for symbol, days in sorted(ranges.days.items()):
        widest = max(days, key=lambda day: day.high - day.low)
        mean = sum(day.high - day.low for day in days) / len(days)
        table.add_row(
            symbol,
            str(len(days)),
            f"{average.values[symbol]:.4f}",
            f"{mean:.2f}",
            f"{widest.high - widest.low:.2f}",
            widest.date.isoformat(),
        )
    return table


def _candles(ranges: DailyRange, width: int) -> Text:
    symbol, days = sorted(ranges.days.items())[0]
    plotext.clear_figure()
    plotext.date_form("Y-m-d")
    plotext.theme("clear")
    plotext.candlestick(
        [day.date.isoformat() for day in days],
        {
            "Open": [day.open for day in days],
            "Close": [day.close for day in days],
            "High": [day.high for day in days],
            "Low": [day.low for day in days],
        },
    )
    plotext.title(f"{symbol}, sessions made of its 1-minute bars")
    plotext.plotsize(width, 16)
    return Text.from_ansi(plotext.build())


def _reports(rows: list[Row]) -> Table:
    table = Table(title="AAPL end-of-day reports: rows recorded from the real provider", title_justify="left")
    for name in ("session", "open", "high", "low", "close", "volume", "made at"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            row["timestamp"].astimezone(NEW_YORK).date().isoformat(),
            *(f"{row[name]:.7g}" for name in ("open", "high", "low", "close")),
            f"{row['volume']:,}",
            f"{row['created'].astimezone(NEW_YORK):%H:%M:%S}",
        )
    return table


def _receipts(receipts: list[dict[str, Any]], checked: dict[str, bool]) -> Text:
    lines = Text("Receipts, checked against the topics\n", style="italic")
    for receipt in receipts:
        whole = sum(one["status"] in ("complete", "early_close") for one in receipt["sessions"])
        lines.append(f"  {receipt['topic']}\n", style="bold not italic")
        lines.append(
            f"    {receipt['rows']:,} rows from {receipt['first']} to {receipt['last']}, "
            f"{whole} of {len(receipt['sessions'])} weekdays have rows\n"
            f"    sha256 {receipt['sha256']} {'recomputed: equal' if checked[receipt['topic']] else 'DIFFERS'}\n",
            style="not italic",
        )
    return lines
