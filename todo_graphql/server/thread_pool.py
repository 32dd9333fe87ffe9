"""The thread pool of operations: one thread per database connection."""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeAlias, TypeVar

from todo_graphql.errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")

FULL = "The server is overloaded. Try again in a moment."

Outcome: TypeAlias = list[Any]
"""The exception of a call, or None, and its result. The caller pops both: the traceback of an
exception refers to this list, and only the garbage collector would free the cycle.
"""


class Job:
    """A call, and the future that the event loop awaits.

    A cancelled job that runs goes on. Its end callbacks, which release what it uses, are called on
    the event loop when it has really ended.
    """

    __slots__ = ("_call", "_context", "_done", "_end_callbacks", "_loop")

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self._context = contextvars.copy_context()
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[Outcome] = self._loop.create_future()
        self._end_callbacks: list[Callable[[], None]] = []

    def add_end_callback(self, callback: Callable[[], None]) -> None:
        self._end_callbacks.append(callback)

    async def result(self) -> Any:
        """Return the result of the call, or raise its exception. A cancelled job does not start."""
        outcome = await self._done
        result = outcome.pop()
        if outcome[0] is not None:
            raise outcome.pop()
        return result

    def run(self) -> None:
        """Run the call, unless it was cancelled before."""
        outcome: Outcome = []
        if not self._done.cancelled():
            outcome = run_job(self._call, self._context)
        try:
            self._loop.call_soon_threadsafe(self._end, outcome)
        except RuntimeError:
            return  # the loop is closed

    def _end(self, outcome: Outcome) -> None:
        """Pass the outcome to the caller, on the event loop, unless the job was cancelled."""
        if not self._done.cancelled():
            self._done.set_result(outcome)
        for callback in self._end_callbacks:
            callback()


class ThreadPool:
    """A bounded pool of threads for calls from the event loop.

    At most `max_waiting` calls wait for a thread: with more of them, all responses would be late.
    Decision 0007 compares it with `run_in_executor`.
    """

    def __init__(self, size: int, max_waiting: int) -> None:
        self.size = size
        self.max_waiting = max_waiting
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._closed = False

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the function on one of the threads, with the caller's context variables.

        Raises Unavailable when too many calls wait.
        """
        if self.waiting >= self.max_waiting:
            raise Unavailable(FULL)
        result: T = await self.submit(partial(function, *args, **kwargs)).result()
        return result

    @property
    def waiting(self) -> int:
        """The number of calls that wait for a thread."""
        return self._jobs.qsize()

    def submit(self, call: Callable[[], object]) -> Job:
        """Queue the call for one of the threads. The caller bounds the number of calls."""
        if self._closed:
            raise RuntimeError("The thread pool is closed.")
        if len(self._threads) < self.size:
            self._start_thread()
        job = Job(call)
        self._jobs.put(job)
        return job

    def _start_thread(self) -> None:
        """Start a daemon thread, which does not prevent the exit of a process without `close`."""
        name = f"operation_{len(self._threads)}"
        thread = threading.Thread(target=run_jobs, args=(self._jobs,), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def close(self) -> None:
        """Reject new calls, and wait for the calls that were submitted before."""
        self._closed = True
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()


def run_jobs(jobs: "SimpleQueue[Job | None]") -> None:
    """Run the jobs of the queue until it returns None."""
    while run_next(jobs):
        pass


def run_next(jobs: "SimpleQueue[Job | None]") -> bool:
    """Run the next job, or return False for None.

    The frame ends with the job, so that a waiting thread keeps no reference to it.
    """
    job = jobs.get()
    if job is not None:
        job.run()
    return job is not None


def run_job(call: Callable[[], object], context: contextvars.Context) -> Outcome:
    try:
        return [None, context.run(call)]
    except BaseException as error:  # noqa: BLE001 - the caller raises it
        return [error, None]
