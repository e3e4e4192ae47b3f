"""Live subscriptions as they are asked for: their checks, and what becomes of them beside those that stand.

``{"subscribe": {...}}`` and ``{"unsubscribe": "stock-aapl-trade-live"}`` on ``requests``; the bodies of the POST
endpoints are the inner object.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict, ValidationError

from app.domain import sessions
from app.domain.contract_filter import ContractFilter, check_contracts
from app.domain.contracts import Contracts
from app.domain.described import of_asset
from app.domain.fields import MAX_SERIES, Check, SeriesFields, kind_of, names_of, refused, regular, without_nulls
from app.domain.live import LIVE_SCHEMAS, Subscription
from app.domain.schema import RECORDS, TICK, Asset, Interval, RecordType, Schema
from app.domain.series import SeriesName
from app.errors import FieldProblem, HoursConflict, InvalidRequest

SUBSCRIBE, UNSUBSCRIBE = "subscribe", "unsubscribe"
#: Bytes of a subscription's record: it has to fit a message, however many universes are joined in it.
MOST_BYTES = 1_000_000
_FIELDS = names_of(SeriesFields, ContractFilter)
Standing = Callable[[str], Subscription | None]


@dataclass(frozen=True, slots=True)
class LiveRequest:
    """A request to subscribe that passed. ``contracts`` is None for stocks; hours are None where they are regular."""

    asset: Asset
    symbols: tuple[str, ...]
    schema: Schema
    interval: Interval | None
    contracts: Contracts | None = None
    start_time: dt.time | None = None
    end_time: dt.time | None = None

    def canonical(self) -> dict[str, object]:
        """The request with its defaults filled in; it passes again as the same request."""
        ticks = RECORDS[self.asset, self.schema].ticks
        who: dict[str, object] = {"tickers": list(self.symbols)}
        if self.contracts is not None:
            who = {"root": self.symbols[0], "contracts": self.contracts.as_json()}
        return {
            "asset": self.asset,
            **who,
            "schema": self.schema,
            "interval": self.interval or (TICK if ticks else None),
            "start_time": self.start_time and self.start_time.isoformat(),
            "end_time": self.end_time and self.end_time.isoformat(),
        }

    def subscriptions(self, run: int) -> list[Subscription]:
        """What is asked, one for each series, in the request's order, as if none stood before."""
        return [
            subscription(SeriesName(self.asset, symbol, self.schema, self.interval, None), run, self)
            for symbol in self.symbols
        ]


class StockSubscription(SeriesFields):
    """Live series of stocks, one topic for each ticker."""

    model_config = ConfigDict(json_schema_extra=of_asset("stock", LIVE_SCHEMAS, null_asset=True))


class OptionSubscription(SeriesFields):
    """A live series of options of one root."""

    model_config = ConfigDict(json_schema_extra=of_asset("option", LIVE_SCHEMAS, null_asset=True))


def subscription(name: SeriesName, run: int, asked: Any, start: int | None = None) -> Subscription:
    """The subscription to a series' live topic; ``asked`` is the request or the entry of a backtest that has it."""
    topic = SeriesName(name.asset, name.symbol, name.schema, name.interval, None).topic
    filters = () if asked.contracts is None else (asked.contracts,)
    return Subscription(topic, run, filters, start, asked.start_time, asked.end_time)


def why_not_live(record: RecordType, interval: Interval | None) -> FieldProblem | None:
    """Why a series has no live topic, or None when it may have one; the field is the entry's own."""
    if record.schema not in LIVE_SCHEMAS:
        return FieldProblem("schema", f"{record.schema} is not served live", LIVE_SCHEMAS)
    if record.schema == "quote" and interval is not None:
        return FieldProblem("interval", "quotes are served live only at each change", (TICK,))
    return None


def parse_subscribe(body: object, at: str = "", asset: Asset | None = None) -> LiveRequest:
    """Check what is to be subscribed to and bring it into its canonical form.

    ``at`` is put before the fields in errors; ``asset`` is what the endpoint says. Contracts that have expired pass: a
    terminal may replay a day of the past. Raises ``InvalidRequest`` naming every field that is wrong.
    """
    if not isinstance(body, Mapping):
        field = at.removesuffix(".")
        raise InvalidRequest.of(field, f"what to subscribe to is a JSON object, this is {kind_of(body)}")
    clean = without_nulls(body)
    assert isinstance(clean, dict)
    if asset is not None and clean.setdefault("asset", asset) != asset:
        raise InvalidRequest.of(
            f"{at}asset", f"{clean['asset']!r} does not belong here: this is for {asset}s", (asset,)
        )
    try:
        raw = SeriesFields.model_validate(clean)
    except ValidationError as error:
        raise refused(error, _FIELDS, put=at) from None
    return _Check(raw, at).request()


def parse_unsubscribe(topic: object) -> str:
    """The live topic that is to be ended. Raises ``InvalidRequest`` for what is no name of one."""
    if not isinstance(topic, str):
        raise InvalidRequest.of(UNSUBSCRIBE, f"name a live topic, this is {kind_of(topic)}")
    if not is_live_topic(topic):
        raise InvalidRequest.of(UNSUBSCRIBE, f"{topic!r} is not the name of a live topic")
    return topic


def is_live_topic(topic: str) -> bool:
    try:
        return SeriesName.parse(topic).backtest_id is None
    except InvalidRequest:
        return False


def to_write(asked: Iterable[Subscription], standing: Standing) -> tuple[Subscription, ...]:
    """The records that bring what stands to what is asked as well; none for what is already meant.

    A topic that stands keeps its run. Raises ``HoursConflict`` when one stands with other hours, and
    ``InvalidRequest`` when a record would hold too much.
    """
    found = []
    for one in asked:
        before = standing(one.topic)
        if before is not None and hours_of(before) != hours_of(one):
            raise HoursConflict(one.topic, hours_of(before), hours_of(one))
        after = one if before is None else before.joined(one)
        if after == before:
            continue
        if len(after.encode()) > MOST_BYTES:
            raise InvalidRequest.of(
                "contracts", f"{one.topic} is subscribed to as many universes as a record holds; ask for a wider one"
            )
        found.append(after)
    return tuple(found)


def hours_of(one: Subscription) -> tuple[dt.time, dt.time]:
    """The hours of a subscription as they are, the regular ones included."""
    return one.start_time or sessions.OPEN, one.end_time or sessions.CLOSE


class _Check(Check):
    def __init__(self, raw: SeriesFields, at: str) -> None:
        super().__init__()
        self.raw = raw
        self.at = at

    def request(self) -> LiveRequest:
        raw, at = self.raw, self.at
        asset = self.choice(f"{at}asset", raw.asset, tuple(dict.fromkeys(a for a, _ in RECORDS)))
        symbols: tuple[str, ...] = ()
        contracts = None
        if asset == "stock":
            symbols = self.tickers(at, raw)
            if len(symbols) > MAX_SERIES:
                self.wrong(f"{at}tickers", f"{len(symbols)} series are more than {MAX_SERIES}; split the request")
        elif asset == "option":
            symbols = self.root(at, raw)
            contracts = check_contracts(raw.contracts, f"{at}contracts", self.wrong)
        schema = self.choice(f"{at}schema", raw.schema_, LIVE_SCHEMAS)
        interval = None
        if asset is not None and schema is not None:
            # Quotes go by ticks alone; a schema without intervals says so itself.
            only = (TICK,) if schema == "quote" else None
            interval = self.interval(f"{at}interval", raw.interval, RECORDS[asset, schema], only)
        start_time, end_time = (self.time(f"{at}{name}", getattr(raw, name)) for name in ("start_time", "end_time"))
        opens, closes = start_time or sessions.OPEN, end_time or sessions.CLOSE
        if opens > closes:
            name = "end_time" if raw.end_time is not None else "start_time"
            self.wrong(f"{at}{name}", f"the hours end at {closes}, before {opens}")
        if self.problems:
            raise InvalidRequest(self.problems)
        return LiveRequest(asset, symbols, schema, interval, contracts, *regular(start_time, end_time))
