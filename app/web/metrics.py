"""Prometheus metrics of a role. No label ever holds an id or a symbol."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

from aiohttp import web
from faust.web import View
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from app.errors import ProviderError
from app.history.fetch import Observer

#: The classic text format, version and all, as every Prometheus understands it.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _Read(Collector):
    """Values that live elsewhere and are read at each scrape."""

    def __init__(self) -> None:
        self.sources: list[tuple[str, str, bool, Callable[[], float]]] = []

    def collect(self) -> Iterable[Metric]:
        for name, doc, counts, read in self.sources:
            kind = CounterMetricFamily if counts else GaugeMetricFamily
            yield kind(name, doc, value=read())


class Metrics(Observer):
    """The metrics of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._read = _Read()
        self.registry.register(self._read)
        # Resident memory hides a leak for hours; this counts what lives to the object.
        self.gauge("fdp_python_blocks", "Blocks of memory that the interpreter holds.", sys.getallocatedblocks)
        self._requests = Counter(
            "fdp_provider_requests", "Requests to the data provider, by outcome.", ["outcome"], registry=self.registry
        )
        self._seconds = Histogram(
            "fdp_provider_request_seconds",
            "Seconds from asking the provider to parsed rows.",
            registry=self.registry,
            buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300),
        )
        self._rows = Counter("fdp_provider_rows", "Rows that the provider sent.", registry=self.registry)

    def gauge(self, name: str, doc: str, read: Callable[[], float]) -> None:
        """A value that is read at each scrape."""
        self._read.sources.append((name, doc, False, read))

    def counter(self, name: str, doc: str, read: Callable[[], float]) -> None:
        """A count that only grows, read at each scrape."""
        self._read.sources.append((name, doc, True, read))

    def fetched(self, seconds: float, rows: int, error: ProviderError | None) -> None:
        outcome = "ok" if error is None else str(error.status) if error.status not in (0, 200) else type(error).__name__
        self._requests.labels(outcome).inc()
        self._seconds.observe(seconds)
        self._rows.inc(rows)

    def view(self) -> type[View]:
        registry = self.registry

        class Scrape(View):
            """All metrics in Prometheus' text format."""

            async def get(self, request: web.Request) -> web.Response:
                return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE})

        return Scrape
