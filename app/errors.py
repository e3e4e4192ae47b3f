"""Every error the platform raises on purpose.

    PlatformError
    ├── SettingError             a setting is wrong, or what it points at does not answer (exit code 2)
    ├── LocalServiceError        an embedded service (broker, registry, simulator) could not be started
    ├── InvalidRequest           what was asked cannot be done; names the fields
    │   └── Conflict             the backtest id is taken by another request
    │       ├── HoursConflict    a live topic is subscribed to with other hours
    │       └── Leaving          the backtest id is taken by one that is being deleted
    ├── ProviderError            the data provider did not give what was asked
    │   ├── ProviderUnavailable  not reachable, starting, or cut off from its servers (retriable)
    │   ├── ProviderBusy         too many requests at once (retriable)
    │   ├── ProviderGlitch       a general fault on its side (retriable, a few times)
    │   ├── BadTable             an answer that is not the expected table (retriable, a few times)
    │   ├── RequestTooLarge      must be split
    │   ├── ProviderRefused      the request is wrong, not permitted, or the session is lost
    │   └── ProviderChanged      the data no longer fits what was planned
    ├── RegistryError            the schema registry refused or did not answer
    └── LogError                 the broker did not do what was asked
        ├── Fenced               another process owns the partition now
        ├── TransactionAborted   the transaction must be done anew (retriable)
        ├── TopicGone            the data topic was deleted or made anew meanwhile
        └── Torn                 rows that are being given out cannot be given out to their end

``retriable`` tells the retry policy what to do; it is asked of the error, not of a list of codes elsewhere.
``patience`` says how long: ``"wait"`` until the terminal has had its time to come back, ``"few"`` three times.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

Patience = Literal["none", "few", "wait"]
#: A request can be wrong ten thousand times over and quote a megabyte each time; what is said of it stays short.
MOST_PROBLEMS, _LONGEST = 100, 400


class PlatformError(Exception):
    """Base of all errors raised on purpose. The message is one sentence and says what to do next."""

    patience: Patience = "none"

    @property
    def retriable(self) -> bool:
        """Whether doing the same again can succeed."""
        return self.patience != "none"


class SettingError(PlatformError):
    """A setting is wrong, or the service it names does not answer. Ends the start with exit code 2."""

    def __init__(self, setting: str, message: str) -> None:
        super().__init__(f"{setting}: {message}")
        self.setting = setting


class LocalServiceError(PlatformError):
    """An embedded service could not be started or kept running."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing that is wrong with a request: the field's path (``series[0].interval``) and why."""

    field: str
    message: str
    allowed: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        # What was asked is quoted, and may be a megabyte of it.
        object.__setattr__(self, "field", _short(self.field))
        object.__setattr__(self, "message", _short(self.message))

    def as_json(self) -> dict[str, object]:
        body: dict[str, object] = {"field": self.field, "message": self.message}
        if self.allowed is not None:
            body["allowed"] = list(self.allowed)
        return body


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} … {text[-_LONGEST // 4 :]}"


class InvalidRequest(PlatformError):
    """What was asked cannot be done. ``problems`` has one entry per field at fault, at most a hundred."""

    def __init__(self, problems: list[FieldProblem]) -> None:
        problems = problems[:MOST_PROBLEMS]
        super().__init__("; ".join(f"{p.field}: {p.message}" if p.field else p.message for p in problems))
        self.problems = problems

    @classmethod
    def of(cls, field: str, message: str, allowed: tuple[str, ...] | None = None) -> InvalidRequest:
        return cls([FieldProblem(field, message, allowed)])


class Conflict(InvalidRequest):
    """The backtest id is taken by another request."""

    def __init__(self, backtest_id: str) -> None:
        message = f"{backtest_id!r} is taken by another request; choose another id, or ask exactly the same"
        super().__init__([FieldProblem("backtest_id", message)])


class Leaving(Conflict):
    """The backtest of this id is being deleted; after that the id is free."""

    def __init__(self, backtest_id: str) -> None:
        message = f"{backtest_id!r} is being deleted; ask again when it is unknown, or choose another id"
        InvalidRequest.__init__(self, [FieldProblem("backtest_id", message)])


class HoursConflict(Conflict):
    """A live topic is subscribed to with other hours. Hours are start and end, New York."""

    def __init__(self, topic: str, has: tuple[dt.time, dt.time], asked: tuple[dt.time, dt.time]) -> None:
        message = f"{topic} is subscribed to from {has[0]} to {has[1]}; unsubscribe it first, or ask for these hours"
        names = zip(("start_time", "end_time"), has, asked, strict=True)
        InvalidRequest.__init__(self, [FieldProblem(name, message) for name, one, other in names if one != other])


class ProviderError(PlatformError):
    """The provider did not give what was asked. ``status`` is its HTTP status, 0 without an answer."""

    def __init__(self, message: str, *, status: int = 0, url: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.url = url


class ProviderUnavailable(ProviderError):
    """Not reachable, still starting, or cut off from its own servers."""

    patience: Patience = "wait"


class ProviderBusy(ProviderError):
    """The provider's queue is full (429)."""

    patience: Patience = "wait"


class ProviderGlitch(ProviderError):
    """A general fault on the provider's side (470, 475, 572)."""

    patience: Patience = "few"


class BadTable(ProviderError):
    """The answer is not the expected table: cut off, a missing column, rows out of range or order."""

    patience: Patience = "few"


class RequestTooLarge(ProviderError):
    """The provider wants the request split (570)."""


class ProviderRefused(ProviderError):
    """The request is wrong (400, 404, 410, 473), not permitted (403, 471) or the session lost (476, 478)."""


class ProviderChanged(ProviderError):
    """The provider's data or listing no longer fits what was planned or written; the message begins with its name."""

    def __init__(self, message: str) -> None:
        super().__init__(f"provider_changed: {message}; retry the backtest to write this series anew")


class RegistryError(PlatformError):
    """The schema registry refused a schema or did not answer; ``setting`` is the one to look at."""

    def __init__(self, message: str, setting: str = "SCHEMA_REGISTRY_URL") -> None:
        super().__init__(message)
        self.setting = setting


class LogError(PlatformError):
    """The broker did not do what was asked."""


class Fenced(LogError):
    """Another process has taken the partition over; this producer is finished for good."""


class TransactionAborted(LogError):
    """The transaction was aborted; nothing of it counts and it may be done anew."""

    patience: Patience = "few"


class TopicGone(LogError):
    """A data topic was deleted, or deleted and made anew, while its series was being written."""

    def __init__(self, topic: str) -> None:
        super().__init__(f"topic {topic} was deleted or made anew by somebody else")
        self.topic = topic


class Torn(LogError):
    """Rows that are being given out cannot be given out to their end: the series has failed, was cancelled, deleted or
    written anew meanwhile, or the process is to end."""
