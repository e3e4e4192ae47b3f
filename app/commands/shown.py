"""Text and bytes of strangers on a terminal: what could move its cursor or colour it is told, not done."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

#: Columns of a table that goes into a file or a pipe.
_WIDTH = 160
#: And of any that is printed whole.
_WIDEST = 10_000
_ROW = 16


def console() -> Console:
    """Where a command's answer goes."""
    found = Console(highlight=False, markup=False)
    if not found.is_terminal:
        found.width = _WIDTH
    return found


def print_whole(told: Console, table: Table) -> None:
    """Print a table as wide as it is: a terminal folds long lines, but a number or a topic that is cut is wrong."""
    told.width = max(told.width, Measurement.get(told, told.options.update(max_width=_WIDEST), table).maximum)
    told.print(table)


def printable(text: str) -> str:
    """The text with everything that is not to be seen in Python's notation; line ends too."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def hex_lines(data: bytes) -> Iterator[str]:
    """Bytes sixteen to a line: where, in hex, as ASCII."""
    for at in range(0, len(data), _ROW):
        row = data[at : at + _ROW]
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        yield f"{at:08x}  {row.hex(' '):<{3 * _ROW}} {text}"


def moment(milliseconds: int) -> str:
    """Milliseconds since 1970 as ISO 8601 in UTC; the number where it is no time that there is."""
    try:
        then = dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC)
    except (OverflowError, ValueError, OSError):
        return str(milliseconds)
    return then.isoformat(timespec="seconds").replace("+00:00", "Z")


def size(count: float) -> str:
    """Bytes in the unit that leaves one to three digits before the point."""
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 1000:
            return f"{count:.1f} {unit}"
    return f"{count / 1000:,.1f} TB"
