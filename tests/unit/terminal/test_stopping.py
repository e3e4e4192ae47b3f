"""Signals, exit codes, and that nothing is left behind."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.unit.terminal.conftest import Place, alive, until

ON_SIGTERM = """\
def end(*_):
    say("told to end")
    {then}
signal.signal(signal.SIGTERM, end)
say("java runs")
while True: signal.pause()
"""

# What loses its parent becomes the launcher's, as it does for the process with number 1 (prctl(2)).
AS_FIRST_PROCESS = """\
import ctypes, os, sys
PR_SET_CHILD_SUBREAPER = 36
assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
from terminal.cli import main
sys.exit(main([], os.environ))
"""


@pytest.mark.parametrize(
    ("body", "code"), [("sys.exit(7)", 7), ("sys.exit(0)", 0), ("os.kill(os.getpid(), signal.SIGKILL)", 137)]
)
def test_a_java_that_ends_by_itself_ends_the_launcher_with_its_code(place: Place, body: str, code: int) -> None:
    place.java(body)
    running = place.start()
    assert running.ended() == code
    assert running.lines[-1] == f"terminal: Java ended by itself with {code}"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_asks_java_to_end_waits_for_it_and_is_0(place: Place, number: signal.Signals) -> None:
    place.java(ON_SIGTERM.format(then="time.sleep(0.3); say('said goodbye'); os._exit(143)"))
    running = place.start()
    running.until_said("java runs")
    running.signal(number)
    assert running.ended() == 0
    assert running.lines[-3:] == ["terminal: stopping", "told to end", "said goodbye"]


def test_a_java_that_does_not_end_is_killed_when_patience_ends(place: Place) -> None:
    place.java(ON_SIGTERM.format(then="pass"))
    place.environment["THETA_STOP_SECONDS"] = "0.3"
    running = place.start()
    running.until_said("java runs")
    running.signal(signal.SIGTERM)
    assert running.ended() == 0
    assert running.lines[-2:] == ["told to end", "terminal: Java did not end within 0.3 s and was killed"]
    assert not alive(place.told()["pid"])


@pytest.mark.parametrize("then", ["os._exit(0)", "pass"])
def test_what_java_started_ends_with_it(place: Place, then: str) -> None:
    child = place.folder / "child"
    fork = f"""\
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    open({str(child)!r}, "w").write(str(os.getpid()) + " ")
    while True: signal.pause()
"""
    place.java(fork + ON_SIGTERM.format(then=then))
    place.environment["THETA_STOP_SECONDS"] = "0.3"
    running = place.start()
    running.until_said("java runs")
    until(lambda: child.exists() and child.read_text().endswith(" "))
    running.signal(signal.SIGTERM)
    running.process.wait(30)
    until(lambda: not alive(int(child.read_text())))


def test_a_signal_at_any_moment_of_the_start_ends_it_with_0_and_leaves_no_java(place: Place) -> None:
    # Not before the first line of our own: until then Python itself is being started.
    for step in ("leads to 127.0.0.1", "starting", "java runs"):
        place.java("say('java runs'); signal.pause()")
        running = place.start()
        running.until_said(step)
        running.signal(signal.SIGTERM)
        assert running.ended() == 0, running.output
        told = place.home / "told.json"
        if told.exists():
            assert not alive(place.told()["pid"])
            told.unlink()


def test_orphans_are_reaped(place: Place) -> None:
    place.java("""\
if os.fork() == 0:
    parent = os.getpid()
    if os.fork() == 0:
        while os.getppid() == parent: time.sleep(0.001)
        open("orphan", "w").write(f"{os.getpid()} {os.getppid()} ")
        os._exit(3)
    os._exit(0)
os.wait()
say("java runs")
signal.pause()""")
    running = place.start("-c", AS_FIRST_PROCESS)
    running.until_said("java runs")
    orphan = place.home / "orphan"
    until(lambda: orphan.exists() and orphan.read_text().endswith(" "))
    pid, parent = orphan.read_text().split()
    assert int(parent) == running.process.pid
    until(lambda: not Path(f"/proc/{pid}").exists())
    running.signal(signal.SIGTERM)
    assert running.ended() == 0


def test_a_thread_dump_can_be_asked_for(place: Place) -> None:
    place.java("""\
signal.signal(signal.SIGQUIT, lambda *_: say("threads: ..."))
say("java runs")
while True: signal.pause()""")
    running = place.start()
    running.until_said("java runs")
    running.signal(signal.SIGQUIT)
    running.until_said("threads: ...")
    assert running.process.poll() is None


def test_a_death_of_the_launcher_s_own_code_does_not_leave_java_behind(place: Place) -> None:
    place.java("say('java runs'); signal.pause()")
    broken = "import terminal.launcher as l, os\nasync def broken(*_): raise RuntimeError('broken')\n"
    broken += "l.asyncio.wait = broken\nl.launch(os.environ)"
    running = place.start("-c", broken)
    assert running.process.wait(30) == 1
    if (place.home / "told.json").exists():
        assert not alive(place.told()["pid"])


def test_input_is_not_java_s(place: Place) -> None:
    place.java("say('read ' + repr(sys.stdin.read()))")
    running = place.start()
    assert running.ended() == 0
    assert "read ''" in running.lines
