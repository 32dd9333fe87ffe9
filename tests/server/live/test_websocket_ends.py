"""The ends of WebSockets: closes, shutdowns, errors and log lines."""

import gc
import json
import logging
import threading
from contextlib import ExitStack
from typing import Any

import pytest

from tests.server.live.test_streams import titles_of
from tests.server.live.test_websocket_limits import held_executions
from tests.support.api_client import CREATE, Person
from tests.support.commands import until
from tests.support.frames import TEXT, frame, open_raw_socket
from tests.support.http_client import shrink_send_buffers
from tests.support.issuer import Issuer
from tests.support.servers import serving
from tests.support.websockets import graphql_socket
from todo_graphql.api.schema import Schema
from todo_graphql.dev.demo_user import token_for
from todo_graphql.errors import Unavailable
from todo_graphql.runtime.listening import listening
from todo_graphql.runtime.uvicorn_server import Server, uvicorn_config
from todo_graphql.server.app import create_app
from todo_graphql.server.live import limits, websocket_operations
from todo_graphql.server.live.stream import Stream
from todo_graphql.server.observability.live_statistics import (
    LiveStatistics,
    StreamEnd,
    StreamRecord,
)
from todo_graphql.server.protocol.limits import MinDataRate
from todo_graphql.settings.settings import Settings

ME = "{ me { revision } }"
LONG = "x" * 10_000


def test_socket_without_an_init_is_closed(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "INIT_SECONDS", 0.2)
    with graphql_socket(url) as socket:
        socket.send(type="ping")
        assert socket.receive() == {"type": "pong"}
        assert socket.await_close() == (4408, "Connection initialisation timeout.")


@pytest.mark.parametrize("has_subscription", [False, True])
def test_expired_token_closes_the_socket(
    url: str, alice: Person, settings: Settings, has_subscription: bool
) -> None:
    """graphql-ws connects again after 4403, with a new token."""
    alice.token = token_for(alice.viewer, settings, 2)
    with graphql_socket(url, alice) as socket:
        if has_subscription:
            socket.subscribe()
            socket.page()
        assert socket.await_close()[0] == 4403


def test_withdrawn_key_closes_the_socket(
    withdrawable: tuple[Person, Issuer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PING_SECONDS", 0.1)
    person, issuer = withdrawable
    with graphql_socket(person.url, person) as socket:
        assert socket.ask(ME)
        issuer.keys = {"2": "EdDSA"}
        assert socket.await_close()[0] == 4403
        assert person.post(ME).status_code == 401


def test_client_that_answers_pings_stays(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PING_SECONDS", 0.05)
    monkeypatch.setattr(limits, "PONG_SECONDS", 0.3)
    with graphql_socket(url, alice) as socket:
        socket.subscribe()
        socket.page()
        timer = threading.Timer(1, alice.create, ["late"])
        timer.start()
        assert titles_of(socket.page()) == ["late"]
        assert socket.pings > 5
        timer.join()


def test_client_that_answers_no_ping_is_closed(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PING_SECONDS", 0.05)
    monkeypatch.setattr(limits, "PONG_SECONDS", 0.3)
    with graphql_socket(url, alice) as socket:
        closed = socket.await_close(answers_pings=False)
        assert closed == (1013, "The client has not answered a ping.")


def test_shutdown_closes_the_sockets(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operation in progress sends its result before."""
    ready = threading.Event()
    with listening(settings) as listener:
        server = Server(uvicorn_config(create_app(settings), settings, grace=60), ready.set)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        assert ready.wait(60)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        person = Person(url, settings)
        with (
            graphql_socket(url, person) as idle,
            graphql_socket(url, person) as streaming,
            graphql_socket(url, person) as busy,
            graphql_socket(url) as early,
        ):
            streaming.subscribe()
            streaming.page()
            begun, go_on = held_executions(monkeypatch)
            busy.subscribe("m", CREATE, input={"title": "in progress"})
            assert begun.wait(60)
            server.should_exit = True
            assert idle.await_close() == (1012, "The server is shutting down.")
            assert streaming.await_close()[0] == early.await_close()[0] == 1012
            go_on.set()
            assert busy.receive()["payload"]["data"]["createTask"]
            assert busy.receive() == {"type": "complete", "id": "m"}
            assert busy.await_close()[0] == 1012
        thread.join(60)
        assert not thread.is_alive()


@pytest.mark.parametrize("is_retried_soon", [True, False])
def test_shutdown_does_not_wait_for_the_database(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, is_retried_soon: bool
) -> None:
    """A subscription whose first read is repeated ends at once."""
    monkeypatch.setattr(limits, "MIN_PAUSE_SECONDS", 0.01 if is_retried_soon else 60)
    failures = list[int]()

    def failing(_schema: Schema, _request: Any, _context: Any) -> Any:
        failures.append(0)
        raise Unavailable("The database is unavailable.", retry_after=0)

    monkeypatch.setattr(Schema, "_run", failing)
    with ExitStack() as sockets:
        with serving(settings, grace=600) as url:
            socket = sockets.enter_context(graphql_socket(url, Person(url, settings)))
            for operation_id in range(10):
                socket.subscribe(str(operation_id))
            until(lambda: len(failures) >= 10, "attempts")
        assert socket.await_close() == (1012, "The server is shutting down.")


def test_client_that_does_not_read_is_disconnected(
    own_url: str, settings: Settings, statistics: LiveStatistics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its memory is bounded meanwhile: one event at most."""
    monkeypatch.setattr(limits, "SEND_RATE", MinDataRate(0.5, 10**9))
    monkeypatch.setattr("todo_graphql.server.protocol.limits.CLOSE_SECONDS", 0.2)
    shrink_send_buffers(monkeypatch)
    records = list[StreamRecord]()

    def record(transport: str) -> StreamRecord:
        records.append(StreamRecord(transport))
        return records[-1]

    monkeypatch.setattr(websocket_operations, "StreamRecord", record)
    person = Person(own_url, settings)
    document = "subscription { taskChanges { changes { task { description } } } }"
    message = {"type": "subscribe", "id": "1", "payload": {"query": document}}
    with open_raw_socket(own_url, person.token, room=4_096) as raw:
        raw.send(frame(TEXT, json.dumps(message).encode()))
        assert raw.read()
        for _ in range(10):
            person.create_many(*["x"] * 5, description=LONG)
        until(lambda: records[0].end, "the end of the stream")
        assert records[0].end is StreamEnd.TOO_SLOW
        until(lambda: not statistics.streams, "a free place")
        assert raw.await_close() in (None, (1013, "The client reads too slowly."))


@pytest.mark.parametrize("reads", [True, False])
def test_client_without_an_echo_does_not_delay_the_shutdown(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, reads: bool
) -> None:
    shrink_send_buffers(monkeypatch)
    document = "subscription { taskChanges { changes { task { description } } } }"
    message = {"type": "subscribe", "id": "1", "payload": {"query": document}}
    with ExitStack() as clients:
        with serving(settings, grace=600) as url:
            person = Person(url, settings)
            raw = clients.enter_context(open_raw_socket(url, person.token, room=4_096))
            raw.send(frame(TEXT, json.dumps(message).encode()))
            assert raw.read()
            if not reads:
                for _ in range(10):
                    person.create_many(*["x"] * 5, description=LONG)
        if reads:
            assert raw.await_close() == (1012, "The server is shutting down.")


def test_first_read_of_a_subscription_waits_for_the_database(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An `error` would end the subscription for good, although the client did nothing wrong."""
    monkeypatch.setattr(limits, "MIN_PAUSE_SECONDS", 0.01)
    failures = list[int]()
    run = Schema._run

    def failing(schema: Schema, request: Any, context: Any) -> Any:
        result = run(schema, request, context)
        if len(failures) < 3:
            failures.append(0)
            raise Unavailable("The database is unavailable.", retry_after=0)
        return result

    monkeypatch.setattr(Schema, "_run", failing)
    with graphql_socket(url, alice) as socket:
        socket.subscribe()
        assert socket.page()["changes"] == []
    assert len(failures) == 3


def test_query_without_the_database_is_an_error(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_given: Any) -> Any:
        raise Unavailable("The database is unavailable.")

    with graphql_socket(url, alice) as socket:
        monkeypatch.setattr(Schema, "run", failing)
        assert socket.refusal(ME)["code"] == "UNAVAILABLE"


def test_unexpected_error_is_an_error_of_its_id(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run = Schema.run

    def failing(schema: Schema, request: Any, context: Any) -> Any:
        if request.operation_name == "Fail":
            raise ValueError("a secret")
        return run(schema, request, context)

    monkeypatch.setattr(Schema, "run", failing)
    with graphql_socket(url, alice) as socket:
        payload = {"query": "query Fail { me { id } }", "operationName": "Fail"}
        socket.send(type="subscribe", id="1", payload=payload)
        (error,) = socket.receive()["payload"]
        assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
        assert "secret" not in json.dumps(error)
        assert socket.ask(ME)["data"]
    (logged,) = [record for record in caplog.records if record.exc_info]
    assert logged.getMessage() == "An operation failed."


def test_each_operation_and_the_socket_have_a_log_line(
    own_url: str, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    person = Person(own_url, settings)
    with graphql_socket(own_url, person, additional_headers={"X-Request-ID": "s"}) as socket:
        socket.ask("query Named { me { revision } }")
        socket.refusal("{")
        socket.subscribe("1")
        socket.page("1")

    def lines() -> list[dict[str, Any]]:
        found = [getattr(record, "fields", {}) for record in caplog.records]
        return found if any("closeCode" in fields for fields in found) else []

    query, refused, stream, whole = [line for line in until(lines, "log lines") if line]
    assert (query["method"], query["path"], query["operation"]) == (
        "SUBSCRIBE",
        "/graphql",
        "Named",
    )
    assert (query["status"], query["outcome"], query["userId"]) == (200, "OK", person.id)
    assert (refused["outcome"], refused["status"]) == ("GRAPHQL_PARSE_FAILED", 400)
    assert (stream["transport"], stream["end"]) == ("websocket", "disconnected")
    assert (whole["method"], whole["status"], whole["closeCode"]) == ("GET", 101, 1000)
    assert person.token not in caplog.text


def test_memory_of_an_ended_socket_is_freed(own_url: str, settings: Settings) -> None:
    with graphql_socket(own_url, Person(own_url, settings)) as socket:
        socket.subscribe()
        socket.page()
        assert any(isinstance(each, Stream) for each in gc.get_objects())

    def is_freed() -> bool:
        gc.collect()
        return not any(isinstance(each, Stream) for each in gc.get_objects())

    until(is_freed, "the memory of a stream")
