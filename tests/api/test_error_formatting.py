"""Masking of unexpected errors: details are logged, clients get a request id."""

import logging
import queue
import re
from collections.abc import Iterator
from typing import NoReturn

import httpx
import pytest
from sqlalchemy import text

from tests.support import plain_http
from tests.support.api_client import CREATE, Person
from tests.support.http_client import HOST, connected, post
from todo_graphql.server.auth.tokens import Authenticator
from todo_graphql.server.observability.formatters import request_id
from todo_graphql.store.tasks.repository import Tasks

MESSAGE = "Something went wrong on the server."
FIND = "query ($id: ID!) { task(id: $id) { title } }"


LAST_LINE = re.compile(r"INFO \[\S+\] [A-Z]+ \S+ \d{3}")

# PostgreSQL rejects each with a message that quotes it.
REJECTED = {
    "42703": text("SELECT 'a private title', no_such_column"),
    "22P02": text("SELECT CAST(:title AS integer)").bindparams(title="a private title"),
}


class Log(logging.Handler):
    """Handler that collects log entries with their request ids."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(levelname)s [%(request_id)s] %(message)s"))
        self._entries: queue.SimpleQueue[str] = queue.SimpleQueue()

    def emit(self, record: logging.LogRecord) -> None:
        record.request_id = request_id.get()
        self._entries.put(self.format(record))

    def of(self, request_id: str) -> list[str]:
        """Return the entries of a request up to its last line, which may follow the response."""
        entries: list[str] = []
        while not (entries and LAST_LINE.fullmatch(entries[-1])):
            entry = self._entries.get(timeout=30)
            entries += [entry] if f"[{request_id}]" in entry else []
        return entries


@pytest.fixture
def log(url: str) -> Iterator[Log]:
    log, logger = Log(), logging.getLogger("todo_graphql")
    logger.addHandler(log)
    yield log
    logger.removeHandler(log)


def fail(*_: object) -> NoReturn:
    raise RuntimeError("secret detail")


def failure_in(response: httpx.Response) -> str:
    """Return the request id in the only error, which contains nothing else."""
    (error,) = response.json()["errors"]
    request_id = response.headers["x-request-id"]
    assert error["message"] == MESSAGE
    assert error["extensions"] == {
        "code": "INTERNAL_SERVER_ERROR",
        "status": 500,
        "requestId": request_id,
    }
    return request_id


def test_unexpected_error_is_logged_and_masked(
    alice: Person, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tasks, "find", fail)
    response = alice.post(FIND, id=alice.id)
    assert response.status_code == 200
    assert response.json()["data"] == {"task": None}
    assert "secret" not in response.text
    request_id = failure_in(response)
    entry, last = log.of(request_id)
    assert last.endswith(" POST /graphql 200")
    assert entry.startswith(f"ERROR [{request_id}]")
    assert "Traceback" in entry
    assert 'raise RuntimeError("secret detail")' in entry


def test_unexpected_error_keeps_results_of_other_mutations(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tasks, "complete", fail)
    document = (
        'mutation ($id: ID!) { a: createTask(input: {title: "a"}) { task { title } }'
        " b: completeTask(id: $id) { task { title } }"
        ' c: createTask(input: {title: "c"}) { task { title } } }'
    )
    response = alice.post(document, id=alice.id)
    failure_in(response)
    made = {"a": {"task": {"title": "a"}}, "b": None, "c": {"task": {"title": "c"}}}
    assert response.json()["data"] == made
    assert alice.revision() == 2


@pytest.mark.parametrize("state", REJECTED)
@pytest.mark.parametrize(("method", "document"), [("find", FIND), ("create", CREATE)])
def test_database_error_text_is_neither_logged_nor_sent(
    alice: Person,
    log: Log,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    document: str,
    state: str,
) -> None:
    monkeypatch.setattr(
        Tasks, method, lambda tasks, *_: tasks._statements.connection.read(REJECTED[state])
    )
    response = alice.post(document, id=alice.id, input={"title": "a private title"})
    request_id = failure_in(response)
    entry, last = log.of(request_id)
    assert last.endswith(" POST /graphql 200")
    assert f"SQLSTATE {state}" in entry
    for output in (response.text, entry):
        assert not [word for word in ("private", "no_such_table", "SELECT") if word in output]


def test_unexpected_error_outside_graphql_is_logged_and_masked(
    alice: Person, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Authenticator, "viewer_of", fail)
    response = alice.post(FIND, id=alice.id)
    assert response.status_code == 500
    assert "secret" not in response.text
    request_id = failure_in(response)
    entry, last = log.of(request_id)
    assert last.endswith(" POST /graphql 500")
    assert entry.startswith(f"ERROR [{request_id}]")
    assert 'raise RuntimeError("secret detail")' in entry


@pytest.mark.parametrize("path", ["/health/live", "/nothing", "/graphql"])
def test_request_is_logged_with_its_id(url: str, log: Log, path: str) -> None:
    response = plain_http.get(url + path, headers={"X-Request-ID": "my-own-id"})
    (entry,) = log.of("my-own-id")
    assert entry == f"INFO [my-own-id] GET {path} {response.status_code}"


def test_path_cannot_inject_log_lines(url: str, log: Log) -> None:
    path = "/%0D%0AINFO%20%5B-%5D%20Everything%20is%20fine"
    plain_http.get(url + path, headers={"X-Request-ID": "its-id"})
    (entry,) = log.of("its-id")
    assert entry == "INFO [its-id] GET /... 404"


def test_request_content_is_not_logged(alice: Person, log: Log) -> None:
    answers = [
        alice.post(CREATE, input={"title": "a private title"}),
        alice.post("{ a_private_field }"),
        alice.post(CREATE, input={"title": "", "a private field": 1}),
    ]
    for answer in answers:
        (entry,) = log.of(answer.headers["x-request-id"])
        assert "private" not in entry
        assert alice.token not in entry


def test_client_disconnect_is_logged_as_499(url: str, alice: Person, log: Log) -> None:
    with connected(url) as connection:
        lines = HOST, b"Content-Length: 100", b"X-Request-ID: its-id"
        connection.sendall(post(alice, *lines) + b"{")
    (entry,) = log.of("its-id")
    assert entry.endswith(" POST /graphql 499")
