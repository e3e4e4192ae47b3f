"""``dlq``: the dead letters of ``requests``, told and submitted again. Asks the brokers, no coordinator."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Annotated

import orjson
import typer
from rich.table import Table

from app.commands.coordinator import FAILED, WRONG, fail
from app.commands.shown import console, hex_lines, moment, printable
from app.domain.dead_letters import UNDECIDED, DeadLetter, Message
from app.kafka import dead_letters as queue
from app.kafka.config import check_brokers
from app.settings import Settings, load

#: Letters, and bytes of them, that are submitted together.
_TOGETHER, _TOGETHER_BYTES = 200, 16_000_000
#: Bytes of a value that are dumped.
_DUMPED = 4_096

dlq = typer.Typer(help="Read the dead letters of requests, and submit them again.", no_args_is_help=True)


@dlq.command(name="list")
def list_letters(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many at the most, the latest.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List dead letters, the newest last: offset, time, where from, why; whether they were submitted again."""
    settings = _settings()
    found = queue.latest_letters(settings, limit)
    again = queue.submitted_again(settings, min(one.source_offset for one in found)) if found else set()
    if as_json:
        for one in found:
            line = orjson.dumps(one.summary() | {"resubmitted": one.place in again}, option=orjson.OPT_APPEND_NEWLINE)
            sys.stdout.buffer.write(line)
        return
    table = Table()
    for name in ("offset", "time", "from"):
        table.add_column(name, no_wrap=True, justify="right" if name == "offset" else "left")
    table.add_column("reason", overflow="fold")
    for one in found:
        reason = f"submitted again; {one.reason}" if one.place in again else one.reason
        table.add_row(str(one.offset), moment(one.timestamp), _source(one), printable(reason))
    if found:
        console().print(table)
    else:
        console().print("there are no dead letters")


@dlq.command()
def show(
    offset: Annotated[int, typer.Argument(min=0, help="The letter's offset.")],
    raw: Annotated[bool, typer.Option("--raw", help="Write only the value, byte for byte.")] = False,
) -> None:
    """Show one letter: its headers and its value, as JSON if it is, else as bytes."""
    settings = _settings()
    one = _letters(settings, [offset])[0]
    if raw:
        sys.stdout.buffer.write(one.value or b"")
        return
    lines = [
        f"letter     {one.place}, {moment(one.timestamp)}",
        f"message    {_source(one)}, {moment(one.source_timestamp)}",
        f"reason     {printable(one.reason)}",
    ]
    lines += [
        f"  {printable(str(problem.get('field') or '-'))}: {printable(str(problem.get('message')))}"
        for problem in one.errors
    ]
    lines += [f"header     {printable(name)} = {_bytes(part)}" for name, part in one.headers]
    lines.append(f"key        {_bytes(one.key)}")
    if one.cut:
        length = f", which has {one.truncated_from:,} bytes" if one.truncated_from else ""
        lines.append(f"truncated  {', '.join(one.cut)}{length}: the whole message lies at {_source(one)} for 30 days")
    told = console()
    for line in [*lines, *_value(one.value)]:
        told.print(line, soft_wrap=True)


@dlq.command()
def resubmit(
    offsets: Annotated[list[int] | None, typer.Argument(min=0, help="The letters' offsets.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All that were not submitted again yet.")] = False,
    since: Annotated[int | None, typer.Option(min=0, help="With --all: from this offset on.")] = None,
    wait: Annotated[float, typer.Option(min=0, max=3600, help="Seconds to wait for the decisions.")] = 20.0,
) -> None:
    """Publish the messages of letters on requests again and tell what becomes of each.

    Exit code 1 when one of them is a dead letter again or was not published, else 0.
    """
    if every == bool(offsets):
        fail(WRONG, "give either the OFFSETs of letters, or --all")
    if since is not None and not every:
        fail(WRONG, "--since goes with --all")
    settings = _settings()
    chosen: Iterable[DeadLetter]
    if every:
        again = queue.submitted_again(settings)
        chosen = (one for one in queue.letters(settings, since or 0) if one.place not in again)
    else:
        chosen = _letters(settings, list(dict.fromkeys(offsets or [])))
    count, well = 0, True
    for some in _batches(chosen):
        count += len(some)
        well &= _resubmit(settings, some, wait)
    if not count:
        console().print("there is nothing to submit again")
    if not well:
        raise typer.Exit(FAILED)


def _settings() -> Settings:
    settings = load()
    check_brokers(settings)
    queue.check_topics(settings)
    return settings


def _letters(settings: Settings, offsets: list[int]) -> list[DeadLetter]:
    """The letters at these offsets; ends the command when one of them is not there."""
    found = queue.letters_at(settings, offsets)
    missing = [offset for offset in offsets if offset not in found]
    if missing:
        fail(WRONG, f"there is no dead letter at offset {missing[0]}; `dlq list` tells where they are")
    return [found[offset] for offset in offsets]


def _batches(chosen: Iterable[DeadLetter]) -> Iterator[list[DeadLetter]]:
    some: list[DeadLetter] = []
    for one in chosen:
        some.append(one)
        if len(some) >= _TOGETHER or sum(len(each.value or b"") for each in some) >= _TOGETHER_BYTES:
            yield some
            some = []
    if some:
        yield some


def _resubmit(settings: Settings, some: list[DeadLetter], wait: float) -> bool:
    """Submit letters again, telling of each; whether none was left out and none is a dead letter again."""
    told = console()
    sources = queue.sources_of(settings, [one for one in some if one.cut])
    messages: list[tuple[DeadLetter, Message]] = []
    well = True
    for one in some:
        if not one.cut:
            messages.append((one, one.message()))
        elif one.offset in sources:
            messages.append((one, one.message_from(sources[one.offset])))
        else:
            well = False
            told.print(
                f"{one.place}: not submitted: it is truncated and {_source(one)} does not lie there any more; "
                "whoever sent it has to send it again",
                soft_wrap=True,
            )
    with queue.Decisions(settings) as decisions:
        placed = queue.publish(settings, [message for _, message in messages])
        sent = {at: message for at, (_, message) in zip(placed, messages, strict=True) if isinstance(at, int)}
        outcomes = decisions.wait(sent, wait)
    for (one, _), at in zip(messages, placed, strict=True):
        if isinstance(at, str):
            well = False
            told.print(f"{one.place}: not submitted: the brokers do not take it ({at})", soft_wrap=True)
            continue
        outcome = outcomes[at]
        well &= not outcome.dead
        detail = f", {printable(outcome.detail)}" if outcome.detail else ""
        if outcome.state == UNDECIDED:
            detail = "; it is on the topic, and a coordinator decides it as soon as there is one"
        told.print(f"{one.place} is requests@{at}: {outcome.state}{detail}", soft_wrap=True)
    return well


def _source(one: DeadLetter) -> str:
    place = f"{one.source_topic}@{one.source_offset}"
    return printable(place)


def _bytes(value: bytes | None) -> str:
    """A key or a header's value on one line."""
    if value is None:
        return "null"
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return f"0x{value[:_DUMPED].hex()}"
    return printable(text)


def _value(value: bytes | None) -> Iterator[str]:
    if not value:
        yield "value      null" if value is None else "value      empty"
        return
    yield f"value      {len(value):,} bytes"
    try:
        text = orjson.dumps(orjson.loads(value), option=orjson.OPT_INDENT_2).decode()
    except (orjson.JSONDecodeError, TypeError):
        # No JSON, or JSON nested deeper than it can be written.
        yield from hex_lines(value[:_DUMPED])
        if len(value) > _DUMPED:
            yield f"and {len(value) - _DUMPED:,} bytes more; --raw writes them all"
        return
    yield from (printable(line) for line in text.split("\n"))
