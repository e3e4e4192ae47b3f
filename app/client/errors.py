"""Every error that the client raises on purpose. The message is one sentence and says what to do next.

ClientError
├── Unreachable              nobody answers at the URL, or who does is no coordinator
├── BadUse                   what was given cannot be sent: the URL, a token, a mix of arguments
├── MissingPackage           an optional package is not installed (also an ImportError)
├── CutOff                   an answer broke off and could not be gone on with; nothing of it counts as whole
├── WaitTimeout              what was waited for has not happened yet (also a TimeoutError)
├── BacktestFailed           a backtest ended failed; names the reasons
│   ├── PartialBacktest      some of its series are complete
│   └── BacktestCancelled    it was cancelled
└── ApiError                 the coordinator refused (RFC 9457)
    ├── InvalidRequest       400, 413, 422: names the fields
    ├── Unauthorized         401
    ├── Forbidden            403
    ├── NotFound             404
    ├── Conflict             409
    ├── TooManyRequests      429, with ``retry_after``
    └── ServerFailed         5xx
        └── Unavailable      503, with ``retry_after``
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.client.models import BacktestStatus

#: Reasons that a message quotes; the status has all of them.
_QUOTED = 5


class ClientError(Exception):
    """Base of all errors that the client raises on purpose."""


class Unreachable(ClientError):
    """Nobody answers at the URL, or who answers there is no coordinator."""


class BadUse(ClientError, ValueError):
    """What was given cannot be sent."""


class MissingPackage(ClientError, ImportError):
    """A package is needed that is not installed."""

    def __init__(self, package: str, what: str) -> None:
        super().__init__(f"{what} needs {package}, which is not installed; install it with: pip install {package}")
        self.package = package


class CutOff(ClientError):
    """An answer broke off and could not be gone on with. What came of it is not the whole."""


class WaitTimeout(ClientError, TimeoutError):
    """What was waited for has not happened in the given time. ``status`` is how the backtest stands."""

    def __init__(self, message: str, status: BacktestStatus | None) -> None:
        super().__init__(message)
        self.status = status


class BacktestFailed(ClientError):
    """A backtest, or the series that was to be read, ended without being complete. ``status`` is its last one."""

    def __init__(self, status: BacktestStatus, message: str | None = None) -> None:
        super().__init__(message or _ended(status))
        self.status = status

    @property
    def reasons(self) -> dict[str, str]:
        """Topic to reason of each series that failed."""
        return self.status.reasons


class PartialBacktest(BacktestFailed):
    """Some series are complete and can be read, others failed."""


class BacktestCancelled(BacktestFailed):
    """It was cancelled; what was complete stays complete."""


class ApiError(ClientError):
    """The coordinator refused. ``errors`` has ``{"field", "message", "allowed"?}`` for each field at fault."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        errors: Sequence[Mapping[str, Any]] = (),
        retry_after: float | None = None,
    ) -> None:
        # A detail may itself be the list of what is wrong, and is then not told twice.
        told = [f"{e['field']}: {e['message']}" if e.get("field") else str(e.get("message")) for e in errors]
        super().__init__(f"the coordinator answered {status} {title}: {'; '.join(told) or detail}")
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = tuple(dict(error) for error in errors)
        self.retry_after = retry_after
        #: How often the call was made; more than once when it was not clear what became of the first.
        self.attempts = 1

    @classmethod
    def of(
        cls, status: int, title: str, detail: str, errors: Sequence[Mapping[str, Any]], retry_after: float | None
    ) -> ApiError:
        """The error of the class that belongs to a status."""
        kind = _BY_STATUS.get(status, ServerFailed if status >= 500 else ApiError)
        return kind(status, title, detail, errors, retry_after)


class InvalidRequest(ApiError):
    """What was asked cannot be done (400, 413, 422)."""


class Unauthorized(ApiError):
    """The coordinator wants an API token, or another one (401)."""


class Forbidden(ApiError):
    """The coordinator does not do this for whoever asks from here (403)."""


class NotFound(ApiError):
    """There is no backtest, series or live topic of that name (404)."""


class Conflict(ApiError):
    """The backtest id, or the live topic, is taken by another request (409)."""


class TooManyRequests(ApiError):
    """Calls came too often, or there are too many unfinished backtests (429); ``retry_after`` is in seconds."""


class ServerFailed(ApiError):
    """The coordinator has a defect or cannot answer now (5xx)."""


class Unavailable(ServerFailed):
    """The coordinator cannot do it at the moment (503, or a proxy's 502 or 504); ``retry_after`` is in seconds. Asking
    again is safe."""


_BY_STATUS: dict[int, type[ApiError]] = {
    400: InvalidRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: InvalidRequest,
    422: InvalidRequest,
    429: TooManyRequests,
    # A proxy's word for a coordinator that restarts.
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


def ended_badly(status: BacktestStatus) -> BacktestFailed | None:
    """What is to be raised of a final state; None when the backtest is complete."""
    match status.state:
        case "complete":
            return None
        case "partial":
            return PartialBacktest(status)
        case "cancelled":
            return BacktestCancelled(status)
        case _:
            return BacktestFailed(status)


def _ended(status: BacktestStatus) -> str:
    if status.state == "deleted":
        return f"backtest {status.backtest_id!r} was deleted; its id is free"
    reasons = status.reasons
    told = [f"{topic}: {reason}" for topic, reason in list(reasons.items())[:_QUOTED]]
    if len(reasons) > _QUOTED:
        told.append(f"and {len(reasons) - _QUOTED:,} more")
    what = "ended in part" if status.state == "partial" else f"ended {status.state}"
    return (
        f"backtest {status.backtest_id!r} {what}{': ' if told else ''}{'; '.join(told)}; retry() runs what is missing"
    )
