"""The option side of the simulated market: roots, expirations, strikes, quotes and trades, and the endpoints.

A contract's day is a function of the seed, the contract and the date; its price follows the underlying's own tape.
Whoever wants the market and not the answers takes ``roots.root`` and ``expirations.listed``, an expiration's
contracts of a session by ``board.board``, and of these every change of the quote (``nbbo.changes``), the quote at any
moment (``nbbo.in_force``) and every trade (``trades.trades``) as columns.
"""

from simulator.options.routes import OPTION_ROUTES

__all__ = ["OPTION_ROUTES"]
