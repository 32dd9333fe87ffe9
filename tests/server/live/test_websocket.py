"""Operations over WebSocket, by graphql-transport-ws."""

import json
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.server.live.test_streams import titles_of
from tests.support.api_client import CREATE, Person
from tests.support.streams import streaming
from tests.support.websockets import graphql_socket
from todo_graphql.server.live import limits

PURGE = "mutation ($id: ID!) { purgeTask(id: $id) { taskId } }"


def test_query_has_one_result(url: str, alice: Person) -> None:
    with graphql_socket(url, alice) as socket:
        assert socket.ask("{ me { revision } }") == {"data": {"me": {"revision": 0}}}
        # The id may be used again.
        assert socket.ask("{ me { revision } }") == {"data": {"me": {"revision": 0}}}


def test_execution_error_is_a_result(url: str, alice: Person) -> None:
    with graphql_socket(url, alice) as socket:
        answer = socket.ask(PURGE, id="d0d0d0d0-0000-4000-8000-00000000dead")
        assert answer["data"] == {"purgeTask": None}
        assert answer["errors"][0]["extensions"]["code"] == "NOT_FOUND"


def test_mutation_is_an_event_of_every_transport(url: str, alice: Person) -> None:
    with graphql_socket(url, alice) as socket, streaming(url, alice) as stream:
        stream.page()
        socket.subscribe("1")
        assert socket.page("1")["changes"] == []
        socket.subscribe("2", CREATE, input={"title": "new"})
        received = [socket.receive() for _ in range(3)]
        by_id = {number: [m for m in received if m["id"] == number] for number in ("1", "2")}
        assert [message["type"] for message in by_id["2"]] == ["next", "complete"]
        (event,) = by_id["1"]
        assert titles_of(event["payload"]["data"]["taskChanges"]) == ["new"]
        assert titles_of(stream.page()) == ["new"]
        alice.create("over HTTP")
        assert titles_of(socket.page("1")) == ["over HTTP"]


def test_completed_subscription_has_no_further_event(url: str, alice: Person) -> None:
    with graphql_socket(url, alice) as socket:
        socket.subscribe("1")
        socket.page("1")
        socket.complete("1")
        assert socket.ask("{ me { revision } }")["data"]["me"] == {"revision": 0}
        alice.create("unheard")
        socket.subscribe("1")
        assert titles_of(socket.page("1")) == ["unheard"]


def test_subscription_resumes_at_its_cursor(url: str, alice: Person) -> None:
    alice.create("old")
    with graphql_socket(url, alice) as socket:
        socket.subscribe()
        cursor = socket.page()["cursor"]
    alice.create("new")
    with graphql_socket(url, alice) as socket:
        socket.subscribe(since=cursor)
        assert titles_of(socket.page()) == ["new"]


def test_another_user_receives_nothing(
    url: str, alice: Person, mallory: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CHECK_SECONDS", 0.05)
    with graphql_socket(url, alice) as hers, graphql_socket(url, mallory) as theirs:
        theirs.subscribe()
        assert theirs.page()["changes"] == []
        hers.ask(CREATE, input={"title": "hers"})
        mallory.create("theirs")
        assert titles_of(theirs.page()) == ["theirs"]
        theirs.subscribe("f", userId=alice.id)
        refused = theirs.receive()
        assert refused["payload"]["errors"][0]["extensions"]["code"] == "FORBIDDEN"


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("query A { me { revision } } query B { me { revision } }", "BAD_USER_INPUT"),
    ],
)
def test_rejected_operation_is_an_error_of_its_id(
    url: str, alice: Person, document: str, code: str
) -> None:
    with graphql_socket(url, alice) as socket:
        socket.subscribe("1")
        socket.page("1")
        assert socket.refusal(document)["code"] == code
        alice.create("still here")
        assert titles_of(socket.page("1")) == ["still here"]


@pytest.mark.parametrize("payload", [{}, {"query": 1}, {"query": "{ me }", "variables": []}])
def test_payload_without_a_document_is_an_error_of_its_id(
    url: str, alice: Person, payload: Any
) -> None:
    with graphql_socket(url, alice) as socket:
        socket.send(type="subscribe", id="1", payload=payload)
        message = socket.receive()
        assert (message["type"], message["id"]) == ("error", "1")
        assert message["payload"][0]["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"type": "next"}',
        '{"type": "connection_init", "payload": 1}',
        '{"type": "subscribe", "id": "", "payload": {}}',
        '{"type": "subscribe", "id": 1, "payload": {}}',
        '{"type": "subscribe", "id": "1"}',
        '{"type": "complete"}',
        json.dumps({"type": "complete", "id": "x" * 257}),
        "[" * 5_000,
        '{"type": "ping", "payload": NaN}',
        b"{}",
    ],
)
@pytest.mark.parametrize("is_before_init", [True, False])
def test_message_of_no_protocol_closes_the_socket(
    url: str, alice: Person, text: str | bytes, is_before_init: bool
) -> None:
    with graphql_socket(url, None if is_before_init else alice) as socket:
        socket.connection.send(text)
        code, reason = socket.await_close()
        assert (code, bool(reason)) == (4400, True)


def test_duplicate_id_closes_the_socket(url: str, alice: Person) -> None:
    with graphql_socket(url, alice) as socket:
        socket.subscribe("1")
        socket.page("1")
        socket.subscribe("1")
        assert socket.await_close()[0] == 4409


def test_second_init_closes_the_socket(url: str, alice: Person) -> None:
    with graphql_socket(url, alice) as socket:
        socket.send(type="connection_init")
        assert socket.await_close()[0] == 4429


def test_operation_before_init_closes_the_socket(url: str) -> None:
    with graphql_socket(url) as socket:
        socket.subscribe()
        assert socket.await_close()[0] == 4401


@pytest.mark.parametrize(
    "payload",
    [
        None,
        {},
        {"Authorization": "Bearer x"},
        {"Authorization": "Basic x"},
        {"Authorization": 1},
        {"Authorization": "Bearer x", "authorization": "Bearer y"},
    ],
)
def test_init_without_a_valid_token_closes_the_socket(url: str, payload: Any) -> None:
    with graphql_socket(url) as socket:
        socket.send(type="connection_init", payload=payload)
        code, reason = socket.await_close()
        assert code == 4401
        assert "token" in reason


def test_token_may_be_in_the_payload_or_in_the_header(
    url: str, alice: Person, mallory: Person
) -> None:
    header = {"Authorization": f"Bearer {mallory.token}"}
    with graphql_socket(url, additional_headers=header) as socket:
        socket.send(type="connection_init")
        assert socket.receive() == {"type": "connection_ack"}
    with graphql_socket(url, additional_headers=header) as socket:
        socket.send(type="connection_init", payload={"authorization": f"bearer {alice.token}"})
        assert socket.receive() == {"type": "connection_ack"}
        assert socket.ask("{ me { id } }")["data"]["me"]["id"] == alice.id


def test_ping_is_answered_at_any_time(url: str, alice: Person) -> None:
    with graphql_socket(url) as socket:
        socket.send(type="ping", payload={"any": "thing"})
        assert socket.receive() == {"type": "pong"}
        socket.init(alice)
        socket.send(type="pong")
        socket.send(type="ping")
        assert socket.receive() == {"type": "pong"}
        assert socket.connection.ping().wait(10)


@pytest.mark.parametrize("subprotocol", [None, "graphql-ws", "other"])
def test_other_subprotocol_is_not_acceptable(url: str, subprotocol: str | None) -> None:
    with graphql_socket(url, subprotocol=subprotocol) as socket:
        assert socket.await_close() == (4406, "Use the subprotocol graphql-transport-ws.")


def test_handshake_at_another_path_is_rejected(url: str) -> None:
    with pytest.raises(InvalidStatus) as refused, graphql_socket(url, path="/elsewhere"):
        pass
    assert refused.value.response.status_code == 403


def test_handshake_has_the_request_id(url: str) -> None:
    with graphql_socket(url, additional_headers={"X-Request-ID": "mine"}) as socket:
        response = socket.connection.response
        assert response is not None
        assert response.headers["x-request-id"] == "mine"
        assert "sec-websocket-extensions" not in response.headers
