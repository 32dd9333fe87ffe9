"""POST /graphql: the limit of a response in bytes, and of responses that clients do not read."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.support.api_client import Person
from tests.support.commands import until
from tests.support.http_client import answers, asked_by, connected, shrink_send_buffers, status
from tests.support.servers import serving
from todo_graphql.api.execution import response_size
from todo_graphql.server.http import unsent_responses
from todo_graphql.server.http.unsent_responses import RESPONSE_PIECE_BYTES, TOO_MANY
from todo_graphql.server.protocol.request_cycle import RequestCycle
from todo_graphql.settings.settings import Settings
from todo_graphql.store.postgres.connection import ViewerConnection

LIMIT = 200_000
TASKS = 20
TEXT = "\x01" * 500 + "😀" * 500
"""A text of a thousand characters, of which JSON makes 5,000 bytes."""


@pytest.fixture(scope="module", params=["projection", "reference"])
def limited(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    """Settings with a low limit and each of the executors."""
    return settings.model_copy(
        update={"max_response_bytes": LIMIT, "executor": request.param, "max_query_cost": 100_000}
    )


@pytest.fixture(scope="module")
def base(limited: Settings) -> Iterator[str]:
    with serving(limited) as base:
        yield base


@pytest.fixture(scope="module")
def writer(base: str, limited: Settings) -> Person:
    """A user whose texts have 100,000 bytes in a page."""
    person = Person(base, limited)
    for _ in range(TASKS // 5):
        person.create_many(*"abcde", description=TEXT, tags=[f"{'t' * 40}{n}" for n in range(9)])
    return person


def times(number: int, fields: str) -> str:
    return " ".join(f"f{n}: {fields}" for n in range(number))


PAGE = "tasks(first: 20) { nodes { description } }"
LONG = "k" * 20_000
SHAPES = {
    "aliases": "{ tasks(first: 20) { nodes { %s } } }" % times(99, "description"),
    "root fields": "{ %s }" % times(50, PAGE),
    "nested pages": "{ me { %s } }" % times(50, PAGE),
    "fragments": "{ %s } fragment F on TaskConnection { nodes { description } }"
    % times(50, "tasks(first: 20) { ...F }"),
    "a long name": "{ %s } fragment F on TaskConnection { nodes { %s: id } }"
    % (times(5, "tasks(first: 20) { ...F }"), LONG),
    "a long name of a shared field": "{ tasks(first: 20) { nodes { user { %s: id } } } }" % LONG,
    "tags": "{ tasks(first: 20) { nodes { %s } } }" % times(99, "tags"),
    "cursors": "{ tasks(first: 20, orderBy: [{field: TITLE}]) { edges { %s } } }"
    % times(140, "cursor"),
    "introspection": "{ %s } fragment F on __Schema { types { fields { %s: name } } }"
    % (times(20, "__schema { ...F }"), LONG),
    "long names of errors": "{ %s }"
    % " ".join(f'{"e" * 9_000}{n}: node(id: "x") {{ id }}' for n in range(6)),
    "pages after an error": '{ x: task(id: "x") { id } %s }' % times(50, PAGE),
    "aliases after an error": '{ x: task(id: "x") { id } tasks(first: 20) { nodes { %s } } }'
    % times(99, "description"),
}


@pytest.mark.parametrize("document", SHAPES.values(), ids=SHAPES)
def test_response_over_limit_is_too_complex(writer: Person, document: str) -> None:
    response = writer.post(document)
    (error,) = response.json()["errors"]
    assert (response.status_code, response.json()["data"]) == (200, None)
    assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"
    assert error["extensions"]["limitName"] == "responseBytes"
    assert error["extensions"]["limit"] == LIMIT
    assert len(error["path"]) == 1
    assert "200,000 bytes" in error["message"]


def test_response_of_exactly_the_limit_is_sent(base: str, limited: Settings) -> None:
    person = Person(base, limited)
    task = person.create("a", description="x" * 9_000)
    document = '{ task(id: "%s") { %s } }' % (task["id"], times(20, "description"))
    length = len(person.post(document).content)
    person.update(task, description="\x01" * ((LIMIT - length) // 20 // 5) + "x" * 7_900)
    length = len(person.post(document).content)
    assert LIMIT - 60_000 < length <= LIMIT
    padded = document.replace("f0:", f"f{'p' * (LIMIT - length)}0:")
    assert len(person.post(padded).content) == LIMIT
    assert person.refusal(padded.replace("p", "pp", 1))["limitName"] == "responseBytes"


def test_execution_stops_at_the_limit(writer: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page has 20,000 characters: ten of them are read, not fifty."""
    reads: list[Any] = []
    read = ViewerConnection.read

    def noting(connection: ViewerConnection, *given: Any) -> Any:
        reads.append(given)
        return read(connection, *given)

    monkeypatch.setattr(ViewerConnection, "read", noting)
    assert writer.refusal("{ %s }" % times(50, PAGE))["limitName"] == "responseBytes"
    assert 1 <= len(reads) <= LIMIT / (TASKS * len(TEXT)) + 1


@pytest.mark.parametrize("shape", ["aliases", "tags", "a long name", "pages after an error"])
def test_encoding_stops_at_the_limit(
    writer: Person, shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []
    append = response_size._append

    def noting(value: Any, buffer: bytearray, room: int) -> None:
        append(value, buffer, room)
        encoded.append(len(buffer))

    monkeypatch.setattr(response_size, "_append", noting)
    writer.refusal(SHAPES[shape]) if "error" not in shape else writer.post(SHAPES[shape])
    assert max(encoded, default=0) <= LIMIT + 6 * len(TEXT)


MUTATIONS = """mutation {
    a: createTask(input: {title: "a"}) { task { title } }
    b: createTask(input: {title: "b"}) { task { title user { tasks(first: 50) { nodes { %s } } } } }
    c: createTask(input: {title: "c"}) { task { title } }
    d: completeTask(id: "x") { revision }
}""" % times(9, "description")


def test_mutation_with_too_large_result_is_reported_as_executed(writer: Person) -> None:
    before = writer.revision()
    response = writer.post(MUTATIONS)
    data, errors = response.json()["data"], response.json()["errors"]
    assert response.status_code == 200
    assert data["b"] is data["d"] is None
    assert [data[key]["task"]["title"] for key in "ac"] == ["a", "c"]
    (error,) = [error for error in errors if error["path"] == ["b"]]
    assert error["message"].startswith("The mutation was executed, but its result is not returned")
    assert error["extensions"]["limitName"] == "responseBytes"
    assert [error["path"] for error in errors if error is not errors[0]] == [["d"]]
    assert writer.revision() == before + 3


def test_results_of_several_mutations_share_the_limit(writer: Person) -> None:
    field = 'completeTasks(filter: {search: "a"}, dryRun: true) { tasks { %s } }'
    response = writer.post("mutation { %s }" % times(9, field % times(5, "description")))
    data, errors = response.json()["data"], response.json()["errors"]
    assert len(response.content) <= LIMIT
    assert data["f0"]["tasks"]
    assert [error["path"][0] for error in errors] == [key for key in data if data[key] is None]


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small send buffers."""
    shrink_send_buffers(monkeypatch)


LARGE = json.dumps(
    {"query": "{ tasks(first: 18) { nodes { description d: description } } }"}
).encode()


def ask(connection: socket.socket, person: Person, *lines: bytes) -> None:
    """Ask for a page of about 180,000 bytes."""
    length = b"Content-Length: %d" % len(LARGE)
    connection.sendall(asked_by(person, b"POST /graphql", length, *lines) + LARGE)


@pytest.mark.usefixtures("narrow")
def test_unread_responses_of_a_user_are_limited(
    base: str, writer: Person, limited: Settings
) -> None:
    """The budget is twice the limit: 400,000 bytes."""
    with ExitStack() as stack:
        unread = [stack.enter_context(connected(base, room=4_096)) for _ in range(2)]
        for connection in unread:
            ask(connection, writer)
            assert connection.recv(12) == b"HTTP/1.1 200"
        refused = writer.post(json.loads(LARGE)["query"])
        (error,) = refused.json()["errors"]
        assert (refused.status_code, error["message"]) == (503, TOO_MANY)
        assert refused.headers["retry-after"] == "5"
        assert writer.revision() > 0  # a small response takes no share
        assert Person(base, limited).create("x")["title"] == "x"
    until(lambda: writer.post(json.loads(LARGE)["query"]).status_code == 200, "free shares")


@pytest.mark.usefixtures("narrow")
def test_old_unread_response_gives_way(
    base: str, writer: Person, limited: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The memory of the process is used up by one user, and another one asks."""
    other = Person(base, limited)
    for _ in range(2):
        other.create_many(*"abcde", description=TEXT)
    document = "{ tasks { nodes { description d: description } } }"
    with connected(base, room=4_096) as connection:
        ask(connection, writer)
        assert connection.recv(12) == b"HTTP/1.1 200"
        monkeypatch.setattr(unsent_responses, "GRACE_SECONDS", 0.0)
        monkeypatch.setattr(
            unsent_responses.UnsentResponses,
            "_max_bytes",
            property(lambda _: 200_000),
            raising=False,
        )
        assert len(other.ask(document)["tasks"]["nodes"]) == 10
        head, _, body = answers(connection).partition(b"\r\n\r\n")
    (length,) = [int(line[16:]) for line in head.split(b"\r\n") if line.startswith(b"content-l")]
    assert len(body) < length


def test_large_response_is_sent_in_pieces(writer: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[int] = []
    send = RequestCycle.send

    async def noting(cycle: RequestCycle, message: Any) -> None:
        pieces.append(len(message.get("body", b"")))
        await send(cycle, message)

    monkeypatch.setattr(RequestCycle, "send", noting)
    response = writer.post(json.loads(LARGE)["query"])
    assert int(response.headers["content-length"]) == len(response.content) == sum(pieces)
    assert max(pieces) == RESPONSE_PIECE_BYTES


def test_connection_serves_requests_after_a_large_response(base: str, writer: Person) -> None:
    with connected(base) as connection:
        ask(connection, writer)
        assert status(connection) == 200
        ask(connection, writer, b"Connection: close")
        assert status(connection) == 200
