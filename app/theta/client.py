"""Theta Terminal's REST API v3: one request a call, its answer or its refusal.

The terminal listens on this machine and asks for no credentials. It remembers the first address that called
it, so the URL should say 127.0.0.1 and never localhost (vendor page "Error Codes", 476).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import BinaryIO, TypeVar, cast

import httpx
import numpy as np

from app.domain.contracts import Packed
from app.domain.limits import Limits
from app.domain.listing import Listing, Need
from app.domain.plan import Chunk
from app.domain.rows import Rows
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
from app.security.addresses import taken_apart
from app.theta.columns import to_rows
from app.theta.limits import THETA_LIMITS, Tier, refusal_of_tier
from app.theta.listings import to_contracts, to_listing, to_strikes
from app.theta.requests import listing_of, request_of

NO_DATA = 472
#: Seconds to connect, to the first byte (the terminal may queue a request for minutes), and between bytes.
CONNECT, FIRST_BYTE, STALL = 5.0, 300.0, 60.0
#: Bytes of a refusal that are read; the vendor's are short.
_REFUSAL = 4096
#: Bytes of the terminal's word for its own state.
_STATE = 100
#: Bytes that a listing has at the most; the contracts of all roots on a day are some 60 MB.
_LONGEST_LISTING = 1 << 27

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
    400: "the terminal takes this request for wrong; correct what it names",
    403: "the account's subscription does not cover this",
    471: "the account's subscription does not cover this",
    473: "the terminal takes this request for wrong; correct what it names",
    404: "the terminal does not know this endpoint; update it",
    410: "the terminal takes this for an old API; update the platform",
    474: "the terminal is cut off from its servers",
    476: "use 127.0.0.1 in THETA_URL everywhere and restart the terminal",
    478: "another terminal took the account's session; stop it and restart this one",
    571: "the terminal's servers are restarting",
}
T = TypeVar("T")


class ThetaClient:
    """A ``Provider`` on Theta Terminal. Threads may share it; each call holds one connection."""

    name = "thetadata"
    limits: Limits = THETA_LIMITS

    def __init__(
        self, url: str, *, connections: int, tier: Tier, first_byte: float = FIRST_BYTE, stall: float = STALL
    ) -> None:
        """``tier`` is what the account has: what it does not cover is refused without asking."""
        self.url, credentials = taken_apart(url)
        self._tier = tier
        self._stall = stall
        self._http = httpx.Client(
            base_url=self.url,
            auth=credentials,
            timeout=httpx.Timeout(first_byte, connect=CONNECT, pool=None),
            limits=httpx.Limits(max_connections=connections + 1, max_keepalive_connections=connections + 1),
            # The terminal is on this machine: compressing would only cost.
            headers={"Accept-Encoding": "identity"},
            trust_env=False,
        )

    def close(self) -> None:
        self._http.close()

    def refuses(self, series: SeriesName, start: dt.date) -> str | None:
        """See ``Provider.refuses``."""
        return refusal_of_tier(self._tier, series, start)

    def fetch(self, series: SeriesName, chunk: Chunk, most: int) -> Rows:
        """See ``Provider.fetch``."""
        rows = self.get(*request_of(series, chunk), lambda body: to_rows(body, series, chunk, most))
        return Rows.none(series.record) if rows is None else rows

    def list(self, series: SeriesName, need: Need) -> Listing:
        """See ``Provider.list``."""
        found = self.get(*listing_of(series, need), lambda body: to_listing(_whole(body), series, need))
        return {} if found is None else found

    def contracts(self, series: SeriesName, date: dt.date) -> Packed:
        """See ``StreamedProvider.contracts``."""
        # Whatever is quoted may trade.
        quotes = replace(series, schema="quote")
        found = self.get(*listing_of(quotes, Need("contracts", date)), lambda body: to_contracts(_whole(body), series))
        return np.empty(0, dtype=np.int64) if found is None else found

    def strikes(self, series: SeriesName, expiration: dt.date) -> frozenset[int]:
        """See ``Provider.strikes``."""
        need = Need("strikes", expiration)
        found = self.get(*listing_of(series, need), lambda body: to_strikes(_whole(body), series))
        return frozenset() if found is None else found

    def get(self, path: str, params: Mapping[str, str], read: Callable[[BinaryIO], T]) -> T | None:
        """What ``read`` makes of the body of a 200, None for "no data". Raises ``ProviderError`` for everything else;
        a body that ``read`` does not take (``BadTable``) is named with its request."""
        shown = f"{path}?{httpx.QueryParams(dict(params))}"
        with self._answer(path, params, shown) as response:
            body = _Body(response)
            if response.status_code != 200:
                words = body.read(_REFUSAL)
                if response.status_code == NO_DATA:
                    return None
                raise refusal(response.status_code, words, shown)
            try:
                found = read(cast(BinaryIO, body))
                body.read()
            except BadTable as error:
                raise BadTable(f"{error}; the request was {shown}", status=200, url=shown) from None
            framed = "content-length" in response.headers or "transfer-encoding" in response.headers
            if not framed and body.last != b"\n":
                # Nothing but the last line end tells such a body from one that was cut off.
                raise BadTable(f"the terminal's answer was cut off: {shown}", status=200, url=shown)
            return found

    def state(self) -> str:
        """See ``Provider.state``."""
        try:
            with self._http.stream("GET", "/v3/terminal/mdds/status", timeout=2.0) as response:
                # Whatever answers there: as little of it as a state is long, in whatever encoding it says it is.
                words = _Body(response).read(_STATE)[:_STATE].decode("utf-8", "replace")
        except (httpx.HTTPError, httpx.StreamError, RuntimeError) as error:
            return f"UNREACHABLE ({str(error) or type(error).__name__})"
        return " ".join(words.split()) if response.status_code == 200 else f"HTTP {response.status_code}"

    @contextmanager
    def _answer(self, path: str, params: Mapping[str, str], shown: str) -> Iterator[httpx.Response]:
        begun = False
        try:
            with self._http.stream("GET", path, params=params) as response:
                begun = True
                # The answer has begun: from here on silence is a fault and no queue. The transport looks this up
                # when it begins to read the body.
                response.request.extensions["timeout"]["read"] = self._stall
                yield response
        except (httpx.RemoteProtocolError, httpx.DecodingError) as error:
            raise BadTable(f"the terminal's answer was cut off ({error}): {shown}", url=shown) from None
        except httpx.ReadTimeout:
            if begun:
                raise ProviderGlitch(
                    f"the terminal's answer stalled for {self._stall:.0f} s: {shown}", url=shown
                ) from None
            raise ProviderUnavailable(f"the terminal at {self.url} does not answer: {shown}", url=shown) from None
        except (httpx.TransportError, RuntimeError, httpx.StreamError) as error:
            # RuntimeError: the client was closed under us, by a stop.
            what = str(error) or type(error).__name__
            if begun:
                raise BadTable(f"the terminal's answer was cut off ({what}): {shown}", url=shown) from None
            raise ProviderUnavailable(f"the terminal at {self.url} does not answer ({what})", url=shown) from None


def _whole(body: BinaryIO) -> bytes:
    """A listing's body; there is no telling how long a wrong answer may be."""
    found = body.read(_LONGEST_LISTING + 1)
    if len(found) > _LONGEST_LISTING:
        raise BadTable(f"the list is longer than {_LONGEST_LISTING:,} bytes")
    return found


class _Body:
    """A response's body as a file to read from, without ever holding more than a piece of it."""

    closed = False

    def __init__(self, response: httpx.Response) -> None:
        self._pieces = response.iter_raw()
        self._left = b""
        self.last = b""

    def read(self, size: int = -1) -> bytes:
        """``size`` bytes, fewer only at the body's end; all of the rest for -1."""
        parts, count = [self._left], len(self._left)
        while size < 0 or count < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            parts.append(piece)
            count += len(piece)
        data = b"".join(parts)
        data, self._left = (data, b"") if size < 0 else (data[:size], data[size:])
        self.last = data[-1:] or self.last
        return data


def refusal(status: int, body: bytes, shown: str) -> ProviderError:
    """The error for a status other than 200 and 472, with the vendor's own words in it."""
    kind = _KINDS.get(status, ProviderGlitch if status >= 500 else ProviderRefused)
    words = " ".join(body.decode("utf-8", "replace").split())[:300] or "no words"
    advice = f" — {_ADVICE[status]}" if status in _ADVICE else ""
    return kind(f"the terminal answered {status}: {words}{advice}; the request was {shown}", status=status, url=shown)
