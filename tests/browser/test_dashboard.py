"""The dashboard as a new user meets it: on a real platform, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from harness import Platform, until
from live import market
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.integration

Keep = Callable[[Page, str], None]
WEEK = ("2024-07-01", "2024-07-05")
#: Milliseconds that a backtest, or a live row, is waited for.
SOON = 60_000


def fill_in(page: Page, name: str, tickers: str, days: tuple[str, str] = WEEK, **chosen: str) -> None:
    """Fill in the form for a new backtest."""
    form = page.get_by_role("form", name="New backtest")
    if not form.is_visible():
        page.get_by_text("New backtest", exact=True).click()
    form.get_by_label("Tickers").fill(tickers)
    for label, value in chosen.items():
        form.get_by_label(label).select_option(value)
    form.get_by_label("First session").fill(days[0])
    form.get_by_label("Last session").fill(days[1])
    form.get_by_label("Backtest id").fill(name)


def drawn(page: Page) -> int:
    """How many of the chart's pixels have another colour than its background's most usual one."""
    return int(
        page.locator("canvas.chart").evaluate("""(canvas) => {
            // Of a copy, for a canvas that is read from is drawn in another way from then on.
            const copy = document.createElement("canvas");
            [copy.width, copy.height] = [canvas.width, canvas.height];
            const context = copy.getContext("2d", { willReadFrequently: true });
            context.drawImage(canvas, 0, 0);
            const { data } = context.getImageData(0, 0, copy.width, copy.height);
            const counts = new Map();
            for (let i = 0; i < data.length; i += 4) {
                const colour = (data[i] << 16) | (data[i + 1] << 8) | data[i + 2];
                counts.set(colour, (counts.get(colour) ?? 0) + 1);
            }
            return data.length / 4 - Math.max(...counts.values());
        }""")
    )


def shown_chart(page: Page, rows: int | None = None) -> None:
    """Wait until a chart of so many rows, or of any, has been drawn."""
    wanted = re.compile("^[1-9]") if rows is None else str(rows)
    expect(page.locator("canvas.chart")).to_have_attribute("data-drawn", wanted, timeout=SOON)
    assert until("pixels", lambda: drawn(page) > 2_000, 10)


def test_a_new_user_makes_a_backtest_and_sees_its_chart(tabs: Any, platform: Platform, keep_picture: Keep) -> None:
    page: Page = tabs.open(platform.local.endpoints.web)
    name = platform.new_id("first")
    fill_in(page, name, "ko, aapl")
    page.get_by_role("button", name="Plan").click()
    expect(page.get_by_role("status").filter(has_text="Requests")).to_contain_text(f"{2 * 4 * 391:,}")
    keep_picture(page, "form-light")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.locator(".standing .state")).to_have_text("complete", timeout=SOON)
    done = platform.http.get(f"/backtests/{name}").json()
    rows = {receipt["topic"]: receipt for receipt in done["receipts"]}
    topic = f"stock-ko-ohlcv1m-historical-{name}"
    expect(page.get_by_role("row", name="KO ohlcv 1m")).to_contain_text(f"{rows[topic]['rows']:,}")
    receipt = page.locator(".receipt").filter(has_text="KO ohlcv 1m")
    expect(receipt).to_contain_text(rows[topic]["sha256"])
    expect(receipt).to_contain_text("2024-07-01 09:30:00 New York")
    for day, mark in (("2024-07-02", "complete"), ("2024-07-03", "early close"), ("2024-07-04", "holiday")):
        found = next(one["rows"] for one in rows[topic]["sessions"] if one["date"] == day)
        expect(receipt.locator(f'td[title^="{day}"]')).to_have_attribute("title", f"{day}: {mark}, {found} rows")
    keep_picture(page, "backtest-light")

    page.get_by_role("link", name="Chart of KO ohlcv 1m").click()
    shown_chart(page, rows[topic]["rows"])
    keep_picture(page, "chart-light")
    last = platform.rows(topic)[-1]
    expect(page.locator(".readout")).to_contain_text(f"volume {last['volume']:,}")
    canvas = page.locator("canvas.chart")
    canvas.focus()
    for key in ("End", "+", "+", "ArrowLeft"):
        page.keyboard.press(key)
    expect(page.locator(".readout .when")).not_to_have_text("2024-07-05 15:59:00")
    assert "2024-07-0" in (page.locator(".readout .when").text_content() or "")
    page.emulate_media(color_scheme="dark")
    box = canvas.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + 100)
    page.mouse.wheel(0, -400)
    assert until("pixels", lambda: drawn(page) > 2_000, 10)
    keep_picture(page, "chart-dark")
    # A link to it shows the same rows again.
    again = tabs.open(page.url)
    shown_chart(again, rows[topic]["rows"])
    assert tabs.hosts == {urlsplit(platform.local.endpoints.web).netloc}
    assert tabs.complaints == []


def test_a_backtest_is_followed_by_events_to_its_end(tabs: Any, platform: Platform) -> None:
    # Long enough for the list to show it while it runs: the page asks for the list every few seconds.
    platform.simulator.set_faults([{"match": {"path": "history"}, "fault": {"kind": "stall", "seconds": 8}}])
    page: Page = tabs.open(f"{platform.local.endpoints.web}/#/")
    paths: list[str] = []
    page.on("request", lambda request: paths.append(urlsplit(request.url).path))
    name = platform.ask(tickers=["KO", "AAPL"], start="2024-06-03", end="2024-07-12", interval="1m")
    expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()
    page.get_by_role("link", name=name, exact=True).click()
    assert platform.finished(name)["state"] == "complete"
    expect(page.locator(".standing .state")).to_have_text("complete")
    assert f"/backtests/{name}/events" in paths
    # Once before the events and once after them, for the receipts; a little more when a stream broke.
    assert paths.count(f"/backtests/{name}") <= 4
    assert tabs.complaints == []


def test_what_is_wrong_is_told_at_its_field(tabs: Any, platform: Platform, keep_picture: Keep) -> None:
    page: Page = tabs.open(platform.local.endpoints.web, color_scheme="dark")
    fill_in(page, "My Backtest", "KO, A_B", ("2024-07-01", "2999-01-04"))
    page.get_by_role("button", name="Start").click()
    for label, words in (
        ("Tickers", "'A_B' is not a ticker"),
        ("Last session", "2999-01-04"),
        ("Backtest id", "1 to 64 of"),
    ):
        field = page.locator(".field", has=page.get_by_label(label))
        expect(field.locator(".wrong")).to_contain_text(words)
        expect(field.locator("input")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Tickers")).to_be_focused()
    expect(page.get_by_label("Schema").locator("xpath=..").locator(".wrong")).to_be_empty()
    keep_picture(page, "form-dark")
    page.get_by_label("Tickers").fill("KO")
    expect(page.get_by_label("Tickers")).not_to_have_attribute("aria-invalid", "true")


def test_a_new_user_needs_no_mouse(tabs: Any, platform: Platform) -> None:
    page: Page = tabs.open(platform.local.endpoints.web)
    page.get_by_text("New backtest", exact=True).focus()
    if not page.get_by_role("form", name="New backtest").is_visible():
        page.keyboard.press("Enter")
    page.get_by_label("Tickers").focus()
    page.keyboard.type("ko")
    for _ in range(3):
        # Dates are there already: the last closed sessions.
        page.keyboard.press("Tab")
    page.get_by_role("button", name="Start").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=re.compile("^ko-ohlcv1m-"))).to_be_visible()
    expect(page.locator(".standing .state")).to_have_text("complete", timeout=SOON)
    page.get_by_role("link", name="Chart of KO ohlcv 1m").focus()
    page.keyboard.press("Enter")
    expect(page.locator("canvas.chart")).to_have_attribute("data-drawn", re.compile("[1-9]"))
    page.locator("canvas.chart").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("status").filter(has_text="volume")).to_contain_text("close")


def test_the_contracts_of_a_chain_can_be_chosen(tabs: Any, platform: Platform, keep_picture: Keep) -> None:
    done = platform.run(
        "option", root="SPXW", start="2024-07-01", end="2024-07-01", schema="quote", interval="5m",
        contracts={"max_dte": 2, "strike_range": 2},
    )  # fmt: skip
    topic = done["series"][0]["topic"]
    page: Page = tabs.open(f"{platform.local.endpoints.web}/#/backtests/{done['backtest_id']}/chart/{topic}")
    keys = {message.key().decode() for message in platform.messages(topic)}
    contract = page.get_by_label("Contract")
    expect(contract).not_to_have_value("")
    assert contract.input_value() in keys
    assert set(page.locator("datalist option").evaluate_all("(all) => all.map((one) => one.value)")) <= keys
    expect(page.locator("canvas.chart")).to_have_attribute("data-drawn", re.compile("[1-9]"))
    keep_picture(page, "option-light")
    other = next(key for key in sorted(keys) if key != contract.input_value())
    contract.fill(other)
    page.get_by_role("button", name="Load").click()
    rows = sum(message.key().decode() == other for message in platform.messages(topic))
    shown_chart(page, rows)
    contract.fill("nonsense")
    page.get_by_role("button", name="Load").click()
    expect(page.get_by_label("Messages")).to_contain_text("nonsense")


@pytest.mark.parametrize(("schema", "mark"), [("trade", "points"), ("eod", "lines"), ("quote", "lines")])
def test_every_kind_of_series_has_a_chart(tabs: Any, platform: Platform, schema: str, mark: str) -> None:
    interval = {"interval": "1m"} if schema == "quote" else {}
    done = platform.run(tickers=["KO"], start="2024-07-02", end="2024-07-05", schema=schema, **interval)
    one = done["series"][0]
    page: Page = tabs.open(f"{platform.local.endpoints.web}/#/backtests/{done['backtest_id']}/chart/{one['topic']}")
    expect(page.get_by_label("Draw")).to_have_value(mark)
    expect(page.locator("canvas.chart")).to_have_attribute("data-drawn", re.compile("[1-9]"))
    assert until("pixels", lambda: drawn(page) > 500, 10)
    page.locator(".pick > summary").click()
    page.get_by_role("checkbox").first.click()
    expect(page.locator(".summary", has_text="row")).to_be_visible()
    assert tabs.complaints == []


def test_a_live_topic_is_subscribed_to_and_ended(tabs: Any, platform: Platform, keep_picture: Keep) -> None:
    with market(platform, "2024-06-17T09:40:00", 5):
        page: Page = tabs.open(f"{platform.local.endpoints.web}/#/live")
        page.get_by_text("Subscribe", exact=True).first.click()
        form = page.get_by_role("form", name="Subscribe")
        form.get_by_label("Tickers").fill("KO")
        form.get_by_label("Schema").select_option("trade")
        form.get_by_role("button", name="Subscribe").click()
        expect(form.get_by_role("status")).to_contain_text("stock-ko-trade-live is")
        row = page.get_by_role("row", name="KO trade")
        expect(row).to_contain_text("live", timeout=SOON)
        expect(row.locator("td").nth(2)).not_to_have_text("0", timeout=SOON)
        row.get_by_role("link", name="Gaps of KO trade").click()
        expect(page.get_by_role("heading", name="Gaps of KO trade")).to_be_visible()
        keep_picture(page, "live-light")
        page.emulate_media(color_scheme="dark")
        keep_picture(page, "live-dark")
        page.get_by_role("button", name="End KO trade").click()
        page.get_by_role("button", name="End it").click()
        expect(page.get_by_role("row", name="KO trade")).to_have_count(0)
        assert tabs.complaints == []


def test_a_backtest_is_deleted_only_when_that_is_meant(tabs: Any, platform: Platform) -> None:
    name = platform.run(tickers=["KO"], start="2024-07-02", end="2024-07-02", interval="1h")["backtest_id"]
    page: Page = tabs.open(f"{platform.local.endpoints.web}/#/backtests/{name}")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Leave it").click()
    assert platform.http.get(f"/backtests/{name}").status_code == 200
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete it with its topics").click()
    expect(page.get_by_text("It has been deleted with its topics")).to_be_visible(timeout=SOON)
    assert platform.http.get(f"/backtests/{name}").status_code == 404


def test_backtests_are_found_by_ticker_and_state(tabs: Any, platform: Platform) -> None:
    one = platform.run(tickers=["SOUGHT"], start="2024-07-02", end="2024-07-02", interval="1h")["backtest_id"]
    page: Page = tabs.open(platform.local.endpoints.web)
    page.get_by_label("Find").fill("sought")
    expect(page.get_by_role("link", name=one, exact=True)).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_label("State").select_option("failed")
    expect(page.locator("tbody tr")).to_have_count(0)


def test_the_platform_tells_of_its_workers(tabs: Any, platform: Platform, keep_picture: Keep) -> None:
    page: Page = tabs.open(f"{platform.local.endpoints.web}/#/platform")
    for role in ("coordinator", "history", "live"):
        expect(page.get_by_role("row", name=re.compile(f"^{role}"))).to_contain_text("ready")
    expect(page.get_by_text(re.compile(r"of \d+ slots in use"))).to_be_visible()
    expect(page.get_by_text("decider")).to_be_visible()
    keep_picture(page, "platform-light")
    assert tabs.complaints == []


def test_pictures_on_a_phone_and_in_the_dark(tabs: Any, platform: Platform, keep_picture: Keep) -> None:
    done = platform.run(tickers=["KO", "AAPL"], start="2024-06-20", end="2024-07-31", interval="1m")
    name, topic = done["backtest_id"], done["series"][0]["topic"]
    views = {
        "list": "",
        "backtest": f"backtests/{name}",
        "chart": f"backtests/{name}/chart/{topic}",
        "platform": "platform",
    }
    phone = tabs.open(
        platform.local.endpoints.web, viewport={"width": 390, "height": 844}, has_touch=True, device_scale_factor=2
    )
    dark = tabs.open(platform.local.endpoints.web, color_scheme="dark")
    for view, path in views.items():
        for page, kind in ((phone, "phone"), (dark, "dark")):
            page.goto(f"{platform.local.endpoints.web}/#/{path}")
            expect(page.locator("main table, main canvas").first).to_be_visible()
            if view == "chart":
                shown_chart(page)
            keep_picture(page, f"{view}-{kind}")
    assert phone.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
