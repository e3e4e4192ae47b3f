"""What a data endpoint is: path, subscription, parameters, columns, and who answers; and the parameters many share."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from simulator.answers import Portion, Terminal
from simulator.query import Parameter, Query
from simulator.tables import Columns
from simulator.tiers import Tier

Endpoint = Callable[[Terminal, Query], list[Portion]]


@dataclass(frozen=True)
class Route:
    """An endpoint. ``path`` may have ``{parameters}``; ``tier`` is the least subscription; ``queued``: it takes one of
    the account's slots (snapshots do not)."""

    path: str
    tier: Tier
    parameters: tuple[Parameter, ...]
    columns: Columns
    answer: Endpoint
    queued: bool = True

    @property
    def security(self) -> str:
        """The first word of the path, as the text of a 403 names it."""
        return self.path.split("/")[2]

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What a request's path must look like."""
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path))


def columns(names: str, *, hashed: bool = True) -> Columns:
    return Columns(tuple(names.split(",")), hashed)


SYMBOL = Parameter("symbol", required=True)
START_DATE = Parameter("start_date", required=True)
END_DATE = Parameter("end_date", required=True)
FORMAT = Parameter("format", default="csv", allowed=("csv", "json", "ndjson", "html"))
VENUE = Parameter("venue", default="nqb", allowed=("nqb", "utp_cta"))
EXCLUSIVE = Parameter("exclusive", default="true", allowed=("true", "false"))
# ``date``, or both ends of a range: which of them is required, the endpoint says.
PERIOD = (
    Parameter("date"),
    Parameter("start_date"),
    Parameter("end_date"),
    Parameter("start_time", default="09:30:00"),
    Parameter("end_time", default="16:00:00"),
)
INTRADAY = (*PERIOD, Parameter("interval", default="1s"))
QUOTE = "bid_size,bid_exchange,bid,bid_condition,ask_size,ask_exchange,ask,ask_condition"
TRADE = "sequence,ext_condition1,ext_condition2,ext_condition3,ext_condition4,condition,size,exchange,price"
