"""Live subscriptions over HTTP: asking for them, telling how they are, ending them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import orjson
from aiohttp import web

from app.domain.contract_filter import ContractFilter
from app.domain.fields import without_nulls
from app.domain.listed import unlisted
from app.domain.listing import Need
from app.domain.live import Subscription
from app.domain.live_request import (
    SUBSCRIBE,
    UNSUBSCRIBE,
    LiveRequest,
    OptionSubscription,
    StockSubscription,
    parse_subscribe,
    to_write,
)
from app.domain.schema import Asset
from app.domain.series import SeriesName
from app.errors import InvalidRequest, PlatformError
from app.provider import Provider
from app.web import examples
from app.web.answers import live as told
from app.web.asking import Askers
from app.web.bodies import json_answer, read_json
from app.web.front import Front
from app.web.operations import Answer, Body, Call, NoQuery, Operation, json_of
from app.web.problems import problem

logger = logging.getLogger(__name__)

#: Expirations whose strikes are looked up, and seconds that the provider is waited for.
MOST_EXPIRATIONS, LISTINGS_WAIT = 20, 2.0
_AT_ONCE = 2
TAG = "live"
_TOPIC = {"topic": "A live topic, such as `stock-aapl-trade-live`."}
_EXAMPLES = {"stock": examples.LIVE_STOCK, "option": examples.LIVE_OPTION}
_MODELS = {"stock": StockSubscription, "option": OptionSubscription}


def live(front: Front) -> tuple[Operation, ...]:
    return _subscribe(front, "stock"), _subscribe(front, "option"), _all(front), _one(front), _end(front)


def _subscribe(front: Front, asset: Asset) -> Operation:
    listed = Listed(front.provider)

    async def read(request: web.Request) -> LiveRequest:
        body = await read_json(request)
        asked = parse_subscribe(body, asset=asset)
        if asset == "option":
            await listed.check(asked, body.get("contracts"))
        return asked

    async def run(call: Call[NoQuery, LiveRequest]) -> web.StreamResponse:
        return await subscribe(front, call.body)

    return Operation(
        method="post",
        path=f"/live/{asset}",
        name=f"subscribe_{asset}",
        summary=f"Subscribe to live series of {asset}s",
        run=run,
        answers=(
            Answer(
                202,
                "It is taken; an entry for each series",
                json_of(told.Subscribed),
                examples={"one": {"series": [examples.LIVE_TOPIC]}},
            ),
        ),
        tag=TAG,
        description="A subscription is shared and stands until somebody ends it; asked for again it is the same.",
        body=Body(read, (_MODELS[asset],), _EXAMPLES[asset]),
        problems=(400, 409, 413, 422),
    )


def _all(front: Front) -> Operation:
    async def run(call: Call[NoQuery, None]) -> web.StreamResponse:
        standing = front.live.subscriptions()
        return json_answer(await _told(front, [standing[topic] for topic in sorted(standing)]))

    return Operation(
        method="get",
        path="/live",
        name="list_live",
        summary="All live topics that are subscribed to",
        run=run,
        answers=(
            Answer(
                200,
                "Each as it stands, by topic",
                json_of(list[told.LiveTopic]),
                examples={"one": [examples.LIVE_TOPIC]},
            ),
        ),
        tag=TAG,
    )


def _one(front: Front) -> Operation:
    async def run(call: Call[NoQuery, None]) -> web.StreamResponse:
        topic = call.path["topic"]
        one = front.live.subscription(topic)
        return _unknown(topic) if one is None else json_answer(front.live_status(one))

    return Operation(
        method="get",
        path="/live/{topic}",
        name="get_live",
        summary="One live topic",
        run=run,
        answers=(Answer(200, "As it stands", json_of(told.LiveTopic), examples={"trades": examples.LIVE_TOPIC}),),
        tag=TAG,
        problems=(404,),
        path_docs=_TOPIC,
    )


def _end(front: Front) -> Operation:
    async def run(call: Call[NoQuery, None]) -> web.StreamResponse:
        topic = call.path["topic"]
        if front.live.subscription(topic) is None:
            return _unknown(topic)
        offset = await front.publish(topic.encode(), orjson.dumps({UNSUBSCRIBE: topic}))
        # Whoever else ends it at the same time, it has ended once this is decided.
        ended = await front.decided(offset)
        return json_answer({"topic": topic, "state": "ended" if ended else "ending"}, 202)

    return Operation(
        method="delete",
        path="/live/{topic}",
        name="unsubscribe",
        summary="End a subscription",
        run=run,
        answers=(Answer(202, "It has ended, or will as soon as somebody decides", json_of(told.Ended)),),
        tag=TAG,
        description="The topic keeps its rows.",
        problems=(404,),
        path_docs=_TOPIC,
    )


async def subscribe(front: Front, asked: LiveRequest) -> web.Response:
    """Publish a subscription, wait for its decision, and answer 202 with its series.

    Raises ``HoursConflict`` when one of them stands with other hours.
    """
    offset = await front.publish(b"", orjson.dumps({SUBSCRIBE: asked.canonical()}))
    wanted = asked.subscriptions(offset)
    if await front.decided(offset):
        # What stands says what became of it: nothing is left to write once it was taken.
        left = {one.topic for one in to_write(wanted, front.live.subscription)}
        standing = {one.topic: front.live.subscription(one.topic) for one in wanted}
        if any(standing[topic] is not None for topic in left):
            raise InvalidRequest.of("", "the request was not accepted; requests.dlq says why")
        series = await _told(front, [standing[one.topic] or one for one in wanted])
        for one in series:
            if one["topic"] in left:
                # Somebody ended it between the decision and here.
                one["state"] = "ended"
    else:
        # It is durably on the topic and will be decided as soon as the topic has an owner again.
        series = await _told(front, wanted)
    return json_answer({"series": series}, 202)


class Listed:
    """Looks up whether the contracts that a request names are there. Deciding asks nobody: this is for those who
    wait for an answer, and a provider that gives none in time leaves the request as it is."""

    def __init__(self, provider: Provider, wait: float = LISTINGS_WAIT) -> None:
        self._provider = provider
        self._wait = wait
        self._askers = Askers("live-listing", _AT_ONCE)

    async def check(self, asked: LiveRequest, contracts: Mapping[str, Any] | None) -> None:
        """Raise ``InvalidRequest`` naming what is not listed; ``contracts`` are the request's as they came."""
        name = SeriesName(asked.asset, asked.symbols[0], asked.schema, asked.interval, None)
        raw = None if contracts is None else ContractFilter.model_validate(without_nulls(contracts))
        filters = asked.contracts
        days = filters.expirations[:MOST_EXPIRATIONS] if filters is not None and filters.strikes else ()
        calls: list[Callable[[], Any]] = [partial(self._provider.list, name, Need("expirations"))]
        calls += [partial(self._provider.strikes, name, day) for day in days]
        futures = [asyncio.wrap_future(self._askers.begin(call)) for call in calls]
        try:
            await asyncio.wait(futures, timeout=self._wait)
        finally:
            for future in futures:
                future.cancel()
        expirations, *strikes = [_answer(future) for future in futures]
        known = {day: found for day, found in zip(days, strikes, strict=True) if found is not None}
        problems = unlisted(name.symbol, raw, expirations, known)
        if problems:
            raise InvalidRequest(problems)


def _answer(future: asyncio.Future[Any]) -> Any:
    """What the provider listed, None when it did not answer."""
    if not future.done() or future.cancelled():
        return None
    error = future.exception()
    if error is None:
        return future.result()
    if not isinstance(error, PlatformError):
        logger.error("a listing failed", exc_info=error)
    return None


async def _told(front: Front, live: Sequence[Subscription]) -> list[dict[str, Any]]:
    """How live topics are; ten thousand of them take a second, in which other views are served."""
    return await asyncio.to_thread(lambda: [front.live_status(one) for one in live])


def _unknown(topic: str) -> web.Response:
    return problem(404, f"there is no live topic {topic!r}")
