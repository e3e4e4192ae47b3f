"""``cancel`` and ``delete``: what ends a backtest."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from app.commands import completion
from app.commands.coordinator import WRONG, AsJson, Token, Url, coordinator, fail, write_json
from app.commands.shown import console
from app.commands.watching import interrupted

BacktestId = Annotated[str, typer.Argument(metavar="ID", help="The backtest.", autocompletion=completion.backtests)]


def cancel(
    backtest_id: BacktestId,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until everything of it has ended.")] = False,
    url: Url = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """End what runs of a backtest. What is complete stays complete, what was written stays."""
    with coordinator(url, token) as platform:
        backtest = platform.open(backtest_id)
        status = backtest.cancel()
        if wait:
            try:
                status = backtest.wait(check=False)
            except KeyboardInterrupt:
                interrupted(backtest_id)
        if as_json:
            write_json(dict(status.raw))
        elif status.is_final:
            console().print(f"{backtest_id} is {status.state}", soft_wrap=True)
        else:
            console().print(f"{backtest_id} is being cancelled; `fdp status {backtest_id}` tells when", soft_wrap=True)


def delete(
    backtest_id: BacktestId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether to.")] = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """End what runs of a backtest and delete it with its topics and all rows in them."""
    with coordinator(url, token) as platform:
        backtest = platform.open(backtest_id)
        if not yes:
            if not sys.stdin.isatty():
                fail(WRONG, f"{len(backtest.topics):,} topics would be deleted; say --yes when that is what you want")
            typer.confirm(f"Delete {backtest_id} with its {len(backtest.topics):,} topics?", abort=True)
        backtest.delete()
        console().print(f"{backtest_id} is being deleted; its id is free when it is unknown", soft_wrap=True)
