"""From events of the stream to the live topics that want them: many topics' rows are encoded at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise, repeat

import numpy as np
import numpy.typing as npt

from app.avro.encode import encode
from app.domain.contracts import occ_parts, occ_symbol
from app.domain.rows import Rows, constant
from app.domain.schema import RECORDS, Asset
from app.domain.stream import Events, What
from app.live.bar_series import BarSeries
from app.live.draft import Draft
from app.live.row_series import RowSeries, Slice
from app.live.series import Series
from app.live.sums import hashes_of

Ints = npt.NDArray[np.int64]
#: Contracts whose OCC symbols are remembered.
_REMEMBERED = 100_000


class _Table:
    """The topics of one asset and kind, by symbol, and their hours as columns."""

    def __init__(self, members: Iterable[RowSeries]) -> None:
        self.series = list(members)
        self.place = {one.name.symbol: i for i, one in enumerate(self.series)}
        self.begin = np.array([one.hours.begin for one in self.series], dtype=np.int64)
        self.stop = np.array([one.hours.stop for one in self.series], dtype=np.int64)
        self.symbols = np.array([one.name.symbol for one in self.series], dtype=object)
        self.keys = [one.name.symbol.encode() for one in self.series]

    def places(self, symbols: list[str]) -> Ints:
        """The topic of each symbol; -1 where there is none."""
        return np.fromiter(map(self.place.get, symbols, repeat(-1)), dtype=np.int64, count=len(symbols))


class Router:
    """Belongs to the owner's thread; ``set`` tells which topics there are."""

    def __init__(self, prefixes: Mapping[str, bytes]) -> None:
        """``prefixes``: the Confluent frame of each record type, by name."""
        self._prefixes = prefixes
        self._rows: dict[tuple[Asset, What], _Table] = {}
        self._bars: dict[Asset, dict[str, list[BarSeries]]] = {}
        self._keys: dict[tuple[str, int], bytes] = {}

    def set(self, every: Iterable[Series]) -> None:
        """These are the topics whose rows are taken from now on."""
        rows: dict[tuple[Asset, What], list[RowSeries]] = defaultdict(list)
        self._bars = {}
        for one in every:
            if isinstance(one, RowSeries):
                rows[one.name.asset, one.what].append(one)
            elif isinstance(one, BarSeries):
                self._bars.setdefault(one.name.asset, {}).setdefault(one.name.symbol, []).append(one)
        self._rows = {key: _Table(found) for key, found in rows.items()}

    def route(self, events: Events, draft: Draft) -> None:
        """Hand some events to their topics."""
        table = self._rows.get((events.asset, events.what))
        if table is not None:
            self._to_rows(table, events, draft)
        bars = self._bars.get(events.asset) if events.what == "trade" else None
        if bars:
            self._to_bars(bars, events)

    def _to_rows(self, table: _Table, events: Events, draft: Draft) -> None:
        places = table.places(events.symbols)
        known = places >= 0
        inside = known & (events.time_of_day >= table.begin[places]) & (events.time_of_day <= table.stop[places])
        if not inside.all():
            for place in places[known & ~inside].tolist():
                table.series[place].outside += 1
            which = np.flatnonzero(inside)
            places = places[which]
        else:
            which = np.arange(len(places))
        if not len(which):
            return
        order = np.argsort(places, kind="stable")
        which, places = which[order], places[order]
        rows = self._made(table, events, which, places)
        messages = encode(rows, self._prefixes[rows.record.name])
        hashes, timestamps = hashes_of(messages), rows.timestamps
        edges = [0, *(np.flatnonzero(np.diff(places)) + 1).tolist(), len(places)]
        for begin, end in pairwise(edges):
            one = table.series[int(places[begin])]
            keys: bytes | list[bytes] = table.keys[int(places[begin])]
            if rows.contracts is not None:
                keys = self._occ(one.name.symbol, rows.contracts[begin:end])
            part = Slice(keys, messages[begin:end], hashes[begin:end], timestamps[begin:end])
            if rows.contracts is not None and one.members is not None:
                mine = np.isin(rows.contracts[begin:end], one.members)
                if not mine.all():
                    # Another topic of the same root wants them.
                    part = part.take(np.flatnonzero(mine).tolist())
            if len(part):
                one.accept(part, draft)

    def _made(self, table: _Table, events: Events, which: Ints, places: Ints) -> Rows:
        record = RECORDS[events.asset, events.what]
        columns = {name: column[which] for name, column in events.columns.items()}
        columns["timestamp"] = events.timestamps[which]
        contracts = None
        first = int(places[0])
        symbols = constant(table.symbols[first], len(places)) if first == places[-1] else table.symbols[places]
        if events.asset == "option":
            contracts = events.contracts[which]
            columns |= {"root": symbols, **occ_parts(contracts)}
        else:
            columns["symbol"] = symbols
        if events.what == "trade":
            # The socket does not carry them.
            columns["ext_conditions"] = np.zeros(len(which), dtype=np.int64)
        return Rows(record, {column.name: columns[column.name] for column in record.columns}, contracts)

    def _occ(self, root: str, contracts: Ints) -> list[bytes]:
        known = self._keys
        if len(known) > _REMEMBERED:
            known.clear()
        found = []
        for contract in contracts.tolist():
            key = known.get((root, contract))
            if key is None:
                key = known[root, contract] = occ_symbol(root, contract).encode()
            found.append(key)
        return found

    def _to_bars(self, bars: Mapping[str, list[BarSeries]], events: Events) -> None:
        by_symbol: dict[str, list[int]] = defaultdict(list)
        for i, symbol in enumerate(events.symbols):
            if symbol in bars:
                by_symbol[symbol].append(i)
        columns = events.columns
        for symbol, which in by_symbol.items():
            rows = np.array(which, dtype=np.intp)
            trades = (
                events.timestamps[rows],
                events.contracts[rows],
                columns["price"][rows],
                columns["size"][rows],
                columns["condition"][rows],
            )
            for one in bars[symbol]:
                if one.members is None:
                    one.accept(trades)
                else:
                    mine = np.isin(trades[1], one.members)
                    one.accept(tuple(column[mine] for column in trades))  # type: ignore[arg-type]
