"""Timeouts and cancellation of work on a connection to PostgreSQL."""

import asyncio
import threading
import uuid

import pytest
from sqlalchemy import text

from todo_graphql.errors import TOO_LATE, Unavailable
from todo_graphql.server.http.timeouts import run_with_timeout
from todo_graphql.server.thread_pool import ThreadPool
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres.connection import ViewerConnection
from todo_graphql.store.postgres.engine import Database


class Sleeper:
    """A call that runs a long statement, and records its error."""

    def __init__(self, connection: ViewerConnection) -> None:
        self.connection = connection
        self.began = threading.Event()
        self.failures: list[str] = []

    def __call__(self) -> None:
        self.began.set()
        try:
            with self.connection:
                self.connection.read(text("SELECT pg_sleep(60)"))
        except Unavailable as failure:
            self.failures.append(failure.message)


@pytest.fixture
def sleeper(database: Database) -> Sleeper:
    return Sleeper(database.connect_as(Viewer(uuid.uuid4())))


def test_work_over_timeout_is_aborted(sleeper: Sleeper) -> None:
    thread_pool = ThreadPool(1, 10)

    async def wait() -> None:
        with pytest.raises(Unavailable, match="timed out"):
            await run_with_timeout(0.2, sleeper.connection, thread_pool.run(sleeper))

    asyncio.run(asyncio.wait_for(wait(), 30))
    thread_pool.close()
    assert sleeper.failures == [TOO_LATE]


def test_cancelled_work_is_aborted(sleeper: Sleeper) -> None:
    thread_pool = ThreadPool(1, 10)

    async def leave() -> None:
        work = asyncio.create_task(
            run_with_timeout(60, sleeper.connection, thread_pool.run(sleeper))
        )
        assert await asyncio.to_thread(sleeper.began.wait, 30)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(asyncio.wait_for(leave(), 30))
    thread_pool.close()
    assert sleeper.failures == [TOO_LATE]


def test_work_within_timeout_returns_or_raises(sleeper: Sleeper) -> None:
    thread_pool = ThreadPool(1, 10)

    async def stay() -> None:
        work = thread_pool.run(sleeper.connection.read, text("SELECT 1"))
        assert [tuple(row) for row in await run_with_timeout(30, sleeper.connection, work)] == [
            (1,)
        ]
        with pytest.raises(ZeroDivisionError):
            await run_with_timeout(30, sleeper.connection, thread_pool.run(divmod, 1, 0))

    with sleeper.connection:
        asyncio.run(asyncio.wait_for(stay(), 30))
        assert not sleeper.connection.may_have_committed
    thread_pool.close()
