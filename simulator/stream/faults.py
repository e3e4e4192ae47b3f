"""What can be made to go wrong with a stream, by ``POST /sim/stream``.

* ``socket_drop``: the client's socket closes hard.
* ``upstream_down``: the terminal's link to the vendor is down for ``seconds`` and a login; ``silent``: and the
  terminal does not notice.
* ``burst``: ``count`` such outages of ``seconds``, ``gap`` seconds between one's login and the next.
* ``mute``: for ``seconds`` nothing at all is sent, not even ``STATUS``, while the socket stays open.
* ``lose``: the terminal forgets the subscriptions of ``root`` and ``req_type`` and tells nobody.

Whatever the market does meanwhile never reaches the client, but for the events after a ``socket_drop``, which nobody
has subscribed to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from simulator.stream.messages import RequestType, Security, Subscription

Kind = Literal["socket_drop", "upstream_down", "burst", "mute", "lose"]


class StreamFault(BaseModel):
    """A fault; which fields count tells its kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    seconds: float = Field(default=1, ge=0)
    silent: bool = False
    count: int = Field(default=3, ge=1, le=1000)
    gap: float = Field(default=1, ge=0)
    root: str | None = None
    sec_type: Security | None = None
    req_type: RequestType | None = None

    def concerns(self, subscription: Subscription) -> bool:
        """Whether ``lose`` means it."""
        return (
            self.root in (None, subscription.root)
            and self.sec_type in (None, subscription.security)
            and self.req_type in (None, subscription.kind)
        )


def read_fault(fields: Mapping[str, Any]) -> StreamFault:
    """A fault from JSON; raises ``ValueError`` that names what is wrong."""
    return StreamFault.model_validate(fields)
