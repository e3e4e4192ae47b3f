"""The average price of a session so far, by contract: what the provider calls vwap.

Prices are summed as whole numbers, ten-thousandths of a dollar, so that sums are exact; averages are shown in cents.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_UNITS, _UNITS_IN_CENT = 10_000, 100


class SessionSums:
    """What each contract has traded in a session: by history, and what was counted here."""

    def __init__(self) -> None:
        self.seeded, self.built = _Sums(), _Sums()

    def running(self, bars: npt.NDArray[Any]) -> Floats:
        """The average price at the end of each bar, in dollars, rounded half up to cents; 0 if nothing traded."""
        order = np.argsort(bars["contract"], kind="stable")
        contracts = bars["contract"][order]
        begins = np.ones(len(bars), dtype=bool)
        begins[1:] = np.diff(contracts) != 0
        begin = np.maximum.accumulate(np.where(begins, np.arange(len(bars)), 0))
        seeded, built = self.seeded.of(contracts), self.built.of(contracts)
        sums = []
        for column, before in (("volume", seeded[0] + built[0]), ("value", seeded[1] + built[1])):
            own = bars[column][order]
            total = np.cumsum(own)
            sums.append(total - (total - own)[begin] + before)
        volume, value = sums
        vwaps = np.empty(len(bars))
        half = volume * (_UNITS_IN_CENT // 2)
        vwaps[order] = np.where(volume > 0, (value + half) // (np.maximum(volume, 1) * _UNITS_IN_CENT), 0) / 100
        return vwaps


class _Sums:
    """Volume and value by contract; a value is exact up to 9e18, which is 900 trillion dollars."""

    def __init__(self) -> None:
        self._contracts = np.empty(0, dtype=np.int64)
        self._sums = np.zeros((2, 0), dtype=np.int64)

    def add(self, contracts: Ints, volumes: Ints, values: Ints) -> None:
        places = self._places(contracts)
        np.add.at(self._sums[0], places, volumes)
        np.add.at(self._sums[1], places, values)

    def set(self, contracts: Ints, volumes: Ints, values: Ints) -> None:
        places = self._places(contracts)
        self._sums[:, places] = volumes, values

    def of(self, contracts: Ints) -> Ints:
        """Shape ``(2, n)``: volumes and values, zeros for a contract that is not there."""
        places, known = self._found(contracts)
        return np.where(known, self._sums[:, places], 0) if len(self._contracts) else np.zeros((2, len(contracts)), int)

    def _found(self, contracts: Ints) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
        """Where contracts stand, and whether they do."""
        if not len(self._contracts):
            return np.zeros(len(contracts), dtype=np.intp), np.zeros(len(contracts), dtype=bool)
        places = np.minimum(np.searchsorted(self._contracts, contracts), len(self._contracts) - 1)
        return places, self._contracts[places] == contracts

    def _places(self, contracts: Ints) -> npt.NDArray[np.intp]:
        """Where contracts stand; new ones are given a place."""
        places, known = self._found(contracts)
        if known.all():
            return places
        every = np.union1d(self._contracts, contracts)
        sums = np.zeros((2, len(every)), dtype=np.int64)
        sums[:, np.searchsorted(every, self._contracts)] = self._sums
        self._contracts, self._sums = every, sums
        return np.searchsorted(every, contracts)


def units(prices: npt.NDArray[Any]) -> Ints:
    units: Ints = np.rint(prices * _UNITS).astype(np.int64)
    return units
