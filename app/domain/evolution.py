"""How control records grow from version to version, so that processes of two versions work side by side.

Fields are added, with a default, and never change their meaning or go. What a process *tells* (checkpoints, coverage,
the feed, reports) may hold fields that an older reader does not know: it leaves them out. What is *asked* (series,
subscriptions) may not: a field that is not known may be what the rows hang on. Such a record is passed over, with an
error in the log, so who reads what is asked is upgraded before who writes it; a coordinator that meets a backtest of
a later version decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from typing import Any


def known(record: type, body: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a record's JSON that this version has fields for; ``record`` is a dataclass."""
    names = _names(record)
    return {name: value for name, value in body.items() if name in names}


@cache
def _names(record: type) -> frozenset[str]:
    return frozenset(field.name for field in fields(record))
