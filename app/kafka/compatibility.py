"""What the platform needs of its brokers, asked of them and not of their name.

Apache Kafka, Redpanda and what clouds offer as Kafka differ in the settings of topics that they know, and in whether
they give topics ids. A broker that does not know a setting may refuse it or pass over it in silence, so what rows and
decisions hang on is read back.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from app.errors import LogError, SettingError
from app.kafka.topics import OPTIONAL, Topics, TopicSpec

logger = logging.getLogger(__name__)

#: What brokers without topic ids (KIP-516) tell in the place of one.
NO_ID = "AAAAAAAAAAAAAAAAAAAAAA"
_BROKERS = "KAFKA_BOOTSTRAP_SERVERS"
_AUTO_CREATE = "auto.create.topics.enable"
#: Of Redpanda's topics.
_WRITE_CACHING = "write.caching"


def check_compatibility(topics: Topics, specs: Iterable[TopicSpec]) -> None:
    """Hold the brokers against what is needed, by control topics that are there; one that is not is passed over.

    Raises ``SettingError`` for what would lose or mix rows. Logs a warning for what somebody may have set on purpose,
    or where the settings may not be read.
    """
    wanted = {spec.name: spec for spec in specs}
    ids = topics.ids(wanted)
    if NO_ID in ids.values():
        raise SettingError(
            _BROKERS,
            "these brokers give topics no ids (KIP-516), without which a topic that was deleted and made again cannot "
            "be told from the one before; Apache Kafka gives them from 2.8 on, Redpanda from 25.3 on: upgrade them",
        )
    try:
        found = topics.configs(ids)
    except LogError as error:
        logger.warning("whether the control topics are set as they have to be is not known: %s", error)
    else:
        _check_topics(wanted, found)
    _check_broker(topics)


def _check_topics(wanted: Mapping[str, TopicSpec], found: Mapping[str, Mapping[str, str]]) -> None:
    for name, config in found.items():
        for setting, value, needed in unfit(wanted[name].config, config):
            words = (
                f"topic {name} has {setting}={value or 'unknown to the brokers'} and needs {needed}"
                f"{'' if value is None else ': set it with kafka-configs.sh or rpk topic alter-config'}"
            )
            if setting.startswith("retention.") or name in OPTIONAL:
                logger.warning("%s", words)
            else:
                raise SettingError(_BROKERS, words)
    if any(config.get(_WRITE_CACHING) == "true" for config in found.values()):
        logger.warning(
            "these brokers acknowledge what is not on a disk yet (write.caching): rows and decisions are lost with "
            "their power; switch it off with rpk cluster config set write_caching_default false"
        )


def _check_broker(topics: Topics) -> None:
    try:
        config = topics.broker_config()
    except LogError as error:
        logger.info("whether the brokers make topics by themselves is not known: %s", error)
        return
    if config.get(_AUTO_CREATE) == "true":
        logger.warning(
            "these brokers make topics for whoever asks for one (%s): a reader of a data topic that was deleted "
            "brings it back, with a retention that deletes rows of the past; switch it off",
            _AUTO_CREATE,
        )


def unfit(wanted: Mapping[str, str], found: Mapping[str, str]) -> list[tuple[str, str | None, str]]:
    """The settings of a topic that do not do: name, value (None: there is no such setting), what is needed.

    More than is needed does: larger messages, a longer retention. Settings that only make topics cheaper are no matter.
    """
    wrong: list[tuple[str, str | None, str]] = []
    for name, needed in wanted.items():
        value = found.get(name)
        match name:
            case "cleanup.policy" | "message.timestamp.type":
                fits = value == needed
            case "max.message.bytes":
                fits = value is not None and int(value) >= int(needed)
            case "retention.ms" | "retention.bytes":
                fits = value is not None and (int(value) < 0 or 0 <= int(needed) <= int(value))
            case _:
                continue
        if not fits:
            wrong.append((name, value, needed))
    return wrong
