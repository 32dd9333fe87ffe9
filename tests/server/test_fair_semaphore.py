"""The fair semaphore. tests/server/test_fair_queue.py has its shares."""

import asyncio

import pytest

from todo_graphql.errors import Unavailable
from todo_graphql.server.fair_semaphore import FairSemaphore


async def settle() -> None:
    """Let all tasks run that can."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_owner_with_many_calls_leaves_permits_to_others() -> None:
    async def main() -> None:
        semaphore = FairSemaphore(5, max_waiting=100)
        greedy = [asyncio.create_task(semaphore.acquire("greedy")) for _ in range(40)]
        await settle()
        assert sum(task.done() for task in greedy) == 3
        async with semaphore.hold("other"):
            assert semaphore.waiting == 37
        for task in greedy:
            task.cancel()
        await settle()
        assert semaphore.waiting == 0

    asyncio.run(main())


def test_permit_is_freed_when_its_block_raises() -> None:
    async def main() -> None:
        semaphore = FairSemaphore(1, max_waiting=1)
        for _ in range(3):
            with pytest.raises(ValueError, match="within"):
                async with semaphore.hold("owner"):
                    raise ValueError("within")

    asyncio.run(main())


def test_calls_beyond_the_bound_are_rejected() -> None:
    async def main() -> None:
        semaphore = FairSemaphore(1, max_waiting=4)
        await semaphore.acquire("owner")
        waiting = [asyncio.create_task(semaphore.acquire("owner")) for _ in range(2)]
        await settle()
        with pytest.raises(Unavailable):
            await semaphore.acquire("owner")
        semaphore.release("owner")
        await settle()
        assert [task.done() for task in waiting] == [True, False]
        waiting[1].cancel()

    asyncio.run(main())
