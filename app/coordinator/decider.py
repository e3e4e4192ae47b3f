"""The decider: owner of the ``requests`` partition, the only writer of decisions.

It tails ``requests`` itself, read_committed, from the last decided offset on; deliveries to the agent only tell
who the owner is. A decision, its series and its dead letters are one transaction with the decided offset, so
nothing is decided twice or lost, whoever is killed when.
"""

from __future__ import annotations

import datetime as dt
import logging
import queue
import threading
from collections.abc import Callable, Iterable

from app.avro.registry import SchemaRegistry
from app.coordinator.counts import Counts
from app.coordinator.decode import decode_message
from app.coordinator.housekeeping import Housekeeping
from app.domain.dead_letters import dead_letter
from app.domain.decide import (
    Accepted,
    Decision,
    Instructed,
    Known,
    Rejected,
    Repeated,
    Subscribed,
    Unsubscribed,
    decide,
)
from app.domain.live import Subscription
from app.domain.live_request import Standing
from app.domain.records import POSITION_KEY, BacktestRecord, series_records
from app.errors import InvalidRequest, LogError
from app.kafka.index import Index
from app.kafka.live_index import LiveIndex
from app.kafka.log import LogFollower, Record
from app.kafka.ownership import Ownership
from app.kafka.topics import BACKTESTS, DLQ, LIVE, REQUESTS, SERIES
from app.kafka.writer import TransactionalWriter
from app.settings import Settings

logger = logging.getLogger(__name__)

_BATCH = 200


class Decider:
    """Decides while this process owns the partition. ``assign`` and ``stop`` may be called from any thread."""

    def __init__(self, settings: Settings, index: Index, live: LiveIndex, registry: SchemaRegistry) -> None:
        self._settings = settings
        self._index = index
        self._live = live
        self._registry = registry
        self.counts = Counts()
        self._inbox: queue.Queue[Record] | None = None
        self._follower: LogFollower | None = None
        self._ownership = Ownership(
            "decider", lambda: TransactionalWriter(settings, f"{settings.app_id}-requests-0"), self._work
        )

    def start(self) -> None:
        self._ownership.start()

    def stop(self) -> None:
        self._ownership.stop()

    def assign(self, owned: bool) -> None:
        """Whether this process owns the partition from now on."""
        self._ownership.assign(owned)

    @property
    def alive(self) -> bool:
        """Whether the thread that decides is there."""
        return self._ownership.alive

    @property
    def owned(self) -> bool:
        """Whether this process decides, as far as it knows."""
        return self._ownership.owned

    @property
    def behind(self) -> int:
        """Offsets of ``requests`` that are not decided yet, those that somebody's open transaction holds back included,
        as far as the owner's reader knows; 0 for who is not the owner."""
        inbox, follower = self._inbox, self._follower
        return 0 if inbox is None or follower is None else inbox.qsize() + follower.behind

    def _work(self, writer: TransactionalWriter, mine: Callable[[], bool]) -> None:
        """From taking the partition over to losing it."""
        follower: LogFollower | None = None
        over = threading.Event()
        try:
            self._index.catch_up()
            self._live.catch_up()
            inbox: queue.Queue[Record] = queue.Queue(5 * _BATCH)
            follower = LogFollower(
                self._settings,
                [(REQUESTS, 0)],
                lambda record: _put(inbox, record, over),
                start={(REQUESTS, 0): self._index.position + 1} if self._index.position >= 0 else None,
                measured=True,
            )
            _check_same_log(self._index.position, follower.ends()[REQUESTS, 0])
            self._inbox, self._follower = inbox, follower
            follower.start()
            logger.info("deciding on requests from offset %d on", self._index.position + 1)
            housekeeping = Housekeeping(self._index)
            while mine():
                _check_understood(self._index.beyond)
                batch = _drain(inbox)
                if batch:
                    self._decide(writer, batch)
                housekeeping.tidy(writer)
        finally:
            over.set()
            self._inbox = self._follower = None
            if follower is not None:
                follower.stop()

    def _decide(self, writer: TransactionalWriter, batch: list[Record]) -> None:
        new: dict[str, BacktestRecord] = {}
        live: dict[str, Subscription | None] = {}

        def known(backtest_id: str) -> BacktestRecord | None:
            return new.get(backtest_id) or self._index.backtest(backtest_id)

        def standing(topic: str) -> Subscription | None:
            return live[topic] if topic in live else self._live.subscription(topic)

        decisions: list[tuple[Record, Decision]] = []
        for record in batch:
            decision = self._decision(record, known, standing)
            match decision:
                case Accepted(accepted):
                    new[accepted.backtest_id] = accepted
                case Instructed(_, backtest_id, changed) if changed is not None:
                    new[backtest_id] = changed
                case Unsubscribed(topic):
                    live[topic] = None
            if isinstance(decision, Accepted | Subscribed):
                live |= {one.topic: one for one in decision.live}
            decisions.append((record, decision))
        writer.begin()
        for record, decision in decisions:
            _write(writer, record, decision)
        position = str(batch[-1].offset).encode()
        for topic in (BACKTESTS, LIVE):
            # In both, because whoever waits for a decision reads them apart from each other.
            writer.record(topic, POSITION_KEY.encode(), position, partition=0)
        writer.commit()
        self.counts.committed(decisions)
        # The next batch must see these decisions.
        if not all(one.wait_position(batch[-1].offset, 30.0) for one in (self._index, self._live)):
            raise LogError("a decision of ours does not show in the log")

    def _decision(self, record: Record, known: Known, standing: Standing) -> Decision:
        now = dt.datetime.fromtimestamp(record.timestamp / 1000, dt.UTC)
        try:
            decision = decide(decode_message(record.value, self._registry), record.offset, now, known, standing)
        except InvalidRequest as error:
            decision = Rejected(error)
        except Exception as fault:
            # A message that no rule foresaw must not stop the stream.
            logger.exception("requests@%d could not be decided", record.offset)
            decision = Rejected(InvalidRequest.of("", f"the message could not be decided: {fault!r}"))
        match decision:
            case Accepted(accepted):
                on = {"backtest": accepted.backtest_id}
                logger.info("backtest %s accepted as run %d", accepted.backtest_id, record.offset, extra=on)
            case Repeated(backtest_id):
                logger.info("backtest %s asked for again", backtest_id, extra={"backtest": backtest_id})
            case Instructed(what, backtest_id, changed):
                then = "" if changed else ", which changes nothing"
                logger.info("backtest %s: %s%s", backtest_id, what, then, extra={"backtest": backtest_id})
            case Subscribed(topics, live):
                logger.info("%d live topics subscribed to, %d of them new or wider", len(topics), len(live))
            case Unsubscribed(topic):
                logger.info("live topic %s unsubscribed", topic)
            case Rejected(why):
                logger.info("requests@%d rejected: %.300s", record.offset, why)
        return decision


def _check_understood(beyond: str | None) -> None:
    """Raise ``LogError`` while there is a backtest that a later version accepted and this one does not understand: its
    id would be taken for free, and its topics for nobody's."""
    if beyond is not None:
        raise LogError(
            f"backtest {beyond} was asked for in a way that only a later version knows, so nothing is decided here; "
            "upgrade this coordinator (docs/operations.md, Upgrading)"
        )


def _check_same_log(decided: int, end: int) -> None:
    """Raise ``LogError`` when the log ends before what was decided: then it is another one. Offsets name runs, so a
    decision on its messages would be taken for an older one."""
    if end <= decided:
        raise LogError(
            f"requests ends at offset {end}, and offset {decided} was decided: it was made anew beside older control "
            "topics; bring it back as it was, or delete all control topics (docs/operations.md, Backup and restore)"
        )


def _write(writer: TransactionalWriter, record: Record, decision: Decision) -> None:
    match decision:
        case Accepted(accepted, live):
            _write_backtest(writer, accepted)
            _write_live(writer, live)
        case Instructed(_, _, changed) if changed is not None:
            _write_backtest(writer, changed)
        case Subscribed(_, live):
            _write_live(writer, live)
        case Unsubscribed(topic):
            writer.record(LIVE, topic.encode(), None, partition=0)
        case Rejected(error):
            key, value, headers = dead_letter(record, error)
            writer.record(DLQ, key, value, partition=0, headers=headers)


def _write_backtest(writer: TransactionalWriter, backtest: BacktestRecord) -> None:
    writer.record(BACKTESTS, backtest.backtest_id.encode(), backtest.encode(), partition=0)
    for series in series_records(backtest):
        writer.record(SERIES, series.topic.encode(), series.encode())


def _write_live(writer: TransactionalWriter, live: Iterable[Subscription]) -> None:
    for one in live:
        writer.record(LIVE, one.topic.encode(), one.encode(), partition=0)


def _put(inbox: queue.Queue[Record], record: Record, over: threading.Event) -> None:
    """Hand a record to the tenure; one that is dropped because the tenure is over is read again by the next."""
    while not over.is_set():
        try:
            inbox.put(record, timeout=0.2)
            return
        except queue.Full:
            continue


def _drain(inbox: queue.Queue[Record]) -> list[Record]:
    """What is there, in order, after waiting a moment for the first."""
    try:
        batch = [inbox.get(timeout=0.25)]
    except queue.Empty:
        return []
    while len(batch) < _BATCH:
        try:
            batch.append(inbox.get_nowait())
        except queue.Empty:
            break
    return batch
