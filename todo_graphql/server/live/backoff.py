"""Exponential backoff between the attempts to read for a stream."""

import random

from todo_graphql.server.live import limits


class Backoff:
    """The pauses after failures: each one doubles the last one, up to a limit."""

    def __init__(self) -> None:
        self._failures = 0

    def reset(self) -> None:
        """Start anew after a success."""
        self._failures = 0

    def next_pause(self, retry_after: int) -> float:
        """Return the seconds until the next attempt, at least `retry_after`.

        They are spread over the double: streams that failed together do not read together.
        """
        doubled = limits.MIN_PAUSE_SECONDS * float(1 << min(self._failures, 10))
        self._failures += 1
        seconds = max(retry_after, min(limits.MAX_PAUSE_SECONDS, doubled))
        return seconds * random.uniform(1, 2)  # noqa: S311 - not a secret
