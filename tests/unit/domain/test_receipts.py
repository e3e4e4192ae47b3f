"""Receipts: a digest that a reader can recompute, and an account of every weekday."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.receipt import BLOCK, BodyDigest, Receipt, iso, session_report


def by_definition(bodies: list[bytes]) -> str:
    """h₀ = 32 zero bytes, hᵢ = sha256(hᵢ₋₁ ‖ sha256(block i)), blocks of 65,536 bodies."""
    chain = bytes(32)
    for at in range(0, len(bodies), 65_536):
        block = hashlib.sha256(b"".join(bodies[at : at + 65_536])).digest()
        chain = hashlib.sha256(chain + block).digest()
    return chain.hex()


def some_bodies(count: int) -> list[bytes]:
    return [i.to_bytes(3, "big") * (1 + i % 3) for i in range(count)]


BODIES = some_bodies(3 * BLOCK + 7)


def test_nothing_has_the_digest_of_64_zeros() -> None:
    assert BodyDigest().hex() == "0" * 64
    digest = BodyDigest()
    digest.update([])
    assert digest.hex() == "0" * 64


@pytest.mark.parametrize("count", [1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK - 1, 2 * BLOCK, 2 * BLOCK + 1])
def test_the_digest_is_the_chain_of_the_definition(count: int) -> None:
    digest = BodyDigest()
    digest.update(BODIES[:count])

    assert digest.hex() == by_definition(BODIES[:count])
    assert digest.part_rows == count % BLOCK
    assert digest.room() == BLOCK - count % BLOCK


@settings(max_examples=15)
@given(st.sets(st.integers(0, len(BODIES)), max_size=8), st.randoms(use_true_random=False))
def test_the_digest_does_not_depend_on_how_the_bodies_arrive(cuts: set[int], chance: random.Random) -> None:
    edges = sorted(cuts | {0, BLOCK, len(BODIES)})
    digest = BodyDigest()
    for begin, end in itertools.pairwise(edges):
        before = digest.hex()
        copy = digest.copy()
        (digest if chance.random() < 0.5 else copy).update(BODIES[begin:end])
        if digest.hex() == before and begin != end:
            digest = copy
        if chance.random() < 0.3:
            digest.hex()  # asking changes nothing

    assert digest.hex() == by_definition(BODIES)


def test_the_sequence_of_bodies_may_be_of_any_kind() -> None:
    one, other = BodyDigest(), BodyDigest()
    one.update(tuple(BODIES[:10]))
    other.update(BODIES[:10])

    assert one.hex() == other.hex()


@pytest.mark.parametrize("count", [0, 5, BLOCK - 1, BLOCK, BLOCK + 5])
def test_a_copy_goes_its_own_way(count: int) -> None:
    digest = BodyDigest()
    digest.update(BODIES[:count])
    before = digest.hex()

    copy = digest.copy()
    assert copy.hex() == before
    copy.update([b"x"])

    assert digest.hex() == before
    assert copy.hex() == by_definition([*BODIES[:count], b"x"])
    digest.update([b"y"])
    assert copy.hex() == by_definition([*BODIES[:count], b"x"])


@pytest.mark.parametrize("count", [BLOCK, BLOCK + 100, 2 * BLOCK])
def test_a_digest_goes_on_from_its_chain_and_the_open_blocks_bodies(count: int) -> None:
    before = BodyDigest()
    before.update(BODIES[:count])

    resumed = BodyDigest(bytes.fromhex(before.chain.hex()))
    resumed.update(BODIES[count - before.part_rows : count])
    assert resumed.part_rows == before.part_rows
    resumed.update(BODIES[count:])

    assert resumed.hex() == by_definition(BODIES)


def test_the_order_of_bodies_counts() -> None:
    one, other = BodyDigest(), BodyDigest()
    one.update([b"a", b"b"])
    other.update([b"b", b"a"])

    assert one.hex() != other.hex()


def test_every_weekday_is_accounted_for() -> None:
    rows = {dt.date(2024, 7, 2): 390, dt.date(2024, 7, 3): 210}

    assert session_report(dt.date(2024, 6, 29), dt.date(2024, 7, 8), rows, {}) == [
        {"date": "2024-07-01", "rows": 0, "status": "no_data"},
        {"date": "2024-07-02", "rows": 390, "status": "complete"},
        {"date": "2024-07-03", "rows": 210, "status": "early_close"},
        {"date": "2024-07-04", "rows": 0, "status": "holiday"},
        {"date": "2024-07-05", "rows": 0, "status": "no_data"},
        {"date": "2024-07-08", "rows": 0, "status": "no_data"},
    ]


def test_a_half_day_without_rows_has_no_data() -> None:
    (found,) = session_report(dt.date(2024, 7, 3), dt.date(2024, 7, 3), {}, {})

    assert found["status"] == "no_data"


def test_rows_on_a_day_that_should_have_none_are_not_hushed_up() -> None:
    saturday, holiday = dt.date(2024, 7, 6), dt.date(2024, 7, 4)

    found = session_report(holiday, saturday, {saturday: 1, holiday: 2}, {})

    assert [(one["date"], one["rows"], one["status"]) for one in found] == [
        ("2024-07-04", 2, "complete"),
        ("2024-07-05", 0, "no_data"),
        ("2024-07-06", 1, "complete"),
    ]


def test_what_the_provider_left_out_stands_beside_the_rows_and_only_there() -> None:
    tuesday, wednesday = dt.date(2024, 7, 2), dt.date(2024, 7, 3)

    assert session_report(tuesday, wednesday, {tuesday: 380, wednesday: 210}, {tuesday: 11, wednesday: 0}) == [
        {"date": "2024-07-02", "rows": 380, "status": "complete", "missing": 11},
        {"date": "2024-07-03", "rows": 210, "status": "early_close"},
    ]


def test_a_weekend_has_nothing_to_account_for() -> None:
    assert session_report(dt.date(2024, 7, 6), dt.date(2024, 7, 7), {}, {}) == []


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_704_205_800_000_000, "2024-01-02T14:30:00Z"),
        (1_704_205_800_250_000, "2024-01-02T14:30:00.250000Z"),
        (1_704_205_800_000_001, "2024-01-02T14:30:00.000001Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
    ],
)
def test_an_instant_is_written_in_utc(micros: int, text: str) -> None:
    assert iso(micros) == text


@given(st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(2100, 1, 1)))  # noqa: DTZ001
def test_an_instant_reads_back(moment: dt.datetime) -> None:
    aware = moment.replace(tzinfo=dt.UTC)
    micros = (aware - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)

    assert dt.datetime.fromisoformat(iso(micros)) == aware


def receipt(**changes: object) -> Receipt:
    parts: dict[str, object] = {
        "topic": "stock-aapl-ohlcv1m-historical-1",
        "rows": 2,
        "first": 1_704_205_800_000_000,
        "last": 1_704_205_860_000_000,
        "offsets": (5, 8),
        "sha256": "ab" * 32,
        "sessions": [],
        "empty_bars": 3,
        "provider": "thetadata",
        "finished_at": dt.datetime(2024, 1, 3, 7, 0, 0, 123_456, tzinfo=dt.timezone(dt.timedelta(hours=1))),
        **changes,
    }
    return Receipt(**parts)  # type: ignore[arg-type]


def test_a_receipt_is_written_as_the_contract_shows_it() -> None:
    assert receipt().as_json() == {
        "topic": "stock-aapl-ohlcv1m-historical-1",
        "rows": 2,
        "first": "2024-01-02T14:30:00Z",
        "last": "2024-01-02T14:31:00Z",
        "offsets": {"0": [5, 8]},
        "sha256": "ab" * 32,
        "sessions": [],
        "empty_bars": 3,
        "provider": "thetadata",
        "finished_at": "2024-01-03T06:00:00.123Z",
    }


def test_a_series_without_rows_has_no_first_and_no_last() -> None:
    found = receipt(rows=0, first=None, last=None, offsets=(0, 0)).as_json()

    assert (found["first"], found["last"], found["offsets"]) == (None, None, {"0": [0, 0]})
