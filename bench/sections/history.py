"""From the provider's HTTP bytes to committed Avro rows, beside what a user would take instead, and beside the limits.

All take turns on one broker, with the same one-second bars from the simulator's cache. Those that handle one row at a
time get fewer of them, so that none takes more than some seconds a round; what is compared are rows a second.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench import other_environment
from bench.contest import LOOPS, WARM_UP_ROWS, Contest, Sizes
from bench.contestants import c_limit, jvm
from bench.figures import Contestant, Figure, Goal, Result, Section, at_least, ratio, take_turns
from bench.services import bench_services
from bench.workload import TICKERS, warm

TITLE = "History: HTTP bytes to committed Avro rows"
TEXT = (
    "One-second bars of stocks, from the provider's answers, which the simulator has in memory, to Avro rows on Kafka. "
    "A contestant's clock runs from its first request until its last row is acknowledged; the platform's from the "
    "record that asks for a series until the last receipt is committed. Each is a process of its own, whose processor "
    "time is told without the broker's and the simulator's."
)
LABELS = {
    "ours": "the platform: pyarrow → numpy → Avro → transactions (`HISTORY_WRITER=messages`, the default)",
    "batches": "the platform with `HISTORY_WRITER=batches`",
    "few": "the platform with the plain loop's rows",
    "few-batches": "the same with `HISTORY_WRITER=batches`",
    "naive": "plain loop: json → dict → AvroSerializer → produce",
    "scalar": "careful loop: orjson → fastavro → produce",
    "quixstreams": "Quix Streams: orjson → AvroSerializer → producer",
    "kafka-python": "kafka-python: orjson → fastavro → send",
    "faust": "Faust: orjson → fastavro → topic.send",
    "c": "limit: C loop over librdkafka, transactional",
    "jvm": "limit: Java ProducerPerformance, transactional",
}
OVER = {
    "naive": "the plain loop",
    "quixstreams": "Quix Streams",
    "c": "the C loop, which only produces",
    "scalar": "the careful loop",
    "faust": "Faust",
    "kafka-python": "kafka-python",
    "jvm": "ProducerPerformance, which only produces",
}
#: What the platform's rate is held against that of each other; the goals are for its median.
GOALS: dict[str, Goal | None] = {
    "naive": at_least(13),
    "quixstreams": at_least(7),
    "c": at_least(0.5),
    "scalar": None,
    "faust": None,
    "kafka-python": None,
    "jvm": None,
}
#: The same for record batches.
BATCH_GOALS = {"naive": at_least(13), "quixstreams": at_least(7), "c": at_least(0.75)}
#: They need the other environment.
ELSEWHERE = ("quixstreams", "kafka-python")


def measure(quick: bool, say: Callable[[str], None]) -> Section:
    sizes, left_out = Sizes.of(quick), list[str]()

    def leave_out(text: str) -> None:
        say(text)
        left_out.append(text)

    # Made before the services are up, for the first time takes a minute and more.
    elsewhere = other_environment.python(leave_out, say)
    with bench_services(say) as services:
        program = c_limit.compiled(services.folder, leave_out)
        taken = sizes.ours.warm(services.settings.theta_url, ("csv",))["csv"]
        # Each its own: an answer that ends before the session does is another one to the simulator.
        for share in sizes.shares.values():
            warm(services.settings.theta_url, share.requests())
        contest = Contest(services, sizes)
        contest.prepare(program)
        say(f"{contest.rows:,} rows a round for ours, {contest.message_bytes:.1f} bytes a message")

        interpreters = {name: elsewhere if name in ELSEWHERE else Path(sys.executable) for name in LOOPS}
        runs: dict[str, Callable[[int], Result]] = {"ours": contest.ours, "batches": contest.batches}
        if sizes.few:
            runs |= {"few": contest.few, "few-batches": contest.few_batches}
        for name, interpreter in interpreters.items():
            if interpreter is not None:
                runs[name] = partial(contest.loop, name, interpreter)
        if program is not None:
            runs["c"] = partial(contest.c, program)
        runs["jvm"] = contest.jvm
        results = take_turns(runs, sizes.rounds, say)
        contest.check(tuple(runs), sizes.rounds - 1, results["ours"][-1], results["batches"][-1])
        notes = [*_notes(sizes, contest, taken), *left_out]
    contestants = {name: Contestant(name, LABELS[name], results[name]) for name in LABELS if name in results}
    ours, naive = contestants["ours"], contestants["naive"]
    figures = [
        ratio(f"the platform over {OVER[name]}", ours, contestants[name], goal)
        for name, goal in GOALS.items()
        if name in contestants
    ]
    batches = contestants["batches"]
    figures.append(ratio("`batches` over `messages`", batches, ours))
    figures += [
        ratio(f"`batches` over {OVER[name]}", batches, contestants[name], goal)
        for name, goal in BATCH_GOALS.items()
        if name in contestants
    ]
    figures += [
        ratio(f"the same with the plain loop's number of rows: {writer} over the plain loop", contestants[name], naive)
        for name, writer in (("few", "`messages`"), ("few-batches", "`batches`"))
        if name in contestants
    ]
    for name, whose in (
        ("ours", "the platform's in a transaction, mean of a run"),
        ("jvm", "ProducerPerformance's in a transaction, mean of a run and its warm-up"),
    ):
        per_transaction = [one["rows"] / one["transactions"] for one in results[name]]
        figures.append(Figure(f"rows of {whose}", per_transaction, "rows"))
    return Section("history", TITLE, TEXT, tuple(contestants.values()), figures, notes)


def _notes(sizes: Sizes, contest: Contest, taken: int) -> list[str]:
    return [
        f"The platform moves {contest.rows:,} rows a round, {len(TICKERS)} series over {len(sizes.ours.days)} "
        f"sessions, from {taken / 1e6:.0f} MB of CSV; {contest.message_bytes:.1f} bytes a message. Bars without "
        "trades are dropped, by all. All figures are rows a second, so those that handle one row at a time get a "
        "smaller part of the same rows, the first sessions of the same tickers, as JSON.",
        "The platform's is the production path: making topics, taking over the transactional ids, the digest, "
        "checkpoints and receipts are in its figure. It runs in one process, without its Faust app and web server and "
        "with all partitions assigned from the start (`bench/platform_path.py`).",
        "The others' topics are made beforehand, and each has moved something before its clock runs. Those that handle "
        "one row at a time have no transaction, no checkpoint and no digest.",
        "All use lz4 and `acks=all`.",
        "The broker is warm: a run of the platform's goes before the first round, then "
        f"{WARM_UP_ROWS / 1e6:g} million rows or more from the C loop, or else from runs of the platform's.",
        "Checked outside of the clocks: in the last round the topics hold the Avro bodies of the platform's receipts, "
        "and those that handle one row at a time wrote the bodies of as many first rows; in each round they wrote as "
        "many rows as they say.",
        "The C loop produces the platform's own messages, with their keys and timestamps, from memory, in transactions "
        "of 100,000, through the same librdkafka: no HTTP, no parsing, no encoding, no digest. The goal is half of its "
        "rate, for `batches` 0.75.",
        "The JVM's rows are the provider's as text, of the messages' size, drawn at random from four sessions' in "
        f"memory, with batches of 1 MB; it commits every {jvm.TRANSACTION_MS} ms. Its rate is the tool's own, after "
        f"{sizes.jvm_warm_up:,} records; its processor time has the boot in it.",
    ]
