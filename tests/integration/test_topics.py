"""What the topics are, and what becomes of those that others made or deleted."""

from __future__ import annotations

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType
from harness import Platform, until

from app.errors import SettingError
from app.kafka.compatibility import check_compatibility
from app.kafka.topics import Topics, TopicSpec, control_topics
from app.settings import load

pytestmark = pytest.mark.integration


def config(admin: AdminClient, topic: str) -> dict[str, str]:
    (future,) = admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]).values()
    return {name: entry.value for name, entry in future.result(10).items()}


def test_data_topics_keep_old_event_times_for_ever(platform: Platform, kafka_admin: AdminClient) -> None:
    done = platform.run(tickers=["T"], start="2024-07-02", end="2024-07-02", interval="1h")
    found = config(kafka_admin, done["series"][0]["topic"])
    assert found["retention.ms"] == "-1"
    assert found["cleanup.policy"] == "delete"
    assert found["message.timestamp.type"] == "CreateTime"


def test_control_topics_are_as_the_platform_needs_them(platform: Platform, kafka_admin: AdminClient) -> None:
    assert config(kafka_admin, "requests")["message.timestamp.type"] == "LogAppendTime"
    assert config(kafka_admin, "requests.dlq")["retention.ms"] == "-1"
    for topic in ("backtests", "series", "progress"):
        assert config(kafka_admin, topic)["cleanup.policy"] == "compact"
    listed = kafka_admin.list_topics(timeout=10).topics
    assert len(listed["series"].partitions) == len(listed["progress"].partitions) == 16
    assert all(len(listed[topic].partitions) == 1 for topic in ("requests", "requests.dlq", "backtests"))


def test_the_control_topics_of_these_brokers_fit(platform: Platform) -> None:
    settings = load(kafka_bootstrap_servers=platform.kafka)
    specs = control_topics(settings)
    check_compatibility(Topics(settings), specs)
    assert set(Topics(settings).configs(spec.name for spec in specs)) == {spec.name for spec in specs}


def test_a_control_topic_that_would_lose_records_ends_a_start(platform: Platform, kafka_admin: AdminClient) -> None:
    settings, name = load(kafka_bootstrap_servers=platform.kafka), platform.new_id("small")
    kafka_admin.create_topics([NewTopic(name, 1, config={"max.message.bytes": "1000"})])[name].result(10)
    topics = Topics(settings)
    until("the topic", lambda: name in topics.existing([name]))
    with pytest.raises(SettingError, match=rf"topic {name} has max\.message\.bytes=1000 and needs 4000000"):
        check_compatibility(topics, [TopicSpec(name, 1, {"max.message.bytes": "4000000"})])
    topics.delete([name])


def test_brokers_that_do_not_know_a_setting_are_asked_without(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Apache Kafka refuses a topic for a setting that it does not know; others know fewer."""
    monkeypatch.setattr("app.kafka.topics.OPTIONAL_SETTINGS", ("no.such.setting",))
    names = [platform.new_id("plain") for _ in range(3)]
    topics = Topics(load(kafka_bootstrap_servers=platform.kafka))
    wanted = {"retention.ms": "-1"}
    specs = [TopicSpec(names[0], 1, wanted | {"no.such.setting": "1"}), TopicSpec(names[1], 1, wanted)]
    assert topics.create(specs) == {}
    assert "asking without" in caplog.text
    caplog.clear()
    # From now on they are not asked again.
    assert topics.create([TopicSpec(names[2], 1, wanted | {"no.such.setting": "1"})]) == {}
    assert caplog.text == ""
    assert {config["retention.ms"] for config in topics.configs(names).values()} == {"-1"}
    topics.delete(names)


def test_a_setting_that_rows_hang_on_is_not_done_without(platform: Platform) -> None:
    name = platform.new_id("refused")
    refused = Topics(load(kafka_bootstrap_servers=platform.kafka)).create([TopicSpec(name, 1, {"retention.ms": "x"})])
    assert list(refused) == [name]


def test_a_topic_that_belongs_to_no_run_makes_way(platform: Platform, kafka_admin: AdminClient) -> None:
    name = platform.new_id("foreign")
    topic = f"stock-ge-ohlcv1h-historical-{name}"
    kafka_admin.create_topics([NewTopic(topic, 1)])[topic].result(10)
    until("the foreign topic", lambda: topic in kafka_admin.list_topics(timeout=10).topics)
    producer = Producer({"bootstrap.servers": platform.kafka})
    producer.produce(topic, b"somebody else's")
    assert producer.flush(10) == 0
    done = platform.run(backtest_id=name, tickers=["GE"], start="2024-07-02", end="2024-07-02", interval="1h")
    assert len(platform.messages(topic)) == done["receipts"][0]["rows"] == 7


def test_a_topic_deleted_while_it_is_written_is_written_anew(platform: Platform, kafka_admin: AdminClient) -> None:
    work = {"tickers": ["CAT"], "start": "2024-07-01", "end": "2024-07-19", "interval": "1s"}
    clean = platform.run(**work)
    # Slow enough that the deletion falls into the middle.
    platform.simulator.set_faults(
        [{"match": {"symbol": "CAT", "date": "2024-07-15"}, "fault": {"kind": "stall", "seconds": 3}, "times": 1}]
    )
    name = platform.ask(**work)
    topic = f"stock-cat-ohlcv1s-historical-{name}"
    until("the first rows", lambda: platform.http.get(f"/backtests/{name}").json()["progress"]["rows"] > 0 or None)
    kafka_admin.delete_topics([topic])[topic].result(10)
    done = platform.finished(name, timeout=120)
    assert done["state"] == "complete", done
    assert done["receipts"][0]["sha256"] == clean["receipts"][0]["sha256"]
    times = [message.timestamp()[1] for message in platform.messages(topic)]
    assert len(times) == done["receipts"][0]["rows"]
    assert times == sorted(set(times))
