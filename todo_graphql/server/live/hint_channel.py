"""Channel of hints between processes, over any message bus.

Two threads send and receive, so that neither a request nor the event loop waits for the bus. A
process receives its own messages, too, and skips them.
"""

import logging
import secrets
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Protocol

from todo_graphql.outage_log import OutageLog
from todo_graphql.server.live.hub import ALL_USERS, Deliver

logger = logging.getLogger(__name__)

MAX_USERS_PER_MESSAGE = 200
"""A NOTIFY has at most 8,000 bytes."""

MAX_PENDING_USERS = 10_000
"""The hints that wait to be sent. Further ones are lost."""

BATCH_SECONDS = 0.01
"""The pause before a message, in which hints are collected for it."""

POLL_SECONDS = 0.5
"""The longest time of a call that receives, and of a stop."""

RECONNECT_SECONDS = 2.0
"""The pause after a failure."""

SEND_OUTAGE = "Hints cannot be sent to other processes, whose streams wait for the next check"
RECEIVE_OUTAGE = "Hints of other processes are lost, and streams wait for the next check"


class Sender(Protocol):
    """A connection to the bus that sends messages."""

    def send(self, message: str) -> None: ...

    def close(self) -> None: ...


class Receiver(Protocol):
    """A connection to the bus that receives messages."""

    def receive(self, seconds: float) -> Iterable[str]:
        """Wait at most so long, and return the messages. Raises an error if some were lost."""

    def close(self) -> None: ...


class Bus(Protocol):
    """A message bus. Its calls may raise any exception while it is unavailable."""

    def open_sender(self) -> Sender: ...

    def open_receiver(self) -> Receiver: ...


class BusChannel:
    """Channel of hints over a message bus.

    While the bus is unavailable, the hints of this process wait, and those of others are lost.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._id = secrets.token_hex(8)
        self._pending: set[str] = set()
        self._has_pending = threading.Event()
        self._stopped = threading.Event()
        self._send_outage = OutageLog(logger, "Hints are sent to other processes again.")
        self._receive_outage = OutageLog(logger, "Hints of other processes arrive again.")

    def publish(self, user: str) -> None:
        """Send a hint soon. It is lost if too many are waiting."""
        if len(self._pending) < MAX_PENDING_USERS:
            self._pending.add(user)
            self._has_pending.set()

    @asynccontextmanager
    async def receiving(self, deliver: Deliver) -> AsyncIterator[None]:
        """Send and receive hints in the `async with` block."""
        work = (
            ("hints-out", self._send, self._send_outage, SEND_OUTAGE),
            ("hints-in", lambda: self._receive(deliver), self._receive_outage, RECEIVE_OUTAGE),
        )
        threads = [
            threading.Thread(target=self._run, args=arguments, daemon=True, name=name)
            for name, *arguments in work
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            # Threads that wait for the bus end with it or with the process.
            self._stopped.set()
            self._has_pending.set()

    def _run(self, work: Callable[[], None], outage: OutageLog, report: str) -> None:
        """Repeat the work of a connection until the channel is stopped."""
        while not self._stopped.is_set():
            try:
                work()
            except Exception as error:  # noqa: BLE001 - every failure has the same fallback
                # The message of an error may contain the URL with its password.
                outage.report(f"{report}: {type(error).__name__}.")
                self._stopped.wait(RECONNECT_SECONDS)

    def _send(self) -> None:
        sender = self._bus.open_sender()
        try:
            while self._pending or not self._stopped.is_set():
                self._has_pending.wait()
                self._stopped.wait(BATCH_SECONDS)
                self._send_message(sender)
        finally:
            close(sender)

    def _send_message(self, sender: Sender) -> None:
        """Send one message.

        A connection can be lost unnoticed until then. The hints of a message that fails wait for
        the next connection.
        """
        self._has_pending.clear()
        users = self.take_pending()
        try:
            if users:
                sender.send(" ".join((self._id, *users)))
                self._send_outage.recover()
        except Exception:
            for user in users:
                self.publish(user)
            raise
        if self._pending:
            self._has_pending.set()

    def take_pending(self) -> list[str]:
        """Remove and return the hints of one message."""
        # Other threads add to the set meanwhile, and `pop` is atomic.
        users: list[str] = []
        with suppress(KeyError):
            while len(users) < MAX_USERS_PER_MESSAGE:
                users.append(self._pending.pop())
        return users

    def _receive(self, deliver: Deliver) -> None:
        receiver = self._bus.open_receiver()
        try:
            self._receive_outage.recover()
            deliver(ALL_USERS)  # hints may have been lost before
            while not self._stopped.is_set():
                for message in receiver.receive(POLL_SECONDS):
                    sender, *users = message.split(" ")
                    if sender != self._id:
                        for user in users:
                            deliver(user)
        finally:
            close(receiver)


def close(connection: Sender | Receiver) -> None:
    """Close a connection, which may be lost already."""
    with suppress(Exception):
        connection.close()
