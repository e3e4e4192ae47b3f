"""What brokers tell of themselves, held against what rows and decisions hang on."""

from __future__ import annotations

import logging
from typing import cast

import pytest

from app.errors import LogError, SettingError
from app.kafka.compatibility import NO_ID, check_compatibility, unfit
from app.kafka.topics import Topics, TopicSpec

ID = "5FZwhpXMSs6xGHTuBBkS6g"
COMPACT = {"cleanup.policy": "compact", "max.message.bytes": "4000000"}
KEPT = {"retention.ms": "-1", "retention.bytes": "-1", "max.message.bytes": "4000000"}
STAMPED = {"message.timestamp.type": "LogAppendTime", "retention.ms": "1000", "segment.ms": "1000"}


class Brokers:
    """Topics as some brokers tell them."""

    def __init__(
        self,
        configs: dict[str, dict[str, str]] | LogError,
        topic_id: str = ID,
        broker: dict[str, str] | LogError | None = None,
    ) -> None:
        self._configs, self._id, self._broker = configs, topic_id, broker or {"auto.create.topics.enable": "false"}

    def ids(self, names: list[str]) -> dict[str, str]:
        return {name: self._id for name in names if isinstance(self._configs, LogError) or name in self._configs}

    def configs(self, names: list[str]) -> dict[str, dict[str, str]]:
        if isinstance(self._configs, LogError):
            raise self._configs
        return {name: self._configs[name] for name in names}

    def broker_config(self) -> dict[str, str]:
        if isinstance(self._broker, LogError):
            raise self._broker
        return self._broker


def check(config: dict[str, str], wanted: dict[str, str], topic_id: str = ID) -> None:
    check_compatibility(cast(Topics, Brokers({"series": config}, topic_id)), [TopicSpec("series", 1, wanted)])


@pytest.mark.parametrize("wanted", [COMPACT, KEPT, STAMPED])
def test_what_was_asked_for_does(wanted: dict[str, str]) -> None:
    assert unfit(wanted, {"compression.type": "producer", **wanted}) == []


@pytest.mark.parametrize(
    ("wanted", "name", "value"),
    [
        (COMPACT, "max.message.bytes", "4000001"),
        (KEPT, "retention.ms", "-1"),
        # Any negative number is no limit.
        (KEPT, "retention.bytes", "-2"),
        (STAMPED, "retention.ms", "1001"),
        (STAMPED, "retention.ms", "-1"),
        # Only makes the topic cheaper.
        (STAMPED, "segment.ms", "5"),
    ],
)
def test_more_than_was_asked_for_does_too(wanted: dict[str, str], name: str, value: str) -> None:
    assert unfit(wanted, wanted | {name: value}) == []


@pytest.mark.parametrize(
    ("wanted", "name", "value"),
    [
        (COMPACT, "cleanup.policy", "delete"),
        # What is compacted must not be deleted by age as well.
        (COMPACT, "cleanup.policy", "compact,delete"),
        (COMPACT, "max.message.bytes", "1048576"),
        (KEPT, "retention.ms", "604800000"),
        (KEPT, "retention.bytes", "0"),
        (STAMPED, "retention.ms", "999"),
        (STAMPED, "message.timestamp.type", "CreateTime"),
    ],
)
def test_less_does_not(wanted: dict[str, str], name: str, value: str) -> None:
    assert unfit(wanted, wanted | {name: value}) == [(name, value, wanted[name])]


@pytest.mark.parametrize("name", [*COMPACT, "retention.ms", "retention.bytes", "message.timestamp.type"])
def test_a_setting_that_the_brokers_do_not_know_does_not(name: str) -> None:
    wanted = COMPACT | KEPT | STAMPED
    found = {key: value for key, value in wanted.items() if key != name}
    assert unfit(wanted, found) == [(name, None, wanted[name])]


def test_brokers_without_topic_ids_end_the_start_with_one_line() -> None:
    with pytest.raises(SettingError, match=r"^KAFKA_BOOTSTRAP_SERVERS: .*KIP-516.* Redpanda from 25\.3 on: upgrade"):
        check(COMPACT, COMPACT, NO_ID)


def test_what_would_lose_records_ends_the_start_and_says_how_to_mend_it() -> None:
    with pytest.raises(SettingError, match=r"topic series has cleanup\.policy=delete and needs compact: set it with"):
        check(COMPACT | {"cleanup.policy": "delete"}, COMPACT)


def test_a_setting_that_is_not_there_cannot_be_set() -> None:
    with pytest.raises(SettingError, match=r"max\.message\.bytes=unknown to the brokers and needs 4000000$"):
        check({"cleanup.policy": "compact"}, COMPACT)


def test_a_retention_that_somebody_has_chosen_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        check(KEPT | {"retention.ms": "5"}, KEPT)
    assert "topic series has retention.ms=5 and needs -1" in caplog.text


def test_settings_that_may_not_be_read_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    refused = cast(Topics, Brokers(LogError("topic series could not be described: not authorized")))
    with caplog.at_level(logging.WARNING):
        check_compatibility(refused, [TopicSpec("series", 1, COMPACT)])
    assert "not authorized" in caplog.text


def test_a_topic_that_is_done_without_is_passed_over() -> None:
    check_compatibility(cast(Topics, Brokers({})), [TopicSpec("workers", 1, STAMPED)])


def test_a_topic_that_can_be_done_without_ends_no_start(caplog: pytest.LogCaptureFixture) -> None:
    """Some brokers make ``workers`` and pass over what it is asked for with."""
    brokers = cast(Topics, Brokers({"workers": STAMPED | {"message.timestamp.type": "CreateTime"}}))
    with caplog.at_level(logging.WARNING):
        check_compatibility(brokers, [TopicSpec("workers", 1, STAMPED)])
    assert "topic workers has message.timestamp.type=CreateTime" in caplog.text


def test_brokers_that_make_topics_for_whoever_asks_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    brokers = cast(Topics, Brokers({"series": COMPACT}, broker={"auto.create.topics.enable": "true"}))
    with caplog.at_level(logging.WARNING):
        check_compatibility(brokers, [TopicSpec("series", 1, COMPACT)])
    assert "make topics for whoever asks" in caplog.text


def test_brokers_that_acknowledge_what_is_on_no_disk_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    brokers = cast(Topics, Brokers({"series": COMPACT | {"write.caching": "true"}}))
    with caplog.at_level(logging.WARNING):
        check_compatibility(brokers, [TopicSpec("series", 1, COMPACT)])
    assert "write_caching_default" in caplog.text


def test_brokers_that_may_not_be_described_are_no_matter(caplog: pytest.LogCaptureFixture) -> None:
    brokers = cast(Topics, Brokers({"series": COMPACT}, broker=LogError("not authorized")))
    with caplog.at_level(logging.INFO):
        check_compatibility(brokers, [TopicSpec("series", 1, COMPACT)])
    assert [record.levelname for record in caplog.records] == ["INFO"]
