"""The option side of the simulated market: roots, expirations, strikes, quotes and trades, and the endpoints.

A contract's day is a function of the seed, the contract and the date; its price follows the underlying's own tape.
"""

from simulator.options.routes import OPTION_ROUTES

__all__ = ["OPTION_ROUTES"]
