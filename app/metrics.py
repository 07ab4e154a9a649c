"""What this process counts, for Prometheus. A registry of its own, so that two apps in one process do not mix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from runner.wire import Incident, Totals

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
        self.refusals = Counter(
            "baton_callback_refusals",
            "Callbacks whose sender did not prove who it is, by why.",
            ("reason",),
            registry=self.registry,
        )

    def render(
        self, totals: Totals, letters: Mapping[str, int], purged: int, outages: Sequence[Incident]
    ) -> bytes:
        stored = CollectorRegistry()
        stored.register(_Stored(totals, letters, purged, outages))
        return generate_latest(self.registry) + generate_latest(stored)


class _Stored(Collector):
    def __init__(
        self, totals: Totals, letters: Mapping[str, int], purged: int, outages: Sequence[Incident]
    ) -> None:
        self._totals = totals
        self._letters = letters
        self._purged = purged
        self._outages = outages

    def collect(self) -> list[Metric]:
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
        letters = GaugeMetricFamily(
            "baton_dead_letters", "Dead letters that are open, or being replayed.", labels=("state",)
        )
        for state, count in self._letters.items():
            letters.add_metric((state,), count)
        purged = CounterMetricFamily("baton_runs_purged", "Runs that retention has purged.")
        purged.add_metric((), self._purged)
        incidents = GaugeMetricFamily("baton_incidents_open", "Connections that are out of order.")
        outages = [found for found in self._outages if found.kind == "outage"]
        incidents.add_metric((), len(outages))
        bursts = GaugeMetricFamily("baton_callback_bursts_open", "Bursts of refused callbacks that go on.")
        bursts.add_metric((), len(self._outages) - len(outages))
        held = GaugeMetricFamily(
            "baton_held_steps", "Steps that wait for a connection.", labels=("provider", "connection")
        )
        for outage in outages:
            held.add_metric((outage.provider, outage.name), outage.held)
        return [runs, nodes, queue, oldest, letters, purged, incidents, bursts, held]
