"""The table of trade conditions, held against facts of the vendor's own."""

from __future__ import annotations

import numpy as np
import pytest

from app.domain import conditions
from app.domain.conditions import last_if_first, makes_high, makes_last, makes_low, matters, rows_of, volume_counts

ARRAYS = (volume_counts, makes_high, makes_low, makes_last, last_if_first)
NOT_IN_THE_TABLE = [3, 23, 24, 57, *range(149, 256)]

#: Rows of the vendor's CSV: code, name, Volume, High, Low, Last.
ROWS = """
    0 REGULAR                     true  true  true  true
    1 FORM_T                      true  false false false
    2 OUT_OF_SEQ                  true  true  true  *
    5 OPEN_REPORT_LATE            true  true  true  *
    6 OPEN_REPORT_OUT_OF_SEQ      true  true  true  false
    7 OPEN_REPORT_IN_SEQ          true  true  true  true
    8 PRIOR_REFERENCE_PRICE       true  true  true  *
   13 SOLD_LAST                   true  true  true  *
   15 BUNCHED_SOLD                true  true  true  *
   17 POSIT                       true  true  true  false
   18 AUTO_EXECUTION              true  true  true  true
   19 HALT                        false false false false
   20 DELAYED                     true  false false false
   27 INTRA_DETAIL                false false false false
   28 BASKET_ON_CLOSE             true  false false false
   32 REGULAR_SETTLE              true  true  true  true
   40 CANC                        false false false false
   44 CANC_STPD                   false false false false
   48 CABINET                     false false false false
   56 STOPPED_SOLD_LAST           false true  true  true
   62 OPEN_REPORT                 true  true  true  false
   68 OPEN_RANGE                  false true  true  false
   69 CLOSE_RANGE                 false true  true  false
   84 END_SESSION_HIGH            false true  false false
   85 END_SESSION_LOW             false false true  false
   95 INTERMARKET_SWEEP           true  true  true  true
   96 DERIVATIVE                  true  true  true  *
   98 CLOSING                     true  true  true  *
   99 CAPELECTION                 true  true  true  false
  106 STOPPED_IM                  true  true  true  false
  107 BENCHMARK                   false false false true
  115 ODD_LOT                     true  false false false
  117 CORRECTED_CS_LAST           false true  true  true
  124 QUALIFIED_CONTINGENT_TRADE  true  false false false
  125 SINGLE_LEG_AUCTION_NON_ISO  true  true  true  true
  146 ASK_AGGRESSOR               true  true  true  true
  148 EXTENDED_HOURS_TRADE        true  false false false
"""


@pytest.mark.parametrize("row", ROWS.strip().splitlines())
def test_a_code_counts_for_what_the_vendor_says(row: str) -> None:
    code, _, volume, high, low, last = row.split()

    found = [bool(array[int(code)]) for array in ARRAYS]

    assert found == [volume == "true", high == "true", low == "true", last == "true", last == "*"]


def test_there_are_as_many_codes_of_each_flag_as_in_the_vendors_table() -> None:
    known = np.setdiff1d(np.arange(256), NOT_IN_THE_TABLE)

    assert len(known) == 145
    assert [int(array[known].sum()) for array in ARRAYS] == [99, 84, 84, 68, 7]
    assert int((~matters[known]).sum()) == 39


def test_every_code_stands_in_the_table_once() -> None:
    spans = [span.partition("-") for codes in conditions._TABLE.values() for span in codes.split()]
    codes = [code for first, _, last in spans for code in range(int(first), int(last or first) + 1)]

    assert len(codes) == len(set(codes)) == 145


def test_a_cancel_counts_for_nothing() -> None:
    assert not matters[[40, 41, 42, 43, 44]].any()


@pytest.mark.parametrize("code", [*NOT_IN_THE_TABLE[::10], -1, -(2**31), 256, 300, 2**31 - 1])
def test_an_unknown_code_counts_for_the_volume_only(code: int) -> None:
    row = rows_of(np.array([code], dtype=np.int32))

    assert [bool(array[row][0]) for array in ARRAYS] == [True, False, False, False, False]


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8])
def test_codes_of_whatever_type_are_looked_up_as_a_column(dtype: type[np.integer]) -> None:
    codes = np.array([0, 40, 115, 250], dtype=dtype)

    assert volume_counts[rows_of(codes)].tolist() == [True, False, True, True]


def test_the_arrays_cannot_be_changed() -> None:
    assert not any(array.flags.writeable for array in ARRAYS)
