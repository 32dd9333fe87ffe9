"""Hints over the publish/subscribe messages of Redis."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redis import Redis

CHANNEL = "todo-graphql/hints"

TIMEOUT_SECONDS = 2.0
"""The timeout of a connection and of a response."""

CHECK_SECONDS = 15.0
"""An idle connection is checked after this time."""


class RedisBus:
    """Redis, in which all processes use one channel.

    Sender and receiver have a client each: a client closes all connections of its pool.
    """

    def __init__(self, url: str) -> None:
        """Create the clients. Their first commands connect."""
        self._sending = create_client(url)
        self._receiving = create_client(url)

    def open_sender(self) -> "RedisSender":
        return RedisSender(self._sending)

    def open_receiver(self) -> "RedisReceiver":
        return RedisReceiver(self._receiving)


def create_client(url: str) -> "Redis":
    from redis import from_url  # noqa: PLC0415 - an extra

    return from_url(
        url,
        decode_responses=True,
        socket_connect_timeout=TIMEOUT_SECONDS,
        socket_timeout=TIMEOUT_SECONDS,
        health_check_interval=CHECK_SECONDS,
    )


class RedisSender:
    """Sender of messages."""

    def __init__(self, client: "Redis") -> None:
        """Connect. Raises an error if Redis does not respond."""
        self._client = client
        client.ping()

    def send(self, message: str) -> None:
        self._client.publish(CHANNEL, message)

    def close(self) -> None:
        self._client.close()


class RedisReceiver:
    """Receiver of messages."""

    def __init__(self, client: "Redis") -> None:
        """Subscribe. Raises TimeoutError if Redis does not confirm the subscription."""
        self._messages = client.pubsub()  # type: ignore[no-untyped-call]
        self._messages.subscribe(CHANNEL)
        if self._messages.get_message(timeout=TIMEOUT_SECONDS) is None:
            self.close()
            raise TimeoutError

    def receive(self, seconds: float) -> Iterable[str]:
        """Wait at most so long, and return the messages.

        Raises ConnectionResetError after the client has reconnected: messages may have been lost.
        """
        message = self._messages.get_message(timeout=seconds)
        if message is None:
            return []
        if message["type"] != "message":  # the confirmation of a second subscription
            raise ConnectionResetError
        return [str(message["data"])]

    def close(self) -> None:
        self._messages.close()
