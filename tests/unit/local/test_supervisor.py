"""The supervisor: order of start, restarts, giving up, order of stop."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from app.errors import LocalServiceError, SettingError
from app.local.keeper import Patience
from app.local.service import Service
from app.local.supervisor import Supervisor

from .conftest import STAND_IN, StandIns, eventually, is_gone

QUICK = Patience(first_wait=0.01, longest_wait=0.02)
Supervise = Callable[..., Supervisor]


@pytest.fixture
def supervise() -> Iterator[Supervise]:
    """Makes supervisors that are stopped at the test's end."""
    made: list[Supervisor] = []

    def make(*services: Service, **options: object) -> Supervisor:
        made.append(Supervisor(services, **{"patience": QUICK, **options}))  # type: ignore[arg-type]
        made[-1].start()
        return made[-1]

    yield make
    for supervisor in made:
        supervisor.stop()


def test_a_service_starts_only_when_what_it_needs_is_ready(stand_in: StandIns, supervise: Supervise) -> None:
    events: list[str] = []
    gate = threading.Event()
    broker = stand_in("broker", ready=gate.is_set)
    supervisor = supervise(stand_in("role", after=("broker",)), broker, stand_in("other"), on_event=events.append)
    eventually(lambda: any(event.startswith("other ready") for event in events))
    assert set(supervisor.pids()) == {"broker", "other"}
    gate.set()
    assert supervisor.wait_ready()
    assert [event.split()[0] for event in events] == ["other", "broker", "role"]


def test_what_dies_is_started_again_under_a_new_pid(stand_in: StandIns, supervise: Supervise) -> None:
    events: list[str] = []
    published: list[tuple[Mapping[str, int], bool]] = []
    supervisor = supervise(
        stand_in("a"),
        stand_in("b"),
        on_event=events.append,
        on_pids=lambda pids, ready: published.append((pids, ready)),
    )
    assert supervisor.wait_ready()
    before = supervisor.pids()
    assert published[-1] == (before, True)
    os.kill(before["a"], signal.SIGKILL)
    eventually(lambda: supervisor.pids()["a"] != before["a"])
    assert supervisor.pids()["b"] == before["b"]
    eventually(lambda: published[-1] == (supervisor.pids(), True))
    assert "a ended (killed by SIGKILL), starting it again" in events


def test_a_service_waits_for_what_it_needs_at_a_restart_too(stand_in: StandIns, supervise: Supervise) -> None:
    up = threading.Event()
    up.set()
    supervisor = supervise(stand_in("broker", ready=up.is_set), stand_in("role", after=("broker",)))
    assert supervisor.wait_ready()
    before = supervisor.pids()
    up.clear()
    os.kill(before["broker"], signal.SIGKILL)
    eventually(lambda: supervisor.pids()["broker"] != before["broker"])
    os.kill(before["role"], signal.SIGKILL)
    eventually(lambda: is_gone(before["role"]))
    assert supervisor.pids()["role"] == before["role"]  # not started while the broker is down
    up.set()
    eventually(lambda: supervisor.pids()["role"] != before["role"])


def test_five_deaths_within_a_minute_end_everything(stand_in: StandIns, supervise: Supervise) -> None:
    starts: list[int] = []
    dying = stand_in("dying", "import sys; print('out of luck'); sys.exit(3)", ready=lambda: False)
    supervisor = supervise(
        stand_in("well"), dying, on_pids=lambda pids, _ready: starts.append(pids["dying"]) if "dying" in pids else None
    )
    with pytest.raises(LocalServiceError) as told:
        supervisor.wait_ready()
    message = str(told.value)
    assert message.startswith("dying died 5 times within 60 s, the last time it ended (exit code 3): out of luck (see ")
    assert "\n" not in message
    assert len(set(starts)) == 5
    well = supervisor.pids()["well"]
    supervisor.stop()
    assert is_gone(well)


def test_a_service_that_gets_ready_in_between_may_die_as_often_as_somebody_kills_it(
    stand_in: StandIns, supervise: Supervise
) -> None:
    supervisor = supervise(stand_in("a"), patience=Patience(deaths=2, window=3600))
    for _ in range(4):
        eventually(lambda: supervisor.are_ready(["a"]))
        before = supervisor.pids()["a"]
        os.kill(before, signal.SIGKILL)
        eventually(lambda before=before: supervisor.pids()["a"] != before)
    eventually(lambda: supervisor.are_ready(["a"]))
    assert supervisor.failure is None


def test_the_wait_between_deaths_doubles_up_to_a_bound() -> None:
    patience = Patience(first_wait=1, longest_wait=5)
    assert [patience.wait_after(deaths) for deaths in range(1, 7)] == [0, 1, 2, 4, 5, 5]


def test_a_wrong_setting_ends_everything_with_the_programs_own_line(stand_in: StandIns, supervise: Supervise) -> None:
    code = "import sys; print('noise'); print('error: THETA_TIER: no such tier, got gold'); sys.exit(2)"
    supervisor = supervise(stand_in("role", code, exit_2_is_final=True, ready=lambda: False))
    with pytest.raises(SettingError, match=r"^THETA_TIER: no such tier, got gold$") as told:
        supervisor.wait_ready()
    assert told.value.setting == "THETA_TIER"


def test_exit_code_2_of_a_service_that_ran_well_before_is_a_death(
    stand_in: StandIns, supervise: Supervise, tmp_path: Path
) -> None:
    code = f"import os, sys; os.path.exists({str(tmp_path / 'fail')!r}) and sys.exit(2); {STAND_IN}"
    supervisor = supervise(stand_in("role", code, exit_2_is_final=True), patience=Patience(deaths=3, first_wait=0.01))
    assert supervisor.wait_ready()
    (tmp_path / "fail").touch()
    os.kill(supervisor.pids()["role"], signal.SIGKILL)
    with pytest.raises(LocalServiceError, match="role died 3 times"):
        supervisor.wait(threading.Event())


def test_a_service_that_never_gets_ready_ends_the_start(stand_in: StandIns, supervise: Supervise) -> None:
    supervisor = supervise(stand_in("slow", ready=lambda: False, ready_within=0.2))
    with pytest.raises(LocalServiceError, match=r"slow was not ready within 0\.2 s: see "):
        supervisor.wait_ready()
    eventually(lambda: is_gone(supervisor.pids()["slow"]))


def test_a_command_that_cannot_be_prepared_ends_the_start(stand_in: StandIns, supervise: Supervise) -> None:
    def no_jars() -> list[str]:
        raise LocalServiceError("no jars")

    service = stand_in("broker")
    supervisor = supervise(Service(**{**vars(service), "command": no_jars}))
    with pytest.raises(LocalServiceError, match=r"^no jars$"):
        supervisor.wait_ready()


def test_stop_ends_roles_before_what_they_need_and_leaves_nothing(
    stand_in: StandIns, supervise: Supervise, tmp_path: Path
) -> None:
    order = tmp_path / "order"
    noting = STAND_IN.replace(
        "pathlib.Path(sys.argv[1])",
        f"signal.signal(15, lambda *_: (open({str(order)!r}, 'a').write(sys.argv[1] + '\\n'), sys.exit(0)));"
        "pathlib.Path(sys.argv[1])",
    )
    supervisor = supervise(stand_in("broker", noting), stand_in("role", noting, after=("broker",)))
    assert supervisor.wait_ready()
    pids = supervisor.pids().values()
    supervisor.stop()
    assert [Path(line).stem for line in order.read_text().split()] == ["role", "broker"]
    assert all(is_gone(pid) for pid in pids)


def test_stop_during_the_start_starts_nothing_more(stand_in: StandIns, supervise: Supervise) -> None:
    supervisor = supervise(stand_in("broker", ready=lambda: False), stand_in("role", after=("broker",)))
    eventually(lambda: "broker" in supervisor.pids())
    interrupted = threading.Event()
    interrupted.set()
    assert supervisor.wait_ready(interrupted) is False
    supervisor.stop()
    assert supervisor.wait_ready() is False
    assert set(supervisor.pids()) == {"broker"}
    assert is_gone(supervisor.pids()["broker"])
