"""What comes and goes by itself, told to the operator when it does, and not with each request."""

import logging
import threading
import time

QUIET = 10.0
"""Seconds after its end for which a trouble that is back is no news: it would come and go with
each request, as where a database has just as many connections as others take.
"""


class OutageLog:
    """One of a process, for all its threads."""

    def __init__(self, logger: logging.Logger, over: str, level: int = logging.WARNING) -> None:
        """`over` is what is said at the end of it."""
        self._logger = logger
        self._over = over
        self._level = level
        self._told = ""
        self._quiet_until = 0.0
        self._lock = threading.Lock()

    @property
    def is_told(self) -> bool:
        """Whether there is any, as far as the operator knows."""
        return bool(self._told)

    def report(self, sentence: str) -> None:
        """There is this, now or still."""
        with self._lock:
            if sentence == self._told or time.monotonic() < self._quiet_until:
                return
            self._told = sentence
        self._logger.log(self._level, "%s", sentence)

    def recover(self) -> None:
        """There is nothing, now or still."""
        if not self._told:
            return
        with self._lock:
            was_told, self._told = self._told, ""
            self._quiet_until = time.monotonic() + QUIET
        if was_told:
            self._logger.warning("%s", self._over)
