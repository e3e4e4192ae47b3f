"""Log lines: one object or one line each, and what each is about."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.logs import Seldom, _Json, _Subject, _Text, about, stay_about

TOPIC = "stock-aapl-ohlcv1m-historical-b-1"
LIVE = "option-brk..2fb-quote-live"


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def logger(stream: io.StringIO, request: pytest.FixtureRequest) -> Iterator[logging.Logger]:
    """A logger of its own that writes as the platform's do, in the form of the test's parameter."""
    made = logging.getLogger(f"tests.{request.node.name}")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Json() if getattr(request, "param", "json") == "json" else _Text())
    handler.addFilter(_Subject({"role": "history", "instance": "one"}))
    made.addHandler(handler)
    made.setLevel("DEBUG")
    made.propagate = False
    yield made
    made.removeHandler(handler)


text = pytest.mark.parametrize("logger", ["text"], indirect=True)


@pytest.fixture
def said(stream: io.StringIO) -> Callable[[], dict[str, Any]]:
    """The one line that was written."""

    def read() -> dict[str, Any]:
        (line,) = stream.getvalue().splitlines()
        body: dict[str, Any] = json.loads(line)
        return body

    return read


def test_a_line_is_one_object_in_utc(logger: logging.Logger, said: Callable[[], dict[str, Any]]) -> None:
    logger.info("two\nlines, %d rows", 3)
    body = said()
    assert body.pop("time").endswith("Z")
    assert body == {
        "level": "INFO",
        "logger": logger.name,
        "thread": threading.current_thread().name,
        "message": "two\nlines, 3 rows",
        "role": "history",
        "instance": "one",
    }


def test_an_exception_is_type_message_and_stack() -> None:
    # Not by way of a logger: what half of a character is captured of a test cannot be sent to who runs several.
    try:
        raise ValueError("not \ud800 whole")
    except ValueError:
        record = logging.LogRecord("any", logging.ERROR, __file__, 1, "it failed", None, sys.exc_info())
    found = json.loads(_Json().format(record))["exception"]
    assert (found["type"], found["message"]) == ("ValueError", "not ? whole")
    assert "test_logs.py" in found["stack"]


def test_a_line_that_names_a_topic_is_about_it(logger: logging.Logger, said: Callable[[], dict[str, Any]]) -> None:
    logger.info("%s: complete, %d rows", TOPIC, 5)
    assert (said()["series"], said()["backtest"]) == (TOPIC, "b-1")


@pytest.mark.parametrize("message", [f"topic {TOPIC} was deleted.", f"seen at {TOPIC}, and (stock-x-nothing-live)"])
def test_the_topic_may_stand_anywhere(logger: logging.Logger, said: Callable[[], dict[str, Any]], message: str) -> None:
    logger.info(message)
    assert (said()["series"], said()["backtest"]) == (TOPIC, "b-1")


@pytest.mark.parametrize("message", ["stock-x-nothing-live", "my-stock-aapl-trade-live", "nothing"])
def test_what_is_no_topic_is_no_series(
    logger: logging.Logger, said: Callable[[], dict[str, Any]], message: str
) -> None:
    logger.info(message)
    assert "series" not in said()


def test_a_live_series_is_of_no_backtest(logger: logging.Logger, said: Callable[[], dict[str, Any]]) -> None:
    with about(TOPIC):
        logger.info("a gap is closed", extra={"series": LIVE})
    assert said()["series"] == LIVE
    assert "backtest" not in said()


def test_what_a_thread_is_about_is_on_all_of_its_lines_and_on_no_others(
    logger: logging.Logger, stream: io.StringIO
) -> None:
    def work() -> None:
        stay_about(partition=7)
        with about(TOPIC):
            logger.info("inside")
        logger.info("outside")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    logger.info("elsewhere")
    inside, outside, elsewhere = map(json.loads, stream.getvalue().splitlines())
    assert (inside["series"], inside["backtest"], inside["partition"]) == (TOPIC, "b-1", 7)
    assert (outside["partition"], "series" in outside) == (7, False)
    assert "partition" not in elsewhere


def test_the_line_itself_knows_better_than_its_thread(
    logger: logging.Logger, said: Callable[[], dict[str, Any]]
) -> None:
    with about(backtest="other", partition=1):
        logger.info("accepted", extra={"backtest": "mine"})
    assert (said()["backtest"], said()["partition"]) == ("mine", 1)


@text
def test_text_ends_with_what_it_is_about(logger: logging.Logger, stream: io.StringIO) -> None:
    with about(partition=7):
        logger.warning("%s: failed", TOPIC)
    assert stream.getvalue().endswith(f": {TOPIC}: failed [backtest=b-1 series={TOPIC} partition=7]\n")


@text
def test_a_message_cannot_pass_for_two_lines_of_text(logger: logging.Logger, stream: io.StringIO) -> None:
    logger.info("quoted: %s", "a\n2024-01-01T00:00:00.000Z INFO app: all is well\x1b[2J")
    (line,) = stream.getvalue().splitlines()
    assert "\\n2024" in line
    assert "\x1b" not in line


def test_what_nobody_caught_and_what_python_warns_of_are_lines_of_the_log_too() -> None:
    program = """
import threading, warnings
from app.logs import configure
configure("INFO", "json", role="live")
warnings.warn("old")
def fail(): raise KeyError("in a thread")
thread = threading.Thread(target=fail, name="feeder")
thread.start()
thread.join()
raise OSError("in the end")
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    warned, thread, end = map(json.loads, ended.stderr.splitlines())
    assert (warned["level"], "old" in warned["message"]) == ("WARNING", True)
    assert (thread["exception"]["type"], thread["thread"]) == ("KeyError", "feeder")
    assert (end["exception"]["type"], end["exception"]["message"], end["role"]) == ("OSError", "in the end", "live")
    assert ended.returncode == 1


def repeated(name: str, text: str, *parts: object, at: float) -> logging.LogRecord:
    made = logging.LogRecord(name, logging.ERROR, __file__, 1, text, parts, None)
    made.created = at
    return made


def test_a_library_says_the_same_thing_once_in_a_while() -> None:
    seldom = Seldom("aiokafka", 10)
    said = [seldom.filter(repeated("aiokafka.conn", "no answer from %s", node, at=node)) for node in range(21)]
    assert [at for at, passed in enumerate(said) if passed] == [0, 10, 20]


def test_what_differs_is_said_at_once() -> None:
    seldom = Seldom("aiokafka", 10)
    assert seldom.filter(repeated("aiokafka.conn", "no answer", at=0))
    assert seldom.filter(repeated("aiokafka.conn", "closed", at=0))
    assert seldom.filter(repeated("aiokafka.client", "no answer", at=0))


def test_our_own_lines_are_all_said() -> None:
    seldom = Seldom("aiokafka", 10)
    assert all(seldom.filter(repeated("app.main", "the provider is away", at=0)) for _ in range(3))
