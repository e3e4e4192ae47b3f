"""The Faust apps, each put together in one place from one settings object.

A role is an app of its own with a consumer group of its own: a history worker that joins does not disturb the
coordinator, and encoding does not slow the web.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import faust
from aiohttp.web import AppRunner
from aiokafka.errors import KafkaError
from faust.exceptions import ProducerSendError
from faust.web.base import BlueprintManager

from agents.live import live_agent
from agents.requests import requests_agent
from agents.series import series_agent
from app.avro.encode import frame
from app.avro.registry import SchemaRegistry, register_all
from app.coordinator.decider import Decider
from app.coordinator.orphans import OrphanWatch, look
from app.domain.schema import RECORDS
from app.domain.worker_report import REPORT_EVERY
from app.errors import LogError, SettingError
from app.history.fetch import Fetcher
from app.history.handover import Handovers
from app.history.runner import Runner
from app.history.running import Deps
from app.kafka import assignor, unpacking
from app.kafka.compatibility import check_compatibility
from app.kafka.config import MAX_MESSAGE_BYTES, check_brokers
from app.kafka.faust_credentials import faust_credentials
from app.kafka.index import Index
from app.kafka.live_index import LiveIndex
from app.kafka.topics import BACKTESTS, PROGRESS, REQUESTS, SERIES, WORKERS, Topics, control_topics
from app.kafka.worker_index import WorkerIndex
from app.live.deps import LiveDeps
from app.live.feed import LiveFeed
from app.live.tenure import HEALERS
from app.provider import Provider
from app.providers import provider_of, streamed_provider_of
from app.rows.bodies import Bodies
from app.settings import Role, Settings
from app.web import declared, measured
from app.web.asked import Asked
from app.web.auth import Tokens, bearer
from app.web.changes import Changes
from app.web.description import with_description
from app.web.front import Front
from app.web.headers import add_headers, called_by_name, own_names, own_pages_only
from app.web.health import Health
from app.web.limits import Places, limited
from app.web.metrics import Metrics
from app.web.operations import Operation, views_of
from app.web.problems import problems
from app.web.reading import Shelf
from app.web.sending import Told
from app.web.traffic import Traffic
from app.web.workers import Reporter

logger = logging.getLogger(__name__)

#: Seconds that a POST waits for the brokers.
PUBLISH_WAIT = 10.0
#: Seconds that the brokers have to take a stop's last words: reports, leaving the group.
_LAST_WORDS = 4.0
#: Seconds between two looks at the provider's own connection.
_TERMINAL_POLL = 5.0
#: Seconds that the registry may take to tell a schema.
_SCHEMA_WAIT = 10.0
#: Requests that the coordinator makes at once for the listings of a plan that is only asked about.
_PLAN_CONNECTIONS = 2


def preflight(settings: Settings) -> tuple[dict[str, int], dict[str, int]]:
    """Check that broker and registry answer, register the schemas, make the control topics.

    Partition counts by topic and schema ids by record name. Raises ``SettingError`` naming the setting at fault.
    """
    check_brokers(settings)
    # The registry first: a start that fails should have made nothing.
    ids = register_all(settings)
    topics, specs = Topics(settings), control_topics(settings)
    partitions = topics.ensure_control(specs)
    check_compatibility(topics, specs)
    return partitions, ids


class RoleApp(faust.App):
    """A Faust app that starts its role's services before its consumer and stops them with it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.starters: list[Callable[[], None]] = []
        #: Groups that are stopped one after the other, each all at once.
        self.stoppers: list[tuple[Callable[[], None], ...]] = []
        #: What is said while the producer is still there.
        self.leavers: list[Callable[[], Awaitable[None]]] = []

    async def on_first_start(self) -> None:
        # Faust would make folders for tables here; there are none.
        for start in self.starters:
            await asyncio.to_thread(start)

    async def on_stop(self) -> None:
        for leave in self.leavers:
            await leave()
        for group in self.stoppers:
            await asyncio.gather(*(asyncio.to_thread(stop) for stop in group))
        # What was told to be taken has the brokers' word already, and no writer is left: all that is still to come is
        # Faust's good-bye, and to brokers that do not answer it would say that for minutes.
        end = threading.Timer(_LAST_WORDS, _leave)
        end.daemon = True
        end.start()
        await super().on_stop()


def _leave() -> None:
    logger.warning("the brokers have not heard yet that this process leaves its group; it ends all the same")
    logging.shutdown()
    os._exit(0)


def create_app(settings: Settings, role: Role) -> RoleApp:
    """The app of a role, ready to be run by a worker. Does what ``preflight`` does first."""
    partitions, schema_ids = preflight(settings)
    _check_port(settings, role)
    assignor.install()
    unpacking.install()
    metrics = Metrics(role)
    tokens = Tokens.of(settings)
    names = None if tokens.asked else own_names(settings.web_host, settings.names)
    traffic = Traffic()
    health = Health(role, settings.fdp_instance)
    measured.every_role(metrics, health, traffic)
    app = RoleApp(
        f"{settings.app_id}-{role}",
        # Faust lets the environment win over what it is told, and WEB_PORT is a setting of ours.
        env_prefix="FDP_FAUST",
        broker=[f"kafka://{server.strip()}" for server in settings.kafka_bootstrap_servers.split(",")],
        broker_credentials=faust_credentials(settings),
        # A member without partitions never polls; at the default aiokafka lets it leave for good.
        broker_max_poll_interval=1e9,
        broker_session_timeout=6,
        broker_heartbeat_interval=1,
        broker_rebalance_timeout=10,
        consumer_auto_offset_reset="latest",
        store="memory://",
        topic_disable_leader=True,
        topic_allow_declare=False,
        table_standby_replicas=0,
        producer_acks=-1,
        producer_linger=0,
        producer_max_request_size=MAX_MESSAGE_BYTES,
        autodiscover=False,
        web_host=settings.web_host,
        web_bind=settings.web_host,
        web_port=settings.web_port_of(role),
        web_tables_enabled=False,
        web_router_enabled=False,
        web_stats_enabled=False,
        web_graph_enabled=False,
        web_metrics_enabled=False,
        web_application_options={
            "middlewares": [
                traffic.measure,
                problems,
                *([] if names is None else [called_by_name(names)]),
                own_pages_only,
                bearer(tokens),
                limited(settings.rate_limit),
            ],
            "client_max_size": settings.max_body_bytes,
        },
        worker_redirect_stdouts=False,
    )
    # Faust's own page at `/` cannot be switched off, and would come before ours.
    app.web.blueprints = BlueprintManager()
    terminal = _TerminalWatch(provider_of(settings, 1))
    health.terminal = terminal.state
    app.starters.append(terminal.start)
    app.stoppers.append((terminal.stop,))
    build = {"coordinator": _coordinator, "history": _history, "live": _live}[role]
    operations = (
        *build(app, settings, partitions, schema_ids, health, metrics),
        *declared.every_role(health, metrics),
    )
    if role == "coordinator":
        operations = with_description(operations, tokens=tokens.asked)
    health.checks["group"] = lambda: _assignment(app)
    if WORKERS in partitions:
        _report(app, Reporter(role, health, metrics))

    @app.on_partitions_assigned.connect(weak=False)
    async def remember(sender: Any, assigned: Any, **_: Any) -> None:
        assignor.on_assigned(app.consumer_generation_id)

    @app.on_worker_init.connect(weak=False)
    def serve(sender: Any, **_: Any) -> None:
        for path, view in views_of(operations).items():
            app.page(path, name=path)(view)
        add_headers(app.web.web_app)
        # Without this a stop waits a minute for every open stream.
        app.web._runner = AppRunner(app.web.web_app, access_log=None, shutdown_timeout=1)

    return app


def _report(app: RoleApp, reporter: Reporter) -> None:
    """Have the app tell on ``workers`` how it is."""
    topic = app.topic(WORKERS, key_serializer="raw", value_serializer="raw")

    async def publish(value: bytes | None, key: str) -> None:
        # What the brokers do not take in time is not worth taking any more.
        with contextlib.suppress(TimeoutError, KafkaError, ProducerSendError):
            await asyncio.wait_for(topic.send(key=key.encode(), value=value), REPORT_EVERY / 2)

    @app.timer(REPORT_EVERY)
    async def tell() -> None:
        try:
            report = await asyncio.to_thread(reporter.report)
            await publish(report.encode(), report.key)
        except Exception:
            # What a timer raises ends the role, and a report is not worth that.
            logger.exception("no report could be made")

    async def leave() -> None:
        await publish(None, reporter.key)

    app.leavers.append(leave)


def _coordinator(
    app: RoleApp, settings: Settings, partitions: dict[str, int], ids: dict[str, int], health: Health, metrics: Metrics
) -> tuple[Operation, ...]:
    index = Index(settings, {name: partitions[name] for name in (BACKTESTS, SERIES, PROGRESS)})
    registry = SchemaRegistry(settings)
    live = LiveIndex(settings)
    decider = Decider(settings, index, live, registry)
    topic = app.topic(REQUESTS, key_serializer="raw", value_serializer="raw")

    async def publish(key: bytes, value: bytes) -> int:
        # Faust would wait for a broker that is away for twenty minutes. Asking again is safe: the same request
        # under the same id is one backtest, however often it arrives.
        try:
            sent = await asyncio.wait_for(topic.send(key=key, value=value), PUBLISH_WAIT)
            return int((await asyncio.wait_for(sent, PUBLISH_WAIT)).offset)
        except (TimeoutError, KafkaError, ProducerSendError) as error:
            raise LogError(f"the brokers did not take the request ({type(error).__name__})") from None

    app.starters += [index.start, live.start, index.catch_up, live.catch_up, decider.start]
    # The decider first: after its last commit it waits for the indexes to show it.
    app.stoppers += [(decider.stop,), (index.stop, live.stop), (registry.close,)]
    requests_agent(app, decider)
    health.checks["index"] = lambda: _reading(index)
    health.checks["live_index"] = lambda: _reading(live)
    health.checks["decider"] = lambda: None if decider.alive else "nothing decides on requests"
    workers = WorkerIndex(settings)
    if WORKERS in partitions:
        app.starters.append(workers.start)
        app.stoppers.append((workers.stop,))
    topics = Topics(settings)
    orphans = OrphanWatch(lambda: look(topics, index, live))
    app.starters.append(orphans.start)
    # Before the indexes, which it waits for.
    app.stoppers.insert(0, (orphans.stop,))
    measured.coordinator(metrics, decider, index, live, orphans)
    provider = provider_of(settings, _PLAN_CONNECTIONS)
    app.stoppers.append((provider.close,))
    places = Places(index, settings.max_backtests)
    changes = Changes(index, live)
    front = Front(index, live, changes, publish, provider, settings.slots, places)

    def stopping() -> bool:
        return bool(app.should_stop)

    bodies = Bodies(ids, lambda number: registry.schema(number, _SCHEMA_WAIT))
    shelf = Shelf(settings, index, changes, topics, bodies, stopping, settings.data_streams)
    app.stoppers.append((shelf.close,))
    sent = Told()
    measured.rows_sent(metrics, shelf, sent)
    return declared.coordinator(front, settings, orphans, workers, shelf, sent, stopping)


def _history(
    app: RoleApp, settings: Settings, partitions: dict[str, int], ids: dict[str, int], health: Health, metrics: Metrics
) -> tuple[Operation, ...]:
    index = Index(settings, {name: partitions[name] for name in (SERIES, PROGRESS)})
    provider = provider_of(settings, settings.slots + 2)
    asked = Asked()
    fetcher = Fetcher(provider, settings.slots, settings.theta_wait, observer=asked)
    frames = {record.name: frame(ids[record.name]) for record in RECORDS.values()}
    live = LiveIndex(settings)
    handovers = Handovers(settings, live)
    deps = Deps(settings, index, Topics(settings), fetcher, provider, handovers, frames)
    runner = Runner(deps, partitions[SERIES])
    app.starters += [index.start, live.start, index.catch_up, live.catch_up, runner.start]
    # The provider's connections last: a request that is cut off by us must not pass for a failed one.
    app.stoppers += [(runner.stop, index.stop, live.stop), (provider.close,)]
    series_agent(app, runner)
    health.checks["index"] = lambda: _reading(index)
    measured.history(metrics, runner, deps, asked)
    return ()


def _live(
    app: RoleApp, settings: Settings, _partitions: dict[str, int], ids: dict[str, int], health: Health, metrics: Metrics
) -> tuple[Operation, ...]:
    index = LiveIndex(settings)
    provider, stream = streamed_provider_of(settings, HEALERS)
    frames = {record.name: frame(ids[record.name]) for record in RECORDS.values()}
    asked = Asked()
    feed = LiveFeed(LiveDeps(settings, index, Topics(settings), provider, stream, frames, observer=asked))
    app.starters += [index.start, index.catch_up, feed.start]
    # The provider's connections first: the feed's stop waits for what is asked of them.
    app.stoppers += [(provider.close, feed.stop), (index.stop,)]
    live_agent(app, feed)
    health.checks["index"] = lambda: _reading(index)
    health.checks["feed"] = lambda: None if feed.alive else "nothing holds the feed"
    measured.live(metrics, feed, index, asked)
    return ()


def _reading(index: Index | LiveIndex) -> str | None:
    if not index.alive:
        return "nothing reads the control logs"
    return None if index.caught_up else "the control logs are being read"


def _check_port(settings: Settings, role: Role) -> None:
    """Raise ``SettingError`` when somebody listens where this role's web server should."""
    port = settings.web_port_of(role)
    name = "WEB_PORT" if role == "coordinator" else f"{role.upper()}_WEB_PORT"
    try:
        # As the server itself will bind it; the connections of a former one do not count as taken.
        socket.create_server((settings.web_host, port), family=_family(settings.web_host)).close()
    except OSError as error:
        raise SettingError(
            name, f"{settings.web_host}:{port} cannot be listened on ({error.strerror}); choose another"
        ) from None


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _assignment(app: faust.App) -> str | None:
    """None when the group has given this process its share, which may be nothing."""
    if app.rebalancing:
        return "the group is rebalancing"
    return None if app._assignment is not None else "waiting for the group's first assignment"


class _TerminalWatch:
    """Asks the provider now and then how it is, so that a probe need not wait for it."""

    def __init__(self, client: Provider) -> None:
        self._client = client
        self._state = "unknown"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="terminal-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._client.close()

    def state(self) -> str:
        return self._state

    def _run(self) -> None:
        while not self._stop.is_set():
            state = self._client.state()
            if state != self._state:
                level = logging.INFO if state == "CONNECTED" else logging.WARNING
                logger.log(level, "the provider %s is %s", self._client.name, state)
                self._state = state
            self._stop.wait(_TERMINAL_POLL)
