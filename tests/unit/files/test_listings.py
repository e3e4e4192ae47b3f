"""Listings, which the vendor keeps and files have to be counted for."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from app.domain.contracts import Contracts
from app.domain.listing import Listing, Need
from app.domain.planning import needs, plan_series
from app.domain.rows import Rows
from app.errors import ProviderRefused
from tests.unit.files.made import JAN_2, MOST, QUOTES, Folder, quote

JAN_3, FRIDAY, MONDAY = dt.date(2024, 1, 3), dt.date(2024, 1, 5), dt.date(2024, 1, 8)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(f"{text}-05:00")


CHAIN: list[dict[str, Any]] = [
    quote(at("2024-01-02T09:31"), MONDAY, 10.0),
    quote(at("2024-01-02T09:31"), FRIDAY, 10.0),
    quote(at("2024-01-02T09:32"), FRIDAY, 10.0),
    quote(at("2024-01-02T09:32"), FRIDAY, 10.0, "PUT"),
    quote(at("2024-01-03T23:59"), FRIDAY, 12.5),
]


@pytest.fixture
def chain(folder: Folder) -> Folder:
    folder.parquet(QUOTES, CHAIN[:3], "a.parquet")
    folder.parquet(QUOTES, CHAIN[3:], "b.parquet")
    return folder


@pytest.mark.parametrize(
    ("need", "listing"),
    [
        (Need("expirations"), {FRIDAY: 0, MONDAY: 0}),
        (Need("strikes", FRIDAY), {FRIDAY: 2}),
        (Need("strikes", MONDAY), {MONDAY: 1}),
        (Need("strikes", JAN_2), {}),
        (Need("contracts", JAN_2), {FRIDAY: 2, MONDAY: 1}),
        (Need("contracts", JAN_3), {FRIDAY: 1}),
        (Need("contracts", FRIDAY), {}),
    ],
)
def test_a_listing_is_counted_from_the_files(chain: Folder, need: Need, listing: Listing) -> None:
    assert chain.provider.list(QUOTES, need) == listing


@pytest.mark.parametrize(("day", "strikes"), [(FRIDAY, {10_000, 12_500}), (MONDAY, {10_000}), (JAN_2, set())])
def test_the_strikes_of_an_expiration_are_told_in_thousandths(chain: Folder, day: dt.date, strikes: set[int]) -> None:
    assert chain.provider.strikes(QUOTES, day) == strikes


def test_a_listing_of_no_file_is_refused(folder: Folder) -> None:
    with pytest.raises(ProviderRefused, match="there is no"):
        folder.provider.list(QUOTES, Need("expirations"))


@pytest.mark.parametrize(
    ("contracts", "rows"),
    [
        (Contracts(), 4),
        (Contracts(max_dte=3), 3),
        (Contracts(expirations=(MONDAY,)), 1),
        (Contracts(expirations=(FRIDAY, MONDAY)), 4),
        (Contracts(strikes=(10_000,)), 4),
    ],
)
def test_a_plan_from_the_listings_brings_every_row(chain: Folder, contracts: Contracts, rows: int) -> None:
    provider = chain.provider
    listings = {need: provider.list(QUOTES, need) for need in needs(QUOTES, JAN_2, FRIDAY, contracts, provider.limits)}
    plan = plan_series(QUOTES, JAN_2, FRIDAY, None, None, provider.limits, contracts, listings)

    found = Rows.joined([provider.fetch(QUOTES, chunk, MOST) for chunk in plan.chunks])

    assert len(found) == rows
