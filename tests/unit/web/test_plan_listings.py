"""A plan waits for listings only so long, and whatever the provider does, it is answered."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import cast

import pytest

from app.domain.estimate import Answers, Ask
from app.domain.listing import Listing, Need
from app.domain.series import SeriesName
from app.errors import ProviderRefused, ProviderUnavailable
from app.provider import Provider
from app.web.plan import MOST_LISTINGS, Listings

LISTING = {dt.date(2024, 1, 19): 7}


class Stub:
    """A provider that only lists."""

    def __init__(self, answer: Callable[[str], Listing]) -> None:
        self.answer = answer
        self.asked: list[tuple[str, Need]] = []

    def list(self, series: SeriesName, need: Need) -> Listing:
        self.asked.append((series.symbol, need))
        return self.answer(series.symbol)


def wanted(*roots: str) -> dict[Ask, SeriesName]:
    return {Ask(root, Need("expirations"), False): SeriesName("option", root, "quote", None, "x") for root in roots}


def ask(stub: Stub, *roots: str, wait: float = 5) -> Answers:
    return asyncio.run(Listings(cast(Provider, stub), wait).ask(wanted(*roots)))


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What holds a provider up; opened at the test's end."""
    held = threading.Event()
    yield held
    held.set()


def test_each_listing_is_asked_for_once() -> None:
    stub = Stub(lambda root: LISTING)

    answers = ask(stub, "SPXW", "SPY")

    assert {one.root: listing for one, listing in answers.found.items()} == {"SPXW": LISTING, "SPY": LISTING}
    assert sorted(stub.asked, key=str) == [("SPXW", Need("expirations")), ("SPY", Need("expirations"))]


def test_nothing_wanted_is_nothing_asked() -> None:
    stub = Stub(lambda root: LISTING)

    assert ask(stub).found == {}
    assert stub.asked == []


@pytest.mark.parametrize("error", [ProviderUnavailable("the terminal is away"), ProviderRefused("no permission")])
def test_a_listing_that_fails_is_told_in_the_providers_words(error: Exception) -> None:
    def answer(root: str) -> Listing:
        if root == "SPY":
            raise error
        return LISTING

    answers = ask(Stub(answer), "SPXW", "SPY")

    assert [one.root for one in answers.found] == ["SPXW"]
    assert answers.missing[next(iter(wanted("SPY")))] == str(error)


def test_a_defect_is_logged_and_does_not_fail_the_plan(caplog: pytest.LogCaptureFixture) -> None:
    def answer(root: str) -> Listing:
        raise KeyError(root)

    with caplog.at_level(logging.ERROR):
        answers = ask(Stub(answer), "SPXW")

    assert answers.missing[next(iter(wanted("SPXW")))] == "the platform has a defect; its log says more"
    assert "KeyError" in caplog.text


def test_no_more_than_twenty_are_asked_for() -> None:
    stub = Stub(lambda root: LISTING)
    roots = [f"R{number}" for number in range(MOST_LISTINGS + 5)]

    answers = ask(stub, *roots)

    assert [root for root, _ in sorted(stub.asked, key=str)] == sorted(roots[:MOST_LISTINGS])
    assert len(answers.found) == MOST_LISTINGS
    assert "no more than 20" in answers.missing[next(iter(wanted(roots[-1])))]


def test_a_provider_that_hangs_is_waited_for_only_so_long(gate: threading.Event) -> None:
    def answer(root: str) -> Listing:
        if root != "SPY":
            gate.wait(20)
        return LISTING

    async def run() -> tuple[Answers, Answers, float]:
        listings = Listings(cast(Provider, Stub(answer)), 0.2)
        begin = time.monotonic()
        first = await listings.ask(wanted("SPY", "SPXW", "NDXP"))
        # Both threads hang now; another plan is answered all the same.
        second = await listings.ask(wanted("SPY"))
        took = time.monotonic() - begin
        gate.set()
        return first, second, took

    first, second, took = asyncio.run(run())

    assert [one.root for one in first.found] == ["SPY"]
    assert first.missing[next(iter(wanted("SPXW")))] == "the provider did not answer within 0.2 s"
    assert second.found == {}
    assert took < 3
