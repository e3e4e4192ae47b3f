"""Names: a series, its data topic, and the way back from the topic to its parts.

A symbol becomes one part of the topic's name: lower case, letters, digits and single dots as they are, every
other character as two dots and two hex digits (``BRK/B`` → ``brk..2fb``). The part never holds ``-`` or ``_``,
so a name splits at its hyphens, and no two names differ only in ``.`` and ``_`` (which Kafka takes for one).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from app.domain.contracts import LONGEST_ROOT
from app.domain.schema import INTERVAL_SECONDS, RECORDS, Asset, Interval, RecordType, Schema
from app.errors import InvalidRequest

#: Beside letters and digits: the marks of classes, preferreds, warrants, units and rights.
SYMBOL_RULE = "1 to 16 letters, digits and . / - + = ^, beginning with a letter or digit"
ROOT_RULE = f"{SYMBOL_RULE}, at most {LONGEST_ROOT} of them"
SYMBOL_PATTERN = r"[A-Z0-9](?:[A-Z0-9/+=^-]|\.(?=[A-Z0-9])){0,15}"
_SYMBOL = re.compile(SYMBOL_PATTERN)
_ESCAPE = re.compile(r"\.\.([0-9a-f]{2})")
ID_PATTERN = "[a-z0-9][a-z0-9.-]{0,63}"
_ID = re.compile(ID_PATTERN)
ID_RULE = "1 to 64 of a-z, 0-9, '.' and '-', beginning with a letter or digit"
_TOPIC = re.compile(
    r"(?P<asset>stock|option)-(?P<symbol>[a-z0-9.]+)-"
    rf"(?P<schema>{'|'.join(sorted({schema for _, schema in RECORDS}, key=len, reverse=True))})"
    rf"(?P<interval>{'|'.join(INTERVAL_SECONDS)})?-"
    rf"(?:historical-(?P<backtest_id>{ID_PATTERN})|live)"
)


def canonical_symbol(text: str) -> str | None:
    """The symbol in its one spelling (upper case), or None when it is not a symbol."""
    symbol = text.upper()
    return symbol if text.isascii() and _SYMBOL.fullmatch(symbol) else None


def is_symbol_of(asset: Asset, symbol: str) -> bool:
    """Whether an asset's symbols may look like this canonical one: a root has to fit an OCC symbol."""
    return asset == "stock" or len(symbol) <= LONGEST_ROOT


def is_backtest_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def symbol_to_part(symbol: str) -> str:
    """A canonical symbol as a part of a topic name; ``part_to_symbol`` is its inverse."""
    if symbol.isalnum():
        # Most are: a backtest of ten thousand is told several times a second.
        return symbol.lower()
    return "".join(c if c.isalnum() or c == "." else f"..{ord(c):02x}" for c in symbol.lower())


def part_to_symbol(part: str) -> str:
    return _ESCAPE.sub(lambda m: chr(int(m.group(1), 16)), part).upper()


@dataclass(frozen=True, slots=True)
class SeriesName:
    """What names a series. ``backtest_id`` is None for a live one, ``interval`` for ticks and schemas without."""

    asset: Asset
    symbol: str
    schema: Schema
    interval: Interval | None
    backtest_id: str | None

    @property
    def topic(self) -> str:
        """The data topic: ``stock-aapl-ohlcv1m-historical-1``, ``stock-aapl-ohlcv1m-live``."""
        tail = "live" if self.backtest_id is None else f"historical-{self.backtest_id}"
        return f"{self.asset}-{symbol_to_part(self.symbol)}-{self.schema}{self.interval or ''}-{tail}"

    @property
    def record(self) -> RecordType:
        return RECORDS[self.asset, self.schema]

    @classmethod
    def parse(cls, topic: str) -> SeriesName:
        """The parts of a data topic's name. Raises ``InvalidRequest`` for any other name."""
        match = _TOPIC.fullmatch(topic)
        if match is None:
            raise InvalidRequest.of("topic", f"{topic!r} is not the name of a data topic")
        parts: dict[str, Any] = match.groupdict()
        symbol = part_to_symbol(parts["symbol"])
        name = cls(parts["asset"], symbol, parts["schema"], parts["interval"], parts["backtest_id"])
        record = RECORDS.get((name.asset, name.schema))
        known = record is not None and record.takes(name.interval) and is_symbol_of(name.asset, symbol)
        if not known or canonical_symbol(symbol) != symbol or name.topic != topic:
            raise InvalidRequest.of("topic", f"{topic!r} is not the name of a data topic")
        return name
