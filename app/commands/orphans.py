"""``orphans``: data topics that nobody answers for."""

from __future__ import annotations

from rich.table import Table

from app.commands.coordinator import FAILED, AsJson, Token, Url, coordinator, fail, write_json
from app.commands.shown import console


def orphans(url: Url = None, token: Token = None, as_json: AsJson = False) -> None:
    """List data topics that belong to no backtest that is known, and live topics that nobody is subscribed to."""
    with coordinator(url, token) as platform:
        answer = platform.orphaned_topics()
        if not isinstance(answer, dict) or "orphaned" not in answer:
            fail(FAILED, f"{platform.url} answered with something else than topics: it is not a coordinator")
    if as_json:
        write_json(answer)
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
