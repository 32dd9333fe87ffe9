"""The threads that operations run on: as many as there are connections, so none waits for one."""

import asyncio
import contextvars
import threading
from collections import deque
from collections.abc import Callable, Hashable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Any, NamedTuple, ParamSpec, TypeAlias, TypeVar

from todo_graphql.errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")

FULL = "The server is full. Try again in a moment."

Outcome: TypeAlias = list[Any]
"""What a call raised, or None, and what it answered. Whoever waits takes them out: the traceback
of an error leads back to this list, and the two would stay until the garbage is collected.
"""


class Task(NamedTuple):
    """A call, and the future that the event loop waits for."""

    call: Callable[[], object]
    context: contextvars.Context
    loop: asyncio.AbstractEventLoop
    done: "asyncio.Future[Outcome]"

    def run(self) -> None:
        """Nothing is done for somebody who has gone before it was begun."""
        if self.done.cancelled():
            return
        with suppress(RuntimeError):  # the loop was closed meanwhile, so nobody waits
            self.loop.call_soon_threadsafe(settle, self.done, attempt(self.call, self.context))


class Workers:
    """A bounded pool of threads that the event loop may wait for without being blocked. No more
    than `most_waiting` calls wait for a thread: with more of them all would be answered late.

    With eight callers at once, a call takes some 11 µs of processor time to a thread and back.
    By `run_in_executor` it takes some 33: each call is two futures there, with a condition and
    a semaphore.
    """

    def __init__(self, size: int, most_waiting: int) -> None:
        self.size = size
        self.most_waiting = most_waiting
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._closed = False

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the function on one of the threads, with the caller's context variables.

        Raises Unavailable when too many wait already.
        """
        outcome = await self._submit(partial(function, *args, **kwargs))
        result: T = outcome.pop()
        if outcome[0] is not None:
            raise outcome.pop()
        return result

    @property
    def waiting(self) -> int:
        """How many calls wait for a thread."""
        return self._tasks.qsize()

    def _submit(self, call: Callable[[], object]) -> "asyncio.Future[Outcome]":
        if self._closed:
            raise RuntimeError("The workers have stopped.")
        if self.waiting >= self.most_waiting:
            raise Unavailable(FULL)
        if len(self._threads) < self.size:
            self._start_thread()
        loop = asyncio.get_running_loop()
        task = Task(call, contextvars.copy_context(), loop, loop.create_future())
        self._tasks.put(task)
        return task.done

    def _start_thread(self) -> None:
        """A daemon, or it would wait for tasks for ever where nobody has called `close`."""
        name = f"operation_{len(self._threads)}"
        thread = threading.Thread(target=work, args=(self._tasks,), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def close(self) -> None:
        """Wait for what was asked before, and take nothing new."""
        self._closed = True
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join()


class Shares:
    """The threads, of which nobody has more than half: whoever waits for a lock on their own rows,
    with all that they have sent meanwhile, does not keep everybody else from being answered.
    """

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self.most = (workers.size + 1) // 2
        self._held: dict[Hashable, int] = {}
        self._queues: dict[Hashable, deque[asyncio.Future[None]]] = {}
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """How many calls wait for their share, or after that for a thread."""
        return self._waiting + self._workers.waiting

    async def run(
        self, owner: Hashable, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call the function when its owner may have a thread for it.

        Raises Unavailable when too many wait already.
        """
        held = self._held.get(owner, 0)
        if held < self.most:
            self._held[owner] = held + 1
        else:
            await self._turn_of(owner)
        try:
            return await self._workers.run(function, *args, **kwargs)
        finally:
            self._pass_on(owner)

    async def _turn_of(self, owner: Hashable) -> None:
        """Wait until a call of the same owner passes its thread on."""
        if self._waiting >= self._workers.most_waiting:
            raise Unavailable(FULL)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(owner, deque()).append(turn)
        self._waiting += 1
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it had its turn in the same moment
                self._pass_on(owner)
            raise
        finally:
            self._waiting -= 1

    def _pass_on(self, owner: Hashable) -> None:
        """To the one that has waited longest, if anybody still waits."""
        queue = self._queues.get(owner)
        while queue:
            turn = queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._queues.pop(owner, None)
        self._held[owner] -= 1
        if not self._held[owner]:
            del self._held[owner]


def work(tasks: "SimpleQueue[Task | None]") -> None:
    """Do one task after the other, until there is None."""
    while run_next(tasks):
        pass


def run_next(tasks: "SimpleQueue[Task | None]") -> bool:
    """In a frame of its own, so that nothing of a task is kept while the next one is awaited."""
    task = tasks.get()
    if task is not None:
        task.run()
    return task is not None


def attempt(call: Callable[[], object], context: contextvars.Context) -> Outcome:
    try:
        return [None, context.run(call)]
    except BaseException as error:  # noqa: BLE001 - it is for whoever waits
        return [error, None]


def settle(done: "asyncio.Future[Outcome]", outcome: Outcome) -> None:
    """On the event loop, where whoever waited may have gone."""
    if not done.cancelled():
        done.set_result(outcome)
