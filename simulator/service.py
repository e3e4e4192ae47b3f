"""What happens to a request between its line and its body: route, parameters, slot, latency, faults, answer."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np

from simulator import formats, routes
from simulator.answers import Portion, Terminal
from simulator.cache import LeafCache
from simulator.clock import Replay
from simulator.faults import SPOILING, TERMINAL_PATHS, Fault, Faults, Rule
from simulator.formats import Format, JsonDialect, Leaf
from simulator.ledger import Entry, Ledger
from simulator.market import uniform
from simulator.query import Query, refuse_v2
from simulator.refusals import DEFAULT_TEXTS, Refusal, bad, no_data
from simulator.route import Route
from simulator.slots import Slots
from simulator.spoil import spoiled
from simulator.tables import Columns
from simulator.tiers import Tier, admit

T = TypeVar("T")
Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Options:
    """How a simulated terminal behaves. ``latency_ms`` is added to each queued request while it holds its slot, and
    up to ``jitter_ms`` more at random; ``clock`` tells the current instant (aware). With ``pin_caller`` only the
    address that asked first is answered, as real ones do.

    Of the stream: ``replay`` gives it a time of its own; ``login_seconds`` is what a login takes; ``stream_caps``
    replace the tier's (``{"STOCK_TRADE": 2}``); beyond ``stream_buffer_bytes`` unsent ones events are lost; the full
    stream is of ``full_stream_roots``, or of all that are known."""

    tier: Tier = Tier.STANDARD
    seed: int = 1
    latency_ms: float = 0
    jitter_ms: float = 0
    queue_length: int = 16
    json_dialect: JsonDialect = "new"
    pin_caller: bool = False
    rules: tuple[Rule, ...] = ()
    cache_bytes: int = 256 * 2**20
    clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)
    replay: Replay | None = None
    login_seconds: float = 0.2
    stream_caps: Mapping[str, int] | None = None
    stream_buffer_bytes: int = 32 * 2**20
    full_stream_roots: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reply:
    """A status and a body in chunks; ``fault`` is for the one who puts it on the wire."""

    status: int
    content_type: str
    chunks: Sequence[bytes]
    fault: Fault | None = None

    @classmethod
    def text(cls, text: str, status: int = 200, fault: Fault | None = None) -> Reply:
        """A short plain text, without a newline at its end."""
        return cls(status, "text/plain", [text.encode()], fault)


class Service:
    """A terminal without its sockets; used on one event loop."""

    def __init__(
        self,
        options: Options,
        on_shutdown: Callable[[], None],
        stream_status: Callable[[], str] = lambda: "DISCONNECTED",
    ) -> None:
        """``stream_status``: the word for the terminal's link to the stream servers."""
        self.options = options
        self._stream_status = stream_status
        self.slots = Slots(options.tier.concurrency, options.queue_length)
        self.ledger = Ledger()
        self.faults = Faults(options.rules, options.seed)
        self.cache = LeafCache(options.cache_bytes)
        self.pinned: str | None = None
        self._on_shutdown = on_shutdown
        # One thread: making a day is pure computation, and more of them would only share the interpreter.
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="simulator-market")

    def close(self) -> None:
        """Let go of the thread; what it is making is dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def set_rules(self, rules: Sequence[Rule]) -> None:
        """Replace the fault rules; their counts and a slow boot begin anew."""
        self.faults = Faults(rules, self.options.seed)

    def forget(self) -> None:
        """Begin the statistics anew."""
        self.ledger.forget()
        self.slots.forget()

    def report(self) -> dict[str, Any]:
        """The statistics as JSON; see the module ``ledger`` for the requests."""
        seen = self.slots.occupancy
        return {
            "tier": self.options.tier.name.lower(),
            "slots": self.slots.limit,
            "running": seen.running,
            "queued": seen.queued,
            "max_running": seen.max_running,
            "max_queued": seen.max_queued,
            "overflowed": seen.overflowed,
            "busy_slot_seconds": round(seen.busy_seconds, 6),
            "cache": {
                "leaves": len(self.cache),
                "bytes": self.cache.size,
                "hits": self.cache.hits,
                "misses": self.cache.misses,
            },
            "faults": self.faults.report(),
            **self.ledger.report(),
        }

    def admit(self, caller: str) -> None:
        """Raises :class:`Refusal` 476 when the terminal is pinned to another address; the first to ask pins it."""
        if not self.options.pin_caller:
            return
        if self.pinned is None:
            self.pinned = caller
        if self.pinned != caller:
            raise Refusal(476, DEFAULT_TEXTS[476])

    async def reply(self, entry: Entry, pairs: Pairs) -> Reply:
        """The answer to a GET of one of the vendor's paths; raises :class:`Refusal`."""
        fault = self.faults.strike(entry.path, entry.query, dict(reversed(pairs)))
        entry.fault = fault.kind if fault else None
        if entry.path.startswith(TERMINAL_PATHS):
            return await self._terminal(entry.path, fault)
        refuse_v2(entry.path, pairs)
        found = routes.find(entry.path)
        if found is None:
            raise Refusal(404, f"No such endpoint: {entry.path}")
        route, in_path = found
        query = Query.read(route.parameters, in_path, pairs)
        if not route.queued:
            return await self._data(route, query, fault)
        async with self.slots.hold():
            await self._lag(entry.number)
            return await self._data(route, query, fault)

    async def _terminal(self, path: str, fault: Fault | None) -> Reply:
        """The status probes and the shutdown; they take no slot."""
        if fault is not None and fault.kind != "slow_boot":
            await _fail(fault)
        match path.removeprefix(TERMINAL_PATHS):
            case "mdds/status":
                return Reply.text("CONNECTED" if fault is None else "DISCONNECTED", fault=fault)
            case "fpss/status":
                # A healthy terminal logs in to the stream only when somebody asks for one.
                return Reply.text(self._stream_status() if fault is None else "DISCONNECTED", fault=fault)
            case "shutdown":
                self._on_shutdown()
                return Reply.text("OK", fault=fault)
            case _:
                raise Refusal(404, f"No such endpoint: {path}")

    async def _data(self, route: Route, query: Query, fault: Fault | None) -> Reply:
        if fault is not None:
            await _fail(fault)
        form = formats.named(query.text("format"), self.options.json_dialect)
        if form is None:
            raise bad(f"Invalid format: {query.text('format')}")
        terminal = Terminal.at(self.options.seed, self.options.tier, self.options.clock())
        admit(terminal.tier, route.tier, route.security)
        portions = route.answer(terminal, query)
        if fault is not None and fault.kind in SPOILING:
            chunks = await self._on_thread(partial(_spoiled, fault, form, route.columns, portions))
        else:
            chunks = form.document(route.columns, await self._leaves(form, route.columns, portions))
        return Reply(200, form.content_type, chunks, fault)

    async def _leaves(self, form: Format, columns: Columns, portions: Sequence[Portion]) -> list[Leaf]:
        """The text of every portion: from the cache at once, what is missing from the thread."""
        leaves = [self.cache.get((form.name, p.key)) if p.key is not None else None for p in portions]
        if missing := [i for i, leaf in enumerate(leaves) if leaf is None]:
            made = await self._on_thread(partial(_made, form, columns, [portions[i] for i in missing]))
            for i, leaf in zip(missing, made, strict=True):
                leaves[i] = leaf
                if portions[i].key is not None:
                    self.cache.put((form.name, portions[i].key), leaf)
        present = [leaf for leaf in leaves if leaf is not None]
        if not any(map(any, present)):  # no row in any portion, such as a window in which nothing traded
            raise no_data()
        return present

    async def _lag(self, number: int) -> None:
        pause = self.options.latency_ms
        if self.options.jitter_ms:
            pause += self.options.jitter_ms * float(uniform(self.options.seed, 1, np.array([number]))[0])
        if pause:
            await asyncio.sleep(pause / 1000)

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


async def _fail(fault: Fault) -> None:
    """The part of a fault that comes before there is an answer."""
    match fault.kind:
        case "status":
            raise Refusal(fault.status or 572, fault.text)
        case "text200":
            raise Refusal(200, fault.text)
        case "slow_boot":
            raise Refusal(571, DEFAULT_TEXTS[571])
        case "stall" if fault.after_bytes is None:
            await asyncio.sleep(fault.seconds)


def _made(form: Format, columns: Columns, portions: Sequence[Portion]) -> list[Leaf]:
    return [form.leaf(columns, portion.make()) for portion in portions]


def _spoiled(fault: Fault, form: Format, columns: Columns, portions: Sequence[Portion]) -> list[bytes]:
    kind = next(kind for kind in SPOILING if kind == fault.kind)
    columns, tables = spoiled(kind, fault.column, columns, [portion.make() for portion in portions])
    return form.document(columns, [form.leaf(columns, table) for table in tables])
