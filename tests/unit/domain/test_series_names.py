"""Topic names: every legal series has one, they never collide, and each parses back."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.schema import INTERVAL_SECONDS, RECORDS
from app.domain.series import (
    SeriesName,
    canonical_symbol,
    is_backtest_id,
    is_symbol_of,
    part_to_symbol,
    symbol_to_part,
)
from app.errors import InvalidRequest

KAFKA_LEGAL = re.compile(r"[a-zA-Z0-9._-]{1,249}")
ALNUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def _joined(first: str, rest: list[str]) -> str:
    return (first + "".join(rest))[:16].rstrip(".")


symbols = st.builds(
    _joined,
    st.sampled_from(ALNUM),
    st.lists(
        st.one_of(
            st.sampled_from(ALNUM), st.sampled_from("/-+=^"), st.builds(lambda c: "." + c, st.sampled_from(ALNUM))
        ),
        max_size=15,
    ),
)
ids = st.one_of(st.none(), st.from_regex(r"[a-z0-9][a-z0-9.-]{0,63}", fullmatch=True))
kinds = st.sampled_from(
    [
        (record, interval)
        for record in RECORDS.values()
        for interval in (*INTERVAL_SECONDS, None)
        if record.takes(interval)
    ]
)


@st.composite
def names(draw: st.DrawFn) -> SeriesName:
    record, interval = draw(kinds)
    symbol = draw(symbols.filter(lambda one: is_symbol_of(record.asset, one)))
    return SeriesName(record.asset, symbol, record.schema, interval, draw(ids))


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        (SeriesName("stock", "AAPL", "ohlcv", "1m", "1"), "stock-aapl-ohlcv1m-historical-1"),
        (SeriesName("stock", "AAPL", "ohlcv", "1m", None), "stock-aapl-ohlcv1m-live"),
        (SeriesName("stock", "AAPL", "eod", None, "spring"), "stock-aapl-eod-historical-spring"),
        (SeriesName("stock", "BRK.B", "ohlcv", "1h", "a.b-c"), "stock-brk.b-ohlcv1h-historical-a.b-c"),
        (SeriesName("option", "SPXW", "quote", None, "1"), "option-spxw-quote-historical-1"),
        (SeriesName("option", "SPXW", "quote", "1m", "1"), "option-spxw-quote1m-historical-1"),
        (SeriesName("option", "SPXW", "quote", None, None), "option-spxw-quote-live"),
        (SeriesName("option", "SPXW", "open_interest", None, "1"), "option-spxw-open_interest-historical-1"),
        (SeriesName("option", "SPXW", "implied_volatility", "5m", None), "option-spxw-implied_volatility5m-live"),
        (SeriesName("stock", "A", "trade_quote", None, "1"), "stock-a-trade_quote-historical-1"),
        (SeriesName("stock", "BRK/B", "ohlcv", "30s", "live"), "stock-brk..2fb-ohlcv30s-historical-live"),
    ],
)
def test_a_topic_is_named_as_the_contract_says(name: SeriesName, topic: str) -> None:
    assert name.topic == topic
    assert SeriesName.parse(topic) == name


@given(names())
def test_a_topic_parses_back_into_its_parts(name: SeriesName) -> None:
    assert SeriesName.parse(name.topic) == name


@given(names())
def test_a_topic_is_legal_in_kafka_lower_case_and_without_underscores_but_those_of_the_schema(
    name: SeriesName,
) -> None:
    assert KAFKA_LEGAL.fullmatch(name.topic)
    assert name.topic == name.topic.lower()
    assert "_" not in name.topic.replace(name.schema, "")


def test_the_longest_legal_name_fits_into_kafkas_limit() -> None:
    name = SeriesName("option", "A" + "^" * 15, "ohlcv", "30m", "x" * 64)

    assert len(name.topic) <= 249
    assert SeriesName.parse(name.topic.replace("option", "stock")).symbol == name.symbol


def test_no_two_symbols_share_a_topic_even_for_a_broker_that_confuses_dots_and_underscores() -> None:
    legal = {
        symbol
        for size in (1, 2, 3, 4, 5)
        for letters in itertools.product("A2F./-", repeat=size)
        if (symbol := canonical_symbol("".join(letters))) is not None
    }

    assert len(legal) > 1_000
    assert len({symbol_to_part(symbol).replace(".", "_") for symbol in legal}) == len(legal)


@given(names(), names())
def test_two_series_share_a_topic_only_if_they_are_the_same(one: SeriesName, other: SeriesName) -> None:
    assert (one.topic.replace(".", "_") == other.topic.replace(".", "_")) == (one == other)


@given(symbols)
def test_a_part_of_a_name_holds_no_hyphen_and_maps_back(symbol: str) -> None:
    assert canonical_symbol(symbol) == symbol
    assert re.fullmatch(r"[a-z0-9.]+", symbol_to_part(symbol))
    assert part_to_symbol(symbol_to_part(symbol)) == symbol


@given(symbols)
def test_a_symbol_has_one_spelling_whatever_the_case(symbol: str) -> None:
    assert canonical_symbol(symbol.lower()) == canonical_symbol(symbol.upper()) == symbol


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "A B",
        "AAPL ",
        "AAPL\n",
        ".A",
        "A.",
        "A..B",
        "-A",
        "/A",
        "_A",
        "A_B",
        "A,B",
        "A*",
        "*",
        "ß",
        "ı",
        "Å",
        "A" * 17,
        "٣",
        "A\x00",
        "BRK.B.",
        "A./B",
    ],
)
def test_what_is_no_symbol_is_refused(text: str) -> None:
    assert canonical_symbol(text) is None


@pytest.mark.parametrize("text", ["1", "a", "a" * 64, "0.-", "spring-2024.v1", "a..b", "historical-1", "live"])
def test_an_id_may_have_letters_digits_dots_and_hyphens(text: str) -> None:
    assert is_backtest_id(text)
    assert SeriesName.parse(f"stock-a-ohlcv1m-historical-{text}").backtest_id == text


@pytest.mark.parametrize(
    "text", ["", "A", "a_b", ".a", "-a", "a" * 65, "a b", "a\n", "ä", "a/b", "@position", "a#plan"]
)
def test_what_is_no_id_is_refused(text: str) -> None:
    assert not is_backtest_id(text)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "requests",
        "requests.dlq",
        "stock",
        "stock-aapl",
        "stock-aapl-ohlcv1m",
        "stock--ohlcv1m-live",
        "stock-AAPL-ohlcv1m-live",
        "stock-aapl-ohlcv2m-live",
        "stock-aapl-bars1m-live",
        "bond-aapl-ohlcv1m-live",
        "stock-aapl-ohlcv1m-historical-",
        "stock-aapl-ohlcv1m-historical",
        "stock-aapl-ohlcv1m-live-1",
        "stock-aapl-ohlcv1m-historical-A",
        "stock-aapl-ohlcv1m-historical-a_b",
        "stock-aapl-ohlcv1m-live\n",
        " stock-aapl-ohlcv1m-live",
        "stock-brk-b-ohlcv1m-live",
        "stock-aapl-ohlcv1m-historical-1#plan",
    ],
)
def test_another_name_is_not_taken_for_a_data_topic(topic: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        SeriesName.parse(topic)

    assert repr(topic) in str(caught.value)
    assert not caught.value.retriable


@given(st.text(max_size=60))
def test_garbage_is_refused_and_never_crashes_the_parser(topic: str) -> None:
    with pytest.raises(InvalidRequest):
        SeriesName.parse(topic)


@pytest.mark.parametrize(
    "topic",
    [
        "stock-a..61-ohlcv1m-live",
        "stock-..-ohlcv1m-live",
        "stock-a.-ohlcv1m-live",
        f"stock-{'a' * 17}-ohlcv1m-live",
        "stock-aapl-eod1m-live",
        "stock-aapl-ohlcv-live",
        "stock-aapl-open_interest-live",
        "stock-aapl-greeks1m-live",
        "stock-aapl-trade1m-live",
        "option-spxw-ohlcv-live",
        "option-spxw-eod1m-live",
        "option-spxw-trade.quote-live",
        "option-sevenln-quote-live",
        "option-spxw-quotetick-live",
    ],
)
def test_a_name_that_no_series_can_have_is_refused(topic: str) -> None:
    with pytest.raises(InvalidRequest):
        SeriesName.parse(topic)
