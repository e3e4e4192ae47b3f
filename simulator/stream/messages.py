"""What a client says: subscribe, unsubscribe, stop. One JSON object a message.

Source: the vendor's page "Streaming / Getting Started". Numbers may come as strings. What the vendor answers to a
message it cannot read is not known; here it is ``ERROR`` with the message's id, or with -1 if it has none.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import dataclass
from typing import Any, Literal

from simulator.market import UNIT

Security = Literal["STOCK", "OPTION", "INDEX"]
RequestType = Literal["TRADE", "QUOTE"]

NO_ID = -1
"""Stands in an answer to a message without an id."""

_STRIKE_UNIT = UNIT // 1000  # on the socket strikes are tenths of a cent
_ROOT = re.compile(r"[A-Z0-9./-]{1,16}", re.ASCII)


@dataclass(frozen=True)
class Subscription:
    """One stream: a stock, an index or an option contract, or with ``bulk`` every option trade. ``strike`` in units."""

    security: Security
    kind: RequestType
    root: str = ""
    expiration: dt.date | None = None
    strike: int = 0
    put: bool = False
    bulk: bool = False

    @property
    def name(self) -> str:
        """For people: ``OPTION TRADE SPXW 20240315 4800000 C``."""
        words: list[str] = [self.security, self.kind, "*" if self.bulk else self.root]
        if self.expiration is not None:
            words += [f"{self.expiration:%Y%m%d}", str(self.strike // _STRIKE_UNIT), "P" if self.put else "C"]
        return " ".join(words)


@dataclass(frozen=True)
class Ask:
    """To add or to remove a subscription; None when the message says nothing that can be subscribed to."""

    number: int
    add: bool
    subscription: Subscription | None


@dataclass(frozen=True)
class Stop:
    """To drop every subscription."""


def read(text: str | bytes) -> Ask | Stop:
    """A message; never fails."""
    try:
        message = json.loads(text)
    except ValueError:
        return Ask(NO_ID, True, None)
    if not isinstance(message, dict):
        return Ask(NO_ID, True, None)
    if message.get("msg_type") == "STOP":
        return Stop()
    number = _whole(message.get("id"))
    add = message.get("add")
    if number is None or number < 0 or not isinstance(add, bool):
        return Ask(NO_ID if number is None else number, True, None)
    return Ask(number, add, _subscription(message))


def contract(subscription: Subscription) -> dict[str, Any]:
    """The contract as it stands in every frame about it."""
    told: dict[str, Any] = {"security_type": subscription.security, "root": subscription.root}
    if subscription.expiration is not None:
        told["expiration"] = int(f"{subscription.expiration:%Y%m%d}")
        told["strike"] = subscription.strike // _STRIKE_UNIT
        told["right"] = "P" if subscription.put else "C"
    return told


def _subscription(message: dict[str, Any]) -> Subscription | None:
    kind: RequestType
    match message.get("req_type"):
        case "TRADE":
            kind = "TRADE"
        case "QUOTE":
            kind = "QUOTE"
        case _:
            return None
    security, asked = message.get("sec_type"), message.get("contract")
    if message.get("msg_type") == "STREAM_BULK":
        every = security == "OPTION" and kind == "TRADE"
        return Subscription("OPTION", kind, bulk=True) if every else None
    if message.get("msg_type") != "STREAM" or not isinstance(asked, dict):
        return None
    root = asked.get("root")
    if not isinstance(root, str) or not _ROOT.fullmatch(root):
        return None
    match security:
        case "STOCK":
            return Subscription("STOCK", kind, root)
        case "INDEX":
            return Subscription("INDEX", kind, root)
        case "OPTION":
            return _option(kind, root, asked)
        case _:
            return None


def _option(kind: RequestType, root: str, asked: dict[str, Any]) -> Subscription | None:
    expiration, strike, right = _date(asked.get("expiration")), _whole(asked.get("strike")), asked.get("right")
    if expiration is None or strike is None or strike <= 0 or right not in ("C", "P"):
        return None
    return Subscription("OPTION", kind, root, expiration, strike * _STRIKE_UNIT, right == "P")


def _whole(value: object) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value, re.ASCII):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _date(value: object) -> dt.date | None:
    number = _whole(value)
    try:
        return None if number is None else dt.datetime.strptime(str(number), "%Y%m%d").date()  # noqa: DTZ007
    except ValueError:
        return None
