"""Prometheus metrics of a role: the names of the table, and what is told under each when they are scraped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from app.settings import Role
from app.tally import Kinds, Spread, Tally
from app.web.metric_table import LIBRARY, Described, exported
from app.web.operations import Answer, AnyQuery, Call, Operation

#: The classic text format, version and all, as every Prometheus understands it.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
#: One value, values by the labels' values, or what is counted elsewhere.
Source = Callable[[], float] | Callable[[], Mapping[Kinds, float]] | Tally | Spread


class Metrics(Collector):
    """The metrics of one process."""

    def __init__(self, role: Role) -> None:
        self.role = role
        self._described = {one.name: one for one in exported(role) if one not in LIBRARY}
        self._sources: dict[str, Source] = {}
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._registry.register(self)

    def tell(self, name: str, source: Source) -> None:
        """From now on ``source`` is what is told under a name of the table."""
        if name not in self._described or name in self._sources:
            raise ValueError(f"{name} is no metric of {self.role}, or told already; see app.web.metric_table")
        self._sources[name] = source

    @property
    def untold(self) -> set[str]:
        """Names of the table under which nothing is told."""
        return self._described.keys() - self._sources.keys()

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering reads no source."""
        return ()

    def collect(self) -> Iterable[Metric]:
        for name, source in self._sources.items():
            yield _family(self._described[name], source)

    def value(self, name: str, *kinds: str) -> float:
        """One number of a counter or a gauge: the one under these labels' values, or the sum of all."""
        source = self._sources[name]
        assert not isinstance(source, Spread)
        found = source.read() if isinstance(source, Tally) else source()
        if not isinstance(found, Mapping):
            return float(found)
        return float(sum(number for labels, number in found.items() if not kinds or labels == kinds))

    def text(self) -> bytes:
        """All of them in Prometheus' text format."""
        return generate_latest(self._registry)


def scraping(metrics: Metrics) -> tuple[Operation, ...]:
    async def run(call: Call[AnyQuery, None]) -> web.StreamResponse:
        # Some sources wait for a lock.
        return web.Response(body=await asyncio.to_thread(metrics.text), headers={"Content-Type": CONTENT_TYPE})

    text = {"type": "string", "description": "Prometheus' text format, 0.0.4."}
    answer = Answer(200, "All metrics of the process", {"text/plain": text})
    return (
        Operation(
            method="get",
            query=AnyQuery,
            path="/metrics",
            name="get_metrics",
            summary="Metrics for Prometheus",
            run=run,
            answers=(answer,),
            tag="platform",
        ),
    )


def _family(one: Described, source: Source) -> Metric:
    if isinstance(source, Spread):
        spread = HistogramMetricFamily(one.name, one.meaning, labels=one.labels)
        bounds = [*map(str, source.bounds), "+Inf"]
        for kinds, (counts, total) in source.read().items():
            spread.add_metric(list(kinds), list(zip(bounds, counts, strict=True)), total)
        return spread
    found = source.read() if isinstance(source, Tally) else source()
    family = (CounterMetricFamily if one.kind == "counter" else GaugeMetricFamily)(
        one.name, one.meaning, labels=one.labels
    )
    for kinds, value in (found if isinstance(found, Mapping) else {(): found}).items():
        family.add_metric(list(kinds), value)
    return family
