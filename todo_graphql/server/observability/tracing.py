"""OpenTelemetry traces: a span for each request, with a child span for each statement.

The spans are created at the end of a request, from its record. Instrumentation of Strawberry and
SQLAlchemy would miss most operations, because compiled execution bypasses both. Attributes follow
OpenTelemetry's semantic conventions for HTTP, GraphQL and databases.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode

from todo_graphql.server.observability.request_record import RequestRecord
from todo_graphql.server.routes import known_path
from todo_graphql.store.postgres.operation_connection import StatementTiming

SHUTDOWN_TIMEOUT_SECONDS = 0.8
"""The maximum time that the export of the last traces delays the shutdown."""


class Tracing:
    """The exporter of a process's traces, in batches on its own thread.

    OpenTelemetry's environment variables configure it, such as OTEL_TRACES_SAMPLER.
    """

    def __init__(self, endpoint: str, service: str) -> None:
        resource = Resource.create({SERVICE_NAME: service})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint)))
        self._tracer = self._provider.get_tracer("todo_graphql")

    def observe(self, record: RequestRecord) -> None:
        """Create the spans of a finished request, and store the trace's id in its record."""
        clock = Clock()
        span = self._tracer.start_span(
            f"{record.method} {known_path(record.path)}",
            Context() if record.parent is None else record.parent,
            kind=SpanKind.SERVER,
            start_time=clock.at(record.began),
            attributes=span_attributes(record),
        )
        record.trace_id = trace.format_trace_id(span.get_span_context().trace_id)
        if span.is_recording():
            if record.context is not None:
                for timing in record.context.connection.timings:
                    self._create_statement_span(timing, span, clock)
            if record.status >= 500:
                span.set_status(StatusCode.ERROR, record.outcome)
            span.end(clock.at(record.began + record.seconds))

    def _create_statement_span(self, timing: StatementTiming, parent: Span, clock: "Clock") -> None:
        self._tracer.start_span(
            "PostgreSQL",
            trace.set_span_in_context(parent),
            kind=SpanKind.CLIENT,
            start_time=clock.at(timing.began),
            attributes={"db.system.name": "postgresql", "db.query.text": timing.sql},
        ).end(clock.at(timing.ended))

    @contextmanager
    def exporting(self) -> Iterator[None]:
        """Export the remaining traces at the end."""
        try:
            yield
        finally:
            # An unresponsive collector must not block the shutdown.
            shutdown = threading.Thread(target=self._provider.shutdown, daemon=True)
            shutdown.start()
            shutdown.join(SHUTDOWN_TIMEOUT_SECONDS)


class Clock:
    """A converter from `perf_counter` to nanoseconds since 1970."""

    def __init__(self) -> None:
        self._zero = time.time_ns() - time.perf_counter_ns()

    def at(self, moment: float) -> int:
        return self._zero + int(moment * 1e9)


def span_attributes(record: RequestRecord) -> dict[str, str | int]:
    """Return the attributes of a request's span, without its content."""
    attributes: dict[str, str | int | None] = {
        "http.request.method": record.method,
        "url.path": record.path,
        "http.response.status_code": record.status,
        "todo_graphql.request_id": record.id,
        "todo_graphql.outcome": record.outcome,
    }
    context = record.context
    if context is not None:
        operation = context.operation
        attributes["user.id"] = str(context.viewer.id)
        attributes["todo_graphql.cost"] = context.cost
        attributes["graphql.operation.name"] = record.operation_name
        if operation is not None:
            attributes["graphql.operation.type"] = operation.operation.value
    return {name: value for name, value in attributes.items() if value is not None}
