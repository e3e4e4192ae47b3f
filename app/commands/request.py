"""A request on the command line: a FILE in either form, or options in short form."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from app.commands.coordinator import WRONG, fail

_PANEL = "Short form"

File = Annotated[Path | None, typer.Argument(help="A request as JSON; '-' reads standard input.")]
Ticker = Annotated[list[str] | None, typer.Option(help="A stock; may be given again.", rich_help_panel=_PANEL)]
Root = Annotated[str | None, typer.Option(help="Root of options.", rich_help_panel=_PANEL)]
Schema = Annotated[str | None, typer.Option(help="Default: ohlcv.", rich_help_panel=_PANEL)]
Interval = Annotated[
    str | None, typer.Option(help="Default: by schema, 1m for bars, tick for quotes.", rich_help_panel=_PANEL)
]
Start = Annotated[str | None, typer.Option(help="First session date.", rich_help_panel=_PANEL)]
End = Annotated[str | None, typer.Option(help="Last session date.", rich_help_panel=_PANEL)]
Expiration = Annotated[list[str] | None, typer.Option(help="Of options; may be given again.", rich_help_panel=_PANEL)]
Strike = Annotated[
    list[str] | None, typer.Option(help="Of options, dollars; may be given again.", rich_help_panel=_PANEL)
]
Right = Annotated[str | None, typer.Option(help="call, put or both.", rich_help_panel=_PANEL)]
MaxDte = Annotated[int | None, typer.Option(help="Of options: most days to expiration.", rich_help_panel=_PANEL)]
StrikeRange = Annotated[
    int | None, typer.Option(help="Of options: strikes each side of the money.", rich_help_panel=_PANEL)
]


def given(**options: Any) -> dict[str, Any]:
    """The options that were given. Zero is a number of days and of strikes."""
    return {name: value for name, value in options.items() if value not in (None, [], {}, False)}


def chosen(
    expiration: list[str] | None,
    strike: list[str] | None,
    right: str | None,
    max_dte: int | None,
    strike_range: int | None,
) -> dict[str, Any]:
    """The contracts of options that are meant."""
    return given(expirations=expiration, strikes=strike, right=right, max_dte=max_dte, strike_range=strike_range)


def body_of(file: Path | None, short: dict[str, Any], what: str) -> Any:
    """The request as JSON: that of the file, or the short form. Ends the command when it is neither, or both."""
    if file is None:
        if not short:
            fail(WRONG, f"name a FILE with a request, or what to {what}: --ticker or --root, --start and --end")
        return short
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
