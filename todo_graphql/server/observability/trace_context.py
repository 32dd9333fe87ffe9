"""Trace context: the client's trace that a request continues, by OpenTelemetry's propagator.

W3C Trace Context: https://www.w3.org/TR/trace-context/
"""

from collections.abc import Iterable

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, format_trace_id, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

TRACEPARENT = b"traceparent"
TRACESTATE = b"tracestate"

_propagator = TraceContextTextMapPropagator()


def extract_trace_context(headers: Iterable[tuple[bytes, bytes]]) -> Context | None:
    """Return the context in `traceparent` and `tracestate`, or None if they are invalid."""
    carrier: dict[str, list[str]] = {}
    for name, value in headers:
        if name in (TRACEPARENT, TRACESTATE):
            carrier.setdefault(name.decode(), []).append(value.decode("latin-1"))
    context = _propagator.extract(carrier, Context())
    return None if get_current_span(context) is INVALID_SPAN else context


def trace_id_of(context: Context) -> str:
    """Return the trace's id in hexadecimal digits."""
    return format_trace_id(get_current_span(context).get_span_context().trace_id)
