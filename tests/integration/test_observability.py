"""What the running roles tell about themselves: every metric of the table, and log lines that name their series."""

from __future__ import annotations

import json
from typing import Any

import pytest
from confluent_kafka import Producer
from harness import Platform, until
from live import market, new_york
from prometheus_client.parser import text_string_to_metric_families

from app.settings import ROLES, Role
from app.web.metric_table import exported

pytestmark = pytest.mark.integration

ASKED = {"tickers": ["KO", "GE"], "start": "2024-07-01", "end": "2024-07-03", "interval": "1h"}
Sample = tuple[str, frozenset[tuple[str, str]]]


def scraped(platform: Platform, role: Role) -> tuple[dict[str, str], dict[Sample, float]]:
    """The kind of each metric of a role, by name; and every value, by name and labels."""
    url = f"http://127.0.0.1:{platform.local.settings.web_port_of(role)}/metrics"
    kinds: dict[str, str] = {}
    values: dict[Sample, float] = {}
    for family in text_string_to_metric_families(platform.http.get(url).text):
        name = family.name + ("_total" if family.type == "counter" else "")
        kinds[name] = family.type
        for sample in family.samples:
            values[sample.name, frozenset(sample.labels.items())] = sample.value
    return kinds, values


def value(values: dict[Sample, float], name: str, **labels: str) -> float:
    return values.get((name, frozenset(labels.items())), 0.0)


def lines(platform: Platform, role: Role) -> list[dict[str, Any]]:
    """The log of a role; each line has to be one JSON object."""
    text = (platform.local.state_dir / "logs" / f"{role}.log").read_text(encoding="utf-8")
    # The last one may be being written.
    found = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
    assert all(isinstance(one, dict) for one in found)
    return found


@pytest.mark.parametrize("role", ROLES)
def test_a_role_exports_what_the_table_says_and_nothing_else(platform: Platform, role: Role) -> None:
    kinds, values = scraped(platform, role)
    assert kinds == {one.name: one.kind for one in exported(role)}
    labels = {one.name: set(one.labels) for one in exported(role)}
    for name, found in values:
        base = next(n for n in (name, name.rsplit("_", 1)[0]) if n in labels)
        assert {label for label, _ in found} - {"le"} == labels[base]
    assert value(values, "fdp_ready") == 1
    assert value(values, "fdp_provider_state", state="connected") == 1


def test_a_backtest_is_counted_where_it_passes(platform: Platform) -> None:
    _, before = scraped(platform, "history")
    _, decided = scraped(platform, "coordinator")
    done = platform.run(**ASKED)
    rows = done["progress"]["rows"]

    def grown(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    def counted() -> bool:
        nonlocal after
        # A receipt can be read a moment before its commit is counted.
        _, after = scraped(platform, "history")
        ended = value(after, "fdp_history_series", state="running") == 0
        return ended and grown("fdp_history_rows_total", asset="stock", schema="ohlcv") == rows

    after: dict[Sample, float] = {}
    until("the rows to be counted", counted)
    written = [m for one in done["series"] for m in platform.messages(one["topic"])]
    size = sum(len(m.value()) for m in written)
    assert grown("fdp_history_bytes_total", asset="stock", schema="ohlcv") == size > 0
    assert grown("fdp_provider_rows_total") >= rows
    assert grown("fdp_provider_requests_total", outcome="ok") >= 2
    assert grown("fdp_provider_request_seconds_count") >= 2
    assert grown("fdp_transactions_total", outcome="committed") == grown("fdp_commit_seconds_count") >= 1
    assert value(after, "fdp_history_checkpoint_age_seconds") == 0
    assert value(after, "fdp_history_partitions_owned") == platform.local.settings.series_partitions

    before, (_, after) = decided, scraped(platform, "coordinator")
    assert grown("fdp_coordinator_requests_total", kind="accepted") == 1
    assert grown("fdp_coordinator_decision_seconds_count") == 1
    assert grown("fdp_http_requests_total", method="POST", route="/historical/stock", status="2xx") == 1
    assert grown("fdp_http_requests_total", method="GET", route="/backtests/{backtest_id}", status="2xx") >= 1
    assert value(after, "fdp_coordinator_owner") == 1
    assert value(after, "fdp_coordinator_requests_behind") == 0


def test_the_states_of_backtests_are_counted_some_seconds_later(platform: Platform) -> None:
    platform.run(**ASKED)

    def all_complete() -> bool:
        listed = [one["state"] for one in platform.http.get("/backtests").json()]
        _, values = scraped(platform, "coordinator")
        states = {state: value(values, "fdp_coordinator_backtests", state=state) for state in set(listed)}
        return states == {state: listed.count(state) for state in set(listed)}

    until("the metrics to show the states", all_complete)


def test_requests_that_an_open_transaction_holds_back_are_seen(platform: Platform) -> None:
    def behind() -> float:
        _, values = scraped(platform, "coordinator")
        return value(values, "fdp_coordinator_requests_behind")

    holder = Producer({"bootstrap.servers": platform.kafka, "transactional.id": platform.new_id("holder")})
    holder.init_transactions(30)
    holder.begin_transaction()
    holder.produce("requests", b"{}", partition=0)
    holder.flush(30)
    try:
        until("the request to be seen", lambda: behind() > 0)
    finally:
        holder.abort_transaction(30)
    # Nothing is left to decide, although the transaction's marker has an offset of its own.
    until("nothing to be behind", lambda: behind() == 0)


def test_retries_are_counted_by_their_cause(platform: Platform) -> None:
    _, before = scraped(platform, "history")
    platform.simulator.set_faults([{"match": {"symbol": "IBM"}, "fault": {"status": 470}, "nth": 1}])
    done = platform.run(**ASKED | {"tickers": ["IBM"]})
    _, after = scraped(platform, "history")
    for name, label in (("fdp_provider_retries_total", "cause"), ("fdp_provider_requests_total", "outcome")):
        assert value(after, name, **{label: "glitch"}) == value(before, name, **{label: "glitch"}) + 1
    told = [one for one in lines(platform, "history") if one.get("backtest") == done["backtest_id"]]
    (retry,) = [one for one in told if "attempt 1 failed" in one["message"]]
    assert retry["series"] == done["series"][0]["topic"]
    assert retry["thread"].startswith("fetch-")


def test_a_gap_of_a_live_topic_is_counted_from_its_opening_to_its_end(platform: Platform) -> None:
    with market(platform, "2024-06-03T10:00:30", 30) as found:
        (topic,) = found.subscribe(tickers=["CVX"], schema="trade")
        found.live(topic)
        _, before = scraped(platform, "live")
        start = new_york("2024-06-03T10:01:30")
        until("the market's time", lambda: found.clock() > start or None)
        platform.simulator.stream_fault("socket_drop")

        def grown(name: str, **labels: str) -> float:
            _, after = scraped(platform, "live")
            return value(after, name, **labels) - value(before, name, **labels)

        def all_counted() -> bool:
            gaps = [gap for gap in found.entry(topic)["gaps"] if gap["why"] == "socket"]
            counted = {event: grown("fdp_live_gaps_total", event=event, why="socket") for event in ("opened", "closed")}
            rows = grown("fdp_live_repaired_rows_total", why="socket") == sum(gap["rows"] for gap in gaps)
            return len(gaps) > 0 and counted == {"opened": len(gaps), "closed": len(gaps)} and rows

        until("the gap to be closed and counted", all_counted)
        assert grown("fdp_live_connects_total") >= 1
        assert grown("fdp_live_rows_total", asset="stock", schema="trade") > 0
        assert grown("fdp_live_bytes_total", asset="stock", schema="trade") > 0
        assert grown("fdp_live_events_total", asset="stock", kind="trade") > 0
        assert grown("fdp_live_lag_seconds_count") > 0
        assert grown("fdp_provider_requests_total", outcome="ok") > 0
        _, now = scraped(platform, "live")
        assert (value(now, "fdp_live_owner"), value(now, "fdp_live_series")) == (1, 1)
        assert value(now, "fdp_live_clock_seconds") > start.timestamp()
        told = [one for one in lines(platform, "live") if topic in one["message"]]
        assert {one["series"] for one in told} == {topic}
        assert not any("backtest" in one for one in told)


def test_no_label_holds_an_id_or_a_symbol(platform: Platform) -> None:
    done = platform.run(**ASKED)
    platform.http.get(f"/backtests/{done['backtest_id']}/nothing")
    platform.http.get(f"/live/{done['series'][0]['topic']}")
    platform.http.request("PROPFIND", "/backtests")
    for role in ROLES:
        _, values = scraped(platform, role)
        held = {held for _, labels in values for _, held in labels}
        assert not {"KO", "GE", "ko", "ge", "PROPFIND", done["backtest_id"]} & held
        assert not [one for one in held if done["backtest_id"] in one.split("/") or "-historical-" in one]


def test_each_line_that_speaks_of_a_series_names_it_and_its_backtest(platform: Platform) -> None:
    done = platform.run(**ASKED)
    name, topics = done["backtest_id"], {one["topic"] for one in done["series"]}

    def of_series() -> list[dict[str, Any]] | None:
        found = [one for one in lines(platform, "history") if any(topic in json.dumps(one) for topic in topics)]
        return found if {one["series"] for one in found} == topics else None

    for one in until("the log of both series", of_series):
        assert one["backtest"] == name
        assert one["series"] in topics
        assert (one["role"], one["instance"] != "") == ("history", True)
        assert isinstance(one["partition"], int) or one["thread"].startswith("fetch-")
    accepted = [one for one in lines(platform, "coordinator") if one["message"].startswith(f"backtest {name} ")]
    assert [one["backtest"] for one in accepted] == [name]


@pytest.mark.parametrize("role", ROLES)
def test_every_line_is_an_object_with_the_same_fields(platform: Platform, role: Role) -> None:
    for one in lines(platform, role):
        assert {"time", "level", "logger", "thread", "message", "role"} <= set(one)
        assert one["time"].endswith("Z")
        assert one["role"] == role
