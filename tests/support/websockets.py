"""Clients of graphql-transport-ws."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.support.api_client import Person
from tests.support.commands import PATIENCE
from tests.support.streams import SUBSCRIPTION

TRANSPORT_WS = Subprotocol("graphql-transport-ws")


class GraphQLSocket:
    """A WebSocket whose client answers the pings of the server."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.pings = 0

    def send(self, **message: Any) -> None:
        self.connection.send(json.dumps(message))

    def init(self, person: Person) -> "GraphQLSocket":
        """Send the token, and await the acknowledgement."""
        self.send(type="connection_init", payload={"Authorization": f"Bearer {person.token}"})
        assert self.receive() == {"type": "connection_ack"}
        return self

    def subscribe(
        self, operation_id: str = "1", document: str = SUBSCRIPTION, **variables: Any
    ) -> None:
        payload = {"query": document, "variables": variables}
        self.send(type="subscribe", id=operation_id, payload=payload)

    def complete(self, operation_id: str = "1") -> None:
        self.send(type="complete", id=operation_id)

    def receive(self, *, answers_pings: bool = True) -> Any:
        """Return the next message that is no ping."""
        while True:
            message = json.loads(self.connection.recv(PATIENCE))
            if message != {"type": "ping"}:
                return message
            self.pings += 1
            if answers_pings:
                self.send(type="pong")

    def page(self, operation_id: str = "1") -> Any:
        """Return the changes of the next message, which must be an event of this subscription."""
        message = self.receive()
        assert (message["type"], message["id"]) == ("next", operation_id), message
        assert "errors" not in message["payload"], message
        return message["payload"]["data"]["taskChanges"]

    def ask(self, document: str, operation_id: str = "q", **variables: Any) -> Any:
        """Send a query or mutation, and return its result."""
        self.subscribe(operation_id, document, **variables)
        message = self.receive()
        assert (message["type"], message["id"]) == ("next", operation_id), message
        assert self.receive() == {"type": "complete", "id": operation_id}
        return message["payload"]

    def refusal(
        self, document: str = SUBSCRIPTION, operation_id: str = "q", **variables: Any
    ) -> Any:
        """Send an operation that is rejected, and return its only error's extensions."""
        self.subscribe(operation_id, document, **variables)
        message = self.receive()
        assert (message["type"], message["id"]) == ("error", operation_id), message
        (error,) = message["payload"]
        return error["extensions"]

    def await_close(self, *, answers_pings: bool = True) -> tuple[int | None, str]:
        """Return the code and the reason with which the server closes the connection."""
        try:
            while True:
                self.receive(answers_pings=answers_pings)
        except ConnectionClosed as closed:
            received = closed.rcvd
            return (None, "") if received is None else (received.code, received.reason)


@contextmanager
def graphql_socket(
    url: str,
    person: Person | None = None,
    subprotocol: str | None = TRANSPORT_WS,
    path: str = "/graphql",
    **options: Any,
) -> Iterator[GraphQLSocket]:
    """Open a WebSocket, with a session of the person if there is one."""
    subprotocols = None if subprotocol is None else [Subprotocol(subprotocol)]
    options = {"ping_interval": None, "close_timeout": 1, "open_timeout": PATIENCE, **options}
    base = url.replace("http://", "ws://")
    with connect(f"{base}{path}", subprotocols=subprotocols, **options) as connection:
        socket = GraphQLSocket(connection)
        yield socket if person is None else socket.init(person)
