"""Subscribe to live trades and print the first of them as they come, as any Kafka consumer would.

python examples/live.py KAFKA REGISTRY [COUNT]
"""

import sys
import uuid
from itertools import islice

from consume import read

from app.client import Platform

kafka, registry, *rest = sys.argv[1:]
count = int(rest[0]) if rest else 10
with Platform() as platform:
    (live,) = platform.live.subscribe(tickers=["AAPL"], schema="trade")
    rows = read(kafka, registry, f"live-{uuid.uuid4()}", [live.topic], forever=True)
    for topic, row in islice(rows, count):
        print(topic, row["timestamp"], row["price"], row["size"])
    now = platform.live.get(live.topic)
    print(f"{now.state}, {now.lag_ms} ms behind, {len(now.gaps)} gaps")
    platform.live.unsubscribe(live.topic)
