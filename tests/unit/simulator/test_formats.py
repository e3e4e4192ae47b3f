"""Bytes of every format, against the vendor's published examples."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from simulator import digits, formats, routes
from simulator.formats import Csv, Format, Html, JsonLegacy, JsonNew, Ndjson
from simulator.tables import Columns, Integers, Table, Texts, hash_map_order
from tests.unit.simulator.conftest import example_table, golden

PATHS = {
    "stock__history__ohlc": "/v3/stock/history/ohlc",
    "stock__history__eod": "/v3/stock/history/eod",
    "stock__list__symbols": "/v3/stock/list/symbols",
    "stock__list__dates__request_type": "/v3/stock/list/dates/trade",
    "calendar__today": "/v3/calendar/today",
    "calendar__on_date": "/v3/calendar/on_date",
    "calendar__year_holidays": "/v3/calendar/year_holidays",
}


def columns_of(name: str) -> Columns:
    found = routes.find(PATHS[name])
    assert found is not None
    return found[0].columns


def rendered(form: Format, name: str) -> str:
    columns = columns_of(name)
    return b"".join(form.document(columns, [form.leaf(columns, example_table(name))])).decode()


@pytest.mark.parametrize("name", PATHS)
def test_csv_is_the_published_example_byte_for_byte(name: str) -> None:
    assert rendered(Csv(), name) == golden(f"{name}.example.csv").replace("\r\n\r\n", "\r\n")


@pytest.mark.parametrize("name", PATHS)
def test_json_is_the_published_example_in_the_recorded_layout(name: str) -> None:
    published = golden(f"{name}.example.json").replace('": ', '":').replace('"response":[', '"response": [')
    in_tabs = "\n".join(
        "\t" * ((len(line) - len(line.lstrip())) // 2) + line.lstrip() for line in published.split("\n")
    )
    assert rendered(JsonNew(), name) == in_tabs + "\n"


@pytest.mark.parametrize("name", [name for name in PATHS if name.startswith("stock")])
def test_ndjson_is_the_published_example_and_a_newline(name: str) -> None:
    assert rendered(Ndjson(), name) == golden(f"{name}.example.ndjson") + "\n"


@pytest.mark.parametrize("name", PATHS)
def test_ndjson_has_the_published_order_of_keys(name: str) -> None:
    published = [list(json.loads(line)) for line in golden(f"{name}.example.ndjson").splitlines()]
    assert published[0] == list(json.loads(rendered(Ndjson(), name).splitlines()[0]))


def test_json_legacy_is_one_object_of_columns() -> None:
    text = rendered(JsonLegacy(), "stock__history__ohlc")
    assert text.startswith('{"volume":[3256708,809707,687086,485275,415948],"high":[188.050,188.120,')
    assert text.endswith('"2024-01-02T09:34:00"]}\n')
    assert list(json.loads(text)) == ["volume", "high", "low", "vwap", "count", "close", "open", "timestamp"]


def test_html_has_a_row_for_every_row_and_escapes_text() -> None:
    columns = Columns(("name",))
    leaf = Html().leaf(columns, Table({"name": Texts(["A<B", None])}, 2))
    assert leaf == (b"<tr><td>A&lt;B</td></tr>\n<tr><td></td></tr>\n",)


@pytest.mark.parametrize("form", [Csv(), Ndjson(), JsonNew(), JsonLegacy(), Html()], ids=lambda form: form.name)
def test_an_answer_in_portions_is_the_answer_in_one(form: Format) -> None:
    columns = Columns(("n",))

    def leaf(*values: int) -> formats.Leaf:
        return form.leaf(columns, Table({"n": Integers(np.array(values))}, len(values)))

    apart = form.document(columns, [leaf(1), leaf(2, 3)])
    assert b"".join(apart) == b"".join(form.document(columns, [leaf(1, 2, 3)]))


def test_hash_map_order_grows_the_table_as_java_does() -> None:
    assert hash_map_order(["open", "high", "low", "close"]) == ("high", "low", "close", "open")
    few, many = [f"k{n}" for n in range(12)], [f"k{n}" for n in range(13)]
    assert sorted(hash_map_order(many)) == sorted(many)
    assert hash_map_order(few) != tuple(few)


@given(hnp.arrays(np.int64, st.integers(1, 20), elements=st.integers(-(10**15), 10**15)))
def test_whole_numbers_read_as_python_writes_them(values: np.ndarray) -> None:  # type: ignore[type-arg]
    text = digits.laid_out([*digits.whole(values), b"\n"], len(values)).decode()
    assert text.split() == [str(value) for value in values]


@given(st.lists(st.tuples(st.integers(0, 10**10), st.integers(1, 4)), min_size=1, max_size=20))
def test_prices_keep_each_row_s_own_decimals(cells: list[tuple[int, int]]) -> None:
    cells = [(units // 10 ** (4 - decimals) * 10 ** (4 - decimals), decimals) for units, decimals in cells]
    units, decimals = (np.array(column, dtype=np.int64) for column in zip(*cells, strict=True))
    text = digits.laid_out([*digits.fixed(units, decimals), b"\n"], len(cells)).decode()
    assert text.split() == [f"{u // 10_000}.{u % 10_000:04d}"[: len(str(u // 10_000)) + 1 + d] for u, d in cells]


def test_times_lose_the_zeros_at_the_end_of_their_fraction() -> None:
    values = np.array([34_200_000, 62_226_020, 62_226_500, 1])
    text = digits.laid_out([*digits.clock(values), b"\n"], 4).decode()
    assert text.split() == ["09:30:00", "17:17:06.02", "17:17:06.5", "00:00:00.001"]


def test_long_tables_are_laid_out_in_blocks_without_a_seam() -> None:
    values = np.arange(70_000)
    assert digits.laid_out([*digits.whole(values), b"\n"], 70_000).decode().split() == [str(n) for n in range(70_000)]
