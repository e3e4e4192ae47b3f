"""Several workers of a role on one cluster: who comes and goes moves only what must move, and who was frozen harms
nothing."""

from __future__ import annotations

import signal

import pytest
from chance import FULL, Diary
from crew import Crew
from harness import until
from truth import answered, same, verify
from watch import (
    begun_again,
    decider,
    ended,
    fences,
    freeze_in_transaction,
    logged,
    placed,
    post,
    rows_by_topic,
    rows_of,
    rows_so_far,
    shares,
    undisturbed,
)

pytestmark = pytest.mark.integration

TICKERS = ["AAPL", "AMD", "BA", "CAT", "DIS", "GE", "GM", "IBM", "JPM", "KO", "MSFT", "NVDA", "PFE", "PG", "WMT", "XOM"]
#: Small chunks, each of which takes a while: long enough for workers to come and go.
WORK = {
    "tickers": TICKERS,
    "start": "2024-07-01",
    "end": "2024-07-16" if FULL else "2024-07-10",
    "interval": "1s",
    "start_time": "09:30:00",
    "end_time": "09:39:59",
}
SLOW = [{"match": {"path": "/history/"}, "fault": {"kind": "stall", "seconds": 2}}]
#: Chunks of a whole day: transactions that are long enough to be met open.
LARGE = {"tickers": TICKERS[:8], "start": "2024-07-01", "end": "2024-07-12", "interval": "1s"}


@pytest.mark.timeout(600)
def test_only_what_must_move_moves_when_workers_come_and_go(crew: Crew) -> None:
    platform = crew.platform
    clean = undisturbed(crew, WORK)
    before = shares(crew)
    assert sorted(map(len, before.values())) == [8, 8]
    platform.simulator.set_faults(SLOW)
    name = platform.ask(**WORK)
    rows_of(crew, name, 1)
    marks = logged(crew)

    (third,) = crew.join("history")
    joined = until("three workers to share", lambda: found if len(found := shares(crew)) == 3 else None, 60)
    kept = {member: before[member] & joined[member] for member in before}
    assert sorted(map(len, joined.values())) == [5, 5, 6]
    assert all(joined[member] == kept[member] for member in before), "those who stay only give away"
    (taken,) = (share for member, share in joined.items() if member not in before)
    assert taken == set().union(*before.values()) - set().union(*kept.values())
    moved = {topic for topic, partition in placed(crew, name).items() if partition in taken}
    rows_of(crew, name, rows_so_far(crew, name) + 1)

    crew.leave(third)
    left = until("two workers to share", lambda: found if len(found := shares(crew)) == 2 else None, 60)
    assert all(left[member] >= joined[member] for member in before), "those who stay only get more"
    state = platform.http.get(f"/backtests/{name}").json()["state"]
    assert state == "running", "the work ended too soon to show anything"
    platform.simulator.set_faults([])
    done = platform.finished(name, 300)
    same(done, clean)
    rows = sum(verify(platform, receipt) for receipt in done["receipts"])
    again = begun_again(crew, marks)
    assert again <= moved, f"series that need not move did: {again - moved}"
    assert fences(crew, marks) <= 2 * len(taken)
    print(f"\n  {len(taken)} of 16 partitions moved and moved back, {len(again)} series with them; {rows} rows")


@pytest.mark.skipif(not FULL, reason="the kills of test_hundred_kills.py come close to it")
@pytest.mark.timeout(600)
def test_a_worker_that_is_killed_is_followed_without_throwing_each_other_out(crew: Crew) -> None:
    platform = crew.platform
    clean = undisturbed(crew, WORK)
    platform.simulator.set_faults(SLOW)
    name = platform.ask(**WORK)
    rows_of(crew, name, 1)
    marks = logged(crew)
    crew.of("history")[1].kill()
    crew.ready()
    platform.simulator.set_faults([])
    done = platform.finished(name, 300)
    same(done, clean)
    # Those eight partitions went away and came back.
    assert fences(crew, marks) <= 16


@pytest.mark.timeout(600)
def test_a_history_worker_that_was_frozen_with_an_open_transaction_doubles_nothing(crew: Crew) -> None:
    diary = Diary("frozen history worker")
    platform = crew.platform
    clean = undisturbed(crew, LARGE)
    platform.simulator.set_faults(
        [{"match": {"path": "/history/"}, "fault": {"kind": "stall", "seconds": 1}, "probability": 0.9}]
    )
    name = platform.ask(**LARGE)
    rows_of(crew, name, 1)
    marks = logged(crew)
    victim = diary.chance.choice(crew.of("history"))
    topic, pid = freeze_in_transaction(crew, victim, name)
    diary.fault("freeze", f"{victim.name} ({pid}) with a transaction open on {topic}")
    # The other one has taken over when the series that was being written goes on.
    at = rows_by_topic(crew, name)[topic]
    try:
        until("the other one to take over", lambda: rows_by_topic(crew, name)[topic] > at or ended(crew, name), 90)
    finally:
        victim.send(signal.SIGCONT)
    diary.say(f"{victim.name} woken")
    assert victim.pid == pid
    platform.simulator.set_faults([])
    done = platform.finished(name, 300)
    same(done, clean)
    rows = sum(verify(platform, receipt) for receipt in done["receipts"])
    crew.ready()
    until("two workers to share", lambda: sorted(map(len, shares(crew).values())) == [8, 8], 60)
    assert fences(crew, marks) <= 16
    print(f"  {diary.total()}; {rows} rows, each once; {fences(crew, marks)} writers were thrown out")


@pytest.mark.timeout(600)
def test_a_coordinator_that_was_frozen_decides_nothing_twice(crew: Crew) -> None:
    diary = Diary("frozen coordinator")
    platform = crew.platform
    victim = decider(crew)
    other = next(worker for worker in crew.of("coordinator") if worker is not victim)
    marks = logged(crew)
    names = [post(other, platform.new_id("frozen")) for _ in range(5)]
    pid = victim.send(signal.SIGSTOP)
    diary.fault("freeze", f"{victim.name} ({pid}), which decides")
    try:
        # Those that come first wait for a new owner; the last ones are decided by it.
        while "deciding on requests" not in other.text()[marks[other.name] :]:
            names.append(post(other, platform.new_id("frozen")))
        names += [post(other, platform.new_id("frozen")) for _ in range(5)]
    finally:
        victim.send(signal.SIGCONT)
    diary.say(f"{victim.name} woken")
    for worker in (victim, other) * 5:
        names.append(post(worker, platform.new_id("frozen")))
    assert victim.pid == pid
    for name in names:
        assert platform.finished(name, 300)["state"] == "complete"
    crew.ready()
    print(f"  {diary.total()}; {len(names)} requests, each decided once; {answered(platform)} messages in all")
