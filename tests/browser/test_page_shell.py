"""The page around its views: tokens, tabs that nobody sees, colours, sizes, keys. Answers are the tests' own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from harness import until
from page_server import PageServer
from playwright.sync_api import Page, expect

from app.domain.schema import RECORDS
from app.web.page_files import BELOW, FILES, INDEX, POLICY

TOKEN = "right-token-1"
ODD = "<img src=x onerror=\"document.title='broken in'\">"
BACKTEST: dict[str, Any] = {
    "backtest_id": "spring",
    "state": "running",
    "accepted_at": "2024-07-08T12:00:00Z",
    "progress": {"rows": 1234, "chunks_done": 3, "chunks_total": 12, "eta_seconds": 75.0},
    "series": [{"topic": "stock-aapl-ohlcv1m-historical-spring", "state": "failed", "rows": 0, "reason": ODD}],
    "receipts": [],
}
VIEWS = ("#/", "#/backtests/spring", "#/live/stock-aapl-trade-live", "#/platform")
HIDE = """(state) => { Object.defineProperty(document, "visibilityState", { configurable: true, get: () => state });
    document.dispatchEvent(new Event("visibilitychange")); }"""


@pytest.fixture
def server() -> Iterator[PageServer]:
    with PageServer.started() as running:
        running.answers |= {
            "/backtests": [BACKTEST],
            "/backtests/spring": BACKTEST,
            "/workers": [{"role": "history", "instance": "h:1", "slots_in_use": 3, "slots_limit": 8}, {"role": "live"}],
            "/dlq": {
                "letters": [{"offset": 3, "time": "2024-07-08T12:00:00Z", "source": "requests@17", "reason": ODD}]
            },
            "/topics/orphaned": {"orphaned": [{"topic": "stock-aapl-eod-historical-1", "backtest_id": "1"}]},
            "/live": [live_topic()],
            "/schemas": {record.name: record.avro() for record in RECORDS.values()},
        }
        yield running


def live_topic() -> dict[str, Any]:
    gap = {
        "id": "g",
        "from": "2024-07-02T14:00:01Z",
        "to": "2024-07-02T14:00:09Z",
        "why": "socket",
        "state": "open",
        "rows": 0,
    }
    times = dict.fromkeys(("since", "until", "verified", "last"), "2024-07-02T14:00:00Z")
    return {
        "topic": "stock-aapl-trade-live",
        "schema": "trade",
        "interval": None,
        "state": "live",
        "reason": None,
        **times,
        "lag_ms": 12.0,
        "rows": 77,
        "late": 0,
        "outside": 0,
        "feed": "CONNECTED",
        "gaps": [{**gap, "reason": None}],
        "gaps_total": 1,
    }


def test_every_file_is_sent_with_a_validator_and_a_policy_of_its_own(server: PageServer) -> None:
    for path in FILES:
        first = httpx.get(server.url + path, trust_env=False)
        assert first.status_code == 200, path
        assert first.headers["content-security-policy"] == POLICY
        assert first.headers["x-content-type-options"] == "nosniff"
        again = httpx.get(server.url + path, headers={"If-None-Match": first.headers["etag"]}, trust_env=False)
        assert (again.status_code, again.content) == (304, b""), path
        other = httpx.get(server.url + path, headers={"If-None-Match": '"other"'}, trust_env=False)
        assert other.status_code == 200, path


def test_what_is_no_file_of_the_page_is_not_found(server: PageServer) -> None:
    for name in ("nothing.js", INDEX, "..%2fauth.py", "../page_files.py"):
        assert httpx.get(f"{server.url}{BELOW}{name}", trust_env=False).status_code == 404


def test_the_whole_page_is_below_300_kb_and_names_no_other_host() -> None:
    assert sum(len(file.body) for file in FILES.values()) < 300_000
    for path, file in FILES.items():
        found = re.findall(rb"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", file.body)
        assert [host for host in found if host != b"http://www.w3.org"] == [], path
        assert b"innerHTML" not in file.body, path


def test_the_files_are_open_and_nothing_else_is() -> None:
    with PageServer.started(TOKEN) as server:
        for path in FILES:
            assert httpx.get(server.url + path, trust_env=False).status_code == 200
        for path in ("/backtests", f"{BELOW}nothing.js", f"{BELOW}{INDEX}", BELOW):
            assert httpx.get(server.url + path, trust_env=False).status_code == 401


def test_a_token_is_asked_for_and_a_wrong_one_is_told(tabs: Any, keep_picture: Any) -> None:
    with PageServer.started(TOKEN) as server:
        server.answers["/backtests"] = [BACKTEST]
        page = tabs.open(server.url)
        dialog = page.get_by_role("dialog", name="API token")
        expect(dialog).to_be_visible()
        expect(page.get_by_role("link", name="spring")).to_have_count(0)
        dialog.get_by_label("Token").fill("wrong-token")
        page.keyboard.press("Enter")
        expect(dialog.get_by_role("alert")).to_contain_text("does not accept this token")
        keep_picture(page, "token")
        dialog.get_by_label("Token").fill(TOKEN)
        page.keyboard.press("Enter")
        expect(dialog).to_have_count(0)
        expect(page.get_by_role("link", name="spring")).to_be_visible()
        assert page.evaluate("sessionStorage.token") == TOKEN
        assert page.evaluate("localStorage.token ?? null") is None
        page.reload()
        expect(page.get_by_role("link", name="spring")).to_be_visible()


def test_who_has_no_token_is_left_in_peace(tabs: Any) -> None:
    with PageServer.started(TOKEN) as server:
        page = tabs.open(server.url)
        page.get_by_role("button", name="Not now").click()
        expect(page.get_by_label("Messages")).to_contain_text("API tokens")
        before = server.asked.count("/backtests")
        page.get_by_role("link", name="Live").click()
        expect(page.get_by_role("dialog", name="API token")).to_be_visible()
        assert server.asked.count("/backtests") == before


def test_another_token_can_be_entered_at_any_time(tabs: Any) -> None:
    with PageServer.started(f"{TOKEN},other-token-2") as server:
        page = tabs.open(server.url)
        page.get_by_role("dialog").get_by_label("Token").fill(TOKEN)
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.get_by_role("button", name="Token").click()
        expect(page.get_by_role("dialog").get_by_role("alert")).to_have_count(0)
        page.get_by_role("dialog").get_by_label("Token").fill("other-token-2")
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_have_count(0)
        assert page.evaluate("sessionStorage.token") == "other-token-2"


def test_nothing_is_asked_while_nobody_looks(tabs: Any, server: PageServer) -> None:
    page = tabs.open(server.url)
    expect(page.get_by_role("link", name="spring")).to_be_visible()
    page.evaluate(HIDE, "hidden")
    page.wait_for_load_state("networkidle")
    before = len(server.asked)
    # Longer than three pauses.
    page.wait_for_timeout(6_500)
    assert len(server.asked) == before
    page.evaluate(HIDE, "visible")
    until("it to ask again", lambda: "/backtests" in server.asked[before:], 10)


def test_where_there_are_no_events_it_is_asked_again(tabs: Any, server: PageServer) -> None:
    page = tabs.open(f"{server.url}/#/backtests/spring")
    expect(page.get_by_text("running").first).to_be_visible()
    server.answers["/backtests/spring"] = {**BACKTEST, "state": "cancelled"}
    expect(page.locator(".standing .state")).to_have_text("cancelled")
    assert server.asked.count("/backtests/spring/events") == 1


def test_a_view_that_is_left_asks_nothing_more(tabs: Any, server: PageServer) -> None:
    page = tabs.open(server.url)
    expect(page.get_by_role("link", name="spring")).to_be_visible()
    page.get_by_role("link", name="Live").click()
    expect(page.get_by_text("77")).to_be_visible()
    before = server.asked.count("/backtests")
    until("three more questions about live topics", lambda: server.asked.count("/live") >= 4, 15)
    assert server.asked.count("/backtests") == before
    page.go_back()
    expect(page.get_by_role("heading", name="Backtests")).to_be_visible()


def test_what_comes_from_outside_is_text(tabs: Any, server: PageServer) -> None:
    page = tabs.open(f"{server.url}/#/backtests/spring")
    expect(page.get_by_text(ODD)).to_be_visible()
    page.goto(f"{server.url}/#/platform")
    expect(page.get_by_text(ODD)).to_be_visible()
    assert page.locator("main img").count() == 0
    assert "broken in" not in page.title()


def test_a_coordinator_that_does_not_answer_is_told_and_found_again(tabs: Any, server: PageServer) -> None:
    page = tabs.open(server.url)
    expect(page.get_by_role("link", name="spring")).to_be_visible()
    page.context.set_offline(True)
    expect(page.get_by_label("Messages")).to_contain_text("does not answer")
    page.context.set_offline(False)
    expect(page.get_by_label("Messages")).not_to_contain_text("does not answer")


def test_all_of_it_can_be_reached_by_keys(tabs: Any, server: PageServer) -> None:
    page = tabs.open(server.url)
    expect(page.get_by_role("link", name="spring")).to_be_visible()
    reached: list[str] = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("(document.activeElement.textContent || document.activeElement.id).trim()"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline not in ("none", ""), f"the focus on {reached[-1]!r} is not seen"
    assert reached[:4] == ["Skip to the content", "Financial Data Platform", "Backtests", "Live"]
    assert {"New backtest", "find", "spring"} <= set(reached)
    page.get_by_role("link", name="spring").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="spring")).to_be_visible()
    page.get_by_role("button", name="Cancel").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.get_by_role("button", name="Leave it")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_every_field_has_a_label_and_every_table_headers(tabs: Any, server: PageServer) -> None:
    for view in VIEWS:
        page = tabs.open(f"{server.url}/{view}")
        expect(page.locator("h1")).to_be_visible()
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        unnamed = page.evaluate("""[...document.querySelectorAll("input, select, button, progress, canvas")]
            .filter((one) => !(one.labels?.length || one.getAttribute("aria-label") || one.textContent.trim()))
            .map((one) => one.outerHTML)""")
        assert unnamed == [], view
        bare = page.evaluate("""[...document.querySelectorAll("table")].filter((one) =>
            !one.caption || !one.querySelector("thead th[scope=col]")).length""")
        assert bare == 0, view
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
        assert len(ids) == len(set(ids)), view


@pytest.mark.parametrize("view", VIEWS)
def test_a_phone_never_has_to_scroll_to_the_side(tabs: Any, server: PageServer, view: str) -> None:
    page = tabs.open(f"{server.url}/{view}", viewport={"width": 390, "height": 844})
    expect(page.locator("h1")).to_be_visible()
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_texts_stand_out_from_what_is_behind_them(tabs: Any, server: PageServer, view: str, scheme: str) -> None:
    page = tabs.open(f"{server.url}/{view}", color_scheme=scheme)
    expect(page.locator("h1")).to_be_visible()
    expect(page.locator("main table tbody tr, main dl").first).to_be_visible()
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    found = page.evaluate(CONTRASTS)
    assert len(found) > 20
    assert [one for one in found if one["contrast"] < 4.5] == []


def test_the_colours_are_the_system_s_until_somebody_chooses(tabs: Any, server: PageServer) -> None:
    page: Page = tabs.open(server.url, color_scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(paper)
    page.emulate_media(color_scheme="light")
    light = page.evaluate(paper)
    assert dark != light
    button = page.get_by_role("button", name=re.compile("Colours"))
    button.click()
    button.click()
    assert page.evaluate(paper) == dark
    page.reload()
    assert page.evaluate(paper) == dark
    page.get_by_role("button", name="Colours: dark").click()
    assert page.evaluate(paper) == light


#: Of each text that is seen, its contrast with what is behind it: the first background that lets nothing through
#: (WCAG 2.2, 1.4.3).
CONTRASTS = """() => {
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const found = numbers(getComputedStyle(at).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const one = walker.currentNode.parentElement, text = walker.currentNode.data.trim();
    if (!text || !one.checkVisibility() || one.closest(".unseen, .skip, noscript, option, script")) continue;
    const [a, b] = [light(numbers(getComputedStyle(one).color)), light(behind(one))].sort((x, y) => y - x);
    found.push({ text, contrast: Math.round((a + 0.05) / (b + 0.05) * 100) / 100 });
  }
  return found;
}"""
