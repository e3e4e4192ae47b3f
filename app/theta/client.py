"""Theta Terminal's REST API v3: one request a call, its answer or its refusal.

The terminal listens on this machine and asks for no credentials. It remembers the first address that called
it, so the URL should say 127.0.0.1 and never localhost (vendor page "Error Codes", 476).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import httpx
import numpy as np

from app.domain.plan import Chunk
from app.domain.rows import Rows
from app.domain.schema import INTERVAL_SECONDS
from app.domain.series import SeriesName
from app.errors import (
    BadTable,
    ProviderBusy,
    ProviderError,
    ProviderGlitch,
    ProviderRefused,
    ProviderUnavailable,
    RequestTooLarge,
)
from app.provider import Hours
from app.theta.columns import to_rows

NO_DATA = 472

_KINDS: Mapping[int, type[ProviderError]] = {
    429: ProviderBusy,
    470: ProviderGlitch,
    474: ProviderUnavailable,
    475: ProviderGlitch,
    570: RequestTooLarge,
    571: ProviderUnavailable,
    572: ProviderGlitch,
}
_ADVICE: Mapping[int, str] = {
    403: "the account's subscription does not cover this",
    471: "the account's subscription does not cover this",
    404: "the terminal does not know this endpoint; update it",
    410: "the terminal takes this for an old API; update the platform",
    474: "the terminal is cut off from its servers",
    476: "use 127.0.0.1 in THETA_URL everywhere and restart the terminal",
    478: "another terminal took the account's session; stop it and restart this one",
    571: "the terminal's servers are restarting",
}
_PATHS = {("stock", "ohlcv"): "/v3/stock/history/ohlc", ("stock", "eod"): "/v3/stock/history/eod"}


class ThetaClient:
    """A ``Provider`` on Theta Terminal. Threads may share it; each call holds one connection."""

    name = "thetadata"

    def __init__(self, url: str, *, connections: int, first_byte: float = 300.0) -> None:
        """``first_byte``: seconds to wait for data; the terminal may queue a request for minutes."""
        self.url = url
        self._http = httpx.Client(
            base_url=url,
            timeout=httpx.Timeout(first_byte, connect=5.0, pool=None),
            limits=httpx.Limits(max_connections=connections + 1, max_keepalive_connections=connections + 1),
            # The terminal is on this machine: compressing would only cost.
            headers={"Accept-Encoding": "identity"},
            trust_env=False,
        )

    def close(self) -> None:
        self._http.close()

    def fetch(self, series: SeriesName, chunk: Chunk, hours: Hours) -> Rows:
        """See ``Provider.fetch``."""
        path, params = request_of(series, chunk, hours)
        body = self.get(path, params)
        if body is None:
            empty = {c.name: np.empty(0, dtype=c.kind.dtype) for c in series.record.columns}
            return Rows(series.record, empty)
        try:
            return to_rows(body, series, chunk, hours)
        except BadTable as error:
            url = _shown(path, params)
            raise BadTable(f"{error}; the request was {url}", status=200, url=url) from None

    def get(self, path: str, params: Mapping[str, str]) -> bytes | None:
        """The body of a 200, None for "no data". Raises ``ProviderError`` for everything else."""
        shown = _shown(path, params)
        try:
            with self._http.stream("GET", path, params=params) as response:
                body = b"".join(response.iter_bytes())
        except (httpx.RemoteProtocolError, httpx.DecodingError) as error:
            raise BadTable(f"the terminal's answer was cut off ({error}): {shown}", url=shown) from None
        except (httpx.TransportError, RuntimeError) as error:
            # RuntimeError: the client was closed under us, by a stop.
            what = str(error) or type(error).__name__
            raise ProviderUnavailable(f"the terminal at {self.url} does not answer ({what})", url=shown) from None
        if response.status_code == NO_DATA:
            return None
        if response.status_code != 200:
            raise refusal(response.status_code, body, shown)
        framed = "content-length" in response.headers or "transfer-encoding" in response.headers
        if not framed and not body.endswith(b"\n"):
            # Nothing but the last line end tells such a body from one that was cut off.
            raise BadTable(f"the terminal's answer was cut off: {shown}", status=200, url=shown)
        return body

    def state(self) -> str:
        """See ``Provider.state``."""
        try:
            response = self._http.get("/v3/terminal/mdds/status", timeout=2.0)
        except (httpx.HTTPError, RuntimeError) as error:
            return f"UNREACHABLE ({str(error) or type(error).__name__})"
        return response.text.strip() if response.status_code == 200 else f"HTTP {response.status_code}"


def request_of(series: SeriesName, chunk: Chunk, hours: Hours) -> tuple[str, dict[str, str]]:
    """Path and parameters of a chunk's request."""
    params = {"symbol": series.symbol, "format": "csv"}
    if series.interval is None:
        return _PATHS[series.asset, series.schema], params | _range(chunk)
    params["interval"] = series.interval
    if hours.start is not None:
        params["start_time"] = hours.start.isoformat()
    if hours.end is not None:
        params["end_time"] = hours.end.isoformat()
    single_day = chunk.start == chunk.end or INTERVAL_SECONDS[series.interval] < 60
    return _PATHS[series.asset, series.schema], params | ({"date": _day(chunk.start)} if single_day else _range(chunk))


def refusal(status: int, body: bytes, shown: str) -> ProviderError:
    """The error for a status other than 200 and 472, with the vendor's own words in it."""
    kind = _KINDS.get(status, ProviderGlitch if status >= 500 else ProviderRefused)
    words = " ".join(body.decode("utf-8", "replace").split())[:300] or "no words"
    advice = f" — {_ADVICE[status]}" if status in _ADVICE else ""
    return kind(f"the terminal answered {status}: {words}{advice}; the request was {shown}", status=status, url=shown)


def _range(chunk: Chunk) -> dict[str, str]:
    return {"start_date": _day(chunk.start), "end_date": _day(chunk.end)}


def _day(date: dt.date) -> str:
    return date.strftime("%Y%m%d")


def _shown(path: str, params: Mapping[str, str]) -> str:
    return f"{path}?{httpx.QueryParams(dict(params))}"
