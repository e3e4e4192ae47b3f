"""``status``: how backtests are."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import orjson
import typer
from rich.live import Live
from rich.table import Table

from app.client import BacktestStatus, Platform, calls
from app.commands import completion
from app.commands.coordinator import WRONG, AsJson, Token, Url, coordinator, fail, write_json
from app.commands.shown import console
from app.commands.watching import interrupted, show, watch

#: Backtests that a table lists, and seconds between two looks at them.
_LISTED, _EVERY = 50, 2.0


def status(
    backtest_id: Annotated[
        str | None, typer.Argument(metavar="ID", help="Without it all of them.", autocompletion=completion.backtests)
    ] = None,
    watching: Annotated[bool, typer.Option("--watch", help="Go on until it has ended, or is interrupted.")] = False,
    url: Url = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Tell how a backtest is, its series and their receipts; without an ID how all of them are.

    With --watch and --json: one JSON object a line whenever something changes.
    """
    with coordinator(url, token) as platform:
        if backtest_id is None:
            _all(platform, watching, as_json)
        elif watching and as_json:
            _stream(platform, backtest_id)
        else:
            backtest = platform.open(backtest_id)
            if watching and not backtest.told.is_final:
                watch(backtest)
            told = backtest.status()
            write_json(dict(told.raw)) if as_json else show(told)


def _stream(platform: Platform, backtest_id: str) -> None:
    try:
        for told in platform.open(backtest_id).events():
            sys.stdout.buffer.write(orjson.dumps(dict(told.raw), option=orjson.OPT_APPEND_NEWLINE))
            sys.stdout.flush()
    except KeyboardInterrupt:
        interrupted(backtest_id)


def _all(platform: Platform, watching: bool, as_json: bool) -> None:
    told = console()
    if as_json:
        if watching:
            fail(WRONG, "--watch and --json go together for one backtest: name its ID")
        write_json(platform.ask(calls.backtests()))
    elif watching:
        if not told.is_terminal:
            fail(WRONG, "--watch without an ID needs a terminal")
        with Live(_table(platform.backtests()), console=told, auto_refresh=False) as shown:
            while True:
                time.sleep(_EVERY)
                shown.update(_table(platform.backtests()), refresh=True)
    else:
        found = platform.backtests()
        told.print(_table(found) if found else "there are no backtests")
        if len(found) > _LISTED:
            told.print(f"{len(found) - _LISTED:,} earlier ones; --json tells of all", soft_wrap=True)


def _table(found: list[BacktestStatus]) -> Table:
    table = Table("backtest", "state", "accepted (UTC)")
    for name in ("series", "rows", "chunks"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found[:_LISTED]:
        progress = one.progress
        table.add_row(
            one.backtest_id,
            one.state,
            "" if one.accepted_at is None else f"{one.accepted_at:%Y-%m-%d %H:%M:%S}",
            f"{len(one.series):,}",
            f"{progress.rows:,}",
            f"{progress.chunks_done:,}/{progress.chunks_total:,}",
            style="red" if one.state in ("failed", "partial") else None,
        )
    return table
