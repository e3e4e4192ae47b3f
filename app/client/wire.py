"""The only IO of the client: takes the steps of a conversation, blocking or not.

A connection that is silent is not given up as long as its other end is there: the kernel asks after it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from app.client.calls import Call
from app.client.errors import BadUse
from app.client.steps import Broken, Emit, Flow, Open, Pause, Read, Reply, Send, Step

T = TypeVar("T")
_DEFAULT_URL = "http://127.0.0.1:6066"
_CONNECT = 5.0
#: Any number of streams may be open: with httpx's hundred, the next call would wait for one of them to end.
_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=20)
#: Seconds without a byte after which the other end is asked whether it is there, between two questions, and how many.
_KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPALIVE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
_USER_AGENT = "fdp-client"


class Address:
    """Where the coordinator is and how it is talked to. ``url`` None: ``FDP_URL``, else this machine's port 6066;
    ``token`` None: ``FDP_TOKEN``, else none. ``verify``: a CA's PEM file, or False for no check of certificates."""

    def __init__(
        self, url: str | None, token: str | None, timeout: float, verify: bool | str | Path, compress: bool
    ) -> None:
        url = url or os.environ.get("FDP_URL") or _DEFAULT_URL
        token = token if token is not None else os.environ.get("FDP_TOKEN", "")
        try:
            parts = urlsplit(url)
            valid = parts.scheme in ("http", "https") and parts.hostname is not None and parts.port != 0
            httpx.URL(url)
        except (ValueError, httpx.InvalidURL):
            valid = False
        if not valid:
            raise BadUse(f"url {url!r} is not the address of a coordinator; write it as {_DEFAULT_URL}")
        if not token.isascii() or not token.isprintable():
            raise BadUse("the API token has characters that no HTTP header can hold")
        self.base = url.rstrip("/")
        #: The URL as it may be shown: without a password.
        self.shown = (
            self.base if "@" not in parts.netloc else self.base.replace(parts.netloc, parts.netloc.split("@")[-1])
        )
        self.headers = {"User-Agent": _USER_AGENT, **({"Authorization": f"Bearer {token}"} if token else {})}
        if not compress:
            # On one machine, or a fast line, packing costs more than it saves.
            self.headers["Accept-Encoding"] = "identity"
        self._timeout = timeout
        self._verify = verify

    def transport_options(self) -> dict[str, Any]:
        options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
        options += [
            (socket.IPPROTO_TCP, getattr(socket, name), value)
            for name, value in _KEEPALIVE.items()
            if hasattr(socket, name)
        ]
        verify: bool | ssl.SSLContext = bool(self._verify)
        if isinstance(self._verify, str | Path):
            try:
                verify = ssl.create_default_context(cafile=str(self._verify))
            except OSError as error:
                raise BadUse(f"verify={str(self._verify)!r} is no PEM file of certificates ({error})") from None
        elif self.base.startswith("http://"):
            # Reading the authorities' certificates takes longer than most calls.
            verify = False
        return {"verify": verify, "socket_options": options, "trust_env": False, "limits": _LIMITS}

    def request(self, client: httpx.Client | httpx.AsyncClient, call: Call) -> httpx.Request:
        """The request of a call. Raises ``BadUse`` when it cannot be put into one."""
        silent = None if call.forever else self._timeout + call.waits
        timeout = httpx.Timeout(self._timeout, connect=min(_CONNECT, self._timeout), read=silent, pool=None)
        try:
            return client.build_request(
                call.method,
                f"{self.base}{call.path}",
                params=dict(call.params) or None,
                json=call.body,
                headers={"Accept": f"{call.accept}, application/problem+json", **dict(call.headers)},
                timeout=timeout,
            )
        except (ValueError, TypeError, httpx.InvalidURL) as error:
            raise BadUse(f"the request cannot be sent: {error}") from None

    def broken(self, error: httpx.RequestError) -> Broken:
        return Broken(self.shown, str(error) or type(error).__name__)

    def reply(self, response: httpx.Response, body: bytes = b"") -> Reply:
        return Reply(self.shown, response.status_code, {k.lower(): v for k, v in response.headers.items()}, body)


class Wire:
    """Takes steps one after the other and waits for each. May be used by several threads."""

    def __init__(self, address: Address) -> None:
        self.address = address
        transport = httpx.HTTPTransport(**address.transport_options())
        self._client = httpx.Client(transport=transport, headers=address.headers, trust_env=False)

    def close(self) -> None:
        self._client.close()

    def run(self, flow: Flow[T]) -> T:
        """What a conversation comes to; what it emits is dropped."""
        items = self._iterate(flow)
        while True:
            try:
                next(items)
            except StopIteration as done:
                found: T = done.value
                return found

    def iterate(self, flow: Flow[Any]) -> Iterator[Any]:
        """What a conversation emits. The connection is given back when the iterator ends or is closed."""
        yield from self._iterate(flow)

    def _iterate(self, flow: Flow[T]) -> Generator[Any, None, T]:
        reply: Any = None
        broken: Broken | None = None
        with contextlib.closing(flow), _Answers() as answers:
            while True:
                try:
                    step: Step = flow.send(reply) if broken is None else flow.throw(broken)
                except StopIteration as done:
                    found: T = done.value
                    return found
                reply = broken = None
                if isinstance(step, Emit):
                    yield step.item
                    continue
                try:
                    reply = self._take(step, answers)
                except httpx.RequestError as error:
                    broken = self.address.broken(error)

    def _take(self, step: Step, answers: _Answers) -> Any:
        match step:
            case Send(call):
                response = self._client.send(self.address.request(self._client, call))
                return self.address.reply(response, response.content)
            case Open(call):
                response = self._client.send(self.address.request(self._client, call), stream=True)
                answers.hold(response)
                refused = not response.is_success
                return self.address.reply(response, response.read() if refused else b"")
            case Read():
                return answers.more()
            case Pause(seconds):
                time.sleep(seconds)
        return None


class _Answers:
    """The answer that is being read; the one before it is closed."""

    def __init__(self) -> None:
        self._response: httpx.Response | None = None
        self._chunks: Iterator[bytes] = iter(())

    def hold(self, response: httpx.Response) -> None:
        self._close()
        self._response, self._chunks = response, response.iter_bytes()

    def more(self) -> bytes:
        return next((chunk for chunk in self._chunks if chunk), b"")

    def _close(self) -> None:
        if self._response is not None:
            self._response.close()

    def __enter__(self) -> _Answers:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()


class AsyncWire:
    """The same without blocking."""

    def __init__(self, address: Address) -> None:
        self.address = address
        transport = httpx.AsyncHTTPTransport(**address.transport_options())
        self._client = httpx.AsyncClient(transport=transport, headers=address.headers, trust_env=False)

    async def close(self) -> None:
        await self._client.aclose()

    async def run(self, flow: Flow[T]) -> T:
        """What a conversation comes to; what it emits is dropped."""
        found: list[T] = []
        async for _ in self._iterate(flow, found):
            pass
        return found[0]

    async def iterate(self, flow: Flow[Any]) -> AsyncGenerator[Any, None]:
        """What a conversation emits. Whoever does not read to the end closes it (``contextlib.aclosing``)."""
        async with contextlib.aclosing(self._iterate(flow, [])) as items:
            async for item in items:
                yield item

    async def _iterate(self, flow: Flow[T], found: list[T]) -> AsyncGenerator[Any, None]:
        reply: Any = None
        broken: Broken | None = None
        answers = _AsyncAnswers()
        try:
            while True:
                try:
                    step: Step = flow.send(reply) if broken is None else flow.throw(broken)
                except StopIteration as done:
                    found.append(done.value)
                    return
                reply = broken = None
                if isinstance(step, Emit):
                    yield step.item
                    continue
                try:
                    reply = await self._take(step, answers)
                except httpx.RequestError as error:
                    broken = self.address.broken(error)
        finally:
            flow.close()
            await answers.close()

    async def _take(self, step: Step, answers: _AsyncAnswers) -> Any:
        match step:
            case Send(call):
                response = await self._client.send(self.address.request(self._client, call))
                return self.address.reply(response, response.content)
            case Open(call):
                response = await self._client.send(self.address.request(self._client, call), stream=True)
                await answers.hold(response)
                refused = not response.is_success
                return self.address.reply(response, await response.aread() if refused else b"")
            case Read():
                return await answers.more()
            case Pause(seconds):
                await asyncio.sleep(seconds)
        return None


class _AsyncAnswers:
    """The answer that is being read; the one before it is closed."""

    def __init__(self) -> None:
        self._response: httpx.Response | None = None
        self._chunks: AsyncIterator[bytes] | None = None

    async def hold(self, response: httpx.Response) -> None:
        await self.close()
        self._response, self._chunks = response, response.aiter_bytes()

    async def more(self) -> bytes:
        if self._chunks is not None:
            async for chunk in self._chunks:
                if chunk:
                    return chunk
        return b""

    async def close(self) -> None:
        if self._response is not None:
            await self._response.aclose()
