"""The time limits of messages that a WebSocket sends, and of a client that is silent."""

import asyncio
import json
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from tests.server.live.test_websocket_ends import LONG, ME
from tests.server.live.test_websocket_limits import held_executions
from tests.support.api_client import Person
from tests.support.commands import until
from tests.support.frames import TEXT, frame, open_raw_socket
from tests.support.http_client import shrink_send_buffers
from tests.support.websockets import graphql_socket
from todo_graphql.server.live import limits, websocket_operations
from todo_graphql.server.live.websocket import Socket
from todo_graphql.server.live.websocket_messages import PING, PONG
from todo_graphql.server.observability.live_statistics import (
    LiveStatistics,
    StreamEnd,
    StreamRecord,
)
from todo_graphql.server.observability.request_record import RequestRecord
from todo_graphql.server.protocol.limits import MinDataRate
from todo_graphql.server.protocol.websocket_handshake import ON_AUTHENTICATED
from todo_graphql.settings.settings import Settings

DESCRIPTIONS = "subscription { taskChanges { changes { task { description } } } }"


class SlowClient:
    """A WebSocket whose client reads these messages after a time, and all others at once."""

    def __init__(self, slow: str, seconds: float) -> None:
        self.slow, self.seconds = slow, seconds
        self.sent = list[str]()
        self.closed: int | None = None
        self.scope = {"extensions": {ON_AUTHENTICATED: lambda: None}}
        self._transport = asyncio.Lock()
        self._received = asyncio.Queue[Any]()
        self.give({"type": "connection_init"})

    def give(self, message: object) -> None:
        """Send a message to the server."""
        self._received.put_nowait(message)

    async def receive(self) -> Any:
        return {"type": "websocket.receive", "text": json.dumps(await self._received.get())}

    async def send_text(self, text: str) -> None:
        async with self._transport:
            if text.startswith(self.slow):
                await asyncio.sleep(self.seconds)
            self.sent.append(text)

    async def close(self, code: int, _reason: str) -> None:
        self.closed = code


def socket_of(client: Any) -> Socket:
    context = SimpleNamespace(viewer=SimpleNamespace(key="user"))
    session = SimpleNamespace(create_context=lambda: context, expires_at=2**40)

    async def open_session(*_: object) -> Any:
        return session

    async def charge(*_: object) -> None:
        pass

    services: Any = SimpleNamespace(
        runner=SimpleNamespace(call=charge),
        streams=SimpleNamespace(shutdown=asyncio.get_running_loop().create_future()),
        get_context=SimpleNamespace(open_session=open_session),
        slots=SimpleNamespace(hold=lambda _user: nullcontext()),
    )
    record = RequestRecord("id", "GET", "/graphql")
    return Socket(services, client, record)


def test_ping_behind_a_large_event_has_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The event may take longer than a ping."""
    monkeypatch.setattr(limits, "SEND_RATE", MinDataRate(0.1, 1_000))
    monkeypatch.setattr(limits, "PING_SECONDS", 0.02)

    async def main() -> None:
        client = SlowClient("event", 0.4)
        socket = socket_of(client)
        serving = asyncio.create_task(socket.run())
        await socket.send("event" + "x" * 10_000)
        while client.sent.count(PING) < 2:
            await asyncio.wait({serving}, timeout=0.01)
            assert not serving.done(), client.closed
        serving.cancel()
        await asyncio.wait({serving})

    asyncio.run(main())


@pytest.mark.parametrize("slow", [PING, PONG])
def test_client_that_reads_a_message_too_slowly_may_connect_again(
    monkeypatch: pytest.MonkeyPatch, slow: str
) -> None:
    """Code 1013: no client of graphql-ws connects again after 1011."""
    monkeypatch.setattr(limits, "SEND_RATE", MinDataRate(0.1, 1_000))
    monkeypatch.setattr(limits, "PING_SECONDS", 0.02 if slow == PING else 60)

    async def main() -> None:
        client = SlowClient(slow, 60)
        client.give({"type": "ping"})
        await asyncio.wait_for(socket_of(client).run(), 30)
        assert client.closed == 1013

    asyncio.run(main())


def test_client_whose_message_waits_is_not_silent(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server does not read its pongs while another operation holds the last permit."""
    monkeypatch.setattr(limits, "MAX_SOCKET_OPERATIONS", 1)
    monkeypatch.setattr(limits, "PING_SECONDS", 0.02)
    monkeypatch.setattr(limits, "PONG_SECONDS", 0.1)
    with graphql_socket(url, alice) as socket:
        begun, go_on = held_executions(monkeypatch)
        for operation_id in ("1", "2"):
            socket.subscribe(operation_id, ME)
        assert begun.wait(60)
        for _ in range(20):
            assert json.loads(socket.connection.recv(60)) == {"type": "ping"}
            socket.send(type="pong")
        go_on.set()
        assert [socket.receive()["type"] for _ in range(4)] == ["next", "complete"] * 2


def test_disconnect_during_an_event_is_no_failure(
    own_url: str, settings: Settings, statistics: LiveStatistics, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrink_send_buffers(monkeypatch)
    records = list[StreamRecord]()

    def record(transport: str) -> StreamRecord:
        records.append(StreamRecord(transport))
        return records[-1]

    monkeypatch.setattr(websocket_operations, "StreamRecord", record)
    sending = asyncio.Event()
    send = Socket.send

    async def note(socket: Socket, text: str) -> None:
        if len(text) > len(LONG):
            sending.set()
        await send(socket, text)

    monkeypatch.setattr(Socket, "send", note)
    person = Person(own_url, settings)
    message = {"type": "subscribe", "id": "1", "payload": {"query": DESCRIPTIONS}}
    with open_raw_socket(own_url, person.token, room=4_096) as raw:
        raw.send(frame(TEXT, json.dumps(message).encode()))
        assert raw.read()
        for _ in range(10):
            person.create_many(*["x"] * 5, description=LONG)
        until(sending.is_set, "a large event")
    until(lambda: records[0].end, "the end of the stream")
    assert records[0].end is StreamEnd.DISCONNECTED
    until(lambda: not statistics.streams, "a free slot")
