"""One backtest through many kills of its workers and of the coordinators, at random moments: in the end its rows are
the truth, and nothing that was committed was asked for again."""

from __future__ import annotations

import pytest
from asked import Asked, Chunk, Committed
from chance import FULL, Diary
from crew import Crew
from harness import until
from truth import answered, as_the_terminal_says, same, verify
from watch import SMALL, undisturbed
from workers import PATIENCE, Worker

from app.settings import Role

pytestmark = pytest.mark.integration

#: A part of the day.
HOUR = {"start_time": "09:30:00", "end_time": "10:29:59"}
KILLS, LEAST = (100, 2_000_000) if FULL else (6, 150_000)
WORK = {
    "tickers": ["AAPL", "AMD", "AMZN", "F", "GOOG", "INTC", "META", "MSFT", "NVDA", "TSLA"],
    "start": "2024-07-01",
    "end": "2024-07-16" if FULL else "2024-07-09",
    "interval": "1s",
    # Many chunks, more than are asked for at once: else the work is over with the first answers.
    **({} if FULL else HOUR),
}
#: The part of the kills that hits a history worker; the others hit a coordinator.
HISTORY = 0.6
#: Seconds that the terminal takes for an answer: while the next kill waits for the work; while the work should not run
#: away from the kills, and one more for each chunk that it is ahead; and at the most.
BRISK, LAZY, LAZIEST = 0.5, 4, 30


@pytest.mark.timeout(3600 if FULL else 600)
def test_a_backtest_survives_its_workers_being_killed_again_and_again(crew: Crew) -> None:
    diary = Diary(f"{KILLS} kills")
    platform = crew.platform
    clean = undisturbed(crew, WORK)
    total = clean["progress"]["chunks_total"]
    #: How many chunks are committed when each kill strikes; some strike at once, as if the machine had gone.
    moments = sorted(diary.chance.randrange(1, 3 * total // 4) for _ in range(KILLS))
    on_the_way = 0
    asked = Asked(platform, WORK["interval"])
    pace(crew, BRISK)
    name = platform.ask(**WORK)
    committed = Committed(platform, name)
    extras = []
    #: The latest request when a chunk was first seen committed: no later one may be for it.
    seen: dict[Chunk, int] = {}

    def look() -> None:
        done = committed.look()
        latest = asked.look()
        for chunk in done:
            seen.setdefault(chunk, latest)

    def reached(chunks: int) -> bool:
        look()
        ahead = len(seen) - chunks
        pace(crew, BRISK if ahead < 0 else min(LAZY + ahead, LAZIEST))
        return ahead >= 0

    try:
        for kill, chunks in enumerate(moments):
            until(f"{chunks} chunks", lambda chunks=chunks: reached(chunks), 300)  # type: ignore[misc]
            victim = choose(crew, diary)
            look()
            on_the_way += len(seen) < total
            diary.fault(
                f"kill -9 {victim.role}", f"{victim.name} ({victim.pid}), {len(seen)} of {total} chunks committed"
            )
            victim.kill()
            if kill % 4 == 0:
                extras.append(platform.ask(**SMALL))
        diary.say(f"the last kill, {len(seen)} of {total} chunks committed")
        platform.simulator.set_faults([])
        done = platform.finished(name, 600)
        look()
    finally:
        committed.close()
    assert done["state"] == "complete", done
    assert on_the_way > KILLS // 2, "the work was over before most of the kills"
    assert len(seen) == total, "the rest was committed after the last look"
    late = {chunk for chunk, numbers in asked.by_chunk.items() if chunk in seen and numbers[-1] > seen[chunk]}
    assert not late, f"asked for again though every row was committed: {late}"
    same(done, clean)
    rows = sum(verify(platform, receipt) for receipt in done["receipts"])
    assert rows >= LEAST
    one = done["series"][0]["topic"]
    days = [session["date"] for session in done["receipts"][0]["sessions"] if session["rows"]]
    hours = {name: value for name, value in WORK.items() if name in HOUR}
    as_the_terminal_says(platform, one, WORK["tickers"][0], days, WORK["interval"], **hours)
    for extra in extras:
        assert platform.finished(extra, PATIENCE)["state"] == "complete"
    print(f"  {diary.total()}, {on_the_way} of them before the last chunk was committed")
    print(f"  {rows} rows of {len(done['receipts'])} series equal to the truth, receipts verified")
    print(f"  {asked.again()} requests in flight at a kill were made again, none for a committed chunk")
    print(f"  {len(extras)} other backtests posted meanwhile; {answered(platform)} messages on requests all answered")


def choose(crew: Crew, diary: Diary) -> Worker:
    """A worker that does its work, by chance."""
    role: Role = "history" if diary.chance.random() < HISTORY else "coordinator"
    workers = crew.of(role)
    diary.chance.shuffle(workers)
    return until(f"a {role} to be ready", lambda: next((one for one in workers if one.is_ready), None), PATIENCE)


def pace(crew: Crew, seconds: float) -> None:
    """Let the terminal take so long for each answer from now on."""
    stall = {"kind": "stall", "seconds": seconds}
    crew.platform.simulator.set_faults([{"match": {"query": f"interval={WORK['interval']}"}, "fault": stall}])
