"""What this process counts, for Prometheus. A registry of its own, so that two apps in one process do not mix."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from runner.wire import Totals

MEDIA = CONTENT_TYPE_LATEST


class Metrics:
    """Counters live as long as the process; `render` adds what the database says at this moment."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "baton_http_requests", "Requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "baton_http_request_seconds",
            "Time to the answer's first byte.",
            ("route",),
            registry=self.registry,
        )
        self.callbacks = Counter(
            "baton_callbacks", "Callbacks by what was answered.", ("verdict",), registry=self.registry
        )

    def render(self, totals: Totals) -> bytes:
        stored = CollectorRegistry()
        stored.register(_Stored(totals))
        return generate_latest(self.registry) + generate_latest(stored)


class _Stored(Collector):
    def __init__(self, totals: Totals) -> None:
        self._totals = totals

    def collect(self) -> list[GaugeMetricFamily]:
        runs = GaugeMetricFamily("baton_runs", "Runs by status.", labels=("status",))
        for state, count in self._totals.runs.items():
            runs.add_metric((state,), count)
        nodes = GaugeMetricFamily("baton_nodes", "Nodes of unfinished runs by status.", labels=("status",))
        for state, count in self._totals.nodes.items():
            nodes.add_metric((state,), count)
        queue = GaugeMetricFamily("baton_queue_depth", "Nodes handed to the workers and not yet taken.")
        queue.add_metric((), self._totals.ready)
        oldest = GaugeMetricFamily("baton_queue_age_seconds", "Age of the oldest such node.")
        oldest.add_metric((), self._totals.oldest_seconds)
        return [runs, nodes, queue, oldest]
