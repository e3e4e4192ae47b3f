"""The coordinator's views: the one way in, and what is to be known about backtests."""

from __future__ import annotations

import asyncio

import orjson
from aiohttp import web
from faust.web import View

from app.domain.instructions import Instruction
from app.domain.live_request import subscription, to_write
from app.domain.request import Backtest
from app.domain.schema import RECORDS, Asset
from app.domain.status import receipts_wanted
from app.errors import Conflict, InvalidRequest, Leaving, LogError
from app.web.bodies import json_answer, read_backtest
from app.web.data import crowded
from app.web.front import Front
from app.web.historical import asked_form, check_form, rows_of
from app.web.live import live_routes
from app.web.negotiation import prefers
from app.web.plan import plan_view
from app.web.problems import problem
from app.web.reading import Shelf
from app.web.sending import Told

_YES, _NO = ("true", "1", "yes"), ("false", "0", "no")


def routes(front: Front, shelf: Shelf, sent: Told) -> dict[str, type[View]]:
    """Path to view."""
    return {
        "/historical/stock": _historical(front, shelf, sent, "stock"),
        "/historical/option": _historical(front, shelf, sent, "option"),
        "/backtests": _backtests(front),
        "/plan": plan_view(front.provider, front.slots),
        "/backtests/{backtest_id}": _backtest(front),
        "/backtests/{backtest_id}/retry": _retry(front),
        "/schemas": _schemas(),
        **live_routes(front),
    }


def _historical(front: Front, shelf: Shelf, sent: Told, asset: Asset) -> type[View]:
    class Historical(View):
        """Ask for historical series of one asset; the short form of a request. The answer is what was decided, or the
        rows themselves where ``Accept`` names a form of them."""

        async def post(self, request: web.Request) -> web.StreamResponse:
            return await historical(front, shelf, sent, request, await read_backtest(request, asset))

    return Historical


def _backtests(front: Front) -> type[View]:
    class Backtests(View):
        """All backtests; and the coordinator's own way to ask for one."""

        async def get(self, request: web.Request) -> web.Response:
            # Ten thousand series take a moment, in which other views are served.
            told = await asyncio.to_thread(lambda: [front.status(record) for record in front.index.backtests()])
            return json_answer(told)

        async def post(self, request: web.Request) -> web.Response:
            return await submit(front, await read_backtest(request))

    return Backtests


def _backtest(front: Front) -> type[View]:
    class OneBacktest(View):
        """One backtest with its series and receipts."""

        async def get(self, request: web.Request, backtest_id: str) -> web.Response:
            record = front.index.backtest(backtest_id)
            if record is None:
                return unknown(backtest_id)
            found = await asyncio.to_thread(front.status, record)
            wanted = receipts_wanted(found, record.run)
            receipts = await asyncio.to_thread(front.index.receipts, wanted) if wanted else {}
            found["receipts"] = [receipts[one["topic"]] for one in found["series"] if one["topic"] in receipts]
            return json_answer(found)

        async def delete(self, request: web.Request, backtest_id: str) -> web.Response:
            what: Instruction = "delete" if wants(request, "topics") else "cancel"
            return await instruct(front, what, backtest_id)

    return OneBacktest


def _retry(front: Front) -> type[View]:
    class Retry(View):
        """Run what is missing of a backtest that failed, in part or wholly, or was cancelled."""

        async def post(self, request: web.Request, backtest_id: str) -> web.Response:
            record = front.index.backtest(backtest_id)
            if record is not None and record.delete is None:
                found = await asyncio.to_thread(front.status, record)
                if found["state"] == "complete":
                    return json_answer(found, 202, location(backtest_id))
            return await instruct(front, "retry", backtest_id)

    return Retry


def _schemas() -> type[View]:
    class Schemas(View):
        """The Avro schema of every record type, by name."""

        async def get(self, request: web.Request) -> web.Response:
            return json_answer({record.name: record.avro() for record in RECORDS.values()})

    return Schemas


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


def wants(request: web.Request, name: str) -> bool:
    """A yes or no of the query, no unless it is given. Raises ``InvalidRequest`` for anything else."""
    given = request.query.get(name, "false").lower()
    if given not in _YES + _NO:
        raise InvalidRequest.of(name, f"{given!r} is neither true nor false", ("true", "false"))
    return given in _YES


def location(backtest_id: str) -> dict[str, str]:
    return {"Location": f"/backtests/{backtest_id}"}


def unknown(backtest_id: str) -> web.Response:
    return problem(404, f"there is no backtest {backtest_id!r}")


async def historical(
    front: Front, shelf: Shelf, sent: Told, request: web.Request, backtest: Backtest
) -> web.StreamResponse:
    """Publish a request and answer with its rows, or with what was decided; also when it is not decided yet."""
    form = asked_form(request)
    if form is not None:
        check_form(backtest, form)
        if shelf.full:
            return crowded(shelf)
    answer = await submit(front, backtest)
    if form is None:
        if answer.status == 202 and prefers(request.headers.getall("Prefer", []), "respond-async"):
            answer.headers["Preference-Applied"] = "respond-async"
        return answer
    if answer.status != 202 or front.index.backtest(backtest.backtest_id) is None:
        return answer
    return await rows_of(front, shelf, sent, request, backtest, form)


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
