"""The setup of the log, metrics and traces, which observe each finished request."""

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING

from todo_graphql.server.observability.access_log import log_request
from todo_graphql.server.observability.shared_metrics import SharedMetrics
from todo_graphql.server.observability.sources import Sources
from todo_graphql.server.observability.tracing_setup import start_tracing
from todo_graphql.settings.settings import Settings

if TYPE_CHECKING:
    from todo_graphql.server.observability.metrics import Metrics
    from todo_graphql.server.observability.request_record import Observer

logger = logging.getLogger(__name__)


class Observability:
    """The observers of requests. Traces and metrics are imported only if they are enabled."""

    def __init__(self, settings: Settings, sources: Sources, shared: SharedMetrics | None) -> None:
        self.observers: list[Observer] = []
        self._contexts: list[AbstractContextManager[None]] = []
        if settings.traces_endpoint is not None:
            self._add_tracing(settings.traces_endpoint, settings.otel_service_name)
        if settings.metrics_port is not None:
            metrics = self._add_metrics(sources, shared)
            self._contexts.append(metrics.served(settings.metrics_host, settings.metrics_port))
        # The last observer, because the log line contains the id of the trace.
        self.observers.append(log_request)

    def _add_tracing(self, endpoint: str, service: str) -> None:
        tracing, warnings = start_tracing(endpoint, service)
        for warning in warnings:
            logger.warning("%s", warning)
        self.observers.append(tracing.observe)
        self._contexts.append(tracing.exporting())

    def _add_metrics(self, sources: Sources, shared: SharedMetrics | None) -> "Metrics":
        from todo_graphql.server.observability.metrics import Metrics  # noqa: PLC0415

        metrics = Metrics(sources, shared)
        self.observers.append(metrics.observe)
        return metrics

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve metrics and export traces while the server runs."""
        with ExitStack() as stack:
            for context in self._contexts:
                stack.enter_context(context)
            yield
