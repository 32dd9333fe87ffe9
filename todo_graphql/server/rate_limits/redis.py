"""Sliding window counters in Redis, which several processes share.

The Lua scripts of `limits` check and count in one step.
"""

import logging
import threading
import time

from todo_graphql.outage_log import OutageLog
from todo_graphql.server.rate_limits.sliding_window import Limit, WindowState

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 0.2
"""The timeout of a connection and of a response."""

RETRY_AFTER_SECONDS = 5.0
"""The pause after a failure before the next request to Redis."""

UNBOUNDED = 2**53
"""A limit that no count reaches, and the greatest integer of Lua's numbers."""


class RedisWindow:
    """A circuit breaker around the counts in Redis.

    An outage of Redis fails no request: each process counts in its own memory meanwhile.
    """

    def __init__(self, url: str) -> None:
        """Create the storage. The first count connects."""
        from limits.storage import RedisStorage  # noqa: PLC0415 - an extra

        self._storage = RedisStorage(
            url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            key_prefix="todo-graphql",
        )
        self._outage = OutageLog(logger, "RATE_LIMIT_STORAGE_URL responds again.")
        self._lock = threading.Lock()
        self._is_open = False
        self._retry_at = 0.0

    def count(self, key: str, limit: Limit, cost: int, pending: int) -> WindowState | None:
        """Count the pending cost, and the other cost if the limit has room for it.

        Return None while Redis is unavailable.
        """
        if not self._allow_request():
            return None
        try:
            granted = self._storage.acquire_sliding_window_entry(key, *limit, cost + pending)
            if pending and not granted:
                self._storage.acquire_sliding_window_entry(key, UNBOUNDED, limit.seconds, pending)
            state = WindowState(granted, *self._storage.get_sliding_window(key, limit.seconds))
        except Exception as error:  # noqa: BLE001 - every failure has the same fallback
            self._open_circuit(error)
            return None
        if self._is_open:
            self._is_open = False
            self._outage.recover()
        return state

    def _allow_request(self) -> bool:
        """Return whether to send a request. An outage allows one request per pause."""
        if not self._is_open:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._retry_at:
                return False
            self._retry_at = now + RETRY_AFTER_SECONDS
            return True

    def _open_circuit(self, error: Exception) -> None:
        with self._lock:
            self._is_open = True
            self._retry_at = time.monotonic() + RETRY_AFTER_SECONDS
        # The error's message may contain the URL with its password.
        self._outage.report(
            f"RATE_LIMIT_STORAGE_URL does not respond ({type(error).__name__}): until it does, "
            "this process counts alone."
        )

    def answers(self) -> bool:
        """Return whether Redis responds."""
        return bool(self._storage.check())

    def close(self) -> None:
        """Close all connections."""
        self._storage.storage.close()
