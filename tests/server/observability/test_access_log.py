"""The log lines of requests and of the server itself."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from tests.support import plain_http
from tests.support.api_client import Person
from tests.support.commands import Service, until
from tests.support.servers import SECRET, variables_for
from todo_graphql.settings.settings import Settings

pytestmark = pytest.mark.no_cover

TITLE = "a private title"
CREATE = "mutation Note($input: CreateTaskInput!) { createTask(input: $input) { task { id } } }"
TWO_FAILURES = """mutation {
  completeTask(id: "%s") { task { id } }
  createTask(input: { title: "" }) { task { id } }
}"""
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"


class Log:
    """A server in its own process, and its log."""

    def __init__(self, service: Service, person: Person) -> None:
        self.person = person
        self.service = service

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.service.output.splitlines()]

    def line_of(self, response: httpx.Response) -> dict[str, Any]:
        """Return the only line about the request of this response."""
        own = response.headers["x-request-id"]

        def found() -> list[dict[str, Any]]:
            return [line for line in self.lines() if line["requestId"] == own]

        (line,) = until(found, f"the line of {own}")
        return line


@pytest.fixture(scope="module")
def log(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Log]:
    given = variables_for(settings.required_database_url())
    with Service("serve", folder=tmp_path_factory.mktemp("log"), **given) as service:
        yield Log(service, Person(service.url, settings))


def test_operation_is_logged_with_its_fields(log: Log) -> None:
    response = log.person.post(CREATE, input={"title": TITLE})
    line = log.line_of(response)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line.pop("durationMs") > line.pop("sqlMs") > 0
    assert line.pop("cost") > 0
    assert line == {
        "level": "INFO",
        "logger": "todo_graphql.server.observability.access_log",
        "requestId": response.headers["x-request-id"],
        "message": "POST /graphql 200",
        "method": "POST",
        "path": "/graphql",
        "status": 200,
        "outcome": "OK",
        "userId": log.person.id,
        "operation": "Note",
        "statements": 1,
    }


@pytest.mark.parametrize(
    ("document", "outcome"),
    [
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("{", "GRAPHQL_PARSE_FAILED"),
        ('{ task(id: "%s", userId: "%s") { id } }', "FORBIDDEN"),
        ('mutation { completeTask(id: "%s") { task { id } } }', "NOT_FOUND"),
        (TWO_FAILURES, "BAD_USER_INPUT NOT_FOUND"),
    ],
)
def test_outcome_of_failed_operation_is_its_error_codes(
    log: Log, document: str, outcome: str
) -> None:
    other = "00000000-0000-4000-8000-000000000000"
    line = log.line_of(log.person.post(document.replace("%s", other)))
    assert line["outcome"] == outcome


def test_rejected_document_is_logged_without_operation(log: Log) -> None:
    line = log.line_of(log.person.post("query Private { nothing }"))
    assert (line["operation"], line["cost"], line["statements"]) == (None, None, 0)


def test_operation_name_is_truncated(log: Log) -> None:
    line = log.line_of(log.person.post("query %s { me { id } }" % ("a" * 5_000)))
    assert line["operation"] == "a" * 100


def test_request_without_token_is_logged_with_client(log: Log) -> None:
    line = log.line_of(
        plain_http.post(f"{log.service.url}/graphql", json={"query": "{ me { id } }"})
    )
    assert (line["status"], line["outcome"]) == (401, "UNAUTHENTICATED")
    assert "userId" not in line
    assert line["client"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("header", "trace"),
    [
        (TRACEPARENT, TRACE_ID),
        (f"01-{TRACE_ID}-00f067aa0ba902b7-01-more", TRACE_ID),
        (f"{TRACEPARENT}-more", None),
        (f"ff-{TRACE_ID}-00f067aa0ba902b7-01", None),
        (TRACEPARENT.upper(), None),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", None),
        (f"00-{TRACE_ID}-{'0' * 16}-01", None),
        ("nonsense", None),
    ],
)
def test_trace_id_of_traceparent_is_logged(log: Log, header: str, trace: str | None) -> None:
    response = plain_http.get(f"{log.service.url}/health/live", headers={"traceparent": header})
    assert log.line_of(response).get("traceId") == trace


def test_lines_of_server_are_json(log: Log) -> None:
    listening = next(line for line in log.lines() if "Listening" in line["message"])
    assert (listening["level"], listening["requestId"]) == ("INFO", None)


def test_log_contains_no_title_token_or_secret(log: Log) -> None:
    log.line_of(log.person.post(CREATE, input={"title": TITLE, "description": TITLE}))
    output = log.service.output
    assert not [word for word in (TITLE, log.person.token, SECRET) if word in output]


def test_database_outage_is_logged_without_password(tmp_path: Path) -> None:
    away = SecretStr("postgresql://me:swordfish@127.0.0.1:1/todo")
    with Service("serve", folder=tmp_path, **variables_for(away)) as service:
        assert service.get("/health/ready").status_code == 503
        lines = [json.loads(line) for line in service.output.splitlines()]
        assert [line for line in lines if line["level"] in ("WARNING", "CRITICAL")]
        assert "swordfish" not in service.output


def test_log_format_text_writes_text_lines(tmp_path: Path) -> None:
    given = variables_for(SecretStr("postgresql://127.0.0.1:1/todo"))
    with Service("serve", folder=tmp_path, LOG_FORMAT="text", **given) as service:
        response = service.get("/health/live")
        line = rf" INFO \[{response.headers['x-request-id']}\] .*: GET /health/live 200 outcome=OK "
        service.wait_for(line + r"durationMs=\d+\.\d+ client=127\.0\.0\.1\n")
