"""Traces, as a collector receives them by OTLP over HTTP."""

import queue
import threading
import time
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.server.observability.test_access_log import TRACE_ID, TRACEPARENT
from tests.support import plain_http
from tests.support.api_client import Person
from tests.support.servers import serving
from todo_graphql.settings.settings import Settings

SPAN_ID = TRACEPARENT.split("-")[2]


class Collector(HTTPServer):
    """A collector that stores all exports."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.received: queue.SimpleQueue[ExportTraceServiceRequest] = queue.SimpleQueue()

    @property
    def endpoint(self) -> str:
        """The value for OTEL_EXPORTER_OTLP_ENDPOINT."""
        return f"http://127.0.0.1:{self.server_port}"

    def spans(self) -> dict[str, Span]:
        """Return the received spans by name."""
        spans: dict[str, Span] = {}
        while not self.received.empty():
            (resource,) = self.received.get().resource_spans
            assert values(resource.resource.attributes)["service.name"] == "todo-graphql"
            for scope in resource.scope_spans:
                spans |= {span.name: span for span in scope.spans}
        return spans


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Collector)
        assert self.path == "/v1/traces"
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.received.put(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def values(attributes: Iterable[KeyValue]) -> dict[str, str | int]:
    """Return attributes by name."""
    return {one.key: one.value.string_value or one.value.int_value for one in attributes}


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    # All spans are exported at once when the server ends.
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "60000")
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


PRIVATE = 'query Private { tasks(filter: {search: "milk"}) { nodes { id } } }'


def ask(settings: Settings, collector: Collector, **headers: str) -> tuple[str, dict[str, Span]]:
    """Send one operation to a server. Return the user's id and the spans."""
    traced = settings.model_copy(update={"otel_exporter_otlp_endpoint": collector.endpoint})
    with serving(traced) as url:
        person = Person(url, traced)
        authorization = {"Authorization": f"Bearer {person.token}"}
        body = {"query": PRIVATE}
        plain_http.post(f"{url}/graphql", json=body, headers=authorization | headers, timeout=30)
    return person.id, collector.spans()


def test_operation_and_statement_have_spans(settings: Settings, collector: Collector) -> None:
    user_id, spans = ask(settings, collector, **{"X-Request-Id": "its-id"})
    assert set(spans) == {"POST /graphql", "PostgreSQL"}
    request, statement = spans["POST /graphql"], spans["PostgreSQL"]
    attributes = values(request.attributes)
    assert attributes.pop("todo_graphql.cost")
    assert attributes == {
        "http.request.method": "POST",
        "url.path": "/graphql",
        "http.response.status_code": 200,
        "todo_graphql.request_id": "its-id",
        "todo_graphql.outcome": "OK",
        "user.id": user_id,
        "graphql.operation.name": "Private",
        "graphql.operation.type": "query",
    }
    assert request.kind == Span.SPAN_KIND_SERVER
    assert statement.kind == Span.SPAN_KIND_CLIENT
    assert request.parent_span_id == b""
    assert statement.parent_span_id == request.span_id
    assert statement.trace_id == request.trace_id
    assert request.start_time_unix_nano < statement.start_time_unix_nano
    assert statement.start_time_unix_nano < statement.end_time_unix_nano
    assert statement.end_time_unix_nano < request.end_time_unix_nano
    assert abs(request.end_time_unix_nano / 1e9 - time.time()) < 60


def test_statement_span_contains_no_values(settings: Settings, collector: Collector) -> None:
    user_id, spans = ask(settings, collector)
    attributes = values(spans["PostgreSQL"].attributes)
    assert attributes["db.system.name"] == "postgresql"
    assert str(attributes["db.query.text"]).startswith("SELECT CAST(tasks.id AS TEXT)")
    assert not [word for word in ("milk", user_id) if word in str(attributes)]


def test_span_of_get_contains_nothing_of_the_query_string(
    settings: Settings, collector: Collector
) -> None:
    traced = settings.model_copy(update={"otel_exporter_otlp_endpoint": collector.endpoint})
    with serving(traced) as url:
        headers = {"Authorization": f"Bearer {Person(url, traced).token}"}
        plain_http.get(f"{url}/graphql", params={"query": PRIVATE}, headers=headers, timeout=30)
    spans = collector.spans()
    assert set(spans) == {"GET /graphql", "PostgreSQL"}
    assert values(spans["GET /graphql"].attributes)["url.path"] == "/graphql"
    attributes = str([values(span.attributes) for span in spans.values()])
    assert not [word for word in ("milk", "nodes") if word in attributes]


def test_trace_of_traceparent_is_continued(settings: Settings, collector: Collector) -> None:
    _, spans = ask(settings, collector, traceparent=TRACEPARENT)
    request = spans["POST /graphql"]
    assert request.trace_id.hex() == TRACE_ID
    assert request.parent_span_id.hex() == SPAN_ID
    assert request.trace_state == ""


@pytest.mark.parametrize("state", ["vendor=a1", "vendor=a1,other=b2"])
def test_tracestate_is_continued(settings: Settings, collector: Collector, state: str) -> None:
    _, spans = ask(settings, collector, traceparent=TRACEPARENT, tracestate=state)
    assert set(spans) == {"POST /graphql", "PostgreSQL"}
    assert {span.trace_state for span in spans.values()} == {state}


def test_tracestate_without_a_valid_traceparent_is_ignored(
    settings: Settings, collector: Collector
) -> None:
    _, spans = ask(settings, collector, traceparent="nonsense", tracestate="vendor=a1")
    request = spans["POST /graphql"]
    assert (request.trace_state, request.parent_span_id) == ("", b"")


@pytest.mark.parametrize(
    ("flags", "names"), [("00", set()), ("02", set()), ("03", {"POST /graphql", "PostgreSQL"})]
)
def test_trace_is_exported_only_with_sampled_flag(
    settings: Settings, collector: Collector, flags: str, names: set[str]
) -> None:
    """The lowest bit is the sampled flag, the next one the random flag."""
    traceparent = TRACEPARENT.removesuffix("01") + flags
    assert set(ask(settings, collector, traceparent=traceparent)[1]) == names


def test_unavailable_collector_is_ignored(settings: Settings) -> None:
    collector = Collector()
    collector.server_close()
    assert ask(settings, collector)[1] == {}
