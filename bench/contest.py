"""The contest of the section `history`: what contestants are given, and whether they wrote what they say."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import orjson

from app.avro.encode import frame
from app.domain.schema import RECORDS
from app.kafka.topics import Topics, data_topic
from app.main import preflight
from bench import other_environment
from bench.contestants import c_limit, jvm
from bench.contestants.job import Job, Lot
from bench.figures import Result
from bench.record_path import write_records
from bench.same_bodies import digest, rows_of
from bench.services import Services
from bench.workload import PATH, TICKERS, Workload

RECORD = RECORDS["stock", "ohlcv"]
#: Those that write the provider's rows one by one, without transactions, and the module of each.
LOOPS = {
    "naive": "bench.contestants.naive",
    "scalar": "bench.contestants.scalar",
    "quixstreams": "bench.contestants.quix",
    "kafka-python": "bench.contestants.python_client",
    "faust": "bench.contestants.faust_send",
}
#: Rows that the broker takes before the first round, beside those of a run of ours.
WARM_UP_ROWS = 3_000_000
#: The slowest, and where the session that they warm up on ends for them, so that it takes no longer than their run.
_SLOW = ("kafka-python", "faust")
_SLOW_FIRST = "09:40:00"


@dataclass(frozen=True, slots=True)
class Share:
    """A contestant's part of the rows: the first sessions of some tickers, of each session what is before ``until``."""

    workload: Workload
    until: str | None = None

    def lots(self, topics: Sequence[str]) -> list[Lot]:
        return [
            Lot(ticker, topic, self._until(self.workload, ticker, self.until))
            for ticker, topic in zip(self.workload.tickers, topics, strict=True)
        ]

    def first(self, topic: str, until: str | None) -> Lot:
        """What is moved before the clock runs."""
        first = self.workload.first_session
        return Lot(first.tickers[0], topic, self._until(first, first.tickers[0], until))

    def requests(self) -> list[dict[str, str]]:
        """Those of all lots."""
        return [params for lot in self.lots(self.workload.tickers) for params in lot.requests]

    @staticmethod
    def _until(workload: Workload, ticker: str, until: str | None) -> list[dict[str, str]]:
        last = {} if until is None else {"end_time": until}
        return [params | last for params in workload.requests(ticker, "json")]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured. ``few``: whether ours runs on the plain loop's rows too."""

    rounds: int
    ours: Workload
    shares: dict[str, Share]
    jvm_warm_up: int
    few: bool

    @classmethod
    def of(cls, quick: bool) -> Sizes:
        """Rows are told as the provider sends them; about a twentieth of these tickers' bars is empty and dropped."""
        if quick:
            loops, client = Share(Workload.of_rows(1)), Share(Workload.of_rows(1, TICKERS[:1]))
            faust = Share(Workload.of_rows(1, TICKERS[:1]), until="11:00:00")
            rounds, rows, jvm_warm_up = 1, 468_000, 600_000
        else:
            loops, client = Share(Workload.of_rows(370_000)), Share(Workload.of_rows(90_000, TICKERS[:2]))
            faust = Share(Workload.of_rows(1, TICKERS[:1]))
            rounds, rows, jvm_warm_up = 5, 1_400_000, 1_500_000
        shares = dict.fromkeys(("naive", "scalar", "quixstreams"), loops) | {"kafka-python": client, "faust": faust}
        return cls(rounds, Workload.of_rows(rows), shares, jvm_warm_up, few=not quick)


class Contest:
    """All of them on one set of services."""

    def __init__(self, services: Services, sizes: Sizes) -> None:
        self._services = services
        self._settings = services.settings
        self._sizes = sizes
        _, ids = preflight(services.settings)
        self._frame = frame(ids[RECORD.name])
        self._topics = Topics(services.settings)
        self._class_path = jvm.class_path(services.settings)
        self._messages: list[c_limit.Messages] = []
        self._payloads = services.folder / "payloads"
        self._runs = itertools.count()

    def prepare(self, program: Path | None) -> None:
        """What comes before the first round: what the limits are to produce, which one run of ours writes, and rows
        that do not count. ``program``: the loop in C, where there is one."""
        found = self.ours(-1)
        for topic, (rows, _) in zip(self._ours_topics(-1), found["receipts"], strict=True):
            self._messages.append(c_limit.copied(self._services, TICKERS[len(self._messages)], topic, rows))
        jvm.payload(self._payloads, self._text(), round(self.message_bytes))
        self._warm_up(program)

    def _warm_up(self, program: Path | None) -> None:
        """Rows for the broker's compiler, which takes more than the work itself until it is done. The loop in C is the
        cheapest way to so many."""
        times = -(-WARM_UP_ROWS // self.rows)
        if program is None:
            for number in range(times):
                self.ours(-2 - number)
            return
        self._create("scratch-first", "scratch")
        some = self._messages * times
        c_limit.measure(self._services, program, "scratch", "scratch-first", ["scratch"] * len(some), some)

    def _text(self) -> Iterator[str]:
        """The rows of the first session of all tickers, as the provider sends them, in the simulator's cache."""
        first = replace(self._sizes.ours, end=self._sizes.ours.start)
        with httpx.Client(base_url=self._settings.theta_url, timeout=120, trust_env=False) as client:
            for ticker in first.tickers:
                for params in first.requests(ticker, "csv"):
                    yield from client.get(PATH, params=params).raise_for_status().text.splitlines()[1:]

    @property
    def rows(self) -> int:
        return sum(some.rows for some in self._messages)

    @property
    def message_bytes(self) -> float:
        """Mean size of a message, frame included."""
        return sum(some.bytes for some in self._messages) / self.rows

    def ours(self, number: int) -> Result:
        return self._path(self._services, self._id(number), self._sizes.ours)

    def batches(self, number: int) -> Result:
        """The same with record batches in the messages' place."""
        return self._path(self._batches, f"batches{number}", self._sizes.ours)

    def few(self, number: int) -> Result:
        """Ours with as many rows as the plain loop has."""
        return self._path(self._services, f"few{number}", self._sizes.shares["naive"].workload)

    def few_batches(self, number: int) -> Result:
        return self._path(self._batches, f"few-batches{number}", self._sizes.shares["naive"].workload)

    @property
    def _batches(self) -> Services:
        settings = self._settings.model_copy(update={"history_writer": "batches"})
        return replace(self._services, settings=settings)

    def _path(self, services: Services, backtest_id: str, ours: Workload) -> Result:
        run = next(self._runs)
        file = services.folder / f"{backtest_id}.json"
        write_records(file, ours.first_session.series(f"{backtest_id}-first", run), ours.series(backtest_id, run))
        return services.run("bench.record_path", str(file))

    def loop(self, name: str, interpreter: Path, number: int) -> Result:
        """One of those that write row by row. Raises ``SystemExit`` when it did not write what it says."""
        topics, first = self._topics_of(name, number), f"{name}-first-{number}"
        self._create(first, *topics)
        share = self._sizes.shares[name]
        slow = name in _SLOW
        job = Job(
            url=self._settings.theta_url,
            path=PATH,
            kafka=self._settings.kafka_bootstrap_servers,
            registry=self._settings.schema_registry_url,
            schema=RECORD.avro(),
            frame=self._frame.hex(),
            first=share.first(first, _SLOW_FIRST if slow else None),
            lots=share.lots(topics),
        )
        file = self._services.folder / f"{name}-{number}.json"
        job.write(file)
        command = [str(interpreter), "-m", LOOPS[name], str(file)]
        found: Result = orjson.loads(self._services.run_to_end(command, f"{name}-{number}", other_environment.clean()))
        if sum(rows_of(self._settings, topics)) != found["rows"]:
            raise SystemExit(f"{name} says that it wrote {found['rows']} rows, which are not on its topics")
        return found

    def c(self, program: Path, number: int) -> Result:
        topics, first = self._topics_of("c", number), f"c-first-{number}"
        self._create(first, *topics)
        return c_limit.measure(self._services, program, f"c-{number}", first, topics, self._messages)

    def jvm(self, number: int) -> Result:
        (topic,) = names = (f"jvm-{number}",)
        self._create(*names)
        warm_up = self._sizes.jvm_warm_up
        return jvm.measure(self._services, self._class_path, topic, self.rows, self._payloads, warm_up)

    def check(self, names: Sequence[str], number: int, ours: Result, batches: Result) -> None:
        """Whether all wrote, byte for byte, the bodies that the receipts of ours speak of. Raises ``SystemExit``.

        The receipts' digests are those of our topics and of the C loop's as a whole; the others wrote less, and are
        held against as many first rows of ours.
        """
        if [list(one) for one in batches["receipts"]] != [list(one) for one in ours["receipts"]]:
            raise SystemExit("the receipts of record batches are not those of messages")
        settings, kept = self._settings, self._ours_topics(number)
        whole = [kept, *([self._topics_of("c", number)] if "c" in names else [])]
        for topics in whole:
            for topic, (rows, sha256) in zip(topics, ours["receipts"], strict=True):
                if digest(settings, topic, rows) != sha256:
                    raise SystemExit(f"{topic} does not hold the bodies of our receipt")
        wanted: dict[tuple[str, int], str] = {}
        for name in names:
            topics = self._topics_of(name, number) if name in LOOPS else []
            for topic, our, rows in zip(topics, kept, rows_of(settings, topics), strict=False):
                if (our, rows) not in wanted:
                    wanted[our, rows] = digest(settings, our, rows)
                if digest(settings, topic, rows) != wanted[our, rows]:
                    raise SystemExit(f"{topic} does not hold the bodies of the first {rows:,} rows of {our}")

    @staticmethod
    def _id(number: int) -> str:
        return f"bench{number}"

    def _ours_topics(self, number: int) -> list[str]:
        return [record.topic for record in self._sizes.ours.series(self._id(number), 0)]

    def _topics_of(self, name: str, number: int) -> list[str]:
        workload = self._sizes.shares[name].workload if name in LOOPS else self._sizes.ours
        return [f"{name}-{ticker.lower()}-{number}" for ticker in workload.tickers]

    def _create(self, *names: str) -> None:
        if refused := self._topics.create([data_topic(name) for name in names]):
            raise SystemExit(f"topics could not be made: {refused}")
