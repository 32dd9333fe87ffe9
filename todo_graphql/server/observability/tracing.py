"""Traces by OpenTelemetry: a span for each request, and one in it for each statement.

They are made when the request is over, from what is known of it then: whoever does the work
knows nothing of traces. The instrumentation that there is for Strawberry and for SQLAlchemy
would see little here, because most operations pass neither's way of executing. The names are
those of OpenTelemetry's semantic conventions for HTTP, GraphQL and databases.
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
from todo_graphql.store.postgres.connection import StatementTiming

LAST_SECONDS = 0.8
"""How long the end of the server may wait for the last traces to be taken."""


class Tracing:
    """Sends the traces of one process, some at a time, on a thread of its own. Which of them
    (OTEL_TRACES_SAMPLER) and how is said by OpenTelemetry's own environment variables.
    """

    def __init__(self, endpoint: str, service: str) -> None:
        resource = Resource.create({SERVICE_NAME: service})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint)))
        self._tracer = self._provider.get_tracer("todo_graphql")

    def observe(self, exchange: RequestRecord) -> None:
        """Note a request that has been answered, and the id of its trace."""
        clock = Clock()
        span = self._tracer.start_span(
            f"{exchange.method} {known_path(exchange.path)}",
            Context() if exchange.parent is None else exchange.parent,
            kind=SpanKind.SERVER,
            start_time=clock.at(exchange.began),
            attributes=attributes_of(exchange),
        )
        exchange.trace_id = trace.format_trace_id(span.get_span_context().trace_id)
        if span.is_recording():
            if exchange.context is not None:
                for timing in exchange.context.connection.timings:
                    self._note(timing, span, clock)
            if exchange.status >= 500:
                span.set_status(StatusCode.ERROR, exchange.outcome)
            span.end(clock.at(exchange.began + exchange.seconds))

    def _note(self, timing: StatementTiming, parent: Span, clock: "Clock") -> None:
        self._tracer.start_span(
            "PostgreSQL",
            trace.set_span_in_context(parent),
            kind=SpanKind.CLIENT,
            start_time=clock.at(timing.began),
            attributes={"db.system.name": "postgresql", "db.query.text": timing.sql},
        ).end(clock.at(timing.ended))

    @contextmanager
    def sent(self) -> Iterator[None]:
        """Meanwhile; and, within reason, what is left at the end."""
        try:
            yield
        finally:
            # A collector that does not answer must not keep the server from ending.
            last = threading.Thread(target=self._provider.shutdown, daemon=True)
            last.start()
            last.join(LAST_SECONDS)


class Clock:
    """Moments of `perf_counter` as nanoseconds since 1970."""

    def __init__(self) -> None:
        self._zero = time.time_ns() - time.perf_counter_ns()

    def at(self, moment: float) -> int:
        """The time of day at that moment."""
        return self._zero + int(moment * 1e9)


def attributes_of(exchange: RequestRecord) -> dict[str, str | int]:
    """What the span of a request says of it: nothing that was asked or answered."""
    attributes: dict[str, str | int | None] = {
        "http.request.method": exchange.method,
        "url.path": exchange.path,
        "http.response.status_code": exchange.status,
        "todo_graphql.request_id": exchange.id,
        "todo_graphql.outcome": exchange.outcome,
    }
    context = exchange.context
    if context is not None:
        operation = context.operation
        attributes["user.id"] = str(context.viewer.id)
        attributes["todo_graphql.cost"] = context.cost
        attributes["graphql.operation.name"] = exchange.operation_name
        if operation is not None:
            attributes["graphql.operation.type"] = operation.operation.value
    return {name: value for name, value in attributes.items() if value is not None}
