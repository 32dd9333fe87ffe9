"""Prometheus metrics.

https://prometheus.io/docs/instrumenting/exposition_formats/

Several processes share one port: each writes its values into files, and the process that gets a
request adds them up (prometheus_client's multiprocess mode). No label holds a user, an operation or
a task: a client could invent any number of those.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from http.server import ThreadingHTTPServer
from socket import socket
from threading import Thread
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, MetricsHandler
from prometheus_client.gc_collector import GCCollector
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from todo_graphql.errors import ErrorCode
from todo_graphql.server.observability.live_metrics import LiveMetrics
from todo_graphql.server.observability.request_record import RequestRecord
from todo_graphql.server.observability.shared_metrics import SharedMetrics, metrics_listener
from todo_graphql.server.observability.sources import Sources
from todo_graphql.server.routes import KNOWN, OTHER, known_path

BUCKET_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SCRAPE_TIMEOUT_SECONDS = 10.0
SAMPLE_SECONDS = 0.5
"""The maximum age of another process's gauges."""


class Metrics:
    """The metrics of one process, alone or `shared` with others."""

    def __init__(self, sources: Sources, shared: SharedMetrics | None = None) -> None:
        self._sources = sources
        self._listener = shared.listener if shared else None
        self.registry = CollectorRegistry()
        self._own_registry = None if shared else self.registry
        if shared:
            MultiProcessCollector(self.registry, shared.directory)  # type: ignore[no-untyped-call]
        else:
            for collector in (ProcessCollector, PlatformCollector, GCCollector):
                collector(registry=self.registry)
        requests = self.counter("requests", "Finished requests.", "path", "status")
        self._requests = cache(requests.labels)  # the lookup of a child takes four times as long
        self._errors = self.counter("errors", "Errors in responses, by code.", "code")
        for code in ErrorCode:  # so that the first error is an increase
            self._errors.labels(code.name)
        seconds = self.histogram(
            "request_seconds", "Seconds from a request to its response.", "path"
        )
        self._seconds = {path: seconds.labels(path) for path in (*sorted(KNOWN), OTHER)}
        self._sql_seconds = self.histogram(
            "sql_seconds", "Seconds of a request that wait for PostgreSQL."
        )
        self._statements = self.counter("statements", "Statements sent to PostgreSQL.")
        self._lookups = self.counter("cache_lookups", "Cache lookups.", "cache", "result")
        self._counted_lookups = dict.fromkeys(sources.caches, (0, 0))
        self._workers = self.gauge("workers", "Running server processes.")
        self._connections = self.gauge("pool_connections", "Connections to PostgreSQL.", "state")
        self._waiting = self.gauge("operations_waiting", "Operations that wait for a thread.")
        self._live = LiveMetrics(sources.live, self, self._statements)
        worker_deaths(self._own_registry)

    def observe(self, record: RequestRecord) -> None:
        """Count a finished request."""
        path = known_path(record.path)
        self._requests(path, record.status).inc()
        for code in record.codes:
            self._errors.labels(code).inc()
        if record.stream is None:
            self._seconds[path].observe(record.seconds)
        context = record.context
        if context is not None:
            self._statements.inc(context.statements)
            self._sql_seconds.observe(context.sql_seconds)

    def sample(self) -> None:
        """Copy the values that the sources keep themselves. Only one thread may call this."""
        self._workers.set(1)
        self._connections.labels("busy").set(self._sources.pool.busy)
        self._connections.labels("idle").set(self._sources.pool.idle)
        self._waiting.set(self._sources.queue.waiting)
        self._live.sample()
        for name, lookups in self._sources.caches.items():
            hits, misses = self._counted_lookups[name]
            self._counted_lookups[name] = lookups.hits, lookups.misses
            self._lookups.labels(name, "hit").inc(lookups.hits - hits)
            self._lookups.labels(name, "miss").inc(lookups.misses - misses)

    def counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"todo_graphql_{name}", meaning, labels, registry=self._own_registry)

    def gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(
            f"todo_graphql_{name}",
            meaning,
            labels,
            registry=self._own_registry,
            multiprocess_mode="livesum",
        )

    def histogram(self, name: str, meaning: str, *labels: str) -> Histogram:
        return Histogram(
            f"todo_graphql_{name}",
            meaning,
            labels,
            registry=self._own_registry,
            buckets=BUCKET_SECONDS,
        )

    @contextmanager
    def served(self, host: str, port: int) -> Iterator[None]:
        """Serve the metrics in a thread. Without a port the process works without metrics."""
        listener = self._listener or metrics_listener(host, port)
        if listener is None:
            yield
            return
        server = MetricsServer(listener, self.registry, self.sample)
        thread = Thread(target=server.serve_forever, args=(SAMPLE_SECONDS,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()


class Handler(MetricsHandler):
    """The handler of prometheus_client, with a timeout for the request."""

    timeout = SCRAPE_TIMEOUT_SECONDS


class MetricsServer(ThreadingHTTPServer):
    """An HTTP server for Prometheus on a listener that processes may share.

    It samples before each response, and every SAMPLE_SECONDS.
    """

    def __init__(
        self, listener: socket, registry: CollectorRegistry, sample: Callable[[], None]
    ) -> None:
        handler = type("Handler", (Handler,), {"registry": registry})
        super().__init__(("", 0), handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.socket.settimeout(0)  # another process may have accepted the connection
        self._sample = sample

    def service_actions(self) -> None:
        self._sample()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._sample()
        super().process_request(request, client_address)


def worker_deaths(registry: CollectorRegistry | None) -> Counter:
    """Create the counter, which only the parent of several workers advances."""
    return Counter("todo_graphql_worker_deaths", "Workers that died.", registry=registry)


@cache
def parents_worker_deaths() -> Counter:
    """Create the counter of this process once."""
    return worker_deaths(None)


def record_worker_death(directory: str, pid: int) -> None:
    """Count the death of a worker, and forget its gauges. Its counters stay."""
    mark_process_dead(pid, directory)  # type: ignore[no-untyped-call]
    parents_worker_deaths().inc()
