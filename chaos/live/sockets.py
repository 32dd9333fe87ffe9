"""Clients of live streams over WebSockets (graphql-transport-ws)."""

import asyncio
import json
import random
from contextlib import suppress

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from chaos.live.clients import DOCUMENT, LiveStream

PROTOCOL = Subprotocol("graphql-transport-ws")


class Cut:
    """The connection of a WebSocket, which any thread can cut."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._loop = asyncio.get_running_loop()

    def close(self) -> None:
        self._socket.transport.abort()

    def cut(self) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self.close)


class SocketStream(LiveStream):
    """A user's stream over a WebSocket, which connects again whenever it ends."""

    async def run(self, opening: asyncio.Semaphore) -> None:
        """Subscribe again and again, until the task is cancelled."""
        while True:
            with suppress(OSError, WebSocketException, TimeoutError):
                await self._subscribe(opening)
            self.note_end()
            await asyncio.sleep(random.uniform(0.2, 1))  # noqa: S311 - not a secret

    async def _subscribe(self, opening: asyncio.Semaphore) -> None:
        url = f"ws://127.0.0.1:{self.port}/graphql"
        async with connect(url, subprotocols=[PROTOCOL], ping_interval=None) as socket:
            self.connection = Cut(socket)
            async with opening:
                payload = {"Authorization": f"Bearer {self.user.token}"}
                await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
                operation = {"query": DOCUMENT, "variables": {"since": self.cursor}}
                await socket.recv()  # the acknowledgement, or the close
                message = {"type": "subscribe", "id": "1", "payload": operation}
                await socket.send(json.dumps(message))
            async for text in socket:
                await self._receive(socket, json.loads(text))

    async def _receive(self, socket: ClientConnection, message: dict[str, object]) -> None:
        match message["type"]:
            case "next":
                self.apply(message["payload"])
            case "ping":
                await socket.send('{"type": "pong"}')
            case "complete":
                self.is_completed = True
            case "error":
                self.received.rejected += 1
                await socket.close()
