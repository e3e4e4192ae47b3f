"""Log lines, as text or as JSON objects, from one setting."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

import orjson


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        body: dict[str, Any] = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            body["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(body).decode()


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


def configure(level: str, form: str) -> None:
    """Log to stderr. What the libraries say of every rebalance and request is kept to warnings."""
    handler = logging.StreamHandler()
    text = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    handler.setFormatter(_Json() if form == "json" else text)
    if level != "DEBUG":
        handler.addFilter(Seldom("aiokafka", 10))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    if level != "DEBUG":
        for noisy in ("httpx", "httpcore", "faust", "mode", "aiokafka", "asyncio"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
