"""The limits of WebSockets on their number, their operations and their cost."""

import json
import threading
import time
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.api_client import Person
from tests.support.commands import until
from tests.support.servers import serving
from tests.support.websockets import GraphQLSocket, graphql_socket
from todo_graphql.api.schema import Schema
from todo_graphql.server.live import limits
from todo_graphql.server.live.message_costs import MessageCosts
from todo_graphql.settings.settings import Settings

ME = "{ me { revision } }"
LONG = "x" * 10_000


def test_first_message_is_limited(url: str) -> None:
    with graphql_socket(url) as socket:
        socket.send(type="connection_init", payload={"x": "x" * limits.MAX_INIT_CHARACTERS})
        assert socket.await_close() == (4400, "The first message is too long.")


def held_executions(monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event]:
    """Hold each execution. Return the event that one has begun, and the one that releases them."""
    begun, released = threading.Event(), threading.Event()
    run = Schema.run

    def hold(schema: Schema, *given: Any) -> Any:
        begun.set()
        assert released.wait(30)
        return run(schema, *given)

    monkeypatch.setattr(Schema, "run", hold)
    return begun, released


def test_sockets_of_a_user_are_limited(
    url: str, alice: Person, mallory: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_USER_SOCKETS", 2)
    with ExitStack() as sockets:
        for _ in range(2):
            sockets.enter_context(graphql_socket(url, alice))
        assert init_result(url, alice) == (1013, "You have too many WebSockets.")
        assert init_result(url, mallory) is None
    until(lambda: init_result(url, alice) is None, "a free place")


def test_sockets_of_a_process_are_limited(
    own_url: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_SOCKETS", 1)
    alice, mallory = Person(own_url, settings), Person(own_url, settings)
    with graphql_socket(own_url, alice):
        assert init_result(own_url, mallory) == (1013, "Too many WebSockets are open.")


def init_result(url: str, person: Person) -> Any:
    """Return the close code and the reason after `connection_init`, or None if it is accepted."""
    with graphql_socket(url) as socket:
        payload = {"Authorization": f"Bearer {person.token}"}
        socket.send(type="connection_init", payload=payload)
        message = json.loads(received) if (received := first_message(socket)) else None
        return None if message == {"type": "connection_ack"} else socket.await_close()


def first_message(socket: GraphQLSocket) -> str | None:
    try:
        return str(socket.connection.recv(60))
    except Exception:  # noqa: BLE001 - the connection is closed
        return None


@pytest.mark.parametrize("limit", ["MAX_SOCKET_SUBSCRIPTIONS", "MAX_USER_STREAMS"])
def test_subscriptions_are_limited(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(limits, limit, 2)
    with graphql_socket(url, alice) as socket:
        for number in ("1", "2"):
            socket.subscribe(number)
            socket.page(number)
        refused = socket.refusal()
        assert refused["code"] == "RATE_LIMITED"
        assert refused["retryAfter"] > 0
        assert socket.ask(ME)["data"]
        socket.complete("1")
        until(lambda: is_accepted(socket), "a free place")


def is_accepted(socket: GraphQLSocket) -> bool:
    socket.subscribe("3")
    return bool(socket.receive()["type"] == "next")


def test_operations_beyond_the_limit_wait_in_the_client(
    own_url: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_SOCKET_OPERATIONS", 2)
    running, most, lock = 0, 0, threading.Lock()
    run = Schema.run

    def counting(schema: Schema, *given: Any) -> Any:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        try:
            time.sleep(0.01)
            return run(schema, *given)
        finally:
            with lock:
                running -= 1

    monkeypatch.setattr(Schema, "run", counting)
    with graphql_socket(own_url, Person(own_url, settings)) as socket:
        for number in range(50):
            socket.subscribe(str(number), ME)
        kinds = [socket.receive()["type"] for _ in range(100)]
    assert (kinds.count("next"), kinds.count("complete")) == (50, 50)
    assert most == 2


def test_operation_is_charged_like_a_request(settings: Settings) -> None:
    with serving(settings.model_copy(update={"rate_limit": "3000/hour"})) as url:
        person = Person(url, settings)
        with graphql_socket(url, person) as socket:
            codes = set()
            for number in range(20):
                socket.subscribe(str(number), ME)
                message = socket.receive()
                if message["type"] == "error":
                    codes.add(message["payload"][0]["extensions"]["code"])
                else:
                    assert socket.receive()["type"] == "complete"
        assert codes == {"RATE_LIMITED"}
        assert person.post(ME).status_code == 429


def test_long_message_is_parsed_at_a_charge(settings: Settings) -> None:
    with serving(settings.model_copy(update={"rate_limit": "3000/hour"})) as url:
        person = Person(url, settings)
        with graphql_socket(url, person) as socket:
            for _ in range(10):
                socket.send(type="ping", payload={"x": "x" * limits.MAX_INLINE_CHARACTERS})
                assert socket.receive() == {"type": "pong"}
        assert person.post(ME).status_code == 429


def test_short_messages_are_charged(settings: Settings) -> None:
    with serving(settings.model_copy(update={"rate_limit": "30000/hour"})) as url:
        person = Person(url, settings)
        with graphql_socket(url, person) as socket:
            with suppress(ConnectionClosed):
                for _ in range(350):
                    socket.send(type="ping", payload={"x": "x" * 400})
            code, reason = socket.await_close()
            assert code == 1013
            assert reason.startswith("Rate limit exceeded")


def test_sockets_are_charged(settings: Settings) -> None:
    """A user without a budget gets no answer on a new one."""
    with serving(settings.model_copy(update={"rate_limit": "30000/hour"})) as url:
        person = Person(url, settings)
        ends = [end_of_socket(url, person) for _ in range(20)]
        assert ends[0] is None
        assert ends[-1] is not None
        assert ends[-1][0] == 1013


def test_sockets_without_messages_are_charged(settings: Settings) -> None:
    """The charge follows the close."""
    with serving(settings.model_copy(update={"rate_limit": "30000/hour"})) as url:
        person = Person(url, settings)
        for _ in range(20):
            with graphql_socket(url, person):
                pass
        until(lambda: person.post(ME).status_code == 429, "the charges")


def test_rejected_charge_is_kept_until_the_close() -> None:
    costs, due = MessageCosts(), []
    costs.add(0)
    due.append(costs.are_due)
    cost = costs.take()
    assert cost == limits.HANDSHAKE_COST + limits.MESSAGE_COST
    costs.add(0)
    due.append(costs.are_due)
    costs.put_back(cost)
    assert costs.take() == cost + limits.MESSAGE_COST
    assert costs.take() == 0
    assert due == [True, False]


def end_of_socket(url: str, person: Person) -> tuple[int | None, str] | None:
    """Send a ping on a new WebSocket. Return its close, or None if it answers."""
    with graphql_socket(url, person) as socket:
        socket.send(type="ping")
        try:
            assert socket.receive() == {"type": "pong"}
        except ConnectionClosed:
            return socket.await_close()
    return None


@pytest.mark.parametrize(
    ("origins", "origin", "is_allowed"),
    [
        ((), "https://evil.example", False),
        ((), "null", False),
        ((), "http://[", False),
        ((), "same", True),
        (("https://app.example",), "https://app.example", True),
        (("https://app.example",), "http://app.example", False),
        (("*",), "https://any.example", True),
    ],
)
def test_page_of_another_origin_needs_cors(
    settings: Settings, origins: tuple[str, ...], origin: str, is_allowed: bool
) -> None:
    with serving(settings.model_copy(update={"cors_origins": origins})) as url:
        given = url if origin == "same" else origin
        if is_allowed:
            with graphql_socket(url, Person(url, settings), origin=given) as socket:
                assert socket.ask(ME)["data"]
            return
        with pytest.raises(InvalidStatus) as refused, graphql_socket(url, origin=given):
            pass
        assert refused.value.response.status_code == 403
        assert b"CORS_ORIGINS" in refused.value.response.body
