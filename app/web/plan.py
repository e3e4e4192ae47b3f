"""``POST /plan``: what a backtest would do, without doing it."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from queue import SimpleQueue

from aiohttp import web
from faust.web import View

from app.domain.estimate import Answers, Ask, asks, estimate
from app.domain.listing import Listing, Need
from app.domain.series import SeriesName
from app.errors import PlatformError
from app.provider import Provider
from app.web.bodies import json_answer, read_backtest

logger = logging.getLogger(__name__)

#: Listings that one plan asks for, and seconds that it waits for them: it is an estimate, and somebody waits for it.
MOST_LISTINGS, LISTINGS_WAIT = 20, 10.0
#: Listings that are asked for at once, by all plans together.
_AT_ONCE = 2

_Job = tuple[Future[Listing], SeriesName, Need]


class Listings:
    """Asks the provider for listings, in two threads of its own: one that does not answer may hold them for minutes,
    and must not hold what other views wait for, nor the process when it ends. Meanwhile plans are made without."""

    def __init__(self, provider: Provider, wait: float = LISTINGS_WAIT) -> None:
        self._provider = provider
        self._wait = wait
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._begun = False

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
        if not self._begun:
            self._begun = True
            for number in range(_AT_ONCE):
                # Not an executor: the interpreter would wait at its end for a terminal that does not answer.
                threading.Thread(target=self._run, name=f"plan-listing-{number}", daemon=True).start()
        future: Future[Listing] = Future()
        self._jobs.put((future, series, need))
        return future

    def _run(self) -> None:
        while True:
            future, series, need = self._jobs.get()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(self._provider.list(series, need))
            except Exception as error:  # noqa: BLE001 - told and logged by who waits for it
                future.set_exception(error)


def plan_view(provider: Provider, slots: int) -> type[View]:
    """The view; ``slots`` are the requests that the provider's account may have running at once."""
    listings = Listings(provider)

    class Plan(View):
        """Tell what a request would do; nothing is published and no topic is made."""

        async def post(self, request: web.Request) -> web.Response:
            backtest = await read_backtest(request)
            refusals = {
                name: why
                for name, _ in backtest.members()
                if (why := provider.refuses(name, backtest.start)) is not None
            }
            # Years of a large request take seconds: other views are served meanwhile.
            wanted = await asyncio.to_thread(asks, backtest, provider.limits, refusals)
            answers = await listings.ask(wanted)
            made = await asyncio.to_thread(estimate, backtest, provider.limits, slots, refusals, answers)
            return json_answer(await asyncio.to_thread(made.as_json))

    return Plan
