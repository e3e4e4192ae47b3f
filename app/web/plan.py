"""``POST /plan``: what a backtest would do, without doing it."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace

from aiohttp import web

from app.domain.checking import BacktestRequest
from app.domain.estimate import Answers, Ask, asks, estimate
from app.domain.handover import history_end
from app.domain.listing import Listing, Need
from app.domain.request import Backtest
from app.domain.series import SeriesName
from app.domain.short_form import OptionRequest, StockRequest
from app.errors import PlatformError
from app.provider import Provider
from app.web import examples
from app.web.answers.plans import Plan
from app.web.asking import Askers
from app.web.bodies import json_answer, read_backtest
from app.web.operations import Answer, Body, Call, NoQuery, Operation, json_of

logger = logging.getLogger(__name__)

#: Listings that one plan asks for, and seconds that it waits for them: it is an estimate, and somebody waits for it.
MOST_LISTINGS, LISTINGS_WAIT = 20, 10.0
#: Listings that are asked for at once, by all plans together.
_AT_ONCE = 2


class Listings:
    """Asks the provider for listings; while it does not answer, plans are made without."""

    def __init__(self, provider: Provider, wait: float = LISTINGS_WAIT) -> None:
        self._provider = provider
        self._wait = wait
        self._askers = Askers("plan-listing", _AT_ONCE)

    async def ask(self, wanted: Mapping[Ask, SeriesName]) -> Answers:
        """The listings that can be had in time, and of the others the reason. Raises nothing."""
        first = dict(list(wanted.items())[:MOST_LISTINGS])
        missing = dict.fromkeys(wanted, f"a plan asks for no more than {MOST_LISTINGS} listings")
        missing |= dict.fromkeys(first, f"the provider did not answer within {self._wait:g} s")
        found: dict[Ask, Listing] = {}
        calls = {asyncio.wrap_future(self._begin(series, ask.need)): ask for ask, series in first.items()}
        if not calls:
            return Answers(found, missing)
        try:
            done, _ = await asyncio.wait(calls, timeout=self._wait)
        finally:
            for call in calls:
                call.cancel()
        for call in done:
            error = call.exception()
            if error is None:
                found[calls[call]] = call.result()
            elif isinstance(error, PlatformError):
                missing[calls[call]] = str(error)
            else:
                logger.error("a listing failed: %s", calls[call], exc_info=error)
                missing[calls[call]] = "the platform has a defect; its log says more"
        return Answers(found, missing)

    def _begin(self, series: SeriesName, need: Need) -> Future[Listing]:
        return self._askers.begin(lambda: self._provider.list(series, need))


def plan(provider: Provider, slots: int) -> tuple[Operation, ...]:
    """``slots`` are the requests that the provider's account may have running at once."""
    listings = Listings(provider)

    async def run(call: Call[NoQuery, Backtest]) -> web.StreamResponse:
        # What is not over yet comes live and asks the provider for nothing.
        now = dt.datetime.now(dt.UTC)
        backtest = replace(call.body, end=max(history_end(call.body, entry, now) for entry in call.body.series))
        refusals = {
            name: why for name, _ in backtest.members() if (why := provider.refuses(name, backtest.start)) is not None
        }
        # Years of a large request take seconds: other views are served meanwhile.
        wanted = await asyncio.to_thread(asks, backtest, provider.limits, refusals)
        answers = await listings.ask(wanted)
        made = await asyncio.to_thread(estimate, backtest, provider.limits, slots, refusals, answers)
        return json_answer(await asyncio.to_thread(made.as_json))

    return (
        Operation(
            method="post",
            path="/plan",
            name="plan_backtest",
            summary="What a backtest would do, without doing it",
            run=run,
            answers=(
                Answer(200, "The estimate, series by series", json_of(Plan), examples={"of bars": examples.PLAN}),
            ),
            tag="backtests",
            description="Nothing is published and no topic is made.",
            body=Body(
                read_backtest, (BacktestRequest, StockRequest, OptionRequest), {**examples.BACKTEST, **examples.OPTION}
            ),
            problems=(400, 413, 422),
        ),
    )
