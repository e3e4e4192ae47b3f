"""What the page's modules decide without a page: run in the browser that they are written for."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from page_server import PageServer
from playwright.sync_api import Browser, Page

from app.domain import sessions
from app.domain.checking import parse_request
from app.domain.schema import RECORDS, TICK
from app.domain.series import SeriesName
from app.domain.short_form import expand_short_form

NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    with PageServer.started() as server:
        context = browser.new_context()
        tab = context.new_page()
        tab.goto(server.url)
        yield tab
        context.close()


def run(page: Page, module: str, body: str, argument: Any = None) -> Any:
    """What ``body``, the body of a function of ``m`` (the module) and ``a``, gives."""
    return page.evaluate(f"async (a) => {{ const m = await import('/page/{module}'); {body} }}", argument)


def test_its_calendar_is_the_exchange_s_but_for_a_day_of_mourning(page: Page) -> None:
    days = [dt.date(2022, 1, 1) + dt.timedelta(days) for days in range(9 * 365)]
    told = run(page, "sessions.js", "return a.map(m.isSession)", [day.isoformat() for day in days])
    assert [day for day, is_one in zip(days, told, strict=True) if is_one != (sessions.session(day) is not None)] == [
        dt.date(2025, 1, 9)
    ]


@pytest.mark.parametrize(
    ("now", "last"),
    [
        ("2024-07-05T15:00:00Z", ["2024-07-02", "2024-07-03"]),
        ("2024-07-05T21:00:00Z", ["2024-07-03", "2024-07-05"]),
        ("2024-07-07T12:00:00Z", ["2024-07-03", "2024-07-05"]),
        ("2024-07-06T01:00:00Z", ["2024-07-03", "2024-07-05"]),
    ],
)
def test_the_last_closed_sessions_are_those_before_now(page: Page, now: str, last: list[str]) -> None:
    assert run(page, "sessions.js", "return m.lastClosed(Date.parse(a), 2)", now) == last


def test_new_york_s_clocks_are_right_around_every_change(page: Page) -> None:
    instants = [dt.datetime(2024, 3, 10, 6, 59, 59, tzinfo=dt.UTC) + dt.timedelta(seconds=s) for s in range(3)]
    instants += [dt.datetime(2024, 11, 3, 5, 59, 59, tzinfo=dt.UTC) + dt.timedelta(seconds=s) for s in range(3)]
    draw = random.Random(5)
    instants += [dt.datetime.fromtimestamp(draw.randrange(1_325_376_000, 2_000_000_000), dt.UTC) for _ in range(300)]
    told = run(
        page,
        "new_york.js",
        "return a.map((t) => `${m.dateOf(t)} ${m.clock(t)}`)",
        [t.timestamp() * 1000 for t in instants],
    )
    assert told == [t.astimezone(NEW_YORK).strftime("%Y-%m-%d %H:%M:%S") for t in instants]


def test_csv_is_read_the_same_wherever_it_is_cut(page: Page) -> None:
    text = 'symbol,note,x\r\nBRK.B,"a ""quoted"", cell",1\n"two\nlines",,2.5\nlast,none,3'
    rows = [
        ["symbol", "note", "x"],
        ["BRK.B", 'a "quoted", cell', "1"],
        ["two\nlines", "", "2.5"],
        ["last", "none", "3"],
    ]
    body = """return Array.from({ length: a.length + 1 }, (_, i) => {
        const reader = new m.CsvReader();
        return [...reader.push(a.slice(0, i)), ...reader.push(a.slice(i)), ...reader.end()]; })"""
    assert run(page, "csv.js", body, text) == [rows] * (len(text) + 1)


def test_events_are_read_the_same_wherever_they_are_cut(page: Page) -> None:
    text = 'retry: 1000\n\nid: 7\ndata: {"state":\ndata: "running"}\n\n: still here\n\n'
    text += "id: 8\r\nevent: last\r\ndata: {}\r\n\r\n"
    expected = [
        {"event": "message", "data": '{"state":\n"running"}', "id": "7"},
        {"event": "last", "data": "{}", "id": "8"},
    ]
    body = """return Array.from({ length: a.length + 1 }, (_, i) => {
        const parser = new m.EventParser();
        return [...parser.push(a.slice(0, i)), ...parser.push(a.slice(i))]; })"""
    assert run(page, "event_stream.js", body, text) == [expected] * (len(text) + 1)


def test_every_topic_s_name_is_taken_apart_as_the_platform_does(page: Page) -> None:
    names = [
        SeriesName(asset, symbol, schema, interval, backtest)
        for (asset, schema), record in RECORDS.items()
        for symbol in ("AAPL", "BRK.B", "BRK/A")
        for interval in ((None, "1m", "15s", "1h") if record.takes("1m") else (None,))
        if record.takes(interval)
        for backtest in ("spring", "2024-live", None)
    ]
    told = run(
        page,
        "series_name.js",
        "return a.map((t) => [m.parseTopic(t), m.recordOf(m.parseTopic(t))])",
        [n.topic for n in names],
    )
    assert told == [
        [
            {
                "asset": n.asset,
                "symbol": n.symbol,
                "schema": n.schema,
                "interval": n.interval,
                "backtestId": n.backtest_id,
            },
            n.record.name,
        ]
        for n in names
    ]


@pytest.mark.parametrize("asset", ["stock", "option"])
def test_what_a_form_offers_is_what_the_platform_takes(page: Page, asset: str) -> None:
    offered = run(page, "kinds.js", "return m.schemasOf(a).map((s) => [s, m.intervalsOf(s), m.KINDS[s].usual])", asset)
    records = {schema: record for (of, schema), record in RECORDS.items() if of == asset}
    assert sorted(schema for schema, _, _ in offered) == sorted(records)
    for schema, intervals, usual in offered:
        record = records[schema]
        assert set(intervals) == {*record.intervals, *([TICK] if record.ticks else [])}, schema
        assert usual == ((record.default_interval or TICK) if intervals else None), schema


def test_a_form_s_words_become_a_request_that_is_taken(page: Page) -> None:
    values = {
        "backtest_id": "mine",
        "root": "SPXW",
        "schema": "quote",
        "interval": "1m",
        "live": False,
        "start": "2024-07-01",
        "end": "2024-07-02",
        "start_time": "10:00",
        "retain_days": "30",
        "contracts.right": "call",
        "contracts.max_dte": "7",
        "contracts.expirations": "2024-07-05 2024-07-08",
    }
    body = run(page, "form_body.js", "return m.requestBody(a, 'option')", values)
    backtest = parse_request(expand_short_form(body), dt.datetime(2024, 8, 1, tzinfo=dt.UTC), short_form=True)
    assert body["contracts"] == {"right": "call", "max_dte": 7, "expirations": ["2024-07-05", "2024-07-08"]}
    assert run(page, "form_body.js", "return a.map(m.numeric)", ["5000", "5005.5", "x"]) == [5000, 5005.5, "x"]
    assert backtest.series[0].start_time == dt.time(10)
    assert backtest.retain_days == 30


def test_an_id_that_is_suggested_is_one_that_is_taken(page: Page) -> None:
    values = {"tickers": "brk.b, aapl", "schema": "ohlcv", "interval": "1m"}
    assert run(page, "form_body.js", "return m.suggestedId(a, 'stock', new Date('2024-07-02T15:04:05Z'))", values) == (
        "brkb-ohlcv1m-0702-150405"
    )


def test_problems_of_a_list_or_an_entry_are_told_at_its_field(page: Page) -> None:
    names = ["tickers[1]", "series[0].tickers[12]", "series[0].contracts.max_dte", "contracts.strikes[0]", "end"]
    assert run(page, "fields.js", "return a.map(m.plainName)", names) == [
        *("tickers", "tickers", "contracts.max_dte", "contracts.strikes", "end")
    ]


def test_nights_and_weekends_are_closed_up_and_distances_within_a_session_are_true(page: Page) -> None:
    opens = [dt.datetime(2024, 7, day, 9, 30, tzinfo=NEW_YORK) for day in (3, 5, 8)]
    times = [(at + dt.timedelta(minutes=m)).timestamp() * 1000 for at in opens for m in (0, 1, 5)]
    body = """const axis = new m.SessionAxis(Float64Array.from(a), 60000);
        return { dates: axis.segments.map((s) => s.date), places: [...axis.places], length: axis.length,
                 near: [0, 90000, 500000, 1e9].map((x) => axis.nearest(x)) }"""
    told = run(page, "session_axis.js", body, times)
    assert told["dates"] == ["2024-07-03", "2024-07-05", "2024-07-08"]
    assert told["places"] == [0, 60_000, 300_000, 360_000, 420_000, 660_000, 720_000, 780_000, 1_020_000]
    assert told["length"] == 1_080_000
    assert told["near"] == [0, 1, 4, 8]


def test_times_stand_on_the_axis_where_new_york_s_clocks_showed_them(page: Page) -> None:
    opened = dt.datetime(2024, 3, 11, 9, 30, tzinfo=NEW_YORK)
    times = [(opened + dt.timedelta(minutes=m)).timestamp() * 1000 for m in range(391)]
    ticks = run(
        page,
        "session_axis.js",
        "return new m.SessionAxis(Float64Array.from(a), 60000).ticks(0, 391 * 60000, 1000)",
        times,
    )
    assert [tick["label"] for tick in ticks[:2]] == ["Mon 11 Mar", "10:00"]
    assert [tick["major"] for tick in ticks[:2]] == [True, False]
    hours = {tick["label"]: tick["x"] for tick in ticks}
    assert hours["12:00"] == 150 * 60_000


def test_labels_of_years_of_sessions_leave_each_other_room(page: Page) -> None:
    days = [dt.date(2014, 1, 1) + dt.timedelta(n) for n in range(3650)]
    times = [dt.datetime.combine(d, dt.time(), NEW_YORK).timestamp() * 1000 for d in days if d.weekday() < 5]
    body = """const axis = new m.SessionAxis(Float64Array.from(a), 86400000);
        return [390, 1200].map((w) => axis.ticks(0, axis.length, w).map((t) => t.x / axis.length * w))"""
    for pixels in run(page, "session_axis.js", body, times):
        assert len(pixels) >= 4
        assert all(b - a >= 60 for a, b in pairwise(pixels))


def test_round_values_are_named_between_the_least_and_the_greatest(page: Page) -> None:
    asked = [[211.2, 224.9, 7], [0.101, 0.109, 4], [5, 5, 4], [-1, 1, 2]]
    assert run(page, "scales.js", "return a.map((one) => m.niceTicks(...one))", asked) == [
        [212, 214, 216, 218, 220, 222, 224],
        [0.102, 0.104, 0.106, 0.108],
        [],
        [-1, 0, 1],
    ]


def test_bars_that_are_put_together_never_mix_two_sessions(page: Page) -> None:
    told = run(page, "buckets.js", "return m.groups(3, 20, 4, 22, [0, 10])")
    assert told == [[0, 4], [4, 8], [8, 10], [10, 14], [14, 18], [18, 22]]
    assert run(page, "buckets.js", "return m.groups(0, 6, 4, 6, [0, 1, 2, 3, 4, 5])") == [[0, 4], [4, 6]]


def test_a_bar_of_bars_has_the_first_open_and_the_last_close(page: Page) -> None:
    bars = {"open": [1, 2, 3], "high": [5, 9, 4], "low": [0.5, 1, 2], "close": [2, 3, 3.5]}
    body = "for (const k in a) a[k] = Float64Array.from(a[k]); return m.barOf(a, 0, 3)"
    assert run(page, "buckets.js", body, bars) == {"open": 1, "high": 9, "low": 0.5, "close": 3.5}


def test_a_month_s_weekdays_stand_in_their_weeks(page: Page) -> None:
    days = [
        {"date": "2024-06-28", "rows": 390, "status": "complete"},
        {"date": "2024-07-01", "rows": 390, "status": "complete"},
        {"date": "2024-07-03", "rows": 210, "status": "early_close"},
        {"date": "2024-07-04", "rows": 0, "status": "holiday"},
        {"date": "2024-07-08", "rows": 380, "status": "complete", "missing": 10},
    ]
    told = run(
        page,
        "month_grid.js",
        "return m.months(a).map((o) => [o.month, o.weeks.map((w) => w.map((c) => c && [c.day, c.mark]))])",
        days,
    )
    assert told == [
        ["2024-06", [[None, None, None, None, [28, "complete"]]]],
        [
            "2024-07",
            [
                [[1, "complete"], None, [3, "early_close"], [4, "holiday"], None],
                [[8, "missing"], None, None, None, None],
            ],
        ],
    ]


def test_a_chart_begins_with_the_last_sessions_that_it_can_hold(page: Page) -> None:
    days = [{"date": f"2024-07-0{n}", "rows": rows} for n, rows in ((1, 400), (2, 300), (3, 0), (5, 200))]
    body = "return [100, 500, 10000].map((most) => m.lastSessions(a, most))"
    assert run(page, "chart_window.js", body, days) == [
        {"start": "2024-07-05", "end": "2024-07-05"},
        {"start": "2024-07-02", "end": "2024-07-05"},
        {"start": "2024-07-01", "end": "2024-07-05"},
    ]


def test_rows_become_columns_and_what_is_too_many_is_told(page: Page) -> None:
    head = ["root", "expiration", "strike", "right", "timestamp", "bid"]
    rows = [
        ["SPXW", "2024-03-15", "4800.5", "CALL", f"2024-03-14T14:30:0{i}.250000Z", "" if i else "1.5"] for i in range(4)
    ]
    body = """const t = new m.Table(3); t.add(a.slice(0, 2)); t.add(a.slice(2)); const r = t.rows();
        return [[...r.times], [...r.columns.bid].map(String), r.contracts, r.more, m.spoken(r.contracts[0])]"""
    first = dt.datetime(2024, 3, 14, 14, 30, 0, 250_000, tzinfo=dt.UTC).timestamp() * 1000
    assert run(page, "rows.js", body, [head, *rows]) == [
        [first, first + 1000, first + 2000],
        ["1.5", "NaN", "NaN"],
        ["SPXW  240315C04800500"],
        True,
        "SPXW 2024-03-15 4800.5 call",
    ]


def test_what_can_be_drawn_is_what_has_numbers(page: Page) -> None:
    schemas = {record.name: record.avro() for record in RECORDS.values()}
    body = """const of = (asset, schema) => m.numericColumns(a, { asset, schema, symbol: "X", interval: null });
        return [of("stock", "ohlcv"), of("option", "implied_volatility"), of("option", "open_interest")]"""
    bars, volatility, interest = run(page, "chart_window.js", body, schemas)
    assert bars == ["open", "high", "low", "close", "volume", "count", "session_vwap"]
    assert "implied_vol" in volatility
    assert not {"strike", "timestamp", "expiration"} & set(volatility)
    assert interest == ["open_interest"]


def test_views_are_found_by_their_address_and_back(page: Page) -> None:
    body = """const route = m.parseHash(m.hashOf(["backtests", "a/b?c", "chart", "t"], { start: "2024-01-02" }));
        return [route.path, [...route.query]]"""
    assert run(page, "router.js", body) == [["backtests", "a/b?c", "chart", "t"], [["start", "2024-01-02"]]]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.42, "0.4 s"), (59.6, "1 min"), (200, "3 min 20 s"), (18_250, "5 h 4 min"), (90_000, "1 d 1 h")],
)
def test_durations_are_told_in_two_units_at_the_most(page: Page, seconds: float, text: str) -> None:
    assert run(page, "format.js", "return m.duration(a)", seconds) == text
