"""What is on Kafka's topics, AsyncAPI 3.0, made from the tables that the topics themselves are made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.avro.request import BACKTEST_REQUEST
from app.domain.checking import BacktestRequest
from app.domain.live import LIVE_SCHEMAS
from app.domain.live_request import OptionSubscription, StockSubscription
from app.domain.schema import RECORDS, RecordType
from app.domain.series import ID_RULE, ROOT_RULE, SYMBOL_RULE
from app.domain.short_form import OptionRequest, StockRequest
from app.kafka import topics
from app.settings import Settings
from app.web.answers import records
from app.web.answers.platform import FieldError
from app.web.models import Models

VERSION = "3.0.0"
_AVRO = "application/vnd.apache.avro;version=1.9.0"
_ABOUT = """\
The topics of the platform, seen from it: what it `receives` anybody may publish, what it `sends` anybody may read, with
`isolation.level=read_committed`. Values in Avro have Confluent's wire format: magic 0, the schema's id in the registry
as 4 bytes, the body. There is one subject for each record type, named like it (RecordNameStrategy).
"""
_OCC = "The contract's OCC symbol, 21 characters: root padded to six, `YYMMDD`, `C` or `P`, strike in thousandths."
_OFFSETS = {"type": "string", "pattern": "^[0-9]+$"}
_RECORD = "The record's name; its schema is registered under the subject of that name."


@dataclass(frozen=True)
class _Message:
    """A kind of message. ``model``: what its JSON is."""

    name: str
    model: Any
    key: str
    summary: str


def asyncapi(version: str) -> dict[str, Any]:
    """The description; the same for the same tables, to the byte."""
    found = _Description()
    found.requests()
    found.dead_letters()
    for record in RECORDS.values():
        found.data(record, live=False)
    for record in RECORDS.values():
        if record.schema in LIVE_SCHEMAS:
            found.data(record, live=True)
    found.control()
    return {
        "asyncapi": VERSION,
        "info": {"title": "Topics of the Phase 1 Financial Data Platform", "version": version, "description": _ABOUT},
        "defaultContentType": "application/json",
        "servers": {
            "brokers": {
                "host": "{bootstrap}",
                "protocol": "kafka",
                "description": "The brokers, by `KAFKA_BOOTSTRAP_SERVERS`.",
                "variables": {"bootstrap": {"default": "localhost:9092", "description": "host:port of one of them."}},
            }
        },
        "channels": found.channels,
        "operations": found.operations,
        "components": {"messages": found.messages, "schemas": found.models.definitions()},
    }


class _Description:
    """The parts, while they are put together."""

    def __init__(self) -> None:
        self.models = Models()
        self.channels: dict[str, Any] = {}
        self.operations: dict[str, Any] = {}
        self.messages: dict[str, Any] = {}
        self._specs = {spec.name: spec for spec in topics.control_topics(Settings.model_construct())}

    def requests(self) -> None:
        messages = [
            _Message("Backtest", BacktestRequest, "", "Asks for historical series: the full form."),
            _Message("StockBacktest", StockRequest, "", "Asks for historical series of stocks: the short form."),
            _Message("OptionBacktest", OptionRequest, "", "Asks for a series of options: the short form."),
            _Message("Cancel", records.Cancel, "", "Ends what runs of a backtest."),
            _Message("Retry", records.Retry, "", "Runs what is missing of a backtest."),
            _Message("Delete", records.Delete, "", "Deletes a backtest with its topics."),
            _Message("Subscribe", _subscription(self.models), "", "Subscribes to live series."),
            _Message("Unsubscribe", records.Unsubscribe, "", "Ends a live subscription."),
        ]
        for one in messages:
            self._json(one, "validation")
        avro = BACKTEST_REQUEST["name"]
        self._avro(f"{avro}Avro", BACKTEST_REQUEST, "Asks for historical series, in Avro.", "Free.")
        self._channel(
            "requests",
            topics.REQUESTS,
            "Whatever may be asked, by anybody, and one way in: the coordinator decides each message once, in order.",
            [*(one.name for one in messages), f"{avro}Avro"],
            receives=True,
        )

    def dead_letters(self) -> None:
        problems: dict[str, Any] = {"type": "string", "contentMediaType": "application/json"}
        problems |= {"contentSchema": {"type": "array", "items": self.models.refer(FieldError)}}
        headers = {
            "reason": {"type": "string", "description": "One sentence for each problem."},
            "errors": problems | {"description": "The first hundred, as JSON."},
            "source_topic": {"type": "string"},
            "source_partition": _OFFSETS,
            "source_offset": _OFFSETS,
            "source_timestamp": {**_OFFSETS, "description": "Milliseconds since 1970."},
            "truncated_from": {**_OFFSETS, "description": "The value's length, where a part of it is not here."},
            "key_truncated_from": {**_OFFSETS, "description": "The key's length, where a part of it is not here."},
            "headers_dropped": {**_OFFSETS, "description": "How many headers of its own are not here."},
            "resubmitted_from": {"type": "string", "description": "The letter that the message was made of."},
        }
        required = [name for name in headers if name in ("reason", "errors") or name.startswith("source_")]
        self.messages["DeadLetter"] = {
            "name": "DeadLetter",
            "title": "DeadLetter",
            "summary": "A message that was not taken: its own key, bytes and headers, then these headers.",
            "contentType": "application/octet-stream",
            "headers": {"type": "object", "properties": headers, "required": required},
            "payload": {"description": "The message's own bytes."},
        }
        self._channel("deadLetters", topics.DLQ, "Messages of `requests` that were not taken.", ["DeadLetter"])

    def data(self, record: RecordType, *, live: bool) -> None:
        """The topics of a kind of series."""
        if record.name not in self.messages:
            key = "The ticker as the exchange spells it." if record.asset == "stock" else _OCC
            self._avro(record.name, record.avro(), record.doc, key)
        symbol = "ticker" if record.asset == "stock" else "root"
        rule = SYMBOL_RULE if record.asset == "stock" else ROOT_RULE
        interval = "{interval}" if record.intervals else ""
        tail = "live" if live else "historical-{backtest_id}"
        parameters: dict[str, Any] = {
            symbol: {
                "description": f"{rule}; in lower case, other characters than letters, digits and single dots as two "
                "dots and two hex digits."
            }
        }
        if live and record.schema == "quote":
            interval = ""
        if interval:
            # Ticks have none in their names.
            parameters["interval"] = {"enum": [*record.intervals, *([""] if record.ticks else [])]}
        if not live:
            parameters["backtest_id"] = {"description": ID_RULE}
        kept = {"cleanup.policy": ["delete"], "retention.ms": -1}
        self.channels[f"{record.name}{'Live' if live else 'Historical'}"] = {
            "address": f"{record.asset}-{{{symbol}}}-{record.schema}{interval}-{tail}",
            "description": f"{record.doc} " + (_LIVE if live else _HISTORICAL),
            "messages": {record.name: {"$ref": f"#/components/messages/{record.name}"}},
            "parameters": parameters,
            "bindings": {"kafka": {"partitions": 1, "topicConfiguration": kept, "bindingVersion": "0.5.0"}},
        }
        self._operation(f"{record.name}{'Live' if live else 'Historical'}", "send")

    def control(self) -> None:
        position = _Message("Position", records.Position, "`@position`.", "How far `requests` is decided.")
        tables: Iterable[tuple[str, str, tuple[_Message, ...]]] = (
            (
                topics.BACKTESTS,
                "Every backtest there is.",
                (_Message("Decision", records.Decision, "Backtest id.", "A backtest that was accepted."), position),
            ),
            (
                topics.SERIES,
                "Every series of every backtest.",
                (_Message("SeriesOf", records.SeriesOf, "Data topic.", "What a series is."),),
            ),
            (
                topics.PROGRESS,
                "How far each series is; other keys than data topics are the owners' own.",
                (
                    _Message(
                        "Checkpoint", records.Checkpoint, "Data topic.", "How far a series is; at last its receipt."
                    ),
                ),
            ),
            (
                topics.LIVE,
                "Every live subscription.",
                (
                    _Message(
                        "StandingSubscription", records.StandingSubscription, "Live topic.", "What is subscribed to."
                    ),
                    position,
                ),
            ),
            (
                topics.COVERAGE,
                "How far each live topic is whole.",
                (
                    _Message("TopicCoverage", records.TopicCoverage, "Live topic.", "How far it is whole."),
                    _Message("Feed", records.Feed, "`@feed`.", "The connection itself."),
                ),
            ),
            (
                topics.GAPS,
                "What was missed of live topics, and whether it was filled in.",
                (_Message("Gap", records.GapRecord, "Live topic.", "A gap; the last record of an `id` counts."),),
            ),
            (
                topics.WORKERS,
                "The processes of the platform; kept for minutes.",
                (_Message("Worker", records.Worker, "Role, host and pid.", "A process as it tells itself."),),
            ),
        )
        for topic, what, messages in tables:
            for one in messages:
                self._json(one, "serialization")
            self._channel(topic, topic, what, [one.name for one in messages])

    def _json(self, one: _Message, mode: Any) -> None:
        self.messages[one.name] = {
            "name": one.name,
            "title": one.name,
            "summary": one.summary,
            "contentType": "application/json",
            "payload": self.models.refer(one.model, mode),
            "bindings": _key(one.key or "Free."),
        }

    def _avro(self, name: str, schema: Mapping[str, Any], summary: str, key: str) -> None:
        self.messages[name] = {
            "name": name,
            "title": name,
            "summary": summary,
            "contentType": "application/vnd.confluent.avro",
            "payload": {"schemaFormat": _AVRO, "schema": dict(schema)},
            "bindings": _key(
                key,
                schemaIdLocation="payload",
                schemaIdPayloadEncoding="confluent",
                schemaLookupStrategy="RecordNameStrategy",
            ),
        }

    def _channel(self, name: str, topic: str, what: str, messages: Iterable[str], *, receives: bool = False) -> None:
        spec = self._specs[topic]
        config = {key: _setting(key, value) for key, value in spec.config.items() if key in _TOLD}
        binding: dict[str, Any] = {"topic": topic, "partitions": spec.partitions, "bindingVersion": "0.5.0"}
        if config:
            binding["topicConfiguration"] = config
        self.channels[name] = {
            "address": topic,
            "description": what,
            "messages": {one: {"$ref": f"#/components/messages/{one}"} for one in messages},
            "bindings": {"kafka": binding},
        }
        self._operation(name, "receive" if receives else "send")

    def _operation(self, channel: str, action: str) -> None:
        self.operations[f"{action}{channel[0].upper()}{channel[1:]}"] = {
            "action": action,
            "channel": {"$ref": f"#/channels/{channel}"},
        }


_HISTORICAL = "Rows in event-time order, each exactly once; the record's time stamp is the event time."
_LIVE = (
    "Rows of a key are in event-time order except those that a repair adds; the record's time stamp is the event time."
)
#: Settings of a topic that the binding has room for.
_TOLD = ("cleanup.policy", "retention.ms", "retention.bytes", "max.message.bytes")


def _setting(key: str, value: str) -> Any:
    return [value] if key == "cleanup.policy" else int(value)


def _key(what: str, **more: str) -> dict[str, Any]:
    return {"kafka": {"key": {"type": "string", "description": what}, **more, "bindingVersion": "0.5.0"}}


def _subscription(models: Models) -> dict[str, Any]:
    # Here the asset has to be named, which the endpoints say by their path.
    forms = []
    for asset, model in (("stock", StockSubscription), ("option", OptionSubscription)):
        forms.append({"allOf": [models.refer(model, "validation"), {"required": ["asset"], "title": f"{asset}s"}]})
    return {
        "type": "object",
        "properties": {"subscribe": {"anyOf": forms}},
        "required": ["subscribe"],
        "additionalProperties": False,
    }
