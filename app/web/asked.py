"""What was asked of the provider, counted for the metrics."""

from __future__ import annotations

from app.errors import (
    BadTable,
    ProviderBusy,
    ProviderChanged,
    ProviderError,
    ProviderGlitch,
    ProviderRefused,
    ProviderUnavailable,
    RequestTooLarge,
)
from app.provider import Observer
from app.tally import Spread, Tally

#: The kinds of errors as they are counted; ``other`` is one of none of these.
CAUSES: dict[type[ProviderError], str] = {
    ProviderUnavailable: "unavailable",
    ProviderBusy: "busy",
    ProviderGlitch: "glitch",
    BadTable: "bad_table",
    RequestTooLarge: "too_large",
    ProviderRefused: "refused",
    ProviderChanged: "changed",
    ProviderError: "other",
}


class Asked(Observer):
    """Threads may share it."""

    def __init__(self) -> None:
        causes = [(cause,) for cause in CAUSES.values()]
        self.requests = Tally([("ok",), *causes])
        self.retries = Tally(causes)
        self.seconds = Spread((0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0))
        self.rows = Tally([()])

    def fetched(self, seconds: float, rows: int, error: ProviderError | None) -> None:
        self.requests.add("ok" if error is None else cause_of(error))
        self.seconds.take(seconds)
        self.rows.add(by=rows)

    def retried(self, error: ProviderError) -> None:
        self.retries.add(cause_of(error))


def cause_of(error: ProviderError) -> str:
    """The kind of an error."""
    return next(CAUSES[kind] for kind in type(error).__mro__ if kind in CAUSES)
