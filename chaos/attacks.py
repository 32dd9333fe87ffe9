"""Attacks of one account or one address: requests that cost a server as much as they can.

Each attack runs in a client process for a number of seconds, at full speed. It reads no more of a
response than it needs.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import count
from typing import NamedTuple, TypeAlias

from chaos.clients import Client, request_for
from chaos.environment import User

PIECE_BYTES = 65_536
SLOW_BYTES_PER_SECOND = 60_000
IMPORT_BYTES = 10 * 1024 * 1024 - 1_024
IMPORTED_TASKS = 90_000

Send: TypeAlias = Callable[[int, User, int], Awaitable[None]]
"""An endless client: port, user and number of the connection."""


class Attack(NamedTuple):
    """The clients of an attack: accounts, and connections of each."""

    name: str
    send: Send
    accounts: int = 1
    connections: int = 1


def run_attack(name: str, port: int, users: Sequence[User], seconds: float) -> None:
    """Run the clients of an attack for this time. Raises the error of a client that fails."""
    os.nice(10)  # the clients share the processors with the server, which has its own machine
    attack = ATTACKS[name]

    async def repeat(user: User, place: int) -> None:
        while True:
            with suppress(OSError):  # the server has closed the connection
                await attack.send(port, user, place)
            await asyncio.sleep(0.01)

    async def run_all() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
                for user in users:
                    for place in range(attack.connections):
                        group.create_task(repeat(user, place))

    asyncio.run(run_all())


async def pipeline(port: int, _user: User, _place: int) -> None:
    """Send requests without a token on one connection, and read no response."""
    async with Raw(port) as raw:
        request = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n" * 2_000
        while True:
            await raw.send(request)


async def leave_answers_unread(port: int, user: User, _place: int) -> None:
    """Ask for as many bytes as an operation may cost, and do not read them."""
    aliases = " ".join(f"d{number}: description" for number in range(90))
    document = f"{{ tasks(first: 100) {{ nodes {{ {aliases} }} }} }}"
    async with Raw(port) as raw:
        await raw.send(request_for(document, {}, user.token))
        await asyncio.sleep(15)


async def leave_exports_unread(port: int, user: User, _place: int) -> None:
    """Begin an export, and do not read it."""
    head = f"GET /export HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {user.token}\r\n\r\n"
    async with Raw(port) as raw:
        await raw.send(head.encode())
        await asyncio.sleep(15)


async def send_invalid_documents(port: int, user: User, place: int) -> None:
    """Send documents of 60 kB that no cache knows, and that are not valid."""
    client = Client(port, user.token)
    for number in count():
        fields = " ".join(f"unknown{place}_{number}_{field}" for field in range(450))
        await client.execute(f"{{ {fields} }} # {'x' * 40_000}")


async def send_cheap_operations(port: int, user: User, _place: int) -> None:
    """Send the cheapest operation."""
    client = Client(port, user.token)
    while True:
        await client.execute("{ me { id } }")


async def import_nested_lists(port: int, user: User, _place: int) -> None:
    """Import a task whose tags are nested lists."""
    await send_import(port, user, b'[{"title":"a","tags":[' + b'["a"],' * (IMPORT_BYTES // 6))


async def import_many_tasks(port: int, user: User, _place: int) -> None:
    """Import as many tasks as a file may have."""
    task = b'{"title":"' + b"a" * 90 + b'"}'
    await send_import(port, user, b"[" + b",".join([task] * IMPORTED_TASKS) + b"]")


async def import_blank_lines(port: int, user: User, _place: int) -> None:
    """Import a table of blank lines."""
    await send_import(port, user, b"title\n" + b"\n" * (IMPORT_BYTES - 6), "text/csv")


async def import_slowly(port: int, user: User, _place: int) -> None:
    """Send a file just fast enough."""
    async with Raw(port) as raw:
        await raw.send(import_head(user, IMPORT_BYTES, "application/json"))
        while not raw.is_closed:
            await raw.send(b" " * (SLOW_BYTES_PER_SECOND // 10))
            await asyncio.sleep(0.1)


class Raw:
    """A connection on which nothing is read."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> "Raw":
        self.reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1)
        return self

    async def send(self, data: bytes) -> None:
        for start in range(0, len(data), PIECE_BYTES):
            self._writer.write(data[start : start + PIECE_BYTES])
            await self._writer.drain()

    @property
    def is_closed(self) -> bool:
        return self._writer.is_closing() or self.reader.at_eof()

    async def __aexit__(self, *_: object) -> None:
        self._writer.transport.abort()


def import_head(user: User, length: int, media_type: str) -> bytes:
    lines = (
        "POST /import HTTP/1.1",
        "Host: a",
        f"Authorization: Bearer {user.token}",
        f"Content-Type: {media_type}",
        f"Content-Length: {length}",
        "Connection: close",
    )
    return "\r\n".join([*lines, "", ""]).encode()


async def send_import(
    port: int, user: User, content: bytes, media_type: str = "application/json"
) -> bytes:
    """Send a file at once, and return the start of the response."""
    async with Raw(port) as raw:
        await raw.send(import_head(user, len(content), media_type) + content)
        return await raw.reader.read(PIECE_BYTES)


def import_long_tasks(port: int, users: Sequence[User]) -> None:
    """Import a page of tasks with the longest descriptions."""
    tasks = [{"title": f"Task {number}", "description": "🧀" * 10_000} for number in range(100)]
    content = json.dumps(tasks, ensure_ascii=False).encode()

    async def import_all() -> None:
        answers = await asyncio.gather(*(send_import(port, user, content) for user in users))
        assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers), answers

    asyncio.run(import_all())


ATTACKS = {
    attack.name: attack
    for attack in (
        Attack("pipelined requests", pipeline, connections=5),
        Attack("unread answers", leave_answers_unread, connections=10),
        Attack("unread exports", leave_exports_unread, connections=20),
        Attack("invalid documents", send_invalid_documents, accounts=2, connections=4),
        Attack("cheap operations", send_cheap_operations, connections=8),
        Attack("imports of nested lists", import_nested_lists, accounts=4),
        Attack("imports of many tasks", import_many_tasks, accounts=4),
        Attack("imports of blank lines", import_blank_lines, accounts=4),
        Attack("slow imports", import_slowly, accounts=8),
    )
}
