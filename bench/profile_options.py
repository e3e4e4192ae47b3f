"""Where the history path's time goes with options: one-minute quotes of a part of SPXW's chain, stage by stage.

The clock runs as in ``bench.platform_path``; the simulator has made the chain in the first round.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import orjson

from app.domain.contracts import Contracts
from app.domain.records import SeriesRecord
from app.domain.series import SeriesName
from bench.profile_history import rounds_of
from bench.services import bench_services
from bench.stages import show
from bench.workload import record_of

ROUNDS = 3
_START, _END = dt.date(2024, 3, 4), dt.date(2024, 3, 5)
#: Six expirations or so, forty-one strikes, calls and puts: some 200,000 rows a session.
_CONTRACTS = Contracts(max_dte=9, strike_range=20)


def series(number: int) -> list[SeriesRecord]:
    """The record that the coordinator would write."""
    name = SeriesName("option", "SPXW", "quote", "1m", f"profile-{number}")
    return [record_of(name, number, 0, _START, _END, contracts=_CONTRACTS)]


def profile(say: Callable[[str], None]) -> None:
    """Bring the services up, run the path in a process of its own, and print a table a round."""
    with bench_services(say) as services:
        answer = services.run("bench.profile_options")
    for number, one in enumerate(answer["rounds"]):
        first = " (the simulator makes the chain)" if number == 0 else ""
        show(f"history, one-minute quotes of options, round {number + 1}{first}", one)


def main() -> None:
    print(orjson.dumps({"rounds": rounds_of(series, ROUNDS)}).decode())


if __name__ == "__main__":
    main()
