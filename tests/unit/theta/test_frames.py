"""Frames of the terminal's WebSocket as columns. Literals: the vendor's documents, Lean's tests."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.contracts import LARGEST_STRIKE, pack
from app.domain.stream import QUOTE_COLUMNS, TRADE_COLUMNS, Events, Response, Segment, StreamKey
from app.theta.frames import CONNECTED, FrameReader, request_frame

STATUS = '{"header":{"type":"STATUS","status":"CONNECTED"}}'
DISCONNECTED = '{"header":{"type":"STATUS","status":"DISCONNECTED"}}'
RESPONSES = [
    '{"header":{"type":"REQ_RESPONSE","status":"CONNECTED","response":"SUBSCRIBED","req_id":0}}',
    '{"header":{"type":"REQ_RESPONSE","status":"CONNECTED","response":"ERROR","req_id":1}}',
    '{"header":{"type":"REQ_RESPONSE","status":"CONNECTED","response":"MAX_STREAMS_REACHED","req_id":2}}',
    '{"header":{"type":"REQ_RESPONSE","status":"CONNECTED","response":"INVALID_PERMS","req_id":3}}',
]
AAPL = (
    '{"header":{"type":"TRADE","status":"CONNECTED"},"contract":{"security_type":"STOCK","root":"AAPL"},'
    '"trade":{"ms_of_day":38437607,"sequence":12150295,"size":500,"condition":0,"price":184.5099,"exchange":57,'
    '"date":20240503}}'
)
NVDA = (
    '{"header":{"type":"QUOTE","status":"CONNECTED"},"contract":{"security_type":"STOCK","root":"NVDA"},'
    '"quote":{"ms_of_day":43032783,"bid_size":516,"bid_exchange":29,"bid":145.58,"bid_condition":0,"ask_size":1527,'
    '"ask_exchange":29,"ask":145.59,"ask_condition":0,"date":20250616}}'
)
QQQ = (
    '{"header":{"type":"TRADE","status":"CONNECTED"},"contract":{"security_type":"OPTION","root":"QQQ",'
    '"expiration":20231110,"strike":360000,"right":"P"},"trade":{"ms_of_day":49531278,"sequence":-563040482,"size":5,'
    '"condition":18,"price":1.06,"exchange":65,"date":20231103}}'
)
STATE = '{"header":{"type":"STATE","status":"CONNECTED","state":"START"}}'


def changed(frame: str, block: str, **fields: Any) -> str:
    """A frame with other fields in one of its blocks; None: without the field."""
    body = json.loads(frame)
    for name, value in fields.items():
        if value is None:
            del body[block][name]
        else:
            body[block][name] = value
    return json.dumps(body)


def utc(micros: int) -> str:
    return (dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=micros)).isoformat(sep=" ", timespec="milliseconds")  # noqa: DTZ001


def read(*frames: str) -> list[Events]:
    """The events of frames during which nothing happens to the link."""
    (segment,) = FrameReader().read(list(frames))
    return segment.events


def states(segments: list[Segment]) -> list[tuple[str, int]]:
    """The states of the link, and how many events there were in each."""
    return [(segment.link, sum(map(len, segment.events))) for segment in segments]


def test_a_stock_trade() -> None:
    (events,) = read(AAPL)
    assert (events.asset, events.what, events.symbols, events.contracts.tolist()) == ("stock", "trade", ["AAPL"], [0])
    assert utc(int(events.timestamps[0])) == "2024-05-03 14:40:37.607"
    assert events.time_of_day.tolist() == [38437607]
    assert {name: column.tolist() for name, column in events.columns.items()} == {
        "price": [184.5099],
        "size": [500],
        "exchange": [57],
        "condition": [0],
        "sequence": [12150295],
    }


def test_a_stock_quote() -> None:
    (events,) = read(NVDA)
    assert (events.asset, events.what, events.symbols) == ("stock", "quote", ["NVDA"])
    assert utc(int(events.timestamps[0])) == "2025-06-16 15:57:12.783"
    assert {name: column.tolist() for name, column in events.columns.items()} == {
        "bid": [145.58],
        "bid_size": [516],
        "bid_exchange": [29],
        "bid_condition": [0],
        "ask": [145.59],
        "ask_size": [1527],
        "ask_exchange": [29],
        "ask_condition": [0],
    }


def test_an_option_trade_names_its_contract_and_may_have_a_negative_sequence() -> None:
    (events,) = read(QQQ)
    assert (events.asset, events.what, events.symbols) == ("option", "trade", ["QQQ"])
    assert events.contracts.tolist() == [pack(dt.date(2023, 11, 10), True, 360_000)]
    assert events.columns["sequence"].tolist() == [-563040482]
    assert utc(int(events.timestamps[0])) == "2023-11-03 17:45:31.278"


@pytest.mark.parametrize("fields", [("20231110", "360000"), ("20231110", 360000), (20231110, "360000")])
@pytest.mark.parametrize("right", ["P", "PUT"])
def test_expiration_and_strike_may_be_text(fields: tuple[Any, Any], right: str) -> None:
    named = changed(QQQ, "contract", expiration=fields[0], strike=fields[1], right=right)
    (events,) = read(named, QQQ, named)
    assert events.contracts.tolist() == [pack(dt.date(2023, 11, 10), True, 360_000)] * 3


def test_a_call_and_a_put_of_the_same_strike_are_two() -> None:
    (events,) = read(QQQ, changed(QQQ, "contract", right="C"), changed(QQQ, "contract", right="CALL"))
    put, call = pack(dt.date(2023, 11, 10), True, 360_000), pack(dt.date(2023, 11, 10), False, 360_000)
    assert events.contracts.tolist() == [put, call, call]


@pytest.mark.parametrize(
    ("date", "ms", "expected"),
    [
        (20240103, 34_200_000, "2024-01-03 14:30:00.000"),  # winter
        (20240703, 34_200_000, "2024-07-03 13:30:00.000"),  # summer
        (20240308, 57_600_000, "2024-03-08 21:00:00.000"),  # the sessions around the change in spring
        (20240311, 34_200_000, "2024-03-11 13:30:00.000"),
        (20241101, 57_600_000, "2024-11-01 20:00:00.000"),  # and in autumn
        (20241104, 34_200_001, "2024-11-04 14:30:00.001"),
        ("20240703", 14_400_000, "2024-07-03 08:00:00.000"),  # before the market
        (20240103, 86_399_999, "2024-01-04 04:59:59.999"),
        (20240103, 0, "2024-01-03 05:00:00.000"),
    ],
)
def test_new_york_times_become_utc(date: Any, ms: int, expected: str) -> None:
    (events,) = read(changed(AAPL, "trade", date=date, ms_of_day=ms))
    assert utc(int(events.timestamps[0])) == expected
    assert events.time_of_day.tolist() == [ms]


def test_several_days_in_one_call_have_their_own_offsets() -> None:
    dates = [20240308, 20240311, 20241101, 20241104, 20240308]
    (events,) = read(*(changed(AAPL, "trade", date=date, ms_of_day=36_000_000) for date in dates))
    assert [utc(stamp)[:13] for stamp in events.timestamps.tolist()] == [
        "2024-03-08 15",
        "2024-03-11 14",
        "2024-11-01 14",
        "2024-11-04 15",
        "2024-03-08 15",
    ]


def test_columns_have_their_types_and_every_event_its_place_among_its_kind() -> None:
    other = changed(AAPL, "contract", root="IBM")
    quote = changed(QQQ, "header", type="QUOTE")
    quote = json.dumps({**json.loads(quote), "quote": json.loads(NVDA)["quote"]})
    reader = FrameReader()
    (segment,) = reader.read([STATUS, NVDA, AAPL, QQQ, other, quote, AAPL, NVDA])
    kinds = {(events.asset, events.what): events for events in segment.events}
    assert list(kinds) == [("stock", "trade"), ("stock", "quote"), ("option", "trade"), ("option", "quote")]
    assert kinds["stock", "trade"].symbols == ["AAPL", "IBM", "AAPL"]
    assert [len(events) for events in segment.events] == [3, 2, 1, 1]
    for (_, what), events in kinds.items():
        assert tuple(events.columns) == (TRADE_COLUMNS if what == "trade" else QUOTE_COLUMNS)
        for name, column in events.columns.items():
            assert column.dtype == (np.float64 if name in ("price", "bid", "ask") else np.int64)
        assert events.timestamps.dtype == events.contracts.dtype == events.time_of_day.dtype == np.int64
    assert reader.bad == 0


@given(st.permutations(["ms_of_day", "sequence", "size", "condition", "price", "exchange", "date"]))
def test_fields_may_come_in_any_order(names: list[str]) -> None:
    body = json.loads(AAPL)
    body["trade"] = {name: body["trade"][name] for name in names}
    shuffled = {name: body[name] for name in ("trade", "contract", "header")}
    (expected,), (events,) = read(AAPL), read(json.dumps(shuffled))
    assert {name: column.tolist() for name, column in events.columns.items()} == {
        name: column.tolist() for name, column in expected.columns.items()
    }
    assert events.timestamps.tolist() == expected.timestamps.tolist()


def test_frames_of_other_kinds_are_not_bad_and_are_ignored() -> None:
    reader = FrameReader()
    ohlc = changed(AAPL, "header", type="OHLC")
    index = changed(AAPL, "contract", security_type="INDEX")
    (segment,) = reader.read([STATUS, STATE, ohlc, index, AAPL])
    assert [events.symbols for events in segment.events] == [["AAPL"]]
    assert reader.bad == 0


def test_responses_keep_the_terminals_words_and_do_not_change_the_link() -> None:
    reader = FrameReader()
    (segment,) = reader.read([STATUS, *RESPONSES])
    assert segment.responses == [
        Response(0, "SUBSCRIBED"),
        Response(1, "ERROR"),
        Response(2, "MAX_STREAMS_REACHED"),
        Response(3, "INVALID_PERMS"),
    ]
    elsewhere = '{"header":{"type":"REQ_RESPONSE","status":"DISCONNECTED","response":"SUBSCRIBED","req_id":"7"}}'
    (segment,) = reader.read([elsewhere])
    assert segment == Segment(CONNECTED, [], [Response(7, "SUBSCRIBED")])


def test_a_change_of_the_link_cuts_the_stream() -> None:
    reader = FrameReader()
    found = reader.read([STATUS, AAPL, AAPL, DISCONNECTED, STATUS, AAPL])
    assert states(found) == [("CONNECTED", 2), ("DISCONNECTED", 0), ("CONNECTED", 1)]


def test_a_link_that_was_lost_and_is_back_is_told_of_though_no_event_lies_between() -> None:
    reader = FrameReader()
    assert states(reader.read([STATUS])) == [("CONNECTED", 0)]
    assert states(reader.read([DISCONNECTED, STATUS])) == [("CONNECTED", 0), ("DISCONNECTED", 0), ("CONNECTED", 0)]


def test_the_links_state_lasts_from_call_to_call() -> None:
    reader = FrameReader()
    assert states(reader.read([])) == [("", 0)]
    assert states(reader.read([STATUS])) == [("CONNECTED", 0)]
    assert states(reader.read([])) == [("CONNECTED", 0)]
    assert states(reader.read([AAPL])) == [("CONNECTED", 1)]
    assert states(reader.read([DISCONNECTED]))[-1] == ("DISCONNECTED", 0)
    assert states(reader.read([])) == [("DISCONNECTED", 0)]


def test_an_event_with_another_state_in_its_header_is_the_first_of_that_state() -> None:
    reader = FrameReader()
    found = reader.read([STATUS, AAPL, changed(AAPL, "header", status="UNVERIFIED"), STATUS])
    assert states(found) == [("CONNECTED", 1), ("UNVERIFIED", 1), ("CONNECTED", 0)]


@given(st.lists(st.sampled_from([STATUS, DISCONNECTED, AAPL, QQQ, RESPONSES[0]]), max_size=12), st.integers(0, 12))
def test_how_frames_are_batched_changes_nothing(frames: list[str], cut: int) -> None:
    def merged(batches: list[list[str]]) -> list[tuple[str, int, int]]:
        reader, found = FrameReader(), []
        for batch in batches:
            for segment in reader.read(batch):
                one = (segment.link, sum(map(len, segment.events)), len(segment.responses))
                if found and found[-1][0] == one[0]:
                    one = (one[0], one[1] + found[-1][1], one[2] + found[-1][2])
                    found.pop()
                found.append(one)
        return [one for one in found if one != ("", 0, 0)]

    frames.append(AAPL)
    assert merged([frames]) == merged([frames[:cut], frames[cut:]]) == merged([[frame] for frame in frames])


BAD = {
    "broken": AAPL[:-1],
    "no text": "",
    "a number": "7",
    "a list": "[]",
    "null": "null",
    "no header": '{"trade":{}}',
    "a header that is null": '{"header":null}',
    "no type": '{"header":{"status":"CONNECTED"}}',
    "no contract": json.dumps({k: v for k, v in json.loads(AAPL).items() if k != "contract"}),
    "no trade": json.dumps({k: v for k, v in json.loads(AAPL).items() if k != "trade"}),
    "no price": changed(AAPL, "trade", price=None),
    "no root": changed(AAPL, "contract", root=None),
    "no security type": changed(AAPL, "contract", security_type=None),
    "NaN": AAPL.replace("184.5099", "NaN"),
    "NaN as text": AAPL.replace("184.5099", '"NaN"'),
    "an infinite price": AAPL.replace("184.5099", "1e999"),
    "a price that is null": AAPL.replace("184.5099", "null"),
    "a size beyond 64 bits": changed(AAPL, "trade", size=2**70),
    "a size of 64 bits, unsigned": changed(AAPL, "trade", size=2**63),
    "a size beyond 32 bits": changed(AAPL, "trade", size=2**31),
    "a sequence below 32 bits": changed(AAPL, "trade", sequence=-(2**31) - 1),
    "a size that is null": AAPL.replace("500", "null", 1),
    "a time after midnight": changed(AAPL, "trade", ms_of_day=86_400_000),
    "a time before midnight": changed(AAPL, "trade", ms_of_day=-1),
    "no date": changed(AAPL, "trade", date=0),
    "a day that is not": changed(AAPL, "trade", date=20240230),
    "a date that is a list": changed(AAPL, "trade", date=[20240503]),
    "no right": changed(QQQ, "contract", right="X"),
    "a strike that is no number": changed(QQQ, "contract", strike="high"),
    "a negative strike": changed(QQQ, "contract", strike=-1),
    "a strike that no OCC symbol holds": changed(QQQ, "contract", strike=LARGEST_STRIKE + 1),
    "an expiration that is not": changed(QQQ, "contract", expiration=20230229),
    "an expiration that is a list": changed(QQQ, "contract", expiration=[20231110]),
    "a response without an id": '{"header":{"type":"REQ_RESPONSE","status":"CONNECTED","response":"SUBSCRIBED"}}',
    "a response with another id": RESPONSES[0].replace(":0}", ':"x"}'),
}


@pytest.mark.parametrize("frame", BAD.values(), ids=BAD.keys())
def test_a_frame_that_is_not_as_documented_is_counted_and_the_others_are_kept(frame: str) -> None:
    reader = FrameReader()
    segments = reader.read([STATUS, AAPL, QQQ, frame, AAPL, NVDA, RESPONSES[0]])
    assert {(e.asset, e.what): len(e) for s in segments for e in s.events} == {
        ("stock", "trade"): 2,
        ("stock", "quote"): 1,
        ("option", "trade"): 1,
    }
    assert [response for segment in segments for response in segment.responses] == [Response(0, "SUBSCRIBED")]
    assert reader.bad == 1
    # What came of it stays out of what comes later too.
    assert states(reader.read([AAPL])) == [("CONNECTED", 1)]
    assert reader.bad == 1


@pytest.mark.parametrize("root", [["AAPL"], {"name": "AAPL"}])
def test_a_symbol_that_is_no_text_is_bad(root: Any) -> None:
    reader = FrameReader()
    (segment,) = reader.read([STATUS, changed(AAPL, "contract", root=root), AAPL])
    assert [events.symbols for events in segment.events] == [["AAPL"]]
    assert reader.bad == 1


def test_a_price_that_is_a_list_is_bad() -> None:
    reader = FrameReader()
    (segment,) = reader.read([STATUS, AAPL.replace("184.5099", "[1]"), AAPL])
    assert [len(events) for events in segment.events] == [1]
    assert reader.bad == 1


def test_many_bad_frames_at_once_are_each_counted() -> None:
    reader = FrameReader()
    (segment,) = reader.read([STATUS, *BAD.values(), AAPL])
    assert [events.symbols for events in segment.events] == [["AAPL"]]
    assert reader.bad == len(BAD)
    assert reader.read(list(BAD.values()))
    assert reader.bad == 2 * len(BAD)


@given(st.lists(st.one_of(st.text(max_size=20), st.sampled_from([AAPL, *BAD.values()])), max_size=6))
def test_whatever_comes_the_reader_goes_on(frames: list[str]) -> None:
    reader = FrameReader()
    reader.read(frames)
    assert [len(e) for s in reader.read([STATUS, AAPL]) for e in s.events] == [1]


keys = st.builds(
    lambda asset, what, symbol, contract: StreamKey(asset, what, symbol, contract if asset == "option" else 0),
    st.sampled_from(["stock", "option"]),
    st.sampled_from(["trade", "quote"]),
    st.sampled_from(["AAPL", "BRK.B", "SPXW"]),
    st.builds(pack, st.dates(dt.date(2012, 1, 1), dt.date(2040, 1, 1)), st.booleans(), st.integers(0, LARGEST_STRIKE)),
)


@given(key=keys, number=st.integers(0, 2**31 - 1), add=st.booleans())
def test_a_contract_that_is_asked_for_is_the_one_that_its_events_name(key: StreamKey, number: int, add: bool) -> None:
    body = json.loads(request_frame(key, number, add=add))
    assert (body["msg_type"], body["add"], body["id"]) == ("STREAM", add, number)
    source = json.loads(AAPL if key.what == "trade" else NVDA)
    source["contract"] = {"security_type": body["sec_type"]} | body["contract"]
    source["header"]["type"] = body["req_type"]
    (events,) = read(json.dumps(source))
    assert StreamKey(events.asset, events.what, events.symbols[0], int(events.contracts[0])) == key


def test_requests_look_as_the_vendor_shows_them() -> None:
    call = pack(dt.date(2024, 3, 15), False, 4_800_000)
    shown = [
        '{"msg_type":"STREAM","sec_type":"STOCK","req_type":"TRADE","add":true,"id":0,"contract":{"root":"AAPL"}}',
        '{"msg_type":"STREAM","sec_type":"OPTION","req_type":"QUOTE","add":true,"id":2,"contract":{"root":"SPXW",'
        '"expiration":20240315,"strike":4800000,"right":"C"}}',
        '{"msg_type":"STREAM","sec_type":"STOCK","req_type":"TRADE","add":false,"id":6,"contract":{"root":"AAPL"}}',
    ]
    assert [
        request_frame(StreamKey("stock", "trade", "AAPL"), 0, add=True),
        request_frame(StreamKey("option", "quote", "SPXW", call), 2, add=True),
        request_frame(StreamKey("stock", "trade", "AAPL"), 6, add=False),
    ] == shown
