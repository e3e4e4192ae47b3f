"""What an option is worth: Black and Scholes without interest and dividends, on whole arrays.

Without interest no option, call or put, is ever worth less than its intrinsic value, and the forward is the price.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_REACH, _CELLS = 8, 256  # the normal distribution from -8 to 8, so many cells for each 1
_GRID = np.linspace(-_REACH, _REACH, 2 * _REACH * _CELLS + 1)
_NORMAL = np.array([0.5 * math.erfc(-x / math.sqrt(2)) for x in _GRID])
_RISE = np.append(np.diff(_NORMAL), 0.0)


def normal(x: Any) -> Any:
    """The cumulative normal distribution by linear interpolation, to 5e-7."""
    place = np.clip(x, -_REACH, _REACH)
    place += _REACH
    place *= _CELLS
    cell = place.astype(np.intp)
    place -= cell
    place *= _RISE[cell]
    place += _NORMAL[cell]
    return place


def value(spot: Any, strike: Any, away: Any, deviation: Any, sign: Any) -> Any:
    """The value of options, in the unit of ``spot`` and ``strike``. ``away``: the logarithm of spot / strike;
    ``deviation``: the volatility until the expiration; ``sign``: 1 for calls, -1 for puts."""
    d1 = away / deviation + 0.5 * deviation
    worth = spot * normal(sign * d1)
    worth -= strike * normal(sign * (d1 - deviation))
    worth *= sign
    return worth
