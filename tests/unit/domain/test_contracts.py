"""Contracts as numbers: they sort as their OCC symbols do, and are picked as a slow filter picks them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.contracts import Contracts, from_occ_parts, occ_keys, occ_symbol

EPOCH = dt.date(1970, 1, 1)
#: Expiration, 0 for CALL and 1 for PUT, thousandths of a dollar.
Parts = tuple[dt.date, int, int]

#: Symbols have two digits for the year, so their order holds within a century.
expirations = st.dates(dt.date(2000, 1, 1), dt.date(2099, 12, 31))
parts = st.tuples(expirations, st.integers(0, 1), st.integers(0, 99_999_999))


def pack(contracts: list[Parts]) -> np.ndarray:
    return from_occ_parts(
        np.array([(day - EPOCH).days for day, _, _ in contracts], dtype=np.int32),
        np.array([right for _, right, _ in contracts], dtype=np.int8),
        np.array([strike / 1000 for _, _, strike in contracts], dtype=np.float64),
    )


def written(root: str, contract: Parts) -> str:
    day, right, strike = contract
    return f"{root.ljust(6)}{day.strftime('%y%m%d')}{'CP'[right]}{str(strike).zfill(8)}"


@pytest.mark.parametrize(
    ("root", "contract", "symbol"),
    [
        ("SPXW", (dt.date(2024, 3, 15), 0, 4_800_000), "SPXW  240315C04800000"),
        ("AAPL", (dt.date(2024, 11, 8), 0, 262_500), "AAPL  241108C00262500"),
        ("A", (dt.date(2025, 1, 17), 1, 1), "A     250117P00000001"),
        ("BRK.B", (dt.date(2030, 12, 31), 1, 99_999_999), "BRK.B 301231P99999999"),
        ("GOOGL1", (dt.date(2001, 2, 3), 0, 0), "GOOGL1010203C00000000"),
    ],
)
def test_a_contract_has_its_occ_symbol(root: str, contract: Parts, symbol: str) -> None:
    (packed,) = pack([contract]).tolist()

    assert occ_symbol(root, packed) == symbol
    assert len(symbol) == 21


@given(st.lists(parts, max_size=30))
def test_contracts_sort_as_their_occ_symbols_do(contracts: list[Parts]) -> None:
    packed = pack(contracts).tolist()

    assert [occ_symbol("SPXW", one) for one in sorted(packed)] == sorted(written("SPXW", one) for one in contracts)
    assert len(set(packed)) == len(set(contracts))


@given(st.lists(parts, max_size=30))
def test_every_row_has_the_key_of_its_contract(contracts: list[Parts]) -> None:
    keys = occ_keys("AAPL", pack(contracts))

    assert keys == [written("AAPL", one).encode() for one in contracts]


@pytest.mark.parametrize("strike", [-0.001, -1.0, 100_000.0, 1e9, 4700.0005, 4700.1234, 0.0001])
def test_a_strike_that_no_symbol_can_hold_is_refused(strike: float) -> None:
    with pytest.raises(ValueError, match="strike"):
        from_occ_parts(np.array([19_797, 19_797]), np.array([0, 1]), np.array([4700.0, strike]))


@given(st.integers(0, 99_999_999))
def test_every_strike_in_thousandths_is_exact(mills: int) -> None:
    assert pack([(EPOCH, 0, mills)]).tolist() == [mills]


# --- which contracts are meant ----------------------------------------------------------------------------

NEAR = st.dates(dt.date(2024, 1, 1), dt.date(2024, 1, 20))
FEW = st.integers(4_700, 4_705).map(lambda dollars: dollars * 1000)
filters = st.builds(
    Contracts,
    st.sets(NEAR, max_size=4).map(lambda some: tuple(sorted(some))),
    st.sets(FEW, max_size=3).map(lambda some: tuple(sorted(some))),
    st.sampled_from(["both", "call", "put"]),
    st.none() | st.integers(0, 8),
    st.none() | st.integers(0, 3),
)


def is_meant(asked: Contracts, contract: Parts, session: dt.date) -> bool:
    """What the contract page says, one row at a time."""
    expiration, right, strike = contract
    if asked.expirations and expiration not in asked.expirations:
        return False
    if asked.strikes and strike not in asked.strikes:
        return False
    if asked.right != "both" and asked.right != ("call", "put")[right]:
        return False
    return asked.max_dte is None or 0 <= (expiration - session).days <= asked.max_dte


@given(filters, st.lists(st.tuples(st.tuples(NEAR, st.integers(0, 1), FEW), NEAR), max_size=40))
def test_the_rows_that_are_meant_are_those_that_a_slow_filter_keeps(
    asked: Contracts, rows: list[tuple[Parts, dt.date]]
) -> None:
    days = np.array([(session - EPOCH).days for _, session in rows], dtype=np.int64)

    found = asked.mask(pack([contract for contract, _ in rows]), days)

    assert found.tolist() == [is_meant(asked, contract, session) for contract, session in rows]


@pytest.mark.parametrize(("days", "meant"), [(-1, False), (0, True), (7, True), (8, False)])
def test_days_to_expiration_count_from_each_session(days: int, meant: bool) -> None:
    session = dt.date(2024, 1, 10)
    expiration = session + dt.timedelta(days=days)

    found = Contracts(max_dte=7).mask(pack([(expiration, 0, 1)]), np.array([(session - EPOCH).days]))
    assert found.tolist() == [meant]


@given(filters, NEAR, NEAR, NEAR)
def test_the_days_of_an_expiration_are_those_on_which_it_is_meant(
    asked: Contracts, expiration: dt.date, start: dt.date, end: dt.date
) -> None:
    start, end = sorted((start, end))
    days = [start + dt.timedelta(days=i) for i in range((end - start).days + 1)]
    meant = [
        day for day in days if is_meant(Contracts(max_dte=asked.max_dte), (expiration, 0, 0), day) and day <= expiration
    ]

    assert asked.days_of(expiration, start, end) == ((meant[0], meant[-1]) if meant else None)


@given(filters)
def test_a_filter_survives_json(asked: Contracts) -> None:
    body: dict[str, Any] = asked.as_json()

    assert Contracts.from_json(body) == asked
