"""``plan``: what a backtest would do, as a table."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from app.client import calls
from app.commands import request
from app.commands.coordinator import FAILED, AsJson, Token, Url, coordinator, fail, write_json
from app.commands.shown import console, size


def plan(
    file: request.File = None,
    url: Url = None,
    token: Token = None,
    as_json: AsJson = False,
    backtest_id: Annotated[
        str | None, typer.Option("--id", help="Default: plan.", rich_help_panel="Short form")
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
) -> None:
    """Tell what a backtest would do, without doing it: requests, rows, bytes, and what the account does not allow.

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
    )
    body = request.body_of(file, short, "plan")
    with coordinator(url, token) as platform:
        answer = platform.ask(calls.plan({"backtest_id": "plan", **body} if file is None else body))
        if not isinstance(answer, dict) or "series" not in answer:
            fail(FAILED, f"{platform.url} answered with something else than a plan: it is not a coordinator")
    if as_json:
        write_json(answer)
    else:
        _show(answer)


def _show(answer: dict[str, Any]) -> None:
    told = console()
    table = Table()
    table.add_column("series", overflow="fold")
    for name in ("requests", "rows", "size"):
        table.add_column(name, justify="right", no_wrap=True)
    notes = any(_note(one) for one in answer["series"])
    if notes:
        table.add_column("note", overflow="fold")
    for one in answer["series"]:
        refused = "refused" in one
        cells = ("-", "-", "-") if refused else (_requests(one), _rows(one), size(one["bytes"]))
        table.add_row(one["topic"], *cells, *([_note(one)] if notes else []), style="red" if refused else None)
    told.print(table)
    count = len(answer["refused"])
    told.print(
        f"{len(answer['series']):,} series over {answer['sessions']:,} sessions"
        f"{f', {count:,} of them refused' if count else ''}: "
        f"requests {_requests(answer)}, rows {_rows(answer)}, {size(answer['bytes'])}, "
        f"about {answer['seconds']:,.1f} s",
        soft_wrap=True,
    )


def _requests(one: dict[str, Any]) -> str:
    return f"{one['requests']:,}" + (f" + {one['listings']:,} for listings" if one["listings"] else "")


def _rows(one: dict[str, Any]) -> str:
    every = one.get("series", [one])
    return f"{'≤' if all(part['exact'] for part in every) else '~'} {one['rows']:,}"


def _note(one: dict[str, Any]) -> str:
    if "refused" in one:
        return f"refused: {one['refused']}"
    if not one["listed"]:
        return f"guessed without a listing: {one['why']}"
    return "" if one["exact"] else "rows are a guess"
