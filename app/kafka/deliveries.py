"""Deliveries to the agents, and how one that cannot be read is passed over.

Kafka takes any bytes for a header's name, aiokafka decodes them as UTF-8, and Faust ends the worker when that fails:
one such message would stop every worker that is given the partition, again and again. Deliveries only wake those who
read the logs themselves, so what lies behind such a message may be passed over with it.
"""

from __future__ import annotations

import logging
from typing import Any

import faust.transport.drivers.aiokafka as driver

logger = logging.getLogger(__name__)


class TolerantConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer, which goes on at the partitions' ends after a message that aiokafka cannot decode."""

    # Its comings and goings are Faust's to tell, not ours.
    logger = logging.getLogger(driver.__name__)

    async def _fetch_records(self, consumer: Any, *given: Any, **named: Any) -> Any:
        try:
            return await super()._fetch_records(consumer, *given, **named)
        except UnicodeDecodeError:
            logger.warning("a message has a header whose name is not UTF-8: it wakes nobody")
            await consumer.seek_to_end(*consumer.assignment())
            return {}


def install() -> None:
    """Put it where Faust's driver looks for its consumer."""
    driver.AIOKafkaConsumerThread = TolerantConsumerThread
