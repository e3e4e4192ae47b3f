"""What a shell completes by asking the coordinator: silent, and soon, whatever is the matter."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable

import typer

from app.client import ClientError, Platform
from app.commands.coordinator import address
from app.errors import PlatformError
from app.settings import load

#: Seconds that somebody who pressed a key waits.
_SOON = 1.0


def backtests(ctx: typer.Context, incomplete: str) -> list[str]:
    """Ids of backtests, the latest first."""
    return _found(ctx, incomplete, lambda platform: (one.backtest_id for one in platform.backtests()))


def topics(ctx: typer.Context, incomplete: str) -> list[str]:
    """Topics of the backtest that is named already."""
    # What stands before an option that has no value yet has not been given to its parameter.
    backtest_id = str(ctx.params.get("backtest_id") or next(iter(ctx.args), ""))
    return _found(ctx, incomplete, lambda platform: platform.open(backtest_id).topics if backtest_id else ())


def live_topics(ctx: typer.Context, incomplete: str) -> list[str]:
    """Live topics that are subscribed to."""
    return _found(ctx, incomplete, lambda platform: (one.topic for one in platform.live.list()))


def _found(ctx: typer.Context, incomplete: str, ask: Callable[[Platform], Iterable[str]]) -> list[str]:
    found: list[str] = []
    with contextlib.suppress(ClientError, PlatformError, KeyError, TypeError):
        token = ctx.params.get("token")
        with Platform(
            address(ctx.params.get("url")), token if token else load().first_token(), retries=0, timeout=_SOON
        ) as platform:
            found = [name for name in ask(platform) if name.startswith(incomplete)]
    return found
