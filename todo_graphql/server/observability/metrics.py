"""Metrics, for Prometheus to fetch: https://prometheus.io/docs/instrumenting/exposition_formats/

Each process has its own, on a port of its own. What is counted never names a user, an operation
or a task: a client could make up as many of those as it likes.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import CounterMetricFamily
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from todo_graphql.cache import Cache
from todo_graphql.errors import ErrorCode
from todo_graphql.server.observability.request_record import RequestRecord
from todo_graphql.server.observability.sources import Sources
from todo_graphql.server.routes import KNOWN, OTHER, known_path
from todo_graphql.server.sockets import authority, reason_of

logger = logging.getLogger(__name__)

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Those of one process."""

    def __init__(self, sources: Sources) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self.registry.register(Lookups(sources.caches))
        requests = self._counter("requests", "Requests answered.", "path", "status")
        self._requests = cache(requests.labels)  # to find a child takes four times as long
        self._errors = self._counter("errors", "Errors in answers, by code.", "code")
        for code in ErrorCode:  # from nothing to the first one is an increase, too
            self._errors.labels(code.name)
        seconds = self._histogram("request_seconds", "From a request to its answer.", "path")
        self._seconds = {path: seconds.labels(path) for path in (*sorted(KNOWN), OTHER)}
        self._sql_seconds = self._histogram("sql_seconds", "Of a request: waiting for PostgreSQL.")
        self._statements = self._counter("statements", "Statements sent to PostgreSQL.")
        self._counter("worker_deaths", "Processes that died before, in the same place.").inc(
            sources.restart_count
        )
        self._watch(sources)

    def observe(self, exchange: RequestRecord) -> None:
        """Count a request that has been answered."""
        path = known_path(exchange.path)
        self._requests(path, exchange.status).inc()
        for code in exchange.codes:
            self._errors.labels(code).inc()
        self._seconds[path].observe(exchange.seconds)
        context = exchange.context
        if context is not None:
            self._statements.inc(context.statements)
            self._sql_seconds.observe(context.sql_seconds)

    def _watch(self, sources: Sources) -> None:
        """What is asked for when somebody fetches it."""
        connections = self._gauge("pool_connections", "Connections to PostgreSQL.", "state")
        connections.labels("busy").set_function(lambda: sources.pool.busy)
        connections.labels("idle").set_function(lambda: sources.pool.idle)
        self._gauge("operations_waiting", "Waiting for their turn.").set_function(
            lambda: sources.queue.waiting
        )

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"todo_graphql_{name}", meaning, labels, registry=self.registry)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(f"todo_graphql_{name}", meaning, labels, registry=self.registry)

    def _histogram(self, name: str, meaning: str, *labels: str) -> Histogram:
        return Histogram(
            f"todo_graphql_{name}", meaning, labels, registry=self.registry, buckets=SECONDS
        )

    @contextmanager
    def served(self, host: str, port: int) -> Iterator[None]:
        """Meanwhile they can be fetched from this port. Where it cannot be had the server works
        without.
        """
        own = authority(host, port)
        try:
            server, _ = start_http_server(port, host, self.registry)
        except OSError as error:
            logger.error("No metrics on %s (%s).", own, reason_of(error))  # noqa: TRY400 - it says
            yield
            return
        logger.info("Metrics on http://%s/metrics", own)
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()


class Lookups(Collector):
    """How often each cache had what it was asked for."""

    def __init__(self, caches: Mapping[str, Cache[Any, Any]]) -> None:
        self._caches = caches

    def collect(self) -> Iterator[CounterMetricFamily]:
        """The counts so far."""
        family = CounterMetricFamily(
            "todo_graphql_cache_lookups", "What was asked of a cache.", labels=("cache", "result")
        )
        for name, known in self._caches.items():
            family.add_metric((name, "hit"), known.hits)
            family.add_metric((name, "miss"), known.misses)
        yield family
