"""``read``: the rows of a series, on a terminal, into a pipe or a file."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import sys
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.table import Table

from app.client import Backtest, Series, saving
from app.client.calls import Format
from app.client.held import Rows
from app.commands import completion
from app.commands.coordinator import WRONG, Token, Url, coordinator, fail, note
from app.commands.shown import console, print_whole, printable

#: Rows of a table when nobody says how many.
_ROWS = 20
#: Series that a refusal names.
_NAMED = 20


class Form(StrEnum):
    """How rows are written."""

    TABLE = "table"
    CSV = "csv"
    NDJSON = "ndjson"
    PARQUET = "parquet"
    ARROW = "arrow"


def read(
    backtest_id: Annotated[
        str, typer.Argument(metavar="ID", help="The backtest.", autocompletion=completion.backtests)
    ],
    series: Annotated[
        str | None,
        typer.Option(
            metavar="TOPIC", help="Which series; needed when there are several.", autocompletion=completion.topics
        ),
    ] = None,
    form: Annotated[
        Form | None,
        typer.Option("--format", "-f", help="Default: by the file's name; a table on a terminal, else csv."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file, which is there only when it is whole.")
    ] = None,
    start: Annotated[str | None, typer.Option(help="From this session date or instant on.")] = None,
    end: Annotated[str | None, typer.Option(help="Up to this session date or instant, it included.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Rows at the most; a table: 20.")] = None,
    columns: Annotated[
        list[str] | None, typer.Option(help="Only these; may be given again, or separated by commas.")
    ] = None,
    contract: Annotated[
        list[str] | None, typer.Option(help="Of options: only this OCC symbol; may be given again.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Wait for rows still to come, until the series ends.")
    ] = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Read the rows of a series: as a table, or as csv, ndjson, parquet or arrow into a file or a pipe.

    Without --follow these are the rows that are there now. Exit code 1 when what was read is not whole.
    """
    which: Rows = {
        "start": start,
        "end": end,
        "limit": limit,
        "columns": [name for given in columns or () for name in given.split(",") if name] or None,
        "contract": contract or None,
        "follow": follow,
    }
    with coordinator(url, token) as platform:
        backtest = platform.open(backtest_id)
        chosen = _series(backtest, series)
        if not follow:
            _how_far(backtest, chosen.topic)
        if output is not None:
            chosen.save(output, _file_form(output, form), **which)
            note(f"{output}: {output.stat().st_size:,} bytes")
        elif form is Form.TABLE or (form is None and sys.stdout.isatty()):
            _table(chosen, which)
        else:
            _write(chosen, form or Form.CSV, which)


def _series(backtest: Backtest, topic: str | None) -> Series:
    if topic is None and len(backtest.topics) == 1:
        return backtest.series[0]
    if topic not in backtest.topics:
        more = [f"and {len(backtest.topics) - _NAMED:,} more"] if len(backtest.topics) > _NAMED else []
        fail(
            WRONG,
            f"{backtest.id} has {len(backtest.topics):,} series; say which with --series"
            if topic is None
            else f"{backtest.id} has no series {topic!r}; there are {len(backtest.topics):,}",
            *backtest.topics[:_NAMED],
            *more,
        )
    return backtest[topic]


def _how_far(backtest: Backtest, topic: str) -> None:
    one = backtest.told.of_series(topic)
    if one is not None and one.state != "complete":
        hint = "" if one.is_final else "; --follow waits for the others"
        note(f"note: {topic} is {one.state}, these are the rows so far{hint}")


def _file_form(path: Path, form: Form | None) -> saving.FileFormat:
    if form is None:
        return saving.format_of(path)
    if form is Form.TABLE:
        fail(WRONG, "a table is for the eye; write csv, ndjson, parquet or arrow into a file")
    if form is Form.ARROW and path.suffix.lower() in (".arrow", ".feather"):
        return "arrow-file"
    return _bytes_of(form)


def _bytes_of(form: Form) -> Format:
    """The format of the coordinator."""
    return cast(Format, form.value)


def _write(series: Series, form: Form, which: Rows) -> None:
    if form in (Form.PARQUET, Form.ARROW) and sys.stdout.isatty():
        fail(WRONG, f"{form} is not for a terminal; name a file with -o, or send it into a pipe")
    with _quiet_pipe():
        for part in series.content(_bytes_of(form), **which):
            sys.stdout.buffer.write(part)
            if which["follow"]:
                sys.stdout.buffer.flush()
        sys.stdout.buffer.flush()


@contextlib.contextmanager
def _quiet_pipe() -> Any:
    """Whoever reads has seen enough: that is no error."""
    try:
        yield
    except BrokenPipeError:
        # The interpreter would complain when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _table(series: Series, which: Rows) -> None:
    told = console()
    most = which["limit"] or _ROWS
    # One more, to know whether there are more.
    some: Rows = {**which, "limit": most + 1}
    found = list(islice(series.rows(**some), most + 1))
    more = len(found) > most
    if not found:
        told.print(f"{series.topic} has no such rows", soft_wrap=True)
        return
    table = Table(title=series.topic)
    for name, value in found[0].items():
        table.add_column(name, justify="right" if isinstance(value, int | float) else "left", no_wrap=True)
    for row in found[:most]:
        table.add_row(*map(_cell, row.values()))
    print_whole(told, table)
    if more:
        told.print(f"the first {most:,} rows; --limit N shows more, -o FILE or --format csv writes all", soft_wrap=True)
    else:
        told.print(f"{len(found):,} rows", soft_wrap=True)


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case dt.datetime():
            return value.isoformat(timespec="milliseconds" if value.microsecond else "seconds").replace("+00:00", "Z")
        case float():
            return f"{value:g}" if value == 0 else f"{value:.10g}"
        case str():
            return printable(value)
        case _:
            return str(value)
