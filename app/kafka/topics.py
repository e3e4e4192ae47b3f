"""Topics: which there are, how they are made, and that they are there before anybody uses them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType, TopicMetadata

from app.errors import LogError
from app.kafka.config import MAX_MESSAGE_BYTES, MAX_REQUEST_BYTES, client_config
from app.kafka.together import Together
from app.settings import Settings

REQUESTS = "requests"
DLQ = "requests.dlq"
BACKTESTS = "backtests"
SERIES = "series"
PROGRESS = "progress"
LIVE = "live"
COVERAGE = "coverage"
GAPS = "gaps"
WORKERS = "workers"

logger = logging.getLogger(__name__)

#: Nothing but telling how busy processes are hangs on it.
OPTIONAL = frozenset({WORKERS})
_FOREVER = {"retention.ms": "-1", "retention.bytes": "-1"}
_DAY_MS = 86_400_000
#: Topics per request to the brokers.
_BATCH = 500
#: Seconds that the brokers have to make topics, and again to show them.
_PATIENCE = 30.0
#: Settings that make topics cheaper and that rows do not hang on: brokers that refuse them are asked without.
OPTIONAL_SETTINGS = ("segment.index.bytes", "segment.ms")
#: What no second try changes: an access list, a cluster or a policy that forbids it.
_REFUSALS = (
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TOPIC_DELETION_DISABLED,
    KafkaError.POLICY_VIOLATION,
)
#: The same for making a topic. All else passes, and says little of itself: a broker that has just come back answers
#: with a wrong number of replicas as long as it is fenced, one whose disk is full with an unknown error, and librdkafka
#: calls none of it retriable.
_WRONG = (
    *_REFUSALS,
    KafkaError.TOPIC_EXCEPTION,
    KafkaError.INVALID_PARTITIONS,
    KafkaError.INVALID_CONFIG,
    KafkaError.INVALID_REQUEST,
    KafkaError.UNSUPPORTED_VERSION,
)
#: A setting that the brokers do not know, or that a rule of theirs does not allow: what is optional is left out then.
_WRONG_SETTINGS = (KafkaError.INVALID_CONFIG, KafkaError.POLICY_VIOLATION)


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it is to be made. ``config`` holds broker settings as text."""

    name: str
    partitions: int = 1
    config: Mapping[str, str] = field(default_factory=dict)


def control_topics(settings: Settings) -> list[TopicSpec]:
    """The topics that must be there before a role starts."""
    large = {"max.message.bytes": str(MAX_MESSAGE_BYTES)}
    compact = large | {"cleanup.policy": "compact"}
    return [
        # The broker's own clock stamps what is asked, so that a decision does not hang on the asker's.
        TopicSpec(
            REQUESTS,
            1,
            {
                "max.message.bytes": str(MAX_REQUEST_BYTES),
                "retention.ms": str(30 * _DAY_MS),
                "message.timestamp.type": "LogAppendTime",
            },
        ),
        TopicSpec(DLQ, 1, large | _FOREVER),
        TopicSpec(BACKTESTS, 1, compact),
        TopicSpec(SERIES, settings.series_partitions, compact),
        TopicSpec(PROGRESS, settings.series_partitions, compact),
        TopicSpec(LIVE, 1, compact),
        TopicSpec(COVERAGE, 1, compact),
        TopicSpec(GAPS, 1, large | _FOREVER),
        # Of no use a minute later, and stamped by one clock for all who write to it.
        TopicSpec(
            WORKERS,
            1,
            {
                "retention.ms": str(_DAY_MS // 144),
                "segment.ms": str(_DAY_MS // 144),
                "message.timestamp.type": "LogAppendTime",
            },
        ),
    ]


def data_topic(name: str) -> TopicSpec:
    """A data topic: kept until it is deleted, whatever the age of its events.

    Retention and rolling go by record time, which here lies in the past; small index files because thousands of
    fresh topics would otherwise preallocate 10 MB twice each.
    """
    config = {
        **_FOREVER,
        "cleanup.policy": "delete",
        "message.timestamp.type": "CreateTime",
        "segment.ms": str(2**63 - 1),
        "segment.index.bytes": "131072",
    }
    return TopicSpec(name, 1, config)


def live_topic(name: str) -> TopicSpec:
    """A live topic: kept like a data topic, for a replay's events are old; the platform trims it by its own clock."""
    return data_topic(name)


class Topics:
    """Making, finding and deleting topics. Threads may share it."""

    def __init__(self, settings: Settings) -> None:
        self._admin = AdminClient(client_config(settings))
        self._replicas = settings.replication_factor
        #: Whether these brokers are asked for nothing but what rows hang on.
        self._plain = False
        self._together = Together(self._create)

    def ensure_control(self, specs: Iterable[TopicSpec]) -> dict[str, int]:
        """Make what is missing; the partition counts as they are, without a topic that the brokers refuse and that can
        be done without. Raises ``LogError`` when a topic does not fit.

        ``series`` and ``progress`` must be partitioned alike: a series and its progress share a partition number.
        """
        specs = list(specs)
        for name, why in self.create(specs).items():
            if name not in OPTIONAL:
                raise LogError(f"topic {name} could not be made: {why}")
            logger.warning("topic %s could not be made and is done without: %s", name, why)
        counts = self.partition_counts([spec.name for spec in specs])
        for spec in specs:
            if spec.name in OPTIONAL and spec.name not in counts:
                continue
            if spec.partitions == 1 and counts[spec.name] != 1:
                raise LogError(f"topic {spec.name} has {counts[spec.name]} partitions and must have one; delete it")
        if counts.get(SERIES) != counts.get(PROGRESS):
            raise LogError(
                f"topics series and progress have {counts.get(SERIES)} and {counts.get(PROGRESS)} partitions; "
                "a series and its checkpoints share a partition's number: bring back the number both had"
            )
        return counts

    def create(self, specs: Iterable[TopicSpec]) -> dict[str, str]:
        """Make the topics that are not there and wait until the metadata shows them.

        The ones that the brokers refuse, with their reason. Raises ``LogError`` when the brokers do not answer, and
        when one of these topics could not be made now or does not appear. Threads that ask at the same time are served
        by one request (``app.kafka.together``).
        """
        answers = self._together({spec.name: spec for spec in specs})
        for answer in answers.values():
            if isinstance(answer, LogError):
                raise LogError(str(answer))
        return {name: str(why) for name, why in answers.items()}

    def _create(self, wanted: Mapping[str, TopicSpec]) -> dict[str, str | LogError]:
        """Make what is not there of these; those that failed, with why."""
        there = self.existing(wanted)
        missing = [spec for name, spec in wanted.items() if name not in there]
        failed: dict[str, str | LogError] = {}
        for begin in range(0, len(missing), _BATCH):
            failed |= self._make(missing[begin : begin + _BATCH])
        # Others asked for some of these: a topic that does not appear is told to those alone who want it.
        for name in self._unseen(set(wanted) - set(failed)):
            failed[name] = LogError(f"waited {_PATIENCE:.0f} s for topic {name} to appear")
        return failed

    def _unseen(self, made: set[str]) -> set[str]:
        """Wait until the metadata shows these; the ones that it does not show in time."""
        deadline = time.monotonic() + _PATIENCE
        while (unseen := made - self.existing(made)) and time.monotonic() <= deadline:
            time.sleep(0.02)
        return unseen

    def _make(self, specs: Sequence[TopicSpec]) -> dict[str, str | LogError]:
        """Make one batch; the ones that the brokers refuse, with their reason, and those that could not be made now."""
        # Another thread may learn meanwhile what these brokers do not take.
        plain = self._plain
        new = [
            NewTopic(
                spec.name,
                num_partitions=spec.partitions,
                replication_factor=self._replicas,
                config={k: v for k, v in spec.config.items() if not (plain and k in OPTIONAL_SETTINGS)},
            )
            for spec in specs
        ]
        failed: dict[str, str | LogError] = {}
        by_settings: set[str] = set()
        for name, future in self._admin.create_topics(new).items():
            try:
                future.result(_PATIENCE)
            except KafkaException as error:
                code = error.args[0].code()
                if code in _WRONG:
                    failed[name] = error.args[0].str()
                    if code in _WRONG_SETTINGS:
                        by_settings.add(name)
                elif code != KafkaError.TOPIC_ALREADY_EXISTS:
                    failed[name] = LogError(f"topic {name} could not be made: {error.args[0].str()}")
        optional = set(OPTIONAL_SETTINGS)
        again = [spec for spec in specs if spec.name in by_settings and not plain and optional & spec.config.keys()]
        if not again:
            return failed
        logger.warning("the brokers refuse a setting of %s (%s): asking without", again[0].name, failed[again[0].name])
        self._plain = True
        asked = {spec.name for spec in again}
        return {name: why for name, why in failed.items() if name not in asked} | self._make(again)

    def delete(self, names: Iterable[str], timeout: float = 30.0) -> dict[str, str]:
        """Delete topics and wait until they have left the metadata; one that is not there is fine.

        The ones that the brokers refuse to delete, with their reason. Raises ``LogError`` when they do not answer.
        """
        wanted = list(names)
        refused: dict[str, str] = {}
        if not wanted:
            return refused
        # A request that is given up here must not be carried out later: the name may be another one's topic by then.
        given = self._admin.delete_topics(wanted, request_timeout=timeout, operation_timeout=timeout)
        for name, future in given.items():
            try:
                future.result(timeout + 5)
            except TimeoutError:
                raise LogError(f"topic {name} could not be deleted within {timeout:.0f} s") from None
            except KafkaException as error:
                if error.args[0].code() in _REFUSALS:
                    refused[name] = error.args[0].str()
                elif error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise LogError(f"topic {name} could not be deleted: {error.args[0].str()}") from None
        gone = [name for name in wanted if name not in refused]
        self._await(lambda: not self.existing(gone), timeout, f"topics {gone[:3]} to leave the metadata")
        return refused

    def trim(self, before: Mapping[str, int], timeout: float = 30.0) -> None:
        """Delete the records of each topic that lie before an offset; a topic that is not there is fine."""
        if not before:
            return
        places = [TopicPartition(name, 0, offset) for name, offset in before.items()]
        for place, future in self._admin.delete_records(places).items():
            try:
                future.result(timeout)
            except KafkaException as error:
                if error.args[0].code() not in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.OFFSET_OUT_OF_RANGE):
                    raise LogError(f"topic {place.topic} could not be trimmed: {error.args[0].str()}") from None

    def names(self) -> set[str]:
        """All topics of the cluster, by one metadata request. Raises ``LogError``."""
        return set(self._listed())

    def existing(self, names: Iterable[str]) -> set[str]:
        """Which of these topics are there. Asks for these alone: a cluster may hold ten thousand."""
        return set(self.ids(names))

    def partition_counts(self, names: Iterable[str]) -> dict[str, int]:
        listed = self._listed()
        return {name: len(listed[name].partitions) for name in names if name in listed}

    def ids(self, names: Iterable[str]) -> dict[str, str]:
        """The id of each topic that is there: a topic that was deleted and made anew has another one.

        confluent-kafka 2.16 never frees the ``Uuid`` of a described topic (some 50 bytes): not to be asked in a loop.
        """
        wanted = list(names)
        found: dict[str, str] = {}
        for begin in range(0, len(wanted), _BATCH):
            some = TopicCollection(wanted[begin : begin + _BATCH])
            for name, future in self._admin.describe_topics(some, request_timeout=10).items():
                try:
                    found[name] = str(future.result(15).topic_id)
                except KafkaException as error:
                    if error.args[0].code() not in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC):
                        raise LogError(f"topic {name} could not be described: {error.args[0].str()}") from None
        return found

    def broker_config(self) -> dict[str, str]:
        """The settings of one of the brokers, as far as they are told. Raises ``LogError``, also where that may not be
        asked."""
        try:
            brokers = self._admin.list_topics(topic=REQUESTS, timeout=10).brokers
            resource = ConfigResource(ResourceType.BROKER, str(min(brokers)))
            (future,) = self._admin.describe_configs([resource], request_timeout=10).values()
            return {key: entry.value for key, entry in future.result(15).items()}
        except KafkaException as error:
            raise LogError(f"a broker could not be described: {error.args[0].str()}") from None

    def configs(self, names: Iterable[str]) -> dict[str, dict[str, str]]:
        """The settings of topics as the brokers have them. Raises ``LogError``, also where that may not be asked."""
        asked = [ConfigResource(ResourceType.TOPIC, name) for name in names]
        found: dict[str, dict[str, str]] = {}
        for resource, future in self._admin.describe_configs(asked, request_timeout=10).items():
            try:
                found[resource.name] = {key: entry.value for key, entry in future.result(15).items()}
            except KafkaException as error:
                raise LogError(f"topic {resource.name} could not be described: {error.args[0].str()}") from None
        return found

    def _listed(self) -> dict[str, TopicMetadata]:
        try:
            return dict(self._admin.list_topics(timeout=10).topics)
        except KafkaException as error:
            raise LogError(f"the brokers do not answer: {error.args[0].str()}") from None

    def _await(self, condition: Callable[[], bool], timeout: float, what: str) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise LogError(f"waited {timeout:.0f} s for {what}")
            time.sleep(0.02)
