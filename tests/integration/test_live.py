"""Live topics: what the stream brings is what history says of the same time."""

from __future__ import annotations

import datetime as dt

import pytest
from harness import Platform, until
from live import compare_bars, market, moment, new_york

# The market only goes forward, here as elsewhere: the days follow one another.
pytestmark = pytest.mark.integration


def test_live_rows_and_bars_of_stocks_equal_history(platform: Platform) -> None:
    with market(platform, "2024-06-10T09:28:40", 20) as found:
        topics = []
        for schema, interval in (("trade", None), ("quote", None), ("ohlcv", "1s"), ("ohlcv", "1m")):
            body = {"schema": schema, **({"interval": interval} if interval else {})}
            topics += found.subscribe(tickers=["BA", "GE", "QUIET"], **body)
        since = {topic: moment(found.live(topic)["since"]) for topic in topics}
        # However long it took to begin: some minutes from when all of them are there.
        end = max(since.values()) + dt.timedelta(minutes=4)
        found.all_covered(topics, end + dt.timedelta(minutes=1, seconds=5))
        for topic in topics:
            count = found.compare(topic, since[topic], end)
            assert count > 2
            found.in_order(topic, since[topic])


def test_a_declared_universe_follows_the_days_listing(platform: Platform) -> None:
    with market(platform, "2024-06-12T09:30:30", 10) as found:
        found.subscribe(tickers=["SPY"], schema="trade")
        (topic,) = found.subscribe("option", root="QUIET", schema="quote", contracts={"max_dte": 12, "strike_range": 2})
        entry = found.live(topic)
        since, end = moment(entry["since"]), new_york("2024-06-12T09:33:00")
        found.all_covered([topic], end + dt.timedelta(seconds=5))
        answer = platform.chain("QUIET", "quote", "2024-06-12", {"max_dte": 12, "strike_range": 2}, interval="tick")
        contracts = {(row["expiration"], row["strike"], row["right"]) for row in answer}
        assert found.entry(topic)["contracts"] == len(contracts) >= 10
        assert {(row["expiration"], row["strike"], row["right"]) for row in found.rows(topic, since, end)} <= contracts
        found.clock.set(new_york("2024-06-13T09:30:20"), 10)
        later = platform.chain("QUIET", "quote", "2024-06-13", {"max_dte": 12, "strike_range": 2}, interval="tick")
        wanted = {(row["expiration"], row["strike"], row["right"]) for row in later}
        until("the next day's universe", lambda: found.entry(topic)["contracts"] == len(wanted) or None)


def test_a_subscription_that_stands_is_one_series(platform: Platform) -> None:
    with market(platform, "2024-06-14T10:00:00", 1) as found:
        (topic,) = found.subscribe(tickers=["NKE"], schema="trade")
        found.live(topic)
        again = found.subscribe(tickers=["nke"], schema="trade")
        assert again == [topic], "the same series, not a second one"
        assert len(platform.simulator.stream_report()["subscriptions"]) == 1


def test_history_joins_live_without_a_seam(platform: Platform) -> None:
    with market(platform, "2024-06-20T09:33:00", 20) as found:
        body = {"tickers": ["KO"], "start": "2024-06-18", "end": "2024-06-18", "schema": "trade", "live": True}
        name = platform.ask(**body)
        found.topics.append("stock-ko-trade-live")
        done = platform.finished(name)
        assert done["state"] == "complete", done
        (receipt,) = done["receipts"]
        assert receipt["live"]["topic"] == "stock-ko-trade-live"
        after = moment(receipt["live"]["after"])
        assert after == new_york("2024-06-18T16:00:00")
        end = new_york("2024-06-20T09:35:00")
        found.all_covered(["stock-ko-trade-live"], end)
        past = platform.rows(receipt["topic"])
        messages = platform.messages(receipt["live"]["topic"])
        rows = platform.rows(receipt["live"]["topic"])
        taken = [
            row
            for message, row in zip(messages, rows, strict=True)
            if message.offset() >= receipt["live"]["offset"] and after < row["timestamp"] <= end
        ]
        history = found.history("stock-ko-trade-live", new_york("2024-06-18T00:00:00"), end)
        key = lambda row: (row["timestamp"], row["sequence"])  # noqa: E731
        for row in past:
            row["ext_conditions"] = []
        assert sorted(past + taken, key=key) == sorted(history, key=key)
        assert {row["timestamp"].date() for row in taken} == {dt.date(2024, 6, 20)}


def test_bars_of_history_join_live_bars(platform: Platform) -> None:
    with market(platform, "2024-06-24T09:40:10", 20) as found:
        topic = "stock-ko-ohlcv1m-live"
        body = {"tickers": ["KO"], "start": "2024-06-20", "end": "2024-06-21", "interval": "1m", "live": True}
        name = platform.ask(**body)
        found.topics.append(topic)
        done = platform.finished(name)
        assert done["state"] == "complete", done
        (receipt,) = done["receipts"]
        after, end = moment(receipt["live"]["after"]), new_york("2024-06-24T09:45:00")
        assert (receipt["live"]["topic"], after) == (topic, new_york("2024-06-21T16:00:00"))
        found.all_covered([topic], end)
        rows = zip(platform.messages(topic), platform.rows(topic), strict=True)
        taken = [row for message, row in rows if message.offset() >= receipt["live"]["offset"]]
        taken = [row for row in taken if after < row["timestamp"] <= end]
        compare_bars(
            platform.rows(receipt["topic"]) + taken, found.history(topic, new_york("2024-06-20T00:00:00"), end)
        )


def test_a_universe_that_is_widened_is_whole_anew(platform: Platform) -> None:
    first, second = ({"expirations": ["2024-06-28"], "strikes": [strike]} for strike in (175, 180))
    with market(platform, "2024-06-25T09:45:00", 10) as found:
        found.subscribe(tickers=["SPY"], schema="quote")
        (topic,) = found.subscribe("option", root="AAPL", schema="quote", contracts=first)
        found.live(topic)
        before = found.entry(topic)["contracts"]
        assert found.subscribe("option", root="AAPL", schema="quote", contracts=second) == [topic]
        until("both universes", lambda: found.entry(topic)["contracts"] == 2 * before or None)
        since, end = moment(found.live(topic)["since"]), found.clock() + dt.timedelta(minutes=2)
        found.all_covered([topic], end)
        past = found.history(topic, since, end, expiration="20240628")
        past = [row for row in past if row["strike"] in (175, 180)]
        found.history = lambda *_, **__: past  # type: ignore[method-assign]
        assert found.compare(topic, since, end) == len(past)
        del found.history
        assert len(past) > 10


def test_live_rows_and_bars_of_options_equal_history(platform: Platform) -> None:
    contracts = {"expirations": ["2024-07-05"], "strikes": [175, 177.5, 180, 182.5]}
    named = {"expiration": "20240705"}
    with market(platform, "2024-07-02T09:28:40", 20) as found:
        topics = []
        found.subscribe(tickers=["SPY"], schema="quote")
        for schema, interval in (("trade", None), ("quote", None), ("ohlcv", "1s"), ("ohlcv", "1m")):
            body = {"schema": schema, **({"interval": interval} if interval else {})}
            topics += found.subscribe("option", root="AAPL", contracts=contracts, **body)
        since = {topic: moment(found.live(topic)["since"]) for topic in topics}
        end = max(since.values()) + dt.timedelta(minutes=4)
        found.all_covered(topics, end + dt.timedelta(minutes=1, seconds=5))
        for topic in topics:
            rows = found.history(topic, since[topic], end, **named)
            past = [row for row in rows if row["strike"] in contracts["strikes"]]
            found.history = lambda *_, past=past, **__: past  # type: ignore[method-assign]
            assert found.compare(topic, since[topic], end) == len(past) > 2
            del found.history
            found.in_order(topic, since[topic])
