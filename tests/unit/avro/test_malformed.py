"""What is not one whole body of its record is refused, and with a ValueError."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.avro.decode import decode
from app.avro.encode import encode
from app.domain.schema import RECORDS, STOCK_OHLCV, RecordType
from tests.unit.avro.reference import Row, simple_rows, table

RECORD_TYPES = pytest.mark.parametrize("record", RECORDS.values(), ids=lambda record: record.name)
OPTION_TRADE, OPEN_INTEREST = RECORDS["option", "trade"], RECORDS["option", "open_interest"]
GREEKS = RECORDS["option", "greeks"]


def one(record: RecordType, **values: object) -> bytes:
    row: Row = simple_rows(record, 2)[1] | values
    (body,) = encode(table(record, [row]))
    return body


@RECORD_TYPES
def test_a_message_that_ends_early_is_refused_wherever_it_stands(record: RecordType) -> None:
    bodies = encode(table(record, simple_rows(record)))
    for at in range(len(bodies)):
        for size in range(len(bodies[at])):
            with pytest.raises(ValueError, match=record.name):
                decode(record, [*bodies[:at], bodies[at][:size], *bodies[at + 1 :]], skip=0)


@RECORD_TYPES
def test_bytes_left_over_are_refused(record: RecordType) -> None:
    bodies = encode(table(record, simple_rows(record)))
    for at in range(len(bodies)):
        with pytest.raises(ValueError, match=f"message {at} is not one whole {record.name}"):
            decode(record, [*bodies[:at], bodies[at] + b"\x00", *bodies[at + 1 :]], skip=0)


def test_two_messages_that_are_wrong_in_opposite_ways_do_not_cancel_out() -> None:
    first, second, *rest = encode(table(STOCK_OHLCV, simple_rows(STOCK_OHLCV)))

    with pytest.raises(ValueError, match="not one whole"):
        decode(STOCK_OHLCV, [first + second[:1], second[1:], *rest], skip=0)


@RECORD_TYPES
@given(st.lists(st.binary(max_size=150), min_size=1, max_size=3))
def test_random_bytes_are_a_value_error_and_nothing_else(record: RecordType, messages: list[bytes]) -> None:
    try:
        rows = decode(record, messages)
    except ValueError:
        return
    assert len(rows) == len(messages)


@RECORD_TYPES
@given(st.data())
def test_spoiled_bodies_are_a_value_error_or_other_rows(record: RecordType, data: st.DataObject) -> None:
    bodies = encode(table(record, simple_rows(record)))
    spoiled = bytearray(bodies[1])
    at = data.draw(st.integers(0, len(spoiled) - 1))
    noise = data.draw(st.binary(min_size=1, max_size=12))
    spoiled[at : at + len(noise)] = noise
    try:
        rows = decode(record, [bodies[0], bytes(spoiled), bodies[2]], skip=0)
    except ValueError:
        return
    assert len(rows) == 3


def test_a_string_that_is_no_utf_8_is_refused() -> None:
    with pytest.raises(ValueError, match="utf-8"):
        decode(STOCK_OHLCV, [one(STOCK_OHLCV).replace(b"AAPL", b"\xff\xfe\xfd\xfc")], skip=0)


@pytest.mark.parametrize("length", [b"\x01", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"])
def test_a_string_of_a_negative_length_is_refused(length: bytes) -> None:
    with pytest.raises(ValueError, match="negative length"):
        decode(STOCK_OHLCV, [length + one(STOCK_OHLCV)[1:]], skip=0)


@pytest.mark.parametrize("length", [b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x80\x80\x80\x80\x10", b"\xfe\x01"])
def test_a_string_longer_than_everything_is_refused(length: bytes) -> None:
    with pytest.raises(ValueError, match="StockOhlcv"):
        decode(STOCK_OHLCV, [length + one(STOCK_OHLCV)[1:]], skip=0)


@pytest.mark.parametrize("number", [b"\xff" * 80, b"\x80" * 10 + b"\x00"])
def test_a_number_of_more_than_ten_bytes_is_refused(number: bytes) -> None:
    with pytest.raises(ValueError, match="ten bytes"):
        decode(STOCK_OHLCV, [b"\x02A" + number + bytes(80)], skip=0)


CONTRACT = b"\x08AAPL" + b"\xf2\xd1\x02" + bytes(8)
ENDING = b"\x00\x00"


def test_the_contract_of_these_tests_is_one() -> None:
    (row,) = decode(OPEN_INTEREST, [CONTRACT + b"\x02" + ENDING], skip=0).as_dicts()
    assert row == {
        "root": "AAPL",
        "expiration": 21_625,
        "strike": 0.0,
        "right": "PUT",
        "timestamp": 0,
        "open_interest": 0,
    }


@pytest.mark.parametrize("right", [b"\x01", b"\x04", b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"])
def test_a_right_that_is_none_is_refused(right: bytes) -> None:
    with pytest.raises(ValueError, match="right"):
        decode(OPEN_INTEREST, [CONTRACT + right + ENDING], skip=0)


def test_a_date_of_more_than_32_bits_is_refused() -> None:
    with pytest.raises(ValueError, match="expiration"):
        decode(OPEN_INTEREST, [b"\x08AAPL\x80\x80\x80\x80\x10" + bytes(8) + b"\x00" + ENDING], skip=0)


@pytest.mark.parametrize(
    "strike",
    [
        "000000000000f87f",
        "000000000000f07f",
        "000000000000f0ff",
        "00000000000014c0",
        "00000000000000c1",
        "fca9f1d24d62403f",
    ],
    ids=["nan", "inf", "-inf", "negative", "large and negative", "half a thousandth"],
)
def test_a_strike_that_no_contract_has_is_refused(strike: str) -> None:
    with pytest.raises(ValueError, match="strike"):
        decode(OPEN_INTEREST, [CONTRACT[:-8] + bytes.fromhex(strike) + b"\x00" + ENDING], skip=0)


@pytest.mark.parametrize("branch", [b"\x01", b"\x04", b"\x03", b"\xff", b"\x80", b"\x82"])
def test_a_branch_of_a_union_that_is_not_there_is_refused(branch: bytes) -> None:
    body = one(GREEKS, bid=None, ask=None, underlying_price=None)
    assert body.endswith(b"\x00")
    with pytest.raises(ValueError, match="underlying_price: a branch"):
        decode(GREEKS, [body[:-1] + branch + bytes(8)], skip=0)


# --- arrays: the codes of a trade, before its sequence ----------------------------------------------------------


def trade(array: bytes) -> bytes:
    before = one(OPTION_TRADE, ext_conditions=[], sequence=0)
    assert before.endswith(ENDING)
    return before[:-2] + array + b"\x00"


@pytest.mark.parametrize(
    ("array", "codes"),
    [
        (b"\x00", []),
        (b"\x02\x06\x00", [3]),
        (b"\x02\x06\x04\x08\x0a\x00", [3, 4, 5]),
        (b"\x01\x02\x06\x00", [3]),
        (b"\x03\x06\x80\x01\x06\x02\x0a\x00", [64, 3, 5]),
        (b"\x02\x02\x02\x02\x02\x02\x02\x02\x00", [1, 1, 1, 1]),
    ],
)
def test_arrays_may_come_in_blocks_with_and_without_their_sizes(array: bytes, codes: list[int]) -> None:
    others = [trade(b"\x00"), trade(b"\x04\x02\x04\x00")]
    found = decode(OPTION_TRADE, [others[0], trade(array), others[1]], skip=0).as_dicts()

    assert [row["ext_conditions"] for row in found] == [[], codes, [1, 2]]


@pytest.mark.parametrize(
    ("array", "why"),
    [
        (b"\x0a" + b"\x02" * 5 + b"\x00", "more than 4"),
        (b"\x08" + b"\x02" * 4 + b"\x02\x02\x00", "more than 4"),
        (b"\x09\x0a" + b"\x02" * 5 + b"\x00", "more than 4"),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" + b"\x00", "more than 4"),
        (b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01" + b"\x00", "more than 4"),
        (b"\x01\x04\x06\x00", "another size"),
        (b"\x01\x01\x06\x00", "another size"),
        (b"\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x06\x00", "another size"),
        (b"\x02\x01\x00", "out of range"),
        (b"\x02\xfe\xff\x03\x00", "out of range"),
        (b"\x02" * 70, "more than 4"),
    ],
)
def test_an_array_that_is_none_is_refused(array: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=f"ext_conditions: .*{why}"):
        decode(OPTION_TRADE, [trade(b"\x00"), trade(array)], skip=0)
