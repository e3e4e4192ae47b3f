"""Rows a second from the provider's cached answer to committed Avro, beside a plain loop and the JVM's own producer.

``python -m bench.fast_path`` runs the three by turns, in processes of their own, against the same broker, registry
and simulator, which it brings up for itself. The rates hang on the machine; what counts are the ratios within a
round.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from app.domain.receipt import BodyDigest
from app.history.write import FRAME_BYTES
from app.kafka.reader import read_range
from app.kafka.topics import Topics, data_topic
from app.main import preflight
from bench import jvm
from bench.machine import machine
from bench.services import Services, bench_services, exit_on_signals
from bench.workload import Workload

LABELS = {
    "naive": "json.loads -> AvroSerializer -> produce",
    "ours": "history path: pyarrow -> numpy -> Avro -> transactions",
    "jvm": "JVM ProducerPerformance, transactional",
}
#: Ours over each of the others, at least.
GOALS = {"naive": 8.0, "jvm": 0.35}
#: Runs of ours before the first round.
WARM_UPS = 5
Result = dict[str, Any]


class Contest:
    """The three on one set of services."""

    def __init__(self, services: Services, workload: Workload) -> None:
        self._services = services
        self._workload = workload
        preflight(services.settings)
        self._topics = Topics(services.settings)
        self._class_path = jvm.class_path(services.settings)
        self._rows = 0
        #: Mean size of an Avro message, frame included: the JVM's record size. Known after the first round's loop.
        self.message_bytes = 0.0

    def warm_up(self) -> None:
        """Runs that do not count, for the broker's compiler: without them the first rounds measure that one."""
        for number in range(WARM_UPS):
            self._ours(-1 - number)

    def round(self, number: int) -> dict[str, Result]:
        """One run of each; ours is always next to both others."""
        order: list[tuple[str, Callable[[int], Result]]] = [
            ("naive", self._naive),
            ("ours", self._ours),
            ("jvm", self._jvm),
        ]
        found = {name: run(number) for name, run in (order if number % 2 else reversed(order))}
        if found["naive"]["rows"] != found["ours"]["rows"]:
            raise SystemExit(f"{found['naive']['rows']} rows by the loop, {found['ours']['rows']} by the history path")
        return found

    def same_bodies(self, number: int, found: dict[str, Result]) -> bool:
        """Whether a round's loop wrote, byte for byte, the Avro bodies that the receipts of ours speak of."""
        settings = self._services.settings
        for name, (rows, sha256) in zip(self._naive_topics(number), found["ours"]["receipts"], strict=True):
            digest = BodyDigest()
            for values in read_range(settings, name, 0, rows):
                digest.update([value[FRAME_BYTES:] for value in values])
            if digest.hex() != sha256:
                return False
        return True

    def _naive_topics(self, number: int) -> list[str]:
        return [f"naive-{ticker.lower()}-{number}" for ticker in self._workload.tickers]

    def _naive(self, number: int) -> Result:
        names = self._naive_topics(number)
        first = f"naive-first-{number}"
        self._topics.create([data_topic(name) for name in (first, *names)])
        found = self._services.run("bench.naive", self._workload.as_json(), first, *names)
        self._rows, self.message_bytes = int(found["rows"]), float(found["message_bytes"])
        return found

    def _ours(self, number: int) -> Result:
        return self._services.run(
            "bench.platform_path", self._workload.as_json(), f"bench{number}", str(number + WARM_UPS)
        )

    def _jvm(self, number: int) -> Result:
        name = f"jvm-{number}"
        self._topics.create([data_topic(name)])
        return jvm.measure(self._services, self._class_path, name, self._rows, round(self.message_bytes))


def rate(one: Result) -> float:
    return float(one["rows"] / one["seconds"])


def spread(values: Sequence[float], form: str) -> str:
    """Median, least and most."""
    return f"{statistics.median(values):{form}}  ({min(values):{form}} to {max(values):{form}})"


def show_round(number: int, found: dict[str, Result]) -> None:
    rates = {name: rate(one) for name, one in found.items()}
    print(
        f"{number:5}  "
        + "  ".join(f"{rates[name]:10,.0f}" for name in LABELS)
        + "  "
        + "  ".join(f"{rates['ours'] / rates[name]:10.2f}" for name in GOALS),
        flush=True,
    )


def show_summary(rounds: list[dict[str, Result]]) -> None:
    print("\nmedian (least to most) of the rounds")
    for name, label in LABELS.items():
        cpu = [one[name]["cpu"] / one[name]["rows"] * 1e9 for one in rounds]
        print(f"  {label}")
        print(f"      {spread([rate(one[name]) for one in rounds], ',.0f')} rows/s")
        print(f"      {spread(cpu, ',.0f')} ns of client processor time a row")
    for name, goal in GOALS.items():
        ratios = [rate(one["ours"]) / rate(one[name]) for one in rounds]
        met = "met" if statistics.median(ratios) >= goal else "missed"
        print(f"  history path / {LABELS[name]}: {spread(ratios, '.2f')}; goal {goal:g}, {met}")
    print(
        f"The broker is warm: {WARM_UPS} runs of ours go before the first round. Each contestant has moved something\n"
        f"before its clock runs, the Python ones a session, the JVM {jvm.WARM_UP:,} records; the JVM's rate is the\n"
        "tool's own for the records after these, its processor time has the boot in it. Ours runs from the series\n"
        "record in `series` to the last receipt read committed: topics, take-over, digest, checkpoints and receipts\n"
        "are in it. The plain loop's topics are made beforehand, and it commits nothing."
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.fast_path", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="(default: %(default)s)")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows a round, about (default: %(default)s)")
    options = parser.parse_args()
    exit_on_signals()
    print(machine())
    workload = Workload.of_rows(options.rows)
    with bench_services(print) as services:
        taken = workload.warm(services.settings.theta_url)
        print(
            f"1s bars of {', '.join(workload.tickers)}, {len(workload.days)} sessions; in the simulator's cache: "
            f"{taken['csv'] / 1e6:.0f} MB of CSV for ours, {taken['json'] / 1e6:.0f} MB of json_new for the loop"
        )
        contest = Contest(services, workload)
        contest.warm_up()
        print(f"{'':5}  {'rows/s':>10}{'':26}  {'ours over':>10}")
        print(f"{'round':5}  {'naive':>10}  {'ours':>10}  {'jvm':>10}  {'naive':>10}  {'jvm':>10}")
        rounds = []
        for number in range(1, options.rounds + 1):
            rounds.append(contest.round(number))
            show_round(number, rounds[-1])
        rows = rounds[0]["ours"]["rows"]
        if not contest.same_bodies(1, rounds[0]):
            raise SystemExit("the loop and the history path did not write the same Avro bodies")
        print(
            f"\n{rows:,} rows a round (empty bars dropped), {contest.message_bytes:.1f} bytes a message; "
            "the loop's Avro bodies are those of our receipts (sha256)"
        )
        show_summary(rounds)


if __name__ == "__main__":
    main()
