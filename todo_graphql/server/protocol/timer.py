"""A timer that calls one function at a time."""

import asyncio
from collections.abc import Callable


class Timer:
    """A scheduled call, which a later start replaces, so that calls never pile up."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None

    def start(self, seconds: float, call: Callable[[], object]) -> None:
        """Call the function after this time, in place of an earlier plan."""
        self.cancel()
        self._handle = self._loop.call_later(seconds, call)

    def cancel(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
