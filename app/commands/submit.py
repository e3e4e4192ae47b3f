"""``submit`` and ``retry``: what makes a backtest run."""

from __future__ import annotations

from typing import Annotated

import typer

from app.client import Backtest
from app.commands import completion, request
from app.commands.coordinator import AsJson, Token, Url, coordinator, write_json
from app.commands.shown import console
from app.commands.watching import ended, watch

Wait = Annotated[bool, typer.Option("--wait", help="Wait for its end; exit code 1 when it is not complete then.")]


def submit(
    file: request.File = None,
    wait: Wait = False,
    url: Url = None,
    token: Token = None,
    as_json: AsJson = False,
    backtest_id: Annotated[
        str | None, typer.Option("--id", help="The backtest's id.", rich_help_panel="Short form")
    ] = None,
    ticker: request.Ticker = None,
    root: request.Root = None,
    schema: request.Schema = None,
    interval: request.Interval = None,
    start: request.Start = None,
    end: request.End = None,
    expiration: request.Expiration = None,
    strike: request.Strike = None,
    right: request.Right = None,
    max_dte: request.MaxDte = None,
    strike_range: request.StrikeRange = None,
    empty_bars: Annotated[
        str | None, typer.Option(help="drop or fill; default: drop.", rich_help_panel="Short form")
    ] = None,
    start_time: Annotated[
        str | None, typer.Option(help="HH:MM:SS, New York; default: 09:30:00.", rich_help_panel="Short form")
    ] = None,
    end_time: Annotated[
        str | None, typer.Option(help="HH:MM:SS, New York; default: 16:00:00.", rich_help_panel="Short form")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Go on into the live topics.", rich_help_panel="Short form")
    ] = False,
    retain_days: Annotated[
        int | None, typer.Option(help="Days until it deletes itself; default: never.", rich_help_panel="Short form")
    ] = None,
) -> None:
    """Ask for a backtest. The same one again is the same backtest and runs once.

    The request is a FILE, in either of its forms, or in short form the options below.
    """
    short = request.given(
        backtest_id=backtest_id,
        tickers=ticker,
        root=root,
        schema=schema,
        interval=interval,
        start=start,
        end=end,
        contracts=request.chosen(expiration, strike, right, max_dte, strike_range),
        empty_bars=empty_bars,
        start_time=start_time,
        end_time=end_time,
        live=live,
        retain_days=retain_days,
    )
    body = request.body_of(file, short, "fetch")
    with coordinator(url, token) as platform:
        _ran(platform.submit(body), wait, as_json, "is asked for")


def retry(
    backtest_id: Annotated[
        str, typer.Argument(metavar="ID", help="The backtest.", autocompletion=completion.backtests)
    ],
    wait: Wait = False,
    url: Url = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Run what failed or was cancelled of a backtest; what is complete is left alone."""
    with coordinator(url, token) as platform:
        _ran(platform.open(backtest_id).retry(), wait, as_json, "runs again")


def _ran(backtest: Backtest, wait: bool, as_json: bool, what: str) -> None:
    if wait:
        watch(backtest)
        # The events leave out the receipts.
        status = backtest.status()
        if as_json:
            write_json(dict(status.raw))
        ended(status) if not as_json else _checked(status.state)
    elif as_json:
        write_json(dict(backtest.told.raw))
    else:
        count = len(backtest.topics)
        console().print(
            f"{backtest.id} {what}: {backtest.told.state}, {count:,} series; "
            f"`fdp status {backtest.id} --watch` shows how it goes on",
            soft_wrap=True,
        )


def _checked(state: str) -> None:
    if state != "complete":
        raise typer.Exit(1)
