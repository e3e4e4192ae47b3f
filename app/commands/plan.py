"""``plan``: what a backtest would do, as a table."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from app.commands.coordinator import FAILED, WRONG, address, call, fail

_SHORT_FORM = "Short form"
#: Columns of a table that goes into a file or a pipe.
_WIDTH = 160


def plan(
    file: Annotated[Path | None, typer.Argument(help="A request as JSON; '-' reads standard input.")] = None,
    url: Annotated[
        str | None, typer.Option(help="The coordinator's address; default: by WEB_HOST and WEB_PORT, port 6066.")
    ] = None,
    token: Annotated[
        str | None, typer.Option(help="API token; default: the first of API_TOKENS or API_TOKENS_FILE.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the coordinator's answer as it came.")] = False,
    backtest_id: Annotated[str | None, typer.Option("--id", help="Default: plan.", rich_help_panel=_SHORT_FORM)] = None,
    ticker: Annotated[
        list[str] | None, typer.Option(help="A stock; may be given again.", rich_help_panel=_SHORT_FORM)
    ] = None,
    root: Annotated[str | None, typer.Option(help="Root of options.", rich_help_panel=_SHORT_FORM)] = None,
    schema: Annotated[str | None, typer.Option(help="Default: ohlcv.", rich_help_panel=_SHORT_FORM)] = None,
    interval: Annotated[str | None, typer.Option(rich_help_panel=_SHORT_FORM)] = None,
    start: Annotated[str | None, typer.Option(help="First session date.", rich_help_panel=_SHORT_FORM)] = None,
    end: Annotated[str | None, typer.Option(help="Last session date.", rich_help_panel=_SHORT_FORM)] = None,
    expiration: Annotated[
        list[str] | None, typer.Option(help="Of options; may be given again.", rich_help_panel=_SHORT_FORM)
    ] = None,
    strike: Annotated[
        list[str] | None, typer.Option(help="Of options, dollars; may be given again.", rich_help_panel=_SHORT_FORM)
    ] = None,
    right: Annotated[str | None, typer.Option(help="call, put or both.", rich_help_panel=_SHORT_FORM)] = None,
    max_dte: Annotated[
        int | None, typer.Option(help="Of options: most days to expiration.", rich_help_panel=_SHORT_FORM)
    ] = None,
    strike_range: Annotated[
        int | None, typer.Option(help="Of options: strikes each side of the money.", rich_help_panel=_SHORT_FORM)
    ] = None,
) -> None:
    """Tell what a backtest would do, without doing it: requests, rows, bytes, and what the account does not allow.

    The request is a FILE, in either of its forms, or in short form the options below.
    """
    contracts = {
        "expirations": expiration,
        "strikes": strike,
        "right": right,
        "max_dte": max_dte,
        "strike_range": strike_range,
    }
    short = {
        "backtest_id": backtest_id,
        "tickers": ticker,
        "root": root,
        "schema": schema,
        "interval": interval,
        "start": start,
        "end": end,
        "contracts": _given(contracts),
    }
    at = address(url)
    answer = call("POST", at, "/plan", token, _body(file, _given(short)))
    if not isinstance(answer, dict) or "series" not in answer:
        fail(FAILED, f"{at} answered with something else than a plan: it is not a coordinator")
    if as_json:
        sys.stdout.write(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        _show(answer)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    # Zero is a number of days and of strikes.
    return {name: value for name, value in options.items() if value not in (None, [], {})}


def _body(file: Path | None, short: dict[str, Any]) -> Any:
    if file is None:
        if not short:
            fail(WRONG, "name a FILE with a request, or what to plan: --ticker or --root, --start and --end")
        return {"backtest_id": "plan", **short}
    if short:
        fail(WRONG, f"give either a FILE or the short form's options, not both: {', '.join(short)}")
    try:
        content = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        fail(WRONG, f"{file} cannot be read ({error.strerror})")
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        fail(WRONG, f"{'standard input' if str(file) == '-' else file} is not JSON: {error}")


def _show(answer: dict[str, Any]) -> None:
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = _WIDTH
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
    console.print(table)
    count = len(answer["refused"])
    console.print(
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


def size(count: float) -> str:
    """Bytes in the unit that leaves one to three digits before the point."""
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 1000:
            return f"{count:.1f} {unit}"
    return f"{count / 1000:,.1f} TB"
