"""Prometheus metrics of live streams."""

from typing import Protocol

from prometheus_client import Counter, Gauge, Histogram

from todo_graphql.server.observability.live_statistics import LiveStatistics


class MetricFactory(Protocol):
    """The constructors of metrics of one process."""

    def counter(self, name: str, meaning: str, *labels: str) -> Counter: ...

    def gauge(self, name: str, meaning: str, *labels: str) -> Gauge: ...

    def histogram(self, name: str, meaning: str, *labels: str) -> Histogram: ...


class LiveMetrics:
    """The metrics of the streams of one process, copied from their statistics."""

    def __init__(self, live: LiveStatistics, metrics: MetricFactory, statements: Counter) -> None:
        """Create the metrics. `statements` counts those of requests already."""
        self._live = live
        self._statements = statements
        self._streams = metrics.gauge("streams", "Open streams of subscriptions.")
        self._hints = metrics.counter(
            "stream_hints", "Hints after which a stream has read. Hints before one read count once."
        )
        self._events = metrics.counter("stream_events", "Events that were sent.")
        self._empty_reads = metrics.counter(
            "stream_empty_reads", "Reads of streams that found nothing to send."
        )
        self._counted = (0, 0, 0, 0)
        live.observe_delay = metrics.histogram(
            "stream_event_seconds",
            "Seconds from the arrival of a hint in this process to its event. Changes that a check "
            "finds without a hint are left out.",
        ).observe

    def sample(self) -> None:
        """Copy the statistics. Only one thread may call this."""
        live = self._live
        self._streams.set(live.streams)
        before = self._counted
        self._counted = live.hints, live.events, live.empty_reads, live.statements
        counters = self._hints, self._events, self._empty_reads, self._statements
        for counter, now, then in zip(counters, self._counted, before, strict=True):
            counter.inc(now - then)
