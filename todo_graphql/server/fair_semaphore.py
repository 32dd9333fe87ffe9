"""A semaphore that shares its permits fairly between owners."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import TypeAlias

from todo_graphql.errors import Unavailable
from todo_graphql.server.thread_pool import FULL

Turn: TypeAlias = asyncio.Future[None]
"""The future of a call that waits for a permit."""


class FairSemaphore:
    """A semaphore that gives an owner a permit only while it holds fewer permits than are free.

    One owner alone gets half of the permits, two get a third each, and so on: calls that hold a
    permit for long leave others to other owners, whatever their number. The places in the queue are
    shared in the same way (dynamic thresholds: Choudhury and Hahne, IEEE/ACM Transactions on
    Networking 6, 1998).
    """

    def __init__(self, permits: int, max_waiting: int) -> None:
        self.max_per_owner = (permits + 1) // 2
        self._max_waiting = max_waiting
        self._held: dict[Hashable, int] = {}
        self._free = permits
        self._queues: dict[Hashable, deque[Turn]] = {}
        self.waiting = 0
        """The number of calls that wait for a permit."""

    async def acquire(self, owner: Hashable) -> None:
        """Wait for a permit. Raises Unavailable when too many calls wait."""
        if not self.try_acquire(owner):
            await self._wait(owner)

    def try_acquire(self, owner: Hashable) -> bool:
        """Take a permit, unless the owner must wait for it."""
        held = self._held.get(owner, 0)
        if held >= self._free:
            return False
        self._held[owner] = held + 1
        self._free -= 1
        return True

    def release(self, owner: Hashable) -> None:
        """Free a permit of the owner, and start the calls that may start now."""
        self._free += 1
        held = self._held.pop(owner) - 1
        if held:
            self._held[owner] = held
        while self._queues:
            fewest = min(self._queues, key=self._count)
            if self._count(fewest) >= self._free:
                return
            turn = self._next_turn(fewest)
            if not turn.done():  # it is cancelled otherwise
                self.try_acquire(fewest)
                turn.set_result(None)

    @asynccontextmanager
    async def hold(self, owner: Hashable) -> AsyncIterator[None]:
        """Wait for a permit, and hold it in the `async with` block."""
        await self.acquire(owner)
        try:
            yield
        finally:
            self.release(owner)

    def _count(self, owner: Hashable) -> int:
        return self._held.get(owner, 0)

    async def _wait(self, owner: Hashable) -> None:
        """Wait until a permit is held for the owner."""
        if len(self._queues.get(owner, ())) >= self._max_waiting - self.waiting:
            raise Unavailable(FULL)
        turn: Turn = asyncio.get_running_loop().create_future()
        self._queues.setdefault(owner, deque()).append(turn)
        self.waiting += 1
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._remove(owner, turn)
            else:  # a permit was held in the same step
                self.release(owner)
            raise
        finally:
            self.waiting -= 1

    def _remove(self, owner: Hashable, turn: Turn) -> None:
        """Remove a cancelled turn, unless `release` has met it before."""
        queue = self._queues.get(owner, deque())
        if turn in queue:
            queue.remove(turn)
            if not queue:
                del self._queues[owner]

    def _next_turn(self, owner: Hashable) -> Turn:
        """Return the turn of the owner that has waited longest. Other owners precede the rest."""
        queue = self._queues.pop(owner)
        turn = queue.popleft()
        if queue:
            self._queues[owner] = queue
        return turn
