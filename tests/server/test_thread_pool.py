"""The thread pool."""

import asyncio
import gc
import weakref
from collections.abc import Iterator
from contextlib import suppress
from contextvars import ContextVar
from typing import NoReturn

import pytest

from tests.support.gate import Gate
from todo_graphql.server.thread_pool import ThreadPool

SIZE = 3
word: ContextVar[str] = ContextVar("word", default="")


@pytest.fixture
def thread_pool() -> Iterator[ThreadPool]:
    own = ThreadPool(SIZE, max_waiting=100)
    yield own
    own.close()


def test_call_returns_its_result(thread_pool: ThreadPool) -> None:
    def add(a: int, *, b: int) -> int:
        return a + b

    assert asyncio.run(thread_pool.run(add, 1, b=2)) == 3


def test_call_has_context_variables_of_caller(thread_pool: ThreadPool) -> None:
    async def ask(own: str) -> str:
        word.set(own)
        return await thread_pool.run(word.get)

    async def ask_all() -> list[str]:
        return await asyncio.gather(*(ask(str(number)) for number in range(20)))

    assert asyncio.run(ask_all()) == [str(number) for number in range(20)]
    assert word.get() == ""


def test_calls_do_not_block_the_event_loop(thread_pool: ThreadPool) -> None:
    gate = Gate()

    async def main() -> set[str]:
        calls = [asyncio.create_task(thread_pool.run(gate.pass_through)) for _ in range(SIZE)]
        await asyncio.sleep(0)
        await asyncio.to_thread(gate.wait_for, SIZE)
        gate.open.set()
        return set(await asyncio.gather(*calls))

    assert asyncio.run(main()) == {f"operation_{number}" for number in range(SIZE)}


def test_thread_count_is_bounded(thread_pool: ThreadPool) -> None:
    gate = Gate()

    async def main() -> list[str]:
        calls = [asyncio.create_task(thread_pool.run(gate.pass_through)) for _ in range(SIZE + 1)]
        await asyncio.sleep(0)
        await asyncio.to_thread(gate.wait_for, SIZE)
        assert not gate.came.acquire(timeout=0.05)
        gate.open.set()
        return await asyncio.gather(*calls)

    names = asyncio.run(main())
    assert (len(names), len(set(names))) == (SIZE + 1, SIZE)


@pytest.mark.parametrize("error", [ValueError("x"), StopIteration("x"), SystemExit(1)])
def test_exception_is_raised_in_caller(thread_pool: ThreadPool, error: BaseException) -> None:
    def fail() -> NoReturn:
        raise error

    # A coroutine cannot raise StopIteration: Python makes a RuntimeError of it.
    expected = RuntimeError if isinstance(error, StopIteration) else type(error)
    with pytest.raises(expected):
        asyncio.run(thread_pool.run(fail))


def test_finished_call_leaves_no_references(thread_pool: ThreadPool) -> None:
    """The garbage collector is disabled."""

    class Result:
        pass

    def fail_with(given: Result) -> NoReturn:
        raise ValueError

    async def succeed() -> weakref.ref[Result]:
        return weakref.ref(await thread_pool.run(Result))

    async def fail() -> weakref.ref[Result]:
        given = Result()
        with suppress(ValueError):
            await thread_pool.run(fail_with, given)
        return weakref.ref(given)

    gc.disable()
    try:
        left = [asyncio.run(succeed()), asyncio.run(fail())]
        thread_pool.close()
        assert [result() for result in left] == [None, None]
    finally:
        gc.enable()


def test_cancelled_call_does_not_run(thread_pool: ThreadPool) -> None:
    gate, begun = Gate(), list[int]()

    async def main() -> None:
        held = [asyncio.create_task(thread_pool.run(gate.pass_through)) for _ in range(SIZE)]
        late = asyncio.create_task(thread_pool.run(begun.append, 1))
        await asyncio.sleep(0)
        await asyncio.to_thread(gate.wait_for, SIZE)
        for call in (held[0], late):
            call.cancel()
        gate.open.set()
        outcomes = await asyncio.gather(*held, late, return_exceptions=True)
        cancelled = [isinstance(it, asyncio.CancelledError) for it in outcomes]
        assert cancelled == [True, False, False, True]

    asyncio.run(main())
    thread_pool.close()
    assert begun == []


def test_event_loop_can_close_before_its_calls_finish() -> None:
    thread_pool, gate = ThreadPool(1, max_waiting=100), Gate()
    loop = asyncio.new_event_loop()
    task = loop.create_task(thread_pool.run(gate.pass_through))
    loop.run_until_complete(asyncio.sleep(0))
    gate.wait_for(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)
    loop.close()
    gate.open.set()
    assert asyncio.run(thread_pool.run(abs, -1)) == 1
    thread_pool.close()


def test_close_waits_for_submitted_calls() -> None:
    thread_pool, done = ThreadPool(1, max_waiting=100), list[int]()

    async def main() -> None:
        calls = [asyncio.create_task(thread_pool.run(done.append, number)) for number in range(9)]
        await asyncio.sleep(0)
        thread_pool.close()
        assert done == [*range(9)]
        with pytest.raises(RuntimeError, match="is closed"):
            await thread_pool.run(done.append, 9)
        await asyncio.gather(*calls)

    asyncio.run(main())
    thread_pool.close()
    assert done == [*range(9)]
