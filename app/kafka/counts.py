"""What the Kafka clients of this process have met. One of each for the process, which has many clients."""

from __future__ import annotations

import logging
import time

from confluent_kafka import KafkaError

from app.tally import Spread, Tally

logger = logging.getLogger(__name__)

#: Transactions that were committed or aborted by this process itself.
TRANSACTIONS = Tally([("committed",), ("aborted",)])
#: Seconds that a commit took, from asking for it to the broker's answer.
COMMIT_SECONDS = Spread((0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0))
#: Writers that were thrown out by another owner of their partition, or lost to a fatal error.
FENCES = Tally([()])
#: Errors that the clients told of, by librdkafka's own name of the error.
CLIENT_ERRORS = Tally()
#: Seconds between two lines about the same error.
_QUIET = 30.0
_last: dict[str, float] = {}


def client_error(error: KafkaError) -> None:
    """Count an error of a client, and log the first of its kind in a while: a broker that is away is one each second.

    librdkafka may call this with an exception already set, after which any call may fail.
    """
    try:
        name, now = error.name(), time.monotonic()
        CLIENT_ERRORS.add(name)
        if now - _last.get(name, -_QUIET) >= _QUIET:
            _last[name] = now
            logger.warning("a Kafka client met %s: %s", name, error.str())
    except SystemError:
        CLIENT_ERRORS.add("unknown")
