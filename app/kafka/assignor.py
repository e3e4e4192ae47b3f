"""Sticky assignment of partitions for Faust, so that only what must move moves when workers come and go.

Without tables Faust hands aiokafka's round-robin assignor to the consumer, which reshuffles everything at every
join. aiokafka's sticky one does better, but nobody tells it the group's generation, and without that a worker
that was frozen takes its old partitions back when it wakes. Its state is the class's: one app a process.
"""

from __future__ import annotations

import faust.transport.drivers.aiokafka as driver
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor


class GenerationAwareAssignor(StickyPartitionAssignor):
    """The sticky assignor with the generation of its last assignment."""


def install() -> None:
    """Put the sticky assignor where Faust's driver looks for its default one."""
    driver.RoundRobinPartitionAssignor = GenerationAwareAssignor


def on_assigned(generation: int) -> None:
    """Remember the generation that the present assignment belongs to."""
    GenerationAwareAssignor.on_generation_assignment(generation)
