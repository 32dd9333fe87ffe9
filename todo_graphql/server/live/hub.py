"""Hub of the live streams of one process: hints wake the streams of a user.

A hint says that data of a user may have changed, and has no content. It may be lost, doubled or out
of order: a stream reads the changes from its own cursor (docs/decisions/0029-live-streams.md).
"""

import asyncio
import logging
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext, suppress
from time import perf_counter
from typing import Protocol

from todo_graphql.server.live import limits
from todo_graphql.server.observability.live_statistics import LiveStatistics

logger = logging.getLogger(__name__)

ALL_USERS = "*"
"""The key of a hint to all streams, which is delivered when hints may have been lost."""

Deliver = Callable[[str], None]
"""A receiver of the hints of other processes, by the key of their user. Any thread can call it."""


class HintChannel(Protocol):
    """The channel of hints between the processes of a deployment."""

    def publish(self, user: str) -> None:
        """Send a hint to the other processes.

        It is called on any thread, after the commit, and must not wait. Hints can be lost.
        """

    def receiving(self, deliver: Deliver) -> AbstractAsyncContextManager[None]:
        """Pass the hints of other processes to `deliver` in the `async with` block."""


class SingleProcess:
    """The channel of a deployment of one process."""

    def publish(self, _user: str) -> None:
        """Do nothing."""

    def receiving(self, _deliver: Deliver) -> AbstractAsyncContextManager[None]:
        return nullcontext()


class WakeFlag:
    """The flag of one stream, for use on the event loop."""

    __slots__ = ("_statistics", "_waiter", "hinted_at", "is_set")

    def __init__(self, statistics: LiveStatistics) -> None:
        self._statistics = statistics
        self.is_set = False
        self.hinted_at: float | None = None
        """The time of the first hint since the flag was cleared."""
        self._waiter: asyncio.Future[None] | None = None

    def set(self) -> None:
        if not self.is_set:
            self.is_set, self.hinted_at = True, perf_counter()
        self._wake()

    def clear(self) -> float | None:
        """Clear the flag, and return the time of its first hint.

        A stream calls this before it reads: the read finds the changes of all earlier hints.
        """
        hinted_at = self.hinted_at
        if hinted_at is not None:
            self._statistics.hints += 1
        self.is_set, self.hinted_at = False, None
        return hinted_at

    async def wait(self, until: float) -> bool:
        """Wait for the flag until this time of the event loop. Return whether it is set."""
        if not self.is_set:
            loop = asyncio.get_running_loop()
            self._waiter = loop.create_future()
            timer = loop.call_at(until, self._wake)
            try:
                await self._waiter
            finally:
                timer.cancel()
                self._waiter = None
        return self.is_set

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Hub:
    """The flags of all streams of one process, by their user."""

    def __init__(self, channel: HintChannel, statistics: LiveStatistics) -> None:
        self._statistics = statistics
        self._channel = channel
        self._flags: dict[str, set[WakeFlag]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    @contextmanager
    def listening(self, user: str) -> Iterator[WakeFlag]:
        """Yield a flag that receives the hints of the user in the `with` block."""
        self._loop = asyncio.get_running_loop()
        flag = WakeFlag(self._statistics)
        self._flags.setdefault(user, set()).add(flag)
        try:
            yield flag
        finally:
            own = self._flags[user]
            own.remove(flag)
            if not own:
                del self._flags[user]

    def publish(self, user: str) -> None:
        """Send a hint to all streams of the user, here and in other processes.

        It is called on any thread, after the commit, and never fails.
        """
        self.deliver(user)
        try:
            self._channel.publish(user)
        except Exception:
            logger.exception("A hint was not sent to other processes.")

    def deliver(self, user: str) -> None:
        """Send a hint to the streams of this process. It is called on any thread.

        A flag that is registered after this test needs no hint: its stream reads later, and finds
        the write.
        """
        if self._loop is None or not (user in self._flags or user == ALL_USERS):
            return
        with suppress(RuntimeError):  # the loop is closed
            if user == ALL_USERS:
                self._loop.call_soon_threadsafe(self._set_all, self._loop)
            else:
                self._loop.call_soon_threadsafe(self._set, user)

    def _set(self, user: str) -> None:
        for flag in self._flags.get(user, ()):
            flag.set()

    def _set_all(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wake all streams, one after the other."""
        for user in self._flags:
            seconds = random.uniform(0, limits.LOST_HINTS_SECONDS)  # noqa: S311 - not a secret
            loop.call_later(seconds, self._set, user)

    def receiving(self) -> AbstractAsyncContextManager[None]:
        """Receive the hints of other processes in the `async with` block."""
        return self._channel.receiving(self.deliver)
