"""``orphans``: data topics that nobody answers for."""

from __future__ import annotations

import sys
from typing import Annotated

import orjson
import typer
from rich.table import Table

from app.commands.coordinator import FAILED, address, call, fail
from app.commands.shown import console


def orphans(
    url: Annotated[
        str | None, typer.Option(help="The coordinator's address; default: by WEB_HOST and WEB_PORT, port 6066.")
    ] = None,
    token: Annotated[str | None, typer.Option(help="API token; default: the first of API_TOKENS.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the coordinator's answer as it came.")] = False,
) -> None:
    """List data topics that belong to no backtest that is known, and live topics that nobody is subscribed to."""
    at = address(url)
    answer = call("GET", at, "/topics/orphaned?fresh=true", token)
    if not isinstance(answer, dict) or "orphaned" not in answer:
        fail(FAILED, f"{at} answered with something else than topics: it is not a coordinator")
    if as_json:
        sys.stdout.write(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode() + "\n")
        return
    told = console()
    orphaned, ended = answer["orphaned"], answer["ended"]
    if orphaned or ended:
        table = Table("topic", "why it is left over")
        for one in orphaned:
            table.add_row(one["topic"], f"orphaned: no backtest {one['backtest_id']} with this series is known")
        for topic in ended:
            table.add_row(topic, "ended: nobody is subscribed to it any more; its rows are kept")
        told.print(table)
    told.print(f"{len(orphaned):,} orphaned, {len(ended):,} ended; looked at {answer['checked_at']}", soft_wrap=True)
    if orphaned or ended:
        told.print(
            "The platform does not delete what it does not know. What nobody needs any more, delete with any Kafka "
            "admin tool: kafka-topics.sh --bootstrap-server HOST:PORT --delete --topic NAME, or rpk topic delete NAME.",
            soft_wrap=True,
        )
