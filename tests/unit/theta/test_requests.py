"""What the terminal is asked: only paths and parameters that the vendor knows, for others are ignored in silence."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.contracts import Contracts
from app.domain.listing import Need
from app.domain.plan import Chunk
from app.domain.schema import INTERVAL_SECONDS, RECORDS
from app.domain.series import SeriesName
from app.theta.requests import listing_of, request_of

DAY, LAST = dt.date(2024, 1, 2), dt.date(2024, 1, 31)
BARS = SeriesName("stock", "AAPL", "ohlcv", "1m", "1")
EOD = SeriesName("stock", "AAPL", "eod", None, "1")
QUOTES = SeriesName("option", "SPXW", "quote", "1m", "1")
ONE_DAY = Chunk(DAY, DAY, 391)

_RANGE = "start_date end_date"
_HOURS = "start_time end_time"
_CHAIN = "symbol expiration strike right strike_range format"
#: Parameters by path, from the vendor's OpenAPI file of API v3 (captured 2026-07-22).
ALLOWED: dict[str, frozenset[str]] = {
    path: frozenset(names.split())
    for path, names in {
        "/v3/stock/history/ohlc": f"symbol date interval {_HOURS} venue {_RANGE} format",
        "/v3/stock/history/quote": f"symbol date interval {_HOURS} venue {_RANGE} format",
        "/v3/stock/history/trade": f"symbol date {_HOURS} venue {_RANGE} format",
        "/v3/stock/history/trade_quote": f"symbol date {_HOURS} exclusive venue {_RANGE} format",
        "/v3/stock/history/eod": f"symbol {_RANGE} format",
        "/v3/option/history/ohlc": f"{_CHAIN} date interval {_HOURS} {_RANGE}",
        "/v3/option/history/quote": f"{_CHAIN} date interval {_HOURS} {_RANGE} max_dte",
        "/v3/option/history/trade": f"{_CHAIN} date {_HOURS} {_RANGE} max_dte",
        "/v3/option/history/trade_quote": f"{_CHAIN} date {_HOURS} {_RANGE} max_dte exclusive",
        "/v3/option/history/eod": f"{_CHAIN} {_RANGE} max_dte",
        "/v3/option/history/open_interest": f"{_CHAIN} date {_RANGE} max_dte",
        "/v3/option/history/greeks/all": f"{_CHAIN} date interval {_HOURS} {_RANGE} "
        "annual_dividend rate_type rate_value version",
        "/v3/option/history/greeks/implied_volatility": f"{_CHAIN} date interval {_HOURS} {_RANGE} "
        "annual_dividend rate_type rate_value version",
        "/v3/option/list/expirations": "symbol format",
        "/v3/option/list/strikes": "symbol expiration format",
        "/v3/option/list/contracts/quote": "symbol date max_dte format",
        "/v3/option/list/contracts/trade": "symbol date max_dte format",
    }.items()
}
#: Of these pairs a request has one or the other.
DATES = ({"date"}, {"start_date", "end_date"})


@st.composite
def chunks(draw: st.DrawFn) -> tuple[SeriesName, Chunk]:
    record = draw(st.sampled_from(list(RECORDS.values())))
    interval = draw(st.sampled_from([one for one in (*INTERVAL_SECONDS, None) if record.takes(one)]))
    contracts = None
    if record.asset == "option":
        contracts = Contracts(
            draw(st.sampled_from([(), (LAST,)])),
            draw(st.sampled_from([(), (4_700_500,)])),
            draw(st.sampled_from(["both", "call", "put"])),
            draw(st.none() | st.integers(0, 99)),
            draw(st.none() | st.integers(0, 99)),
        )
    times = st.none() | st.times().map(lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000))
    chunk = Chunk(DAY, draw(st.sampled_from([DAY, LAST])), 1, draw(times), draw(times), contracts)
    return SeriesName(record.asset, "AAPL", record.schema, interval, "1"), chunk


@given(chunks())
def test_every_parameter_of_a_chunk_is_one_that_the_vendor_knows(asked: tuple[SeriesName, Chunk]) -> None:
    series, chunk = asked

    path, params = request_of(series, chunk)

    assert set(params) <= ALLOWED[path]
    assert sum(names <= set(params) for names in DATES) == 1
    assert not {"date", "start_date"} <= set(params)
    assert params["format"] == "csv"
    # The vendor's default is a second: what is not said would be something else.
    assert ("interval" in params) == ("interval" in ALLOWED[path])
    if chunk.contracts is not None:
        assert "expiration" in params


@pytest.mark.parametrize("record", [one for one in RECORDS.values() if one.asset == "option"], ids=lambda one: one.name)
@pytest.mark.parametrize("need", [Need("expirations"), Need("strikes", LAST), Need("contracts", DAY)])
def test_every_parameter_of_a_listing_is_one_that_the_vendor_knows(record: object, need: Need) -> None:
    series = SeriesName("option", "SPXW", record.schema, record.default_interval, "1")  # type: ignore[attr-defined]

    path, params = listing_of(series, need)

    assert set(params) <= ALLOWED[path]
    assert params["symbol"] == "SPXW"


def test_every_path_is_used() -> None:
    used = {
        request_of(SeriesName(r.asset, "A", r.schema, r.default_interval, "1"), ONE_DAY)[0] for r in RECORDS.values()
    }
    used |= {
        listing_of(SeriesName("option", "A", schema, None, "1"), need)[0]  # type: ignore[arg-type]
        for schema in ("quote", "trade")
        for need in (Need("expirations"), Need("strikes", LAST), Need("contracts", DAY))
    }

    assert used == set(ALLOWED)


@pytest.mark.parametrize(
    ("series", "chunk", "path", "params"),
    [
        pytest.param(
            BARS,
            ONE_DAY,
            "/v3/stock/history/ohlc",
            {"interval": "1m", "date": "20240102"},
            id="one day",
        ),
        pytest.param(
            BARS,
            Chunk(DAY, LAST, 8_000),
            "/v3/stock/history/ohlc",
            {"interval": "1m", "start_date": "20240102", "end_date": "20240131"},
            id="a month",
        ),
        pytest.param(
            SeriesName("stock", "BRK.B", "ohlcv", "1s", None),
            Chunk(DAY, DAY, 391, dt.time(4), dt.time(20, 0, 1)),
            "/v3/stock/history/ohlc",
            {"interval": "1s", "date": "20240102", "start_time": "04:00:00", "end_time": "20:00:01"},
            id="seconds, with hours",
        ),
        pytest.param(
            BARS,
            Chunk(DAY, DAY, 391, dt.time(9, 30), dt.time(12, 44, 59, 999_000)),
            "/v3/stock/history/ohlc",
            {"interval": "1m", "date": "20240102", "start_time": "09:30:00", "end_time": "12:44:59.999"},
            id="a window of a day",
        ),
        pytest.param(
            EOD,
            Chunk(DAY, dt.date(2024, 12, 31), 252),
            "/v3/stock/history/eod",
            {"start_date": "20240102", "end_date": "20241231"},
            id="a year of reports",
        ),
        pytest.param(
            EOD,
            ONE_DAY,
            "/v3/stock/history/eod",
            {"start_date": "20240102", "end_date": "20240102"},
            id="one report",
        ),
        pytest.param(
            SeriesName("stock", "AAPL", "quote", None, None),
            ONE_DAY,
            "/v3/stock/history/quote",
            {"interval": "tick", "date": "20240102"},
            id="every quote",
        ),
        pytest.param(
            SeriesName("stock", "AAPL", "trade", None, None),
            ONE_DAY,
            "/v3/stock/history/trade",
            {"date": "20240102"},
            id="trades",
        ),
        pytest.param(
            QUOTES,
            Chunk(DAY, DAY, 1, contracts=Contracts(max_dte=7, strike_range=5)),
            "/v3/option/history/quote",
            {"interval": "1m", "date": "20240102", "expiration": "*", "max_dte": "7", "strike_range": "5"},
            id="a chain around the money",
        ),
        pytest.param(
            QUOTES,
            Chunk(DAY, LAST, 1, contracts=Contracts((dt.date(2024, 3, 15),), (4_812_505,), "put")),
            "/v3/option/history/quote",
            {
                "interval": "1m",
                "start_date": "20240102",
                "end_date": "20240131",
                "expiration": "20240315",
                "strike": "4812.505",
                "right": "put",
            },
            id="one contract over a month",
        ),
        pytest.param(
            SeriesName("option", "SPXW", "ohlcv", "5m", None),
            Chunk(DAY, DAY, 1, contracts=Contracts(max_dte=7)),
            "/v3/option/history/ohlc",
            {"interval": "5m", "date": "20240102", "expiration": "*"},
            id="bars, which know no days to expiration",
        ),
        pytest.param(
            SeriesName("option", "SPXW", "open_interest", None, None),
            Chunk(DAY, DAY, 1, dt.time(10), dt.time(11), Contracts()),
            "/v3/option/history/open_interest",
            {"date": "20240102", "expiration": "*"},
            id="open interest, which has no hours",
        ),
        pytest.param(
            SeriesName("option", "SPXW", "greeks", None, None),
            Chunk(DAY, DAY, 1, contracts=Contracts((LAST,), right="call")),
            "/v3/option/history/greeks/all",
            {"interval": "tick", "date": "20240102", "expiration": "20240131", "right": "call"},
            id="greeks of every quote",
        ),
    ],
)
def test_a_chunk_is_asked_for_with_its_parameters(
    series: SeriesName, chunk: Chunk, path: str, params: dict[str, str]
) -> None:
    assert request_of(series, chunk) == (path, {"symbol": series.symbol, "format": "csv", **params})
