"""From messages of a topic to the rows that are asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from confluent_kafka import Message

from app.domain.series import SeriesName
from app.rows.bodies import Bodies
from app.rows.formats import Part
from app.rows.selection import Selection


class Picker:
    """Makes parts of the pages of one series, in their order. One call at a time, from whatever thread."""

    def __init__(self, name: SeriesName, selection: Selection, bodies: Bodies, left: int | None) -> None:
        """``left``: rows that may still be given out; None for any number."""
        self._topic = name.topic
        self._record = name.record
        self._selection = selection
        self._bodies = bodies
        self.left = left
        #: Nothing that comes later is asked for.
        self.done = left == 0

    def part(self, messages: Sequence[Message]) -> Part:
        """What is asked for among the next messages, at least one. Raises what ``Bodies.rows`` does."""
        rows = self._bodies.rows(self._record, list(map(Message.value, messages)))
        which: npt.NDArray[np.intp] | None = None
        keep = self._selection.mask(rows)
        if keep is not None:
            self.done = self.done or self._selection.is_past(rows)
            which = np.flatnonzero(keep)
        last = messages[-1].offset()
        count = len(rows) if which is None else len(which)
        if self.left is not None and count >= self.left:
            which = np.arange(len(rows))[: self.left] if which is None else which[: self.left]
            last = messages[int(which[-1])].offset()
            count, self.done = self.left, True
        if self.left is not None:
            self.left -= count
        offsets = None
        if self._selection.wants_offsets:
            offsets = np.fromiter(map(Message.offset, messages), np.int64, len(messages))
            offsets = offsets if which is None else offsets[which]
        return Part(self._topic, rows if which is None else rows.take(which), offsets, last)
