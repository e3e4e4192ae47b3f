"""What is asked of the coordinator: each call as a value, which either client sends."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import quote

from app.client.errors import BadUse

Method = Literal["GET", "POST", "DELETE"]
Format = Literal["ndjson", "csv", "arrow", "parquet"]
#: A session date (New York) or an instant; text is taken as it is.
Day = dt.date | str
Moment = dt.datetime | dt.date | str

MEDIA: Mapping[Format, str] = {
    "ndjson": "application/x-ndjson",
    "csv": "text/csv",
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
}


@dataclass(frozen=True, slots=True)
class Call:
    """One call. ``waits``: seconds that it asks the coordinator to wait; ``forever``: any time may pass without a byte.
    Every call may be made again without harm: a request under an id is one backtest, an instruction a mark."""

    method: Method
    path: str
    params: tuple[tuple[str, str], ...] = ()
    body: object = None
    accept: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    waits: float = 0.0
    forever: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows of a series: from ``start`` to ``end`` (session dates or instants), at most ``limit``, only these
    ``columns``, only these ``contract``s (OCC symbols). ``follow`` waits for rows still to come."""

    start: Moment | None = None
    end: Moment | None = None
    limit: int | None = None
    columns: Sequence[str] | None = None
    contract: str | Sequence[str] | None = None
    follow: bool = True

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise BadUse(f"limit={self.limit} asks for no rows; leave it out for all of them")
        for name in ("columns", "contract"):
            if isinstance(given := getattr(self, name), str):
                object.__setattr__(self, name, (given,))

    def params(self) -> dict[str, str]:
        found = {
            "start": None if self.start is None else day_or_moment(self.start),
            "end": None if self.end is None else day_or_moment(self.end),
            "limit": None if self.limit is None else str(self.limit),
            "columns": ",".join(self.columns) if self.columns else None,
            "contract": ",".join(self.contract) if self.contract else None,
            "follow": "true" if self.follow else None,
        }
        return {name: value for name, value in found.items() if value is not None}

    def after(self, rows: int) -> Selection:
        """What is left of it when so many rows are there."""
        return self if self.limit is None else replace(self, limit=self.limit - rows)


def day_or_moment(value: Moment) -> str:
    """A time as the coordinator reads it. Raises ``BadUse`` for a datetime without a time zone."""
    if isinstance(value, str):
        return value
    if isinstance(value, dt.datetime):
        if value.tzinfo is None:
            raise BadUse(f"{value.isoformat()} has no time zone; say which with tzinfo, or give a session date")
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat()


def request(
    backtest_id: str | int,
    *,
    tickers: str | Sequence[str] | None = None,
    root: str | None = None,
    contracts: Mapping[str, Any] | None = None,
    series: Sequence[Mapping[str, Any]] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """The body of a request; what is None is left out, so that the coordinator's defaults hold."""
    if sum(given is not None for given in (tickers, root, series)) != 1:
        raise BadUse("give one of tickers, root or series: what the backtest is of")
    body = {
        "backtest_id": str(backtest_id),
        "tickers": [tickers] if isinstance(tickers, str) else tickers,
        "root": root,
        "contracts": contracts,
        "series": series,
        **options,
    }
    return {name: plain(value) for name, value in body.items() if value is not None}


def subscription(
    *,
    tickers: str | Sequence[str] | None = None,
    root: str | None = None,
    contracts: Mapping[str, Any] | None = None,
    **options: Any,
) -> tuple[Literal["stock", "option"], dict[str, Any]]:
    """Which asset, and the body of a live subscription."""
    if (tickers is None) == (root is None):
        raise BadUse("give either tickers or root: what to subscribe to")
    body = {
        "tickers": [tickers] if isinstance(tickers, str) else tickers,
        "root": root,
        "contracts": contracts,
        **options,
    }
    return "stock" if root is None else "option", {n: plain(v) for n, v in body.items() if v is not None}


def plain(value: Any) -> Any:
    """A value as JSON has it: dates and times as text, decimals as text, tuples and sets as lists."""
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items() if part is not None}
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(part) for part in value]
    return value


def submit(body: Mapping[str, Any]) -> Call:
    return Call("POST", "/backtests", body=plain(body))


def plan(body: Mapping[str, Any]) -> Call:
    return Call("POST", "/plan", body=plain(body))


def backtests() -> Call:
    return Call("GET", "/backtests")


def status(backtest_id: str, wait: float | None = None) -> Call:
    """How a backtest stands; with ``wait`` answered when it is final, or after so many seconds."""
    params = () if wait is None else (("wait", f"{wait:.3f}".rstrip("0").rstrip(".")),)
    return Call("GET", _of(backtest_id), params, waits=wait or 0)


def events(backtest_id: str, last_id: str | None = None) -> Call:
    headers = (("Last-Event-ID", last_id),) if last_id is not None else ()
    # Between two events there is a heartbeat every fifteen seconds.
    return Call("GET", f"{_of(backtest_id)}/events", accept="text/event-stream", headers=headers, waits=40)


def cancel(backtest_id: str) -> Call:
    return Call("DELETE", _of(backtest_id))


def delete(backtest_id: str) -> Call:
    return Call("DELETE", _of(backtest_id), (("topics", "true"),))


def retry(backtest_id: str) -> Call:
    return Call("POST", f"{_of(backtest_id)}/retry")


def data(backtest_id: str, topic: str, form: Format, selection: Selection, after_offset: int | None = None) -> Call:
    """The rows of a series; ``after_offset`` leaves out those up to it."""
    params = {"series": topic, "format": form, **selection.params()}
    if after_offset is not None:
        params["after_offset"] = str(after_offset)
    return Call("GET", f"{_of(backtest_id)}/data", tuple(params.items()), accept=MEDIA[form], forever=selection.follow)


def subscribe(asset: Literal["stock", "option"], body: Mapping[str, Any]) -> Call:
    return Call("POST", f"/live/{asset}", body=plain(body))


def live(topic: str | None = None) -> Call:
    return Call("GET", "/live" if topic is None else f"/live/{quote(topic, safe='')}")


def unsubscribe(topic: str) -> Call:
    return Call("DELETE", f"/live/{quote(topic, safe='')}")


def orphaned() -> Call:
    return Call("GET", "/topics/orphaned", (("fresh", "true"),))


def schemas() -> Call:
    return Call("GET", "/schemas")


def _of(backtest_id: str) -> str:
    return f"/backtests/{quote(backtest_id, safe='')}"
