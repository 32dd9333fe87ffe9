"""Unsent responses: the budget of the process, and the responses that give way."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.responses import Response

from todo_graphql.errors import Unavailable
from todo_graphql.server.http import unsent_responses
from todo_graphql.server.http.unsent_responses import FULL, UnsentResponses
from todo_graphql.server.observability.request_record import REQUEST_RECORD, RequestRecord

MIB = 1_048_576
"""The budget of the process is 64 of these, that of a user 32."""

SCOPE: dict[str, Any] = {"method": "POST", "path": "/graphql", "headers": []}


class Clients:
    """Clients that read nothing until a test ends."""

    def __init__(self) -> None:
        self.unsent = UnsentResponses(16 * MIB)
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._can_read = asyncio.Event()

    async def ask(self, owner: str, mebibytes: int, *, must_send: bool = False) -> None:
        """Send a response to a client, as far as it goes."""

        async def send(_message: Any) -> None:
            await self._can_read.wait()

        response, scope = (
            Response(b"x" * mebibytes * MIB),
            SCOPE | {REQUEST_RECORD: RequestRecord.from_scope(SCOPE)},
        )
        sending = self.unsent.send(owner, response, scope, send, must_send=must_send)
        self.tasks[owner] = asyncio.create_task(sending)
        await asyncio.sleep(0)
        if self.tasks[owner].done():
            self.tasks[owner].result()

    async def finish(self) -> None:
        self._can_read.set()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)


def run(test: Callable[[Clients], Awaitable[None]]) -> None:
    async def run_and_finish() -> None:
        clients = Clients()
        try:
            await test(clients)
        finally:
            await clients.finish()

    asyncio.run(run_and_finish())


@pytest.fixture
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unsent_responses, "GRACE_SECONDS", -1.0)


@pytest.mark.usefixtures("no_grace")
def test_response_of_a_mutation_evicts_old_ones() -> None:
    async def test(clients: Clients) -> None:
        await clients.ask("a", 32)
        await clients.ask("b", 32)
        await clients.ask("c", 16, must_send=True)
        assert clients.unsent.held() == 48 * MIB
        await clients.tasks["a"]
        assert not clients.tasks["b"].done()

    run(test)


def test_response_of_a_mutation_is_sent_beyond_the_budget() -> None:
    async def test(clients: Clients) -> None:
        for owner in "ab":
            await clients.ask(owner, 32)
        await clients.ask("c", 16, must_send=True)
        assert clients.unsent.held() == 80 * MIB
        with pytest.raises(Unavailable, match=FULL):
            clients.unsent.check("d")

    run(test)


@pytest.mark.usefixtures("no_grace")
def test_full_budget_with_old_responses_admits_requests() -> None:
    async def test(clients: Clients) -> None:
        for owner in "ab":
            await clients.ask(owner, 32)
        clients.unsent.check("c")
        assert clients.unsent.held() == 64 * MIB

    run(test)


def test_no_response_is_evicted_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(clients: Clients) -> None:
        await clients.ask("a", 8)
        monkeypatch.setattr(unsent_responses, "GRACE_SECONDS", -1.0)
        await clients.ask("b", 32)
        await clients.ask("c", 24)
        for owner in "bc":
            present = [one for one in clients.unsent._unsent if one.owner == owner]
            present[0].since = asyncio.get_running_loop().time() + 60.0
        with pytest.raises(Unavailable, match=FULL):
            await clients.ask("d", 16)
        await asyncio.sleep(0.01)
        assert not clients.tasks["a"].done()
        assert clients.unsent.held() == 64 * MIB

    run(test)


@pytest.mark.usefixtures("no_grace")
def test_evicted_response_counts_once() -> None:
    """Two requests come before the task of the evicted response runs."""

    async def test(clients: Clients) -> None:
        for owner, size in (("a", 32), ("b", 32)):
            await clients.ask(owner, size)
        for owner in "cd":
            clients.unsent._make_room(owner, 16, must_send=False)
        assert clients.unsent.held() == 32 * MIB
        await asyncio.sleep(0.01)
        assert clients.tasks["a"].done()
        assert not clients.tasks["b"].done()

    run(test)
