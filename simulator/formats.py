"""The terminal's response formats: any table of columns as CSV, NDJSON, one of two JSON dialects, or HTML.

A long answer is put together from *leaves*, each usually one symbol's day, which are rendered apart so that they can
be cached: ``leaf`` renders one, ``document`` joins them into a body.

Sources: CSV, NDJSON and the order of keys from the vendor's OpenAPI examples; the layout of ``json_new`` (tabs, two
newlines at the end) and of ``json_legacy`` (columns, one newline) from recorded responses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal, Protocol

import numpy as np

from simulator.digits import Part, laid_out
from simulator.tables import Columns, Table

JsonDialect = Literal["new", "legacy"]
Leaf = tuple[bytes, ...]

_CONTRACT = ("symbol", "expiration", "right", "strike")  # the order of keys that was recorded


class Format(Protocol):
    """A way of writing tables; ``name`` also tells one dialect's cached leaves from another's."""

    name: str
    content_type: str

    def leaf(self, columns: Columns, table: Table) -> Leaf:
        """A table's text, without what stands around the whole answer."""
        ...

    def document(self, columns: Columns, leaves: Sequence[Leaf]) -> list[bytes]:
        """A body, in chunks that follow one another."""
        ...


class Csv:
    """Header, then rows; CRLF after each, the last included."""

    name = "csv"
    content_type = "text/csv"

    def leaf(self, columns: Columns, table: Table) -> Leaf:
        """The rows."""
        parts: list[Part] = []
        for name in columns.names:
            parts += [b",", *table.columns[name].pieces("csv")]
        return (laid_out([*parts[1:], b"\r\n"], table.rows),)

    def document(self, columns: Columns, leaves: Sequence[Leaf]) -> list[bytes]:
        """The header and the rows."""
        return [",".join(columns.names).encode() + b"\r\n", *(leaf[0] for leaf in leaves)]


class Ndjson:
    """One object a line, a newline after each."""

    name = "ndjson"
    content_type = "application/x-ndjson"

    def leaf(self, columns: Columns, table: Table) -> Leaf:
        """The lines."""
        return (laid_out([*_object(columns.keys, table), b"\n"], table.rows),)

    def document(self, columns: Columns, leaves: Sequence[Leaf]) -> list[bytes]:
        """The lines."""
        return [leaf[0] for leaf in leaves]


class JsonNew:
    """``{"response": [rows]}`` indented by tabs, rows compact: accounts made on or after 2025-10-31."""

    name = "json_new"
    content_type = "application/json"

    def leaf(self, columns: Columns, table: Table) -> Leaf:
        """The rows, a comma after each."""
        if columns.grouped:
            return (b"".join(_groups(columns, table)),)
        return (laid_out([b"\t\t", *_object(columns.keys, table), b",\n"], table.rows),)

    def document(self, columns: Columns, leaves: Sequence[Leaf]) -> list[bytes]:
        """The rows in their frame, without the last comma."""
        rows = [leaf[0] for leaf in leaves if leaf[0]] or [b""]
        rows[-1] = rows[-1].removesuffix(b",\n")
        return [b'{\n\t"response": [\n', *rows, b"\n\t]\n}\n\n"]


class JsonLegacy:
    """One object of columns: accounts made before 2025-10-31."""

    name = "json_legacy"
    content_type = "application/json"

    def leaf(self, columns: Columns, table: Table) -> Leaf:
        """One text a column, a comma after each value."""
        return tuple(laid_out([*table.columns[key].pieces("json"), b","], table.rows) for key in columns.keys)

    def document(self, columns: Columns, leaves: Sequence[Leaf]) -> list[bytes]:
        """The columns, each through all the leaves."""
        chunks: list[bytes] = []
        for i, key in enumerate(columns.keys):
            values = b"".join(leaf[i] for leaf in leaves).removesuffix(b",")
            chunks += [b"," if i else b"{", f'"{key}":['.encode(), values, b"]"]
        return [*chunks, b"}\n"]


class Html:
    """A plain table, for a browser."""

    name = "html"
    content_type = "text/html"

    def leaf(self, columns: Columns, table: Table) -> Leaf:
        """The table rows."""
        parts: list[Part] = []
        for name in columns.names:
            parts += [b"<td>", *table.columns[name].pieces("html"), b"</td>"]
        return (laid_out([b"<tr>", *parts, b"</tr>\n"], table.rows),)

    def document(self, columns: Columns, leaves: Sequence[Leaf]) -> list[bytes]:
        """The page."""
        header = "".join(f"<th>{name}</th>" for name in columns.names)
        opening = f"<!DOCTYPE html>\n<html><body><table>\n<tr>{header}</tr>\n".encode()
        return [opening, *(leaf[0] for leaf in leaves), b"</table></body></html>\n"]


def named(name: str, dialect: JsonDialect) -> Format | None:
    """The format a request asks for; which JSON is the account's affair, not the request's."""
    formats: dict[str, Format] = {
        "csv": Csv(),
        "json": JsonNew() if dialect == "new" else JsonLegacy(),
        "ndjson": Ndjson(),
        "html": Html(),
    }
    return formats.get(name)


def _groups(columns: Columns, table: Table) -> Iterator[bytes]:
    """The rows of each contract, which follow one another, under the contract (layout recorded)."""
    contract = _object([name for name in _CONTRACT if name in columns.names], table)
    # The vendor's examples have the rest in the order of the whole row's keys.
    row = [b"\t\t\t\t", *_object([key for key in columns.keys if key not in _CONTRACT], table), b",\n"]
    begins = np.zeros(table.rows, dtype=np.bool_)
    begins[:1] = True
    for part in contract:
        if not isinstance(part, bytes):
            begins[1:] |= part[1:] != part[:-1]
    edges = [*np.flatnonzero(begins).tolist(), table.rows]
    for start, stop in pairwise(edges):
        head = laid_out([part if isinstance(part, bytes) else part[start : start + 1] for part in contract], 1)
        rows = laid_out([part if isinstance(part, bytes) else part[start:stop] for part in row], stop - start)
        yield b'\t\t{\n\t\t\t"contract": %b,\n\t\t\t"data": [\n%b\n\t\t\t]\n\t\t},\n' % (head, rows[:-2])


def _object(keys: Sequence[str], table: Table) -> list[Part]:
    parts: list[Part] = []
    for i, key in enumerate(keys):
        parts += [f'{"," if i else "{"}"{key}":'.encode(), *table.columns[key].pieces("json")]
    return [*parts, b"}"]
