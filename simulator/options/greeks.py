"""The Greeks of Black and Scholes, with a rate and a dividend yield, on whole arrays.

Scales as in the vendor's examples: theta a day, vega and rho for a whole 1.00, charm, vomma and ultima unscaled; the
last is cut at 100 (seen in an example). The examples' vera, speed, zomma and dual_gamma are 0.0000 where the textbook
has small numbers; here they are the textbook's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simulator.market import Floats
from simulator.options.pricing import normal

_DAYS = 365.0


@dataclass(frozen=True)
class Point:
    """Where the Greeks are taken: prices in dollars, ``life`` in years, ``volatility`` per year, ``sign`` 1 for calls
    and -1 for puts, ``premium`` the option's price; ``rate`` and ``dividend`` are fractions a year."""

    spot: Floats
    strike: Floats
    life: Floats
    volatility: Floats
    sign: Floats
    premium: Floats
    rate: float
    dividend: Floats

    @cached_property
    def deviation(self) -> Floats:
        """The volatility until the expiration."""
        return np.asarray(self.volatility * np.sqrt(self.life))

    @cached_property
    def d1(self) -> Floats:
        drift = (self.rate - self.dividend) * self.life
        return np.asarray((np.log(self.spot / self.strike) + drift) / self.deviation + 0.5 * self.deviation)

    @cached_property
    def d2(self) -> Floats:
        return np.asarray(self.d1 - self.deviation)

    @cached_property
    def density(self) -> Floats:
        """Of the normal distribution at d1, discounted by the dividends."""
        return np.asarray(np.exp(-0.5 * self.d1**2 - self.dividend * self.life) / np.sqrt(2 * np.pi))

    @cached_property
    def delta(self) -> Floats:
        return np.asarray(self.sign * np.exp(-self.dividend * self.life) * normal(self.sign * self.d1))

    @cached_property
    def dual_delta(self) -> Floats:
        return np.asarray(-self.sign * np.exp(-self.rate * self.life) * normal(self.sign * self.d2))

    @cached_property
    def vega(self) -> Floats:
        return np.asarray(self.spot * self.density * np.sqrt(self.life))

    @cached_property
    def gamma(self) -> Floats:
        return np.asarray(self.density / (self.spot * self.deviation))

    @cached_property
    def tilt(self) -> Floats:
        """What the passing of time does to d1, as charm and color have it."""
        return np.asarray(2 * (self.rate - self.dividend) * self.life - self.d2 * self.deviation)


def _theta(at: Point) -> Floats:
    decay = -at.spot * at.density * at.volatility / (2 * np.sqrt(at.life))
    carry = at.rate * at.strike * at.dual_delta + at.dividend * at.spot * at.delta
    return np.asarray((decay + carry) / _DAYS)


def _charm(at: Point) -> Floats:
    return np.asarray(at.dividend * at.delta - at.density * at.tilt / (2 * at.life * at.deviation))


def _veta(at: Point) -> Floats:
    inner = at.dividend + (at.rate - at.dividend) * at.d1 / at.deviation - (1 + at.d1 * at.d2) / (2 * at.life)
    return np.asarray(-at.vega * inner / (100 * _DAYS))


def _color(at: Point) -> Floats:
    inner = 2 * at.dividend * at.life + 1 + at.tilt / at.deviation * at.d1
    return np.asarray(-at.gamma / (2 * at.life) * inner / _DAYS)


def _ultima(at: Point) -> Floats:
    both = at.d1 * at.d2
    return np.asarray(np.clip(-at.vega / at.volatility**2 * (both * (1 - both) + at.d1**2 + at.d2**2), -100, 100))


FORMULAS: dict[str, Callable[[Point], Floats]] = {
    "delta": lambda at: at.delta,
    "theta": _theta,
    "vega": lambda at: at.vega,
    "rho": lambda at: -at.strike * at.life * at.dual_delta,
    "epsilon": lambda at: -at.spot * at.life * at.delta,
    "lambda": lambda at: at.delta * at.spot / at.premium,
    "gamma": lambda at: at.gamma,
    "vanna": lambda at: -at.density * at.d2 / at.volatility,
    "charm": _charm,
    "vomma": lambda at: at.vega * at.d1 * at.d2 / at.volatility,
    "veta": _veta,
    "vera": lambda at: -at.strike * at.life * at.dual_delta * at.sign * at.d1 / at.volatility / 10_000,
    "speed": lambda at: -at.gamma / at.spot * (at.d1 / at.deviation + 1),
    "zomma": lambda at: at.gamma * (at.d1 * at.d2 - 1) / at.volatility,
    "color": _color,
    "ultima": _ultima,
    "d1": lambda at: at.d1,
    "d2": lambda at: at.d2,
    "dual_delta": lambda at: at.dual_delta,
    "dual_gamma": lambda at: at.gamma * (at.spot / at.strike) ** 2,
}

FIRST_ORDER = ("delta", "theta", "vega", "rho", "epsilon", "lambda")
SECOND_ORDER = ("gamma", "vanna", "charm", "vomma", "veta")
THIRD_ORDER = ("speed", "zomma", "color", "ultima")
ALL = (*FIRST_ORDER, *SECOND_ORDER, "vera", *THIRD_ORDER, "d1", "d2", "dual_delta", "dual_gamma")
