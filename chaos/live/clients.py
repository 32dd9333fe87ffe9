"""Clients of live streams on raw sockets: each applies the events that it receives.

All run on the event loop of one thread, so that the experiment can look at them meanwhile.
"""

import asyncio
import json
import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from chaos.clients import head_for
from chaos.environment import User
from chaos.servers import until

DOCUMENT = """subscription ($since: String) { taskChanges(since: $since) {
    reset cursor changes { id revision task { title updatedAt } }
} }"""
MAX_OPENING = 50
"""The connections that subscribe at the same time."""

OWNER_CHARACTERS = 8
"""The first characters of a user's id, with which the ids of its tasks begin too."""


@dataclass(slots=True)
class Received:
    """The events of all streams."""

    events: int = 0
    changes: int = 0
    foreign: int = 0
    """The number of changes of another user."""
    rejected: int = 0
    """The number of subscriptions that were answered with an error."""
    delays: list[float] = field(default_factory=list)
    """The seconds from each change's stamp, which precedes its commit, to its event."""


class Connection(asyncio.Protocol):
    """A connection with one subscription by server-sent events."""

    def __init__(self, stream: "LiveStream") -> None:
        self._stream = stream
        self._loop = asyncio.get_running_loop()
        self._buffer = b""
        self._content = b""
        self._has_head = False
        self.transport: asyncio.Transport | None = None
        self.begun = asyncio.Event()
        """It is set by the first event, or by the end of the connection before it."""
        self.ended = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._stream.request())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._has_head:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 200 " not in head[:16]:
                self._stream.received.rejected += 1
                self.close()
                return
            self._has_head, self._buffer = True, rest
        self._parse_chunks()
        *events, self._content = self._content.split(b"\n\n")
        for event in events:
            if event.startswith(b"event: next"):
                self._stream.apply(json.loads(event.partition(b"data: ")[2]))
                self.begun.set()

    def _parse_chunks(self) -> None:
        """Move the content of all complete chunks."""
        while (end := self._buffer.find(b"\r\n")) >= 0:
            size = int(self._buffer[:end], 16)
            if len(self._buffer) < end + size + 4:
                return
            if size == 0:
                self._stream.is_completed = True
            self._content += self._buffer[end + 2 : end + 2 + size]
            self._buffer = self._buffer[end + size + 4 :]

    def connection_lost(self, _error: Exception | None) -> None:
        self.begun.set()
        self.ended.set()

    def close(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def cut(self) -> None:
        """Close the connection, from any thread."""
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self.close)


class Closable(Protocol):
    """The connection of a stream."""

    def close(self) -> None: ...

    def cut(self) -> None:
        """Close the connection, from any thread."""


class LiveStream:
    """A user's stream by server-sent events. It subscribes again from its cursor when it ends."""

    def __init__(self, port: int, user: User, received: Received) -> None:
        self.port = port
        self.user = user
        self.received = received
        self.cursor: str | None = None
        self.tasks: dict[str, tuple[int, str]] = {}
        """The revision and the title of each task, by its id."""
        self.ends: list[float] = []
        self.is_open = False
        self.is_completed = False
        """True once the server has completed a subscription. The client then does not come back."""
        self.connection: Closable | None = None

    def request(self) -> bytes:
        body = json.dumps({"query": DOCUMENT, "variables": {"since": self.cursor}}).encode()
        head = head_for(self.user.token, len(body))
        return head.replace(b"\r\n", b"\r\nAccept: text/event-stream\r\n", 1) + body

    async def run(self, opening: asyncio.Semaphore) -> None:
        """Subscribe again and again, until the task is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            async with opening:
                try:
                    _, connection = await loop.create_connection(
                        lambda: Connection(self), "127.0.0.1", self.port
                    )
                except OSError:
                    await asyncio.sleep(0.2)
                    continue
                self.connection = connection
                await connection.begun.wait()
            await connection.ended.wait()
            self.note_end()
            await asyncio.sleep(random.uniform(0.2, 1))  # noqa: S311 - not a secret

    def note_end(self) -> None:
        """Note that the stream has ended, if it was open."""
        if self.is_open:
            self.ends.append(time.monotonic())
        self.is_open = False

    def apply(self, result: Any) -> None:
        """Apply the result of an event, and note what belongs to another user."""
        now = time.time()
        page = result["data"]["taskChanges"]
        self.is_open = True
        if page["reset"]:
            self.tasks.clear()
        for change in page["changes"]:
            self._apply_change(change, now)
        self.cursor = page["cursor"]
        self.received.events += 1
        self.received.changes += len(page["changes"])

    def _apply_change(self, change: Any, now: float) -> None:
        task_id, task = change["id"], change["task"]
        if task_id[:OWNER_CHARACTERS] != self.user.id[:OWNER_CHARACTERS]:
            self.received.foreign += 1
        if task is None:
            self.tasks.pop(task_id, None)
            return
        self.tasks[task_id] = change["revision"], task["title"]
        stamp = datetime.fromisoformat(task["updatedAt"]).timestamp()
        self.received.delays.append(now - stamp)


class LiveClients:
    """Streams of all users, on a thread of their own."""

    def __init__(
        self, port: int, users: Sequence[User], kinds: Sequence[type[LiveStream]] = (LiveStream,)
    ) -> None:
        """Create a stream of each of these kinds for each user."""
        self.received = Received()
        self.streams = [kind(port, user, self.received) for user in users for kind in kinds]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._running: asyncio.Task[Any] | None = None

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        opening = asyncio.Semaphore(MAX_OPENING)

        async def run() -> None:
            self._running = asyncio.current_task()
            await asyncio.gather(*(stream.run(opening) for stream in self.streams))

        try:
            self._loop.run_until_complete(run())
        except asyncio.CancelledError:
            pass
        finally:
            self._loop.close()

    def start(self) -> float:
        """Open all streams, and return the seconds until each has its first event."""
        began = time.monotonic()
        self._thread.start()
        until(lambda: all(stream.is_open for stream in self.streams), "Streams do not open.")
        return time.monotonic() - began

    def stop(self) -> None:
        """Close all streams, without subscribing again."""
        if self._thread.is_alive() and self._running is not None:
            self._loop.call_soon_threadsafe(self._close)
        self._thread.join(10)

    def _close(self) -> None:
        for stream in self.streams:
            if stream.connection is not None:
                stream.connection.close()
        assert self._running is not None
        self._running.cancel()

    @property
    def ends(self) -> list[float]:
        """Return the times at which streams ended."""
        return [end for stream in self.streams for end in stream.ends]

    def is_any_open(self) -> bool:
        return any(stream.is_open for stream in self.streams)


@contextmanager
def live_clients(port: int, users: Sequence[User]) -> Iterator[LiveClients]:
    """Yield clients, which are not open yet, and stop them after the `with` block."""
    clients = LiveClients(port, users)
    try:
        yield clients
    finally:
        clients.stop()
