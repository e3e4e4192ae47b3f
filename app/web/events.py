"""``GET /backtests/{id}/events``: a backtest as it goes on, as Server-Sent Events (WHATWG HTML, 9.2)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import orjson
from aiohttp import web
from pydantic import Field

from app.web.backtests import BACKTEST_ID, unknown
from app.web.front import Front
from app.web.operations import Answer, Call, Operation, Query
from app.web.problems import problem
from app.web.taking import taken

#: Seconds after which a comment shows that the connection still stands, and between two looks at whether to stop.
HEARTBEAT, _STOP_LOOK = 15.0, 1.0
#: Seconds for which a reader may take nothing.
PATIENCE = 60.0
#: Milliseconds after which a browser that lost the connection comes again.
RETRY = 1_000
#: Streams at once, in one process.
MOST_STREAMS = 1_000
LAST_EVENT_ID = "Last-Event-ID"

#: What one event is.
_EVENT = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "description": "Names what is told."},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "description": "The backtest as JSON: a `BacktestSummary`, or its id with the state `deleted`.",
        },
    },
    "required": ["id", "data"],
}


class EventsQuery(Query):
    series: bool = Field(True, description="`false` leaves the list of series out of each event.")


class Streams:
    """Counts those that are open."""

    def __init__(self) -> None:
        self.open = 0


def event_operations(front: Front, stopping: Callable[[], bool]) -> tuple[Operation, ...]:
    """``stopping`` tells whether the process is to end."""
    streams = Streams()

    async def watch(call: Call[EventsQuery, None]) -> web.StreamResponse:
        return await _watch(front, stopping, streams, call)

    return (
        Operation(
            method="get",
            path="/backtests/{backtest_id}/events",
            name="watch_backtest",
            tag="backtests",
            summary="Follow a backtest until it has ended",
            description=(
                "Server-Sent Events: at once, and whenever something changes, the backtest as `GET /backtests/{id}` "
                "tells it, without receipts. The stream ends after the final state. An event's `id` names what was "
                "told: sent back as `Last-Event-ID`, the stream goes on with what is different; when nothing is any "
                "more, the answer is 204, and a browser does not come again. One that is deleted meanwhile has the "
                "state `deleted`."
            ),
            query=EventsQuery,
            header_docs={LAST_EVENT_ID: "The `id` of the last event that was received."},
            run=watch,
            answers=(
                Answer(200, "The events.", {"text/event-stream": _EVENT}),
                Answer(204, "It has ended and the last event was received."),
            ),
            problems=(404, 503),
            path_docs=BACKTEST_ID,
        ),
    )


async def _watch(
    front: Front, stopping: Callable[[], bool], streams: Streams, call: Call[EventsQuery, None]
) -> web.StreamResponse:
    request, backtest_id = call.request, call.path["backtest_id"]
    record = front.index.backtest(backtest_id)
    if record is None:
        return unknown(backtest_id)
    last = request.headers.get(LAST_EVENT_ID, "")
    now = await front.snapshots.of(record)
    if now.ended and now.name == last:
        return web.Response(status=204)
    if streams.open >= MOST_STREAMS:
        detail = f"{MOST_STREAMS} event streams are open, which is the most there may be; ask GET /backtests instead"
        return problem(503, detail, headers={"Retry-After": "10"})
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    # Nothing between here and the reader may hold an event back until more have come.
    response.headers["X-Accel-Buffering"] = "no"
    streams.open += 1
    try:
        await response.prepare(request)
        if request.method != "HEAD":
            await _follow(front, stopping, response, call, last)
        await response.write_eof()
    except ConnectionError:
        # Who watched has gone.
        pass
    finally:
        streams.open -= 1
    return response


async def _follow(
    front: Front,
    stopping: Callable[[], bool],
    response: web.StreamResponse,
    call: Call[EventsQuery, None],
    last: str,
) -> None:
    backtest_id = call.path["backtest_id"]
    await _send(call, response, f"retry: {RETRY}\n\n".encode())
    quiet = 0.0
    run: int | None = None
    while not stopping():
        version = front.index.version
        record = front.index.backtest(backtest_id)
        # Made again under the same id it is another one.
        if record is None or run not in (None, record.run):
            gone = orjson.dumps({"backtest_id": backtest_id, "state": "deleted"})
            await _send(call, response, event("deleted", gone))
            return
        run = record.run
        now = await front.snapshots.of(record)
        if now.name != last:
            await _send(call, response, event(now.name, now.body if call.query.series else now.brief))
            last, quiet = now.name, 0.0
        if now.ended:
            return
        begun = asyncio.get_running_loop().time()
        await front.news(version, _STOP_LOOK)
        quiet += asyncio.get_running_loop().time() - begun
        if quiet >= HEARTBEAT:
            await _send(call, response, b": still here\n\n")
            quiet = 0.0


async def _send(call: Call[EventsQuery, None], response: web.StreamResponse, data: bytes) -> None:
    # Who takes nothing for long keeps a place from others.
    await taken(call.request, response.write(data), PATIENCE)


def event(name: str, data: bytes) -> bytes:
    """One event; JSON without line ends."""
    return b"id: " + name.encode() + b"\ndata: " + data + b"\n\n"
