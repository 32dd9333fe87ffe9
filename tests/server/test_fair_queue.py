"""The fair queue before the thread pool."""

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.support.gate import Gate
from todo_graphql.errors import Unavailable
from todo_graphql.server.fair_queue import FairQueue
from todo_graphql.server.thread_pool import ThreadPool

SIZE = 3


@pytest.fixture
def thread_pool() -> Iterator[ThreadPool]:
    own = ThreadPool(SIZE, max_waiting=100)
    yield own
    own.close()


def test_owner_gets_at_most_half_of_the_threads(thread_pool: ThreadPool) -> None:
    gate, queue = Gate(), FairQueue(thread_pool)

    async def main() -> int:
        greedy = [
            asyncio.create_task(queue.run("greedy", gate.pass_through)) for _ in range(SIZE + 1)
        ]
        await asyncio.sleep(0)
        await asyncio.to_thread(gate.wait_for, 2)
        assert await queue.run("another", abs, -1) == 1
        assert not gate.came.acquire(timeout=0.05)
        gate.open.set()
        return len(await asyncio.gather(*greedy))

    assert asyncio.run(main()) == SIZE + 1


def test_slot_of_running_cancelled_call_is_held_until_its_end(thread_pool: ThreadPool) -> None:
    gate, queue, begun = Gate(), FairQueue(thread_pool), list[int]()

    async def main() -> None:
        half = range(queue.max_per_owner)
        held = [asyncio.create_task(queue.run("owner", gate.pass_through)) for _ in half]
        await asyncio.sleep(0)
        await asyncio.to_thread(gate.wait_for, queue.max_per_owner)
        for call in held:
            call.cancel()
        await asyncio.gather(*held, return_exceptions=True)
        late = asyncio.create_task(queue.run("owner", begun.append, 1))
        assert await queue.run("another", abs, -1) == 1  # the third thread is free
        assert (begun, late.done()) == ([], False)
        gate.open.set()
        await late
        assert begun == [1]

    asyncio.run(main())


def test_fair_queue_is_bounded() -> None:
    thread_pool, gate = ThreadPool(SIZE, max_waiting=1), Gate()
    queue = FairQueue(thread_pool)

    async def main() -> None:
        greedy = []
        for number in range(3):
            greedy.append(asyncio.create_task(queue.run("greedy", gate.pass_through)))
            await asyncio.sleep(0)
            await asyncio.to_thread(gate.wait_for, number < 2)  # the third one waits for a slot
        with pytest.raises(Unavailable, match="overloaded"):
            await queue.run("greedy", gate.pass_through)
        gate.open.set()
        await asyncio.gather(*greedy)

    asyncio.run(main())
    thread_pool.close()


def test_slot_of_cancelled_call_is_passed_on(
    thread_pool: ThreadPool,
) -> None:
    """A call is cancelled after it has got a slot, and before it continues.

    A slot that is lost then is lost for ever.
    """
    gate, queue = Gate(), FairQueue(thread_pool)

    async def lose_a_slot() -> None:
        async def hold() -> None:
            await queue.run("owner", gate.pass_through)
            late.cancel()  # in the same step as it gets the slot

        held = [asyncio.create_task(hold()) for _ in range(queue.max_per_owner)]
        await asyncio.sleep(0)
        late = asyncio.create_task(queue.run("owner", gate.pass_through))
        await asyncio.sleep(0)
        await asyncio.to_thread(gate.wait_for, queue.max_per_owner)
        gate.open.set()
        ends = await asyncio.gather(*held, late, return_exceptions=True)
        assert isinstance(ends[-1], asyncio.CancelledError)
        gate.open.clear()

    async def main() -> None:
        for _ in range(queue.max_per_owner):
            await lose_a_slot()
        assert queue.waiting == 0
        calls = [
            asyncio.create_task(queue.run("owner", gate.pass_through))
            for _ in range(queue.max_per_owner)
        ]
        await asyncio.sleep(0)
        try:
            await asyncio.to_thread(gate.wait_for, queue.max_per_owner)
        finally:
            gate.open.set()
        await asyncio.gather(*calls)

    asyncio.run(main())


def test_cancelled_calls_free_their_places() -> None:
    """A user whose clients give up can wait again."""
    thread_pool, gate = ThreadPool(1, max_waiting=4), Gate()
    queue = FairQueue(thread_pool)

    async def main() -> None:
        held = asyncio.create_task(queue.run("owner", gate.pass_through))
        await asyncio.sleep(0)
        await asyncio.to_thread(gate.wait_for, 1)
        for _ in range(3):
            late = [asyncio.create_task(queue.run("owner", abs, -1)) for _ in range(2)]
            await asyncio.sleep(0)
            assert queue.waiting == 2
            for call in late:
                call.cancel()
            await asyncio.gather(*late, return_exceptions=True)
            assert queue.waiting == 0
        last = asyncio.create_task(queue.run("owner", abs, -1))
        await asyncio.sleep(0)
        gate.open.set()
        assert await last == 1
        await held

    asyncio.run(main())
    thread_pool.close()


@pytest.mark.parametrize(
    ("owners", "shares"),
    [
        (1, [6]),
        (2, [4, 4]),
        (3, [3, 3, 3]),
        (5, [2, 2, 2, 2, 2]),
        (11, [1] * 11),
    ],
)
def test_share_of_each_owner_leaves_as_many_threads_free(owners: int, shares: list[int]) -> None:
    """A newcomer gets a thread at once, however many calls of others wait."""
    thread_pool, gate = ThreadPool(12, max_waiting=10_000), Gate()
    queue, began = FairQueue(thread_pool), Counter[int]()

    def note_and_wait(owner: int) -> None:
        began[owner] += 1
        gate.pass_through()

    async def main() -> None:
        calls = [
            asyncio.create_task(queue.run(owner, note_and_wait, owner))
            for _ in range(12)
            for owner in range(owners)
        ]
        await asyncio.sleep(0)
        await asyncio.to_thread(gate.wait_for, sum(shares))
        assert await queue.run("newcomer", abs, -1) == 1
        assert not gate.came.acquire(timeout=0.05)
        assert [began[owner] for owner in range(owners)] == shares
        gate.open.set()
        await asyncio.gather(*calls)

    asyncio.run(main())
    thread_pool.close()
    assert [began[owner] for owner in range(owners)] == [12] * owners


def test_freed_thread_goes_to_owner_with_fewest(thread_pool: ThreadPool) -> None:
    first, others, queue = Gate(), Gate(), FairQueue(thread_pool)
    order: list[str] = []

    async def main() -> None:
        gates = {"x": first, "a": others, "b": others}
        held = [asyncio.create_task(queue.run(it, gates[it].pass_through)) for it in gates]
        await asyncio.sleep(0)
        await asyncio.to_thread(first.wait_for, 1)
        await asyncio.to_thread(others.wait_for, 2)
        late = [asyncio.create_task(queue.run(it, order.append, it)) for it in "aabbd"]
        await asyncio.sleep(0)
        first.open.set()
        await late[-1]
        assert order == ["d"]
        others.open.set()
        await asyncio.gather(*held, *late)

    asyncio.run(main())
    assert Counter(order) == Counter("aabbd")


def test_places_in_the_queue_are_shared() -> None:
    """Calls of one owner fill at most half of it, so that others can wait."""
    thread_pool, gate = ThreadPool(1, max_waiting=8), Gate()
    queue = FairQueue(thread_pool)

    async def main() -> list[object]:
        held = asyncio.create_task(queue.run("greedy", gate.pass_through))
        await asyncio.sleep(0)
        await asyncio.to_thread(gate.wait_for, 1)
        greedy = [asyncio.create_task(queue.run("greedy", abs, -1)) for _ in range(20)]
        await asyncio.sleep(0)
        other = [asyncio.create_task(queue.run("other", abs, -1)) for _ in range(2)]
        await asyncio.sleep(0)
        assert queue.waiting == 6
        gate.open.set()
        ends: list[object] = await asyncio.gather(*greedy, *other, return_exceptions=True)
        await held
        return ends

    ends = asyncio.run(main())
    thread_pool.close()
    rejected = [isinstance(end, Unavailable) for end in ends]
    assert rejected == [False] * 4 + [True] * 16 + [False] * 2
