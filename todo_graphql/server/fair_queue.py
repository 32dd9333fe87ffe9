"""The queue before the thread pool, which keeps threads free for other users."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Hashable
from functools import partial
from typing import ParamSpec, TypeAlias, TypeVar

from todo_graphql.errors import Unavailable
from todo_graphql.server.thread_pool import FULL, Job, ThreadPool

P = ParamSpec("P")
T = TypeVar("T")

Turn: TypeAlias = asyncio.Future[None]
"""The future of a call that waits for a thread."""


class FairQueue:
    """A queue that gives an owner a thread only while it holds fewer threads than are free.

    One owner alone gets half of the threads, two get a third each, and so on: calls that wait for
    a lock, or for a slow statement, leave threads to other owners, whatever their number. The
    places in the queue are shared in the same way (dynamic thresholds: Choudhury and Hahne,
    IEEE/ACM Transactions on Networking 6, 1998).
    """

    def __init__(self, thread_pool: ThreadPool) -> None:
        self._thread_pool = thread_pool
        self.max_per_owner = (thread_pool.size + 1) // 2
        self._held: Counter[Hashable] = Counter()
        self._free = thread_pool.size
        self._queues: dict[Hashable, deque[Turn]] = {}
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """The number of calls that wait for a thread."""
        return self._waiting + self._thread_pool.waiting

    async def run(
        self, owner: Hashable, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call the function when its owner gets a thread.

        Raises Unavailable when too many calls wait.
        """
        job = await self.submit(owner, partial(function, *args, **kwargs))
        result: T = await job.result()
        return result

    async def submit(self, owner: Hashable, call: Callable[[], object]) -> Job:
        """Submit the call to the thread pool when its owner gets a thread.

        The owner holds the thread until the call has ended, even if it is cancelled.
        """
        if self._may_start(owner):
            self._hold(owner)
        else:
            await self._wait(owner)
        try:
            job = self._thread_pool.submit(call)
        except BaseException:
            self._release(owner)
            raise
        job.add_end_callback(partial(self._release, owner))
        return job

    def _may_start(self, owner: Hashable) -> bool:
        return self._held[owner] < self._free

    def _hold(self, owner: Hashable) -> None:
        self._held[owner] += 1
        self._free -= 1

    async def _wait(self, owner: Hashable) -> None:
        """Wait until a thread is held for the owner."""
        if len(self._queues.get(owner, ())) >= self._thread_pool.max_waiting - self._waiting:
            raise Unavailable(FULL)
        turn: Turn = asyncio.get_running_loop().create_future()
        self._queues.setdefault(owner, deque()).append(turn)
        self._waiting += 1
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._remove(owner, turn)
            else:  # a thread was held in the same step
                self._release(owner)
            raise
        finally:
            self._waiting -= 1

    def _release(self, owner: Hashable) -> None:
        """Free the thread of an ended call, and start the calls that may start now."""
        self._held[owner] -= 1
        self._free += 1
        if not self._held[owner]:
            del self._held[owner]
        while self._queues:
            fewest = min(self._queues, key=self._held.__getitem__)
            if not self._may_start(fewest):
                return
            turn = self._next_turn(fewest)
            if not turn.done():  # it is cancelled otherwise
                self._hold(fewest)
                turn.set_result(None)

    def _remove(self, owner: Hashable, turn: Turn) -> None:
        """Remove a cancelled turn, unless `_release` has met it before."""
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
