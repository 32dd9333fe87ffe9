"""Cancellation of a blocking database call from another thread.

When PostgreSQL hangs, its own timeouts have no effect and libpq waits without limit. Shutting the
socket down ends the wait.
"""

import os
import socket
import threading
from contextlib import suppress
from typing import Self


class Cancelled(Exception):  # noqa: N818 - control flow
    """The operation was cancelled."""


class SocketCanceller:
    """Canceller of one operation, which waits on one socket at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: int | None = None
        self.is_cancelled = False

    def watching(self, number: int) -> Self:
        """Allow `cancel` to shut down the socket of this file descriptor in the `with` block.

        Raises Cancelled after a cancellation.
        """
        with self._lock:
            if self.is_cancelled:
                raise Cancelled
            self._socket = number
        return self

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_error: object) -> None:
        # Before the descriptor is closed, because another socket can then get its number.
        with self._lock:
            self._socket = None

    def cancel(self) -> None:
        """End the current wait, and prevent further ones."""
        with self._lock:
            self.is_cancelled = True
            if self._socket is not None:
                with socket.socket(fileno=os.dup(self._socket)) as own, suppress(OSError):
                    own.shutdown(socket.SHUT_RDWR)
