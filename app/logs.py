"""Log lines, as text or as JSON objects, from one setting; what is secret is in none of them."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

import orjson

from app.security.redaction import redacted


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        body: dict[str, Any] = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            # Before it becomes JSON, which would write some characters another way.
            "message": redacted(record.getMessage()),
        }
        if record.exc_info:
            body["exception"] = redacted(self.formatException(record.exc_info))
        return orjson.dumps(body).decode()


def configure(level: str, form: str) -> None:
    """Log to stderr. What the libraries say of every rebalance and request is kept to warnings."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Json() if form == "json" else _Text("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    if level != "DEBUG":
        for noisy in ("httpx", "httpcore", "faust", "mode", "aiokafka", "asyncio"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
