"""Ending what a thread waits for, from another one.

When PostgreSQL has stopped altogether, its own time-outs do nothing, and libpq waits for ever.
The operating system ends that: it shuts the socket down.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Cancelled(Exception):  # noqa: N818 - on purpose
    """Somebody has broken it off."""


class SocketCanceller:
    """What one operation waits for, a socket after the other, until it is broken off."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: int | None = None
        self.is_cancelled = False

    @contextmanager
    def watching(self, number: int) -> Iterator[None]:
        """Let the socket of this file descriptor be shut down meanwhile. Raises Cancelled when it
        is too late to begin.
        """
        with self._lock:
            if self.is_cancelled:
                raise Cancelled
            self._socket = number
        try:
            yield
        finally:
            # Before anybody can close it, because its number may be another one's then.
            with self._lock:
                self._socket = None

    def cancel(self) -> None:
        """End the waiting, and allow no other."""
        with self._lock:
            self.is_cancelled = True
            if self._socket is not None:
                with socket.socket(fileno=os.dup(self._socket)) as own, suppress(OSError):
                    own.shutdown(socket.SHUT_RDWR)
