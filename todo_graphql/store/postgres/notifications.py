"""Messages between processes over LISTEN and NOTIFY, on direct connections.

A pooler in transaction mode does not support LISTEN. A NOTIFY is a transaction of its own: at its
commit it takes a lock of the whole server, for which the transactions of writes must not wait.
"""

import selectors
from collections.abc import Iterable
from typing import Any

import psycopg2
from pydantic import SecretStr

from todo_graphql.settings.settings import Settings
from todo_graphql.store.postgres.engine import connect_arguments

CHANNEL = "todo_graphql_hints"


class NotificationBus:
    """PostgreSQL as a message bus. Its role needs no privilege besides CONNECT."""

    def __init__(self, url: SecretStr, settings: Settings) -> None:
        self._url = url
        self._settings = settings

    def open_sender(self) -> "NotificationSender":
        return NotificationSender(self._connect())

    def open_receiver(self) -> "NotificationReceiver":
        return NotificationReceiver(self._connect())

    def _connect(self) -> Any:
        arguments: dict[str, Any] = connect_arguments(self._settings)
        connection = psycopg2.connect(self._url.get_secret_value(), **arguments)
        connection.autocommit = True
        return connection


class NotificationSender:
    """Sender of notifications."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def send(self, message: str) -> None:
        """Send a message of at most 8,000 bytes."""
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", (CHANNEL, message))

    def close(self) -> None:
        self._connection.close()


class NotificationReceiver:
    """Receiver of notifications."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")

    def receive(self, seconds: float) -> Iterable[str]:
        """Wait at most so long, and return the messages."""
        # `select.select` accepts no descriptor above 1,023.
        with selectors.DefaultSelector() as selector:
            selector.register(self._connection, selectors.EVENT_READ)
            if selector.select(seconds):
                self._connection.poll()
        messages = [notification.payload for notification in self._connection.notifies]
        self._connection.notifies.clear()
        return messages

    def close(self) -> None:
        self._connection.close()
