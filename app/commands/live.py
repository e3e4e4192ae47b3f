"""``live``: subscriptions to live topics."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from app.client import LiveSeries, calls
from app.commands import completion, request
from app.commands.coordinator import WRONG, AsJson, Token, Url, coordinator, fail, write_json
from app.commands.shown import console, printable

live = typer.Typer(help="List live topics, subscribe to them, end subscriptions.", invoke_without_command=True)


@live.callback()
def bare(ctx: typer.Context, url: Url = None, token: Token = None, as_json: AsJson = False) -> None:
    """List live topics (also `live list`), subscribe to them, end subscriptions."""
    if ctx.invoked_subcommand is None:
        _list(url, token, as_json)
    elif url is not None or token is not None or as_json:
        # What comes from the environment each of them sees itself.
        given = [name for name in ("url", "token", "as_json") if _on_the_line(ctx, name)]
        if given:
            fail(WRONG, f"put the options behind `live {ctx.invoked_subcommand}`")


def _on_the_line(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


@live.command(name="list")
def list_topics(url: Url = None, token: Token = None, as_json: AsJson = False) -> None:
    """List what is subscribed to: how far each topic is, and its gaps."""
    _list(url, token, as_json)


@live.command()
def subscribe(
    ticker: Annotated[list[str] | None, typer.Option(help="A stock; may be given again.")] = None,
    root: Annotated[str | None, typer.Option(help="Root of options.")] = None,
    schema: Annotated[str | None, typer.Option(help="trade, quote or ohlcv; default: ohlcv.")] = None,
    interval: Annotated[str | None, typer.Option(help="Of ohlcv; default: 1m.")] = None,
    expiration: Annotated[list[str] | None, typer.Option(help="Of options; may be given again.")] = None,
    strike: Annotated[list[str] | None, typer.Option(help="Of options, dollars; may be given again.")] = None,
    right: Annotated[str | None, typer.Option(help="call, put or both.")] = None,
    max_dte: Annotated[int | None, typer.Option(help="Of options: most days to expiration.")] = None,
    strike_range: Annotated[int | None, typer.Option(help="Of options: strikes each side of the money.")] = None,
    start_time: Annotated[str | None, typer.Option(help="HH:MM:SS, New York; default: 09:30:00.")] = None,
    end_time: Annotated[str | None, typer.Option(help="HH:MM:SS, New York; default: 16:00:00.")] = None,
    url: Url = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Subscribe to live series: one topic for each ticker or root, which all users share."""
    if bool(ticker) == bool(root):
        fail(WRONG, "say what to subscribe to: --ticker or --root")
    asset, body = calls.subscription(
        tickers=ticker or None,
        root=root,
        contracts=request.chosen(expiration, strike, right, max_dte, strike_range) or None,
        **request.given(schema=schema, interval=interval, start_time=start_time, end_time=end_time),
    )
    with coordinator(url, token) as platform:
        answer = platform.ask(calls.subscribe(asset, body))
    if as_json:
        write_json(answer)
    else:
        _show([LiveSeries.of(one) for one in answer["series"]])


@live.command()
def unsubscribe(
    topic: Annotated[str, typer.Argument(help="The live topic.", autocompletion=completion.live_topics)],
    url: Url = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """End a subscription, for everybody. The topic's rows are kept."""
    with coordinator(url, token) as platform:
        state = platform.live.unsubscribe(topic)
    if as_json:
        write_json({"topic": topic, "state": state})
    else:
        console().print(f"{topic}: {state}", soft_wrap=True)


def _list(url: str | None, token: str | None, as_json: bool) -> None:
    with coordinator(url, token) as platform:
        if as_json:
            write_json(platform.ask(calls.live()))
        else:
            _show(platform.live.list())


def _show(found: list[LiveSeries]) -> None:
    told = console()
    if not found:
        told.print(
            "nothing is subscribed to; `fdp live subscribe --ticker AAPL --schema trade` does it", soft_wrap=True
        )
        return
    table = Table("topic", "state")
    for name in ("rows", "lag ms", "open gaps"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("whole until (UTC)", no_wrap=True)
    reasons = any(one.reason for one in found)
    if reasons:
        table.add_column("reason", overflow="fold")
    for one in found:
        open_gaps = sum(gap.get("state") == "open" for gap in one.gaps)
        cells = [one.topic, one.state, f"{one.rows:,}", "" if one.lag_ms is None else f"{one.lag_ms:,.0f}"]
        cells += [f"{open_gaps:,}", "" if one.until is None else f"{one.until:%Y-%m-%d %H:%M:%S}"]
        table.add_row(*cells, *([printable(one.reason or "")] if reasons else []))
    told.print(table)
