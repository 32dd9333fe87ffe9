"""Pipelined requests: the order of their responses, and the bounds of their queue."""

import re
import select
import threading
from functools import partial

import pytest
import uvicorn
from starlette.types import Scope
from uvicorn.server import ServerState

from tests.support.api_client import Person
from tests.support.http_client import (
    CHUNKED,
    END,
    HOST,
    LENGTH,
    QUERY,
    answers,
    asked_by,
    connected,
    head,
    post,
    reset,
    said,
    statuses,
)
from todo_graphql.server.protocol import limits
from todo_graphql.server.protocol.http1 import HTTP1Protocol
from todo_graphql.server.protocol.request_cycle import RequestCycle

TINY = b"GET / HTTP/1.1\r\nHost:\r\n\r\n"
MAX_QUEUED = limits.MAX_PIPELINED_REQUESTS + limits.PIPELINED_PIECE_BYTES // len(TINY) + 1
READ_BYTES = 262_144
"""The most that an event loop reads at once."""


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of unanswered requests of a connection, each time that it parses one."""
    lengths: list[int] = []
    on_request = HTTP1Protocol.on_request

    def noted(connection: HTTP1Protocol, scope: Scope, **given: bool) -> None:
        on_request(connection, scope, **given)
        lengths.append(len(connection._cycles))

    monkeypatch.setattr(HTTP1Protocol, "on_request", noted)
    return lengths


@pytest.fixture
def unpaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start pipelined requests without a pause."""
    monkeypatch.setattr(limits, "PIPELINE_PAUSE_SECONDS", 0.0)


def test_pipelined_requests_wait_and_others_do_not(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that sends requests without waiting leaves the processor to others."""
    monkeypatch.setattr(limits, "PIPELINE_PAUSE_SECONDS", 60.0)
    with connected(url) as connection:
        connection.sendall(TINY * 3)
        assert b" 404 " in connection.recv(65_536).partition(b"\r\n")[0]
        assert not select.select([connection], [], [], 0.2)[0]
        assert statuses(said(url, END)) == [200]
        reset(connection)


def test_pipelined_responses_keep_request_order(url: str, alice: Person) -> None:
    """Slow operations alternate with fast requests."""
    requests = []
    for number in range(60):
        lines = (LENGTH, b"X-Request-Id: %032x" % number)
        slow, quick = (asked_by(alice, line, *lines) for line in (b"POST /graphql", b"PUT /x"))
        requests.append((quick if number % 3 else slow) + QUERY)
    responses = said(url, *requests, END)
    assert statuses(responses) == [200, 404, 404] * 20 + [200]
    ids = re.findall(rb"x-request-id: (\w+)", responses)
    assert [int(it, 16) for it in ids[:60]] == list(range(60))


@pytest.mark.usefixtures("unpaced")
@pytest.mark.parametrize("at_once", [1, 7, 20_000])
def test_pipeline_of_tiny_requests_is_bounded(url: str, queued: list[int], at_once: int) -> None:
    count = 2_000 if at_once > 1 else 200
    with connected(url) as connection:

        def send() -> None:
            for start in range(0, count, at_once):
                connection.sendall(TINY * min(at_once, count - start))
            connection.sendall(END)

        sender = threading.Thread(target=send)
        sender.start()
        assert statuses(answers(connection)) == [404] * count + [200]
        sender.join(30)
    assert len(queued) == count + 1
    assert max(queued) <= MAX_QUEUED


def test_client_that_pipelines_without_reading_is_not_read(url: str, queued: list[int]) -> None:
    """The buffers of the operating system hold some megabytes."""
    requests, sent = TINY * 10_000, 0
    with connected(url, room=4_096) as connection:
        while select.select([], [connection], [], 2)[1]:
            sent += connection.send(requests)
            assert sent < 32_000_000
        assert max(queued) <= MAX_QUEUED
        reset(connection)
    assert statuses(said(url, END)) == [200]


def test_pipelined_bodies_are_bounded(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    buffered: list[int] = []
    add_body = RequestCycle.add_body

    def noted(cycle: RequestCycle, data: bytes) -> None:
        add_body(cycle, data)
        buffered.append(sum(len(it.body) for it in cycle._connection._cycles))

    monkeypatch.setattr(RequestCycle, "add_body", noted)
    size = 60_000
    request = post(None, HOST, b"Content-Length: %d" % size) + b"x" * size
    assert statuses(said(url, request * 100, END)) == [401] * 100 + [200]
    assert max(buffered) <= limits.MAX_BUFFERED_BODY_BYTES + READ_BYTES


@pytest.mark.parametrize("is_chunked", [False, True])
def test_body_that_contains_requests_is_not_parsed_as_requests(
    url: str, queued: list[int], *, is_chunked: bool
) -> None:
    body = TINY * 2_000
    if is_chunked:
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    framing = CHUNKED if is_chunked else b"Content-Length: %d" % len(body)
    assert statuses(said(url, post(None, HOST, framing), body, END)) == [401, 200]
    assert len(queued) == 2


def test_pipeline_ends_after_connection_close(url: str, queued: list[int]) -> None:
    live = partial(head, b"GET /health/live HTTP/1.1", HOST)
    assert statuses(said(url, live() * 12, live(b"Connection: close"), live() * 500)) == [200] * 13
    assert len(queued) == 13


def test_uvicorn_provides_undocumented_names() -> None:
    """The names are listed in docs/decisions/0001-http1-connection.md."""
    state, config = ServerState(), uvicorn.Config("builtins:print")
    assert (state.connections, state.tasks, state.total_requests) == (set(), set(), 0)
    assert state.default_headers == []
    config.load()
    assert callable(config.loaded_app)
    assert config.timeout_keep_alive == 5
