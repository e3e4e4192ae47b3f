"""The page at /docs in a real browser: it shows the description, and calls are made from it, with a token where one is
asked for; it asks no other host."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from guarded import guarded_coordinator
from harness import Platform
from playwright.sync_api import Browser, Page, expect

from app.web.declared import declared

pytestmark = pytest.mark.integration

TOKEN = "token-of-the-page"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A tab that may not complain, nor ask another host than its own."""
    tab = browser.new_page(viewport={"width": 1200, "height": 1600})
    tab.set_default_timeout(20_000)
    hosts: set[str] = set()
    complaints: list[str] = []
    tab.on("request", lambda request: hosts.add(request.url.split("/")[2]) if request.url.startswith("http") else None)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    yield tab
    tab.close()
    assert len(hosts) == 1
    # A browser complains of each 401, of which the page makes a question.
    assert [line for line in complaints if "401" not in line] == []


@pytest.fixture(scope="module")
def guarded(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of another coordinator of the platform, which asks for a token."""
    with guarded_coordinator(platform, tmp_path_factory.mktemp("guarded"), TOKEN) as url:
        yield url


def tried(page: Page, operation: str) -> str:
    """Open an operation, try it out as it stands, and give the status of the answer."""
    block = page.locator(f"#operations-{operation}")
    block.locator(".opblock-summary").first.click()
    block.locator(".try-out__btn").click()
    block.locator(".execute").click()
    return block.locator(".live-responses-table tbody .response-col_status").first.inner_text().strip()


def test_every_operation_is_shown_and_can_be_tried_out(
    platform: Platform, page: Page, keep_picture: Callable[[Page, str], None]
) -> None:
    page.goto(f"{platform.local.endpoints.web}/docs")
    page.wait_for_selector(".opblock")
    keep_picture(page, "docs")
    assert page.locator(".opblock").count() == len([one for one in declared(tokens=False) if not one.hidden])
    assert page.locator(".version-stamp, .version").all_inner_texts()[-1].strip() == "OAS 3.1"
    assert tried(page, "platform-get_schemas") == "200"
    # The first example of the body is what is sent.
    assert tried(page, "backtests-plan_backtest") == "200"
    keep_picture(page, "docs-tried")


def test_where_a_token_is_asked_for_the_page_asks_for_it_first_and_sends_it(
    guarded: str, page: Page, keep_picture: Callable[[Page, str], None]
) -> None:
    page.goto(f"{guarded}/docs")
    page.wait_for_selector("#ask:not([hidden])")
    assert page.locator(".opblock").count() == 0
    keep_picture(page, "docs-token")
    page.fill("#token", "another")
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_contain_text("none of the tokens")
    page.fill("#token", TOKEN)
    page.keyboard.press("Enter")
    page.wait_for_selector(".opblock")
    assert tried(page, "platform-get_schemas") == "200"
    # It is kept nowhere.
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])")
    assert TOKEN not in kept
