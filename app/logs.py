"""Log lines, as text or as JSON objects, from one setting; each says which backtest and series it is about, and what is
secret is in none of them.

What a line is about comes from, the later winning: the process (role, instance), the thread or task (``about``,
``stay_about``), the line's own ``extra={"series": topic}``. A line that names a data topic is about that series even
if nobody said so, and a historical series names its backtest. So code only has to say what its messages do not.
"""

from __future__ import annotations

import datetime as dt
import logging
import re
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import orjson

from app.domain.series import SeriesName
from app.errors import InvalidRequest
from app.security.redaction import redacted

#: The fields that tell what a line is about, in the order in which they are shown.
FIELDS = ("role", "instance", "backtest", "series", "partition")
#: Those that every line of a process has alike; its lines of text do without.
_OF_PROCESS = ("role", "instance")
_ABOUT: ContextVar[Mapping[str, object]] = ContextVar("about", default={})  # noqa: B039 - never changed in place
#: Something that may be the name of a data topic; ``SeriesName`` knows whether it is one.
_TOPIC = re.compile(r"(?<![\w.-])(?:stock|option)-[a-z0-9.]+-[a-z0-9_]+-(?:live|historical-[a-z0-9][a-z0-9.-]*)")
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160), 0x2028, 0x2029)} | {9: "\\t", 10: "\\n"}


@contextmanager
def about(series: str | None = None, *, backtest: str | None = None, partition: int | None = None) -> Iterator[None]:
    """Within, every line of this thread or task is about these. ``series`` is a data topic's name."""
    token = _ABOUT.set({**_ABOUT.get(), **_given(series, backtest, partition)})
    try:
        yield
    finally:
        _ABOUT.reset(token)


def stay_about(series: str | None = None, *, backtest: str | None = None, partition: int | None = None) -> None:
    """From now on every line of this thread or task is about these."""
    _ABOUT.set({**_ABOUT.get(), **_given(series, backtest, partition)})


def _given(series: str | None, backtest: str | None, partition: int | None) -> dict[str, object]:
    given: dict[str, object] = {} if series is None else _of_series(series)
    if backtest is not None:
        given["backtest"] = backtest
    if partition is not None:
        given["partition"] = partition
    return given


def _of_series(topic: str) -> dict[str, object]:
    """The fields that follow from a data topic's name."""
    try:
        backtest = SeriesName.parse(topic).backtest_id
    except InvalidRequest:
        backtest = None
    # A live series is of no backtest, whatever the thread is about.
    return {"series": topic, "backtest": backtest}


def _named(message: str) -> str | None:
    """The first data topic that a message names."""
    for found in _TOPIC.findall(message):
        topic = found.rstrip(".-")
        try:
            return SeriesName.parse(topic).topic
        except InvalidRequest:
            continue
    return None


class _Subject(logging.Filter):
    """Puts what a line is about on its record, as ``about``."""

    def __init__(self, process: Mapping[str, object]) -> None:
        super().__init__()
        self._process = process

    def filter(self, record: logging.LogRecord) -> bool:
        own = {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        found: dict[str, object] = {**self._process, **_ABOUT.get()}
        if "series" not in own and (named := _named(record.getMessage())) is not None:
            own["series"] = named
        if "series" in own:
            found |= _of_series(str(own["series"]))
        found |= own
        record.about = {name: found[name] for name in FIELDS if found.get(name) is not None}
        return True


class _Json(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        body: dict[str, Any] = {
            "time": _moment(record),
            "level": record.levelname,
            "logger": record.name,
            "thread": record.threadName,
            # Before it becomes JSON, which would write some characters another way.
            "message": redacted(record.getMessage()),
            **getattr(record, "about", {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            kind, error, trace = record.exc_info
            body["exception"] = {
                "type": kind.__qualname__
                if kind.__module__ == "builtins"
                else f"{kind.__module__}.{kind.__qualname__}",
                "message": redacted(str(error)),
                "stack": redacted("".join(traceback.format_exception(kind, error, trace))),
            }
        # What a library passes may hold half of a character; a line that cannot be written would be lost.
        return orjson.dumps(_clean(body), default=str).decode()


class _Text(logging.Formatter):
    """Time, level, logger, the message on one line, and in brackets what it is about."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        return _moment(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        # Somebody else's text must not look like a line of ours.
        record.message = record.message.translate(_CONTROL)
        subject: Mapping[str, object] = getattr(record, "about", {})
        shown = " ".join(f"{name}={value}" for name, value in subject.items() if name not in _OF_PROCESS)
        return super().formatMessage(record) + (f" [{shown.translate(_CONTROL)}]" if shown else "")


def _moment(record: logging.LogRecord) -> str:
    """When it was, UTC, to the millisecond."""
    return dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return {key: _clean(one) for key, one in value.items()} if isinstance(value, dict) else value


class Seldom(logging.Filter):
    """Lets a library say the same thing once in ``seconds``: aiokafka has eighty lines a second to say of a broker
    that is away. Lines are the same when they are of one format, whatever is put into it."""

    def __init__(self, library: str, seconds: float) -> None:
        super().__init__(library)
        self._seconds = seconds
        self._said: dict[object, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not super().filter(record):
            return True
        said = (record.name, record.levelno, record.msg)
        if record.created - self._said.get(said, float("-inf")) < self._seconds:
            return False
        self._said[said] = record.created
        return True


def configure(level: str, form: str, *, role: str = "", instance: str = "") -> None:
    """Log to stderr, and so warnings and what nobody caught. What the libraries say of every rebalance and request is
    kept to warnings."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Json() if form == "json" else _Text())
    handler.addFilter(_Subject({name: value for name, value in (("role", role), ("instance", instance)) if value}))
    if level != "DEBUG":
        handler.addFilter(Seldom("aiokafka", 10))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    if form == "json":
        _log_the_uncaught()
    if level != "DEBUG":
        for noisy in ("httpx", "httpcore", "faust", "mode", "aiokafka", "asyncio"):
            logging.getLogger(noisy).setLevel(logging.WARNING)


def _log_the_uncaught() -> None:
    """A traceback that Python writes by itself is no JSON object."""
    logger = logging.getLogger(__name__)

    def in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            info = (args.exc_type, args.exc_value, args.exc_traceback)
            logger.critical("a thread ended by a fault: %s", args.thread and args.thread.name, exc_info=info)

    def in_main(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        else:
            logger.critical("the process ends by a fault", exc_info=(kind, error, trace))

    threading.excepthook = in_thread
    sys.excepthook = in_main
