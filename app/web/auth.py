"""Who is let in: bearer tokens, from the environment and from a file that may change meanwhile."""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from aiohttp import web

from app.security.redaction import hide
from app.security.tokens import read_tokens
from app.settings import Settings
from app.web.docs_page import ASSET_PATHS
from app.web.page_files import FILES
from app.web.problems import Handler, Middleware, problem

logger = logging.getLogger(__name__)

#: Open to anybody even where tokens are asked for: the probes, and the shells of the pages with their files.
OPEN_PATHS = ("/health/live", "/health/ready", "/docs", *ASSET_PATHS, *FILES)
#: Where a request keeps whose token it came with: the token's digest.
CLIENT = web.RequestKey("client", bytes)
#: Seconds between two looks at the file.
_LOOK_EVERY = 1.0

Version = tuple[int, int, int] | None


class TokenFile:
    """The tokens in a file, looked at again when somebody asks and it has changed.

    A file that has gone, or has no token in it any more, changes nothing: an empty file must never open the door, and
    one that is being written must not shut it.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` gives seconds."""
        self._path = path
        self._clock = clock
        self._looked = float("-inf")
        self._version: Version = (-1, -1, -1)
        self._tokens: tuple[bytes, ...] = ()

    def digests(self) -> tuple[bytes, ...]:
        """The digest of each token that counts now; none before the file could be read once."""
        now = self._clock()
        if now - self._looked >= _LOOK_EVERY:
            self._looked = now
            # Before it is read: what is written after this look is seen at the next.
            version = self._stat()
            if version != self._version:
                self._version = version
                self._read()
        return self._tokens

    def _stat(self) -> Version:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size

    def _read(self) -> None:
        try:
            found = read_tokens(self._path)
        except (OSError, ValueError) as error:
            why = f"cannot be read ({error.strerror})" if isinstance(error, OSError) else str(error)
            logger.warning("API_TOKENS_FILE: %s %s; the tokens it had before still count", self._path, why)
            return
        hide(found)
        if self._tokens:
            logger.info("API_TOKENS_FILE: %s has changed and was read; it has %d tokens", self._path, len(found))
        self._tokens = _digests(found)


class Tokens:
    """All tokens that are let in."""

    def __init__(self, fixed: Iterable[str], file: TokenFile | None = None) -> None:
        self._fixed = _digests(fixed)
        self._file = file

    @classmethod
    def of(cls, settings: Settings) -> Tokens:
        return cls(settings.tokens, TokenFile(settings.api_tokens_file) if settings.api_tokens_file else None)

    @property
    def asked(self) -> bool:
        """Whether anybody is asked for one: also when there is none, as long as there is to be a file."""
        return bool(self._fixed) or self._file is not None

    def digest_of(self, authorization: str) -> bytes | None:
        """The digest of the token in an ``Authorization`` header; None when that is none of ours."""
        kind, _, given = authorization.partition(" ")
        digest = _digest(given.strip().encode("utf-8", "surrogateescape"))
        tokens = (*self._fixed, *(self._file.digests() if self._file else ()))
        # Every token is compared, each in constant time, by digests of one length: the answer's delay tells nothing.
        known = [hmac.compare_digest(digest, token) for token in tokens]
        return digest if any(known) and kind.lower() == "bearer" else None


def bearer(tokens: Tokens) -> Middleware:
    """A middleware that asks for one of the tokens, where there are any."""

    @web.middleware
    async def authorise(request: web.Request, handler: Handler) -> web.StreamResponse:
        if tokens.asked and request.path not in OPEN_PATHS:
            client = tokens.digest_of(request.headers.get("Authorization", ""))
            if client is None:
                return problem(
                    401,
                    "send one of the API tokens as `Authorization: Bearer …`",
                    headers={"WWW-Authenticate": "Bearer"},
                )
            request[CLIENT] = client
        return await handler(request)

    return authorise


def _digests(tokens: Iterable[str]) -> tuple[bytes, ...]:
    return tuple(_digest(token.encode()) for token in tokens)


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
