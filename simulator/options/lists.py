"""The option list endpoints. All but the contracts are made anew overnight: they know what was listed yesterday."""

from __future__ import annotations

import datetime as dt
from functools import partial

import numpy as np

from app.domain import sessions
from simulator.answers import Portion, Terminal
from simulator.instruments import FIRST_DAY
from simulator.options import expirations as calendar
from simulator.options import roots
from simulator.options import strikes as listing
from simulator.options.asked import Filters, number
from simulator.options.board import board, milliseconds
from simulator.options.cells import Same, table
from simulator.options.expirations import Expiration
from simulator.options.roots import Root
from simulator.options.trades import trades
from simulator.query import Query
from simulator.refusals import no_data
from simulator.tables import Prices, Table, Texts
from simulator.tiers import admit_from

_DAY = dt.timedelta(days=1)


def symbols(terminal: Terminal, query: Query) -> list[Portion]:
    """``/v3/option/list/symbols``: the well-known roots; any other ticker has options too."""
    names = roots.symbols()
    return [Portion(("option symbols",), lambda: Table({"symbol": Texts(names)}, len(names)))]


def expirations(terminal: Terminal, query: Query) -> list[Portion]:
    """``/v3/option/list/expirations``: everything ever listed, in order; of one symbol, or of several ``A,B``."""
    known = terminal.today - _DAY

    def make(root: Root) -> Table:
        cells = [found.date.isoformat() for found in calendar.ever_listed(root, known)]
        return Table({"symbol": Same(root.symbol), "expiration": Texts(cells)}, len(cells))

    found = [root for root in _roots(terminal, query) if calendar.ever_listed(root, known)]
    return _some([Portion(("expirations", root.symbol, known), partial(make, root)) for root in found])


def strikes(terminal: Terminal, query: Query) -> list[Portion]:
    """``/v3/option/list/strikes``: every strike that the expiration ever had, in hash order."""
    date, known = query.date("expiration"), terminal.today - _DAY

    def make(expiration: Expiration) -> Table:
        found = listing.strikes(expiration, min(expiration.last, known))
        found = found[np.argsort(listing.order(found))]
        return Table({"symbol": Same(expiration.root.symbol), "strike": Prices(found, 3)}, len(found))

    made = [calendar.expiration(root, date) for root in _roots(terminal, query)]
    asked = [found for found in made if found is not None and found.listed <= known]
    return _some([Portion(("strikes", found.root.symbol, date, known), partial(make, found)) for found in asked])


def dates(terminal: Terminal, query: Query) -> list[Portion]:
    """``/v3/option/list/dates/{request_type}``: the sessions in which any contract that is asked for quoted, or
    traded."""
    filters, traded = Filters.read(query, ()), query.text("request_type") == "trade"
    root = roots.root(terminal.seed, query.text("symbol"))
    found = calendar.expiration(root, query.date("expiration")) if root is not None else None
    if found is None:
        raise no_data()
    last = min(found.last, terminal.today - _DAY)
    days = sessions.sessions(max(found.listed, FIRST_DAY), last)
    key = ("dates", found.root.symbol, found.date, filters, traded, last)

    def make() -> Table:
        kept = [day.date.isoformat() for day in days if _any(found, day, filters, traded)]
        return Table({"date": Texts(kept)}, len(kept))

    return _some([Portion(key, make)] if days else [])


def contracts(terminal: Terminal, query: Query) -> list[Portion]:
    """``/v3/option/list/contracts/{request_type}``: what was listed on a day, or has traded on it, and nothing that
    was listed later; of one symbol, of several ``A,B``, or of the well-known ones when there is none."""
    day, traded = query.date("date"), query.text("request_type") == "trade"
    filters = Filters(max_dte=number(query, "max_dte", 0))
    admit_from(terminal.tier, day, terminal.tier.first_option_date)
    session = sessions.session(day)
    now = milliseconds(terminal.now.time())
    if session is None or day < FIRST_DAY or day > terminal.today:
        raise no_data()
    if day == terminal.today and now < milliseconds(session.open):
        raise no_data()
    until = now if day == terminal.today else None
    portions = []
    for root in _roots(terminal, query, every=True):
        for found in calendar.listed(root, day):
            if filters.admits(found, day):
                key = ("contracts", root.symbol, found.date, day, traded)
                cached = None if traded and until is not None else key
                portions.append(Portion(cached, partial(_contracts, found, session, traded, until)))
    return _some(portions)


def _contracts(expiration: Expiration, session: sessions.Session, traded: bool, until: int | None) -> Table:
    made = board(expiration, session)
    rows = np.arange(len(made))
    if traded:
        seen = trades(expiration, session)
        rows = np.unique(seen.contract if until is None else seen.contract[seen.ms <= until])
    return table(expiration.root.symbol, expiration.date, [(session.date, made.contract, {"contract": rows})])


def _any(expiration: Expiration, day: sessions.Session, filters: Filters, traded: bool) -> bool:
    rows = filters.chosen(board(expiration, day))
    if traded and len(rows):
        return bool(np.isin(trades(expiration, day).contract, rows).any())
    return len(rows) > 0


def _roots(terminal: Terminal, query: Query, *, every: bool = False) -> list[Root]:
    """Those named by ``symbol``; ``*``, or nothing where ``every`` is allowed, are the well-known ones."""
    asked = query.values.get("symbol", "*" if every else "")
    names = roots.symbols() if asked == "*" else asked.split(",")
    return [found for name in names if (found := roots.root(terminal.seed, name)) is not None]


def _some(portions: list[Portion]) -> list[Portion]:
    if not portions:
        raise no_data()
    return portions
