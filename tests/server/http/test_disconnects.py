"""Cancellation of work when the client disconnects."""

import asyncio
import threading

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from todo_graphql.server.http.disconnects import cancel_on_disconnect
from todo_graphql.server.thread_pool import ThreadPool


def test_queued_work_of_disconnected_client_does_not_start() -> None:
    """The only thread is busy when the client disconnects."""
    thread_pool, came, held = ThreadPool(1, 10), threading.Event(), threading.Event()
    done: list[str] = []

    def hold() -> None:
        came.set()
        assert held.wait(30)

    async def gone() -> Message:
        assert came.wait(30)
        assert thread_pool.waiting == 1
        return {"type": "http.disconnect"}

    async def leave() -> None:
        first = asyncio.create_task(thread_pool.run(hold))
        await asyncio.sleep(0)
        request = Request({"type": "http"}, gone)
        with pytest.raises(ClientDisconnect):
            work = thread_pool.run(done.append, "the client's")
            await cancel_on_disconnect(request, work, lambda: done.append("aborted"))
        held.set()
        await first
        await thread_pool.run(done.append, "the next one's")

    asyncio.run(asyncio.wait_for(leave(), 30))
    thread_pool.close()
    assert done == ["aborted", "the next one's"]


def test_work_of_connected_client_returns_or_raises() -> None:
    thread_pool = ThreadPool(1, 10)

    async def stay() -> None:
        for value in (1, 0):
            request = Request({"type": "http"}, asyncio.Queue[Message]().get)
            tasks = asyncio.all_tasks()
            work = thread_pool.run(divmod, 5, value)
            try:
                assert await cancel_on_disconnect(request, work, pytest.fail) == (5, 0)
            finally:
                await asyncio.sleep(0)
                assert asyncio.all_tasks() == tasks

    with pytest.raises(ZeroDivisionError):
        asyncio.run(asyncio.wait_for(stay(), 30))
    thread_pool.close()
