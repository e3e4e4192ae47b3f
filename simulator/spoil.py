"""Answers that are well-formed and wrong: columns lost, added or moved, rows out of range or order, or with other
figures than before."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from simulator.digits import Part
from simulator.faults import Spoiling
from simulator.options.cells import Small
from simulator.tables import Column, Columns, Days, Dialect, Integers, Prices, Stamps, Table, Texts


def spoiled(
    kind: Spoiling, column: str | None, columns: Columns, tables: Sequence[Table]
) -> tuple[Columns, list[Table]]:
    """The answer gone wrong. ``column`` names the one that is missing (else the last) or extra (else ``extra``)."""
    names = columns.names
    match kind:
        case "missing_column":
            kept = tuple(name for name in names if name != (column or names[-1]))
            return replace(columns, names=kept), list(tables)
        case "extra_column":
            name = column or "extra"
            return replace(columns, names=(*names, name)), [_with_extra(table, name) for table in tables]
        case "shuffled_columns":
            return replace(columns, names=names[len(names) // 2 :] + names[: len(names) // 2]), list(tables)
        case "out_of_range":
            return columns, [_week_before(tables[0]), *tables[1:]]
        case "backwards":
            return columns, [_reversed(table) for table in reversed(tables)]
        case "revised":
            return columns, [_revised(table) for table in tables]


def _revised(table: Table) -> Table:
    def higher(column: Column) -> Column:
        match column:
            case Integers(values):
                return Integers(values + (values > 0))
            case Small(values):
                return Small(values + ((values > 0) & (values < 9_999)))
            case _:
                return column

    return Table(_each(table, higher), table.rows)


def _with_extra(table: Table, name: str) -> Table:
    return Table({**table.columns, name: Integers(np.zeros(table.rows, dtype=np.int64))}, table.rows)


def _week_before(table: Table) -> Table:
    """The first row's times a week earlier."""

    def moved(column: Column) -> Column:
        if not isinstance(column, Stamps):
            return column
        dates = _dates(column, table.rows).copy()
        dates[:1] -= np.timedelta64(7, "D")
        return Stamps(dates, column.milliseconds)

    return Table(_each(table, moved), table.rows)


def _reversed(table: Table) -> Table:
    def turned(column: Column) -> Column:
        match column:
            case Integers(values):
                return Integers(values[::-1])
            case Prices(units, decimals):
                return Prices(units[::-1], decimals if isinstance(decimals, int) else decimals[::-1])
            case Stamps(_, milliseconds):
                return Stamps(_dates(column, table.rows)[::-1], milliseconds[::-1])
            case Texts(cells, quoted):
                return Texts(cells[::-1], quoted)
            case _:
                return _Turned(column)

    return Table(_each(table, turned), table.rows)


@dataclass(frozen=True)
class _Turned:
    """Another column from its end to its beginning."""

    column: Column

    def pieces(self, dialect: Dialect) -> list[Part]:
        return [part if isinstance(part, bytes) else part[::-1] for part in self.column.pieces(dialect)]


def _dates(column: Stamps, rows: int) -> Days:
    if isinstance(column.date, dt.date):
        return np.full(rows, column.date, dtype="datetime64[D]")
    return column.date


def _each(table: Table, change: Callable[[Column], Column]) -> Mapping[str, Column]:
    return {name: change(column) for name, column in table.columns.items()}
