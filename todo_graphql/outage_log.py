"""Edge-triggered log of outages: one line when an outage begins, and one when it ends."""

import logging
import threading
import time

REPORT_COOLDOWN_SECONDS = 10.0
"""The time after a recovery in which new outages are not logged.

A failure that comes and goes with each request would otherwise fill the log.
"""


class OutageLog:
    """Log of one kind of outage, shared by all threads of a process."""

    def __init__(self, logger: logging.Logger, recovery: str, level: int = logging.WARNING) -> None:
        """Log reports at `level`, and `recovery` at the end of an outage."""
        self._logger = logger
        self._recovery = recovery
        self._level = level
        self._reported = ""
        self._quiet_until = 0.0
        self._lock = threading.Lock()

    def report(self, sentence: str) -> None:
        """Log an outage, unless it is reported already or a cooldown is running."""
        with self._lock:
            if sentence == self._reported or time.monotonic() < self._quiet_until:
                return
            self._reported = sentence
        self._logger.log(self._level, "%s", sentence)

    def recover(self) -> None:
        """Log the end of the outage if one was reported."""
        if not self._reported:
            return
        with self._lock:
            was_reported, self._reported = self._reported, ""
            self._quiet_until = time.monotonic() + REPORT_COOLDOWN_SECONDS
        if was_reported:
            self._logger.warning("%s", self._recovery)
