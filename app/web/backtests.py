"""Backtests: the one way in, and what is to be known about them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import orjson
from aiohttp import web
from pydantic import Field

from app.domain.checking import BacktestRequest
from app.domain.instructions import Instruction
from app.domain.live_request import subscription, to_write
from app.domain.request import Backtest
from app.domain.short_form import OptionRequest, StockRequest
from app.domain.status import receipts_wanted
from app.errors import Conflict, InvalidRequest, Leaving, LogError
from app.web import examples
from app.web.answers import backtests as told
from app.web.bodies import json_answer, read_backtest
from app.web.front import Front
from app.web.operations import Answer, Body, Call, Flag, NoQuery, Operation, Query, json_of
from app.web.problems import problem
from app.web.snapshots import name_of
from app.web.waiting import LONGEST, known_name, settled

TAG = "backtests"
#: What any operation on one backtest may say of its path, of where it is, and of how to go on.
BACKTEST_ID = {"backtest_id": "The id under which the backtest was asked for."}
LOCATION = {"Location": "Where the backtest is."}
_NEXT = ("get_backtest", "watch_backtest", "read_data", "cancel_backtest")
TO_BACKTEST = {name: {"backtest_id": "$response.body#/backtest_id"} for name in _NEXT}


class Watching(Query):
    """How long to wait for news."""

    wait: float = Field(
        0,
        ge=0,
        le=LONGEST,
        description="Seconds to wait for its end, or with `If-None-Match` for a change.",
        examples=[30],
    )


class Deletion(Query):
    """How much is to go."""

    topics: Annotated[
        Flag, Field(description="`true` also deletes its topics, after which the id is unknown and free.")
    ] = False


def taken(body: Any, at_times: Mapping[str, str] | None = None) -> Answer:
    """The answer to what is asked of a backtest; ``at_times`` are further headers."""
    return Answer(
        202,
        "It is taken; the backtest as it stands",
        json_of(body),
        headers=LOCATION,
        at_times=at_times or {},
        links=TO_BACKTEST,
        examples={"taken": examples.TAKEN},
    )


def backtests(front: Front, stopping: Callable[[], bool]) -> tuple[Operation, ...]:
    """``stopping`` tells whether the process is to end."""
    return _all(front), _ask(front), _one(front, stopping), _end(front), _retry(front)


def _all(front: Front) -> Operation:
    async def run(call: Call[NoQuery, None]) -> web.StreamResponse:
        # Ten thousand series take a moment, in which other views are served.
        found = await asyncio.to_thread(lambda: [front.status(record) for record in front.index.backtests()])
        return json_answer(found)

    return Operation(
        method="get",
        path="/backtests",
        name="list_backtests",
        summary="All backtests, the latest accepted first",
        run=run,
        answers=(
            Answer(
                200,
                "Each as it stands, without receipts",
                json_of(list[told.BacktestSummary]),
                examples={"one": [examples.TAKEN]},
            ),
        ),
        tag=TAG,
    )


def _ask(front: Front) -> Operation:
    async def run(call: Call[NoQuery, Backtest]) -> web.StreamResponse:
        return await submit(front, call.body)

    return Operation(
        method="post",
        path="/backtests",
        name="ask_backtest",
        summary="Ask for a set of series over a range of dates",
        run=run,
        answers=(taken(told.BacktestSummary | told.Undecided),),
        tag=TAG,
        body=Body(read_backtest, (BacktestRequest, StockRequest, OptionRequest), examples.BACKTEST),
        problems=(400, 409, 413, 422),
    )


def _one(front: Front, stopping: Callable[[], bool]) -> Operation:
    async def run(call: Call[Watching, None]) -> web.StreamResponse:
        backtest_id = call.path["backtest_id"]
        known = known_name(call.request.headers.get("If-None-Match"))
        if call.query.wait:
            await settled(front, backtest_id, call.query.wait, known, stopping)
        record = front.index.backtest(backtest_id)
        if record is None:
            return unknown(backtest_id)
        found = await asyncio.to_thread(front.status, record)
        name = name_of(found)
        headers = {"ETag": f'W/"{name}"'}
        if known == name:
            return web.Response(status=304, headers=headers)
        wanted = receipts_wanted(found, record.run)
        receipts = await asyncio.to_thread(front.index.receipts, wanted) if wanted else {}
        found["receipts"] = [receipts[one["topic"]] for one in found["series"] if one["topic"] in receipts]
        return json_answer(found, headers=headers)

    return Operation(
        method="get",
        path="/backtests/{backtest_id}",
        name="get_backtest",
        summary="One backtest: state, progress, series, receipts",
        run=run,
        answers=(
            Answer(
                200,
                "As it stands",
                json_of(told.Backtest),
                headers={"ETag": "Names what is told."},
                examples={"complete": examples.COMPLETE},
            ),
            Answer(304, "It is what `If-None-Match` names"),
        ),
        tag=TAG,
        description=(
            "With `wait` the answer comes when the backtest has ended, or after so many seconds with what there is. "
            "Its `ETag` names all that is told but the estimate: sent back as `If-None-Match`, the answer comes as "
            "soon as something is different."
        ),
        query=Watching,
        header_docs={"If-None-Match": "An `ETag` that was told; the answer is 304 while it still is."},
        problems=(404,),
        path_docs=BACKTEST_ID,
    )


def _end(front: Front) -> Operation:
    async def run(call: Call[Deletion, None]) -> web.StreamResponse:
        what: Instruction = "delete" if call.query.topics else "cancel"
        return await instruct(front, what, call.path["backtest_id"])

    return Operation(
        method="delete",
        path="/backtests/{backtest_id}",
        name="cancel_backtest",
        summary="End what runs of a backtest, or delete it",
        run=run,
        answers=(taken(told.BacktestSummary),),
        tag=TAG,
        description="What is complete stays complete; `cancelled` shows when every series has ended.",
        query=Deletion,
        problems=(404,),
        path_docs=BACKTEST_ID,
    )


def _retry(front: Front) -> Operation:
    async def run(call: Call[NoQuery, None]) -> web.StreamResponse:
        backtest_id = call.path["backtest_id"]
        record = front.index.backtest(backtest_id)
        if record is not None and record.delete is None:
            found = await asyncio.to_thread(front.status, record)
            if found["state"] == "complete":
                return json_answer(found, 202, location(backtest_id))
        return await instruct(front, "retry", backtest_id)

    return Operation(
        method="post",
        path="/backtests/{backtest_id}/retry",
        name="retry_backtest",
        summary="Run what is missing of a backtest",
        run=run,
        answers=(taken(told.BacktestSummary),),
        tag=TAG,
        description=(
            "Series that failed or were cancelled go on after their last checkpoint; complete ones are left alone."
        ),
        problems=(404, 409),
        path_docs=BACKTEST_ID,
    )


async def instruct(front: Front, what: Instruction, backtest_id: str) -> web.Response:
    """Publish an instruction about a backtest that is there, wait for its decision, and answer 202.

    404 when there is none; raises ``Leaving`` when it is being deleted and asked to run.
    """
    record = front.index.backtest(backtest_id)
    if record is None:
        return unknown(backtest_id)
    if record.delete is not None and what == "retry":
        raise Leaving(backtest_id)
    decided = await front.decided(await front.publish(backtest_id.encode(), orjson.dumps({what: backtest_id})))
    if not decided and what == "retry":
        # Told as it stands it would seem to have ended again.
        raise LogError(f"the retry of {backtest_id!r} is on requests and not decided yet")
    # One that had nothing to delete may be gone by now.
    record = front.index.backtest(backtest_id) or record
    return json_answer(await asyncio.to_thread(front.status, record), 202, location(backtest_id))


def location(backtest_id: str) -> dict[str, str]:
    return {"Location": f"/backtests/{backtest_id}"}


def unknown(backtest_id: str) -> web.Response:
    return problem(404, f"there is no backtest {backtest_id!r}")


async def submit(front: Front, backtest: Backtest) -> web.Response:
    """Publish a request, wait for its decision, and answer 202 with its ``Location``, or raise ``Conflict``; 429 when
    it is a new one and there are too many unfinished already."""
    if front.index.backtest(backtest.backtest_id) is not None:
        return await _submit(front, backtest)
    with front.places.one(backtest.backtest_id) as free:
        return await _submit(front, backtest) if free else front.places.refusal()


async def _submit(front: Front, backtest: Backtest) -> web.Response:
    offset = await front.publish(backtest.backtest_id.encode(), orjson.dumps(backtest.as_json()))
    decided = await front.decided(offset)
    where = location(backtest.backtest_id)
    if not decided:
        # It is durably on the topic and will be decided as soon as the topic has an owner again.
        front.places.keep(backtest.backtest_id, offset)
        body = {"backtest_id": backtest.backtest_id, "state": "accepted", "series": _topics(backtest)}
        return json_answer(body, 202, where)
    record = front.index.backtest(backtest.backtest_id)
    if record is None:
        if backtest.live:
            # Perhaps for a live topic that stands with other hours, which this raises.
            to_write((subscription(name, offset, entry) for name, entry in backtest.members()), front.live.subscription)
        raise InvalidRequest.of("", "the request was not accepted; requests.dlq says why")
    if record.backtest.hash != backtest.hash:
        raise Conflict(backtest.backtest_id)
    if record.delete is not None:
        raise Leaving(backtest.backtest_id)
    return json_answer(front.status(record), 202, where)


def _topics(backtest: Backtest) -> list[dict[str, object]]:
    return [{"topic": name.topic, "state": "accepted", "rows": 0} for name, _ in backtest.members()]
