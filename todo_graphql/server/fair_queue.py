"""The queue before the thread pool, which keeps threads free for other users."""

from collections.abc import Callable, Hashable
from functools import partial
from typing import ParamSpec, TypeVar

from todo_graphql.server.fair_semaphore import FairSemaphore
from todo_graphql.server.thread_pool import Job, ThreadPool

P = ParamSpec("P")
T = TypeVar("T")


class FairQueue:
    """A queue that gives each owner a fair share of the threads.

    Calls that wait for a lock, or for a slow statement, leave threads to other owners.
    """

    def __init__(self, thread_pool: ThreadPool) -> None:
        self._thread_pool = thread_pool
        self._threads = FairSemaphore(thread_pool.size, thread_pool.max_waiting)
        self.max_per_owner = self._threads.max_per_owner

    @property
    def waiting(self) -> int:
        """The number of calls that wait for a thread."""
        return self._threads.waiting + self._thread_pool.waiting

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
        # Usually a thread is free, and no coroutine is needed.
        if not self._threads.try_acquire(owner):
            await self._threads.acquire(owner)
        try:
            job = self._thread_pool.submit(call)
        except BaseException:
            self._threads.release(owner)
            raise
        job.add_end_callback(partial(self._threads.release, owner))
        return job
