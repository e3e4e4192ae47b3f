"""A real browser without a window, and a tab that tells what went wrong in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
#: Where pictures of the page are kept.
SHOTS = Path(os.environ.get("FDP_SCREENSHOTS") or Path(__file__).parents[2] / "build" / "screenshots")
DESK = {"width": 1280, "height": 860}
#: Milliseconds that something is waited for; a busy machine takes its time, and nothing is held to it.
PATIENCE = 20_000
expect.set_options(timeout=PATIENCE)


def found() -> str | None:
    """The browser: ``FDP_CHROMIUM``, or the first of its usual names on the path."""
    named = os.environ.get("FDP_CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of a module, for while it is open this thread has a loop that other tests would stumble over."""
    path = found()
    if path is None:
        told = f"no browser: install Debian's chromium, or name one in FDP_CHROMIUM (looked for {', '.join(NAMES)})"
        if os.environ.get("CI"):
            pytest.fail(told, pytrace=False)
        pytest.skip(told)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


class Tabs:
    """Opens tabs, and keeps what their pages complained of and which hosts they asked."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        self._contexts: list[Callable[[], None]] = []

    def open(self, url: str, **options: object) -> Page:
        options = {"viewport": DESK, "timezone_id": "Europe/Berlin", "reduced_motion": "reduce", **options}
        context = self._browser.new_context(**options)
        self._contexts.append(context.close)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("console", lambda line: self._said(line.type, line.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        page.goto(url)
        return page

    def _said(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def close(self) -> None:
        for close in self._contexts:
            close()


@pytest.fixture
def tabs(browser: Browser) -> Iterator[Tabs]:
    opened = Tabs(browser)
    yield opened
    opened.close()


@pytest.fixture
def keep_picture() -> Callable[[Page, str], None]:
    """Keeps a picture of a page under a name, in the folder of pictures."""

    def keep(page: Page, name: str) -> None:
        SHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SHOTS / f"{name}.png", full_page=True)

    return keep
