"""Clients on raw HTTP/1.1 connections, which record the outcome of each request.

An HTTP library would take processor time from the server. Times are those of the system's monotonic
clock, which all processes share.
"""

import asyncio
import json
import time
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from statistics import quantiles
from typing import Any, Literal, TypeVar

from chaos.environment import User
from tests.support.http_client import body_of
from todo_graphql.errors import OUTCOME_UNKNOWN, ErrorCode

TIMEOUT_SECONDS = 30
"""A client closes its connection after this time. Servers must respond much earlier."""

UNTYPED = "untyped"
"""The code of an error that has none of the documented codes."""

PAGE = "{ tasks(first: 20) { nodes { id title completedAt createdAt } } }"
CREATE_MANY = """mutation ($input: [CreateTaskInput!]!) { createTasks(input: $input) { count } }"""

T = TypeVar("T")
Outcome = Literal["ok", "failed", "unknown"]
TYPED = frozenset(ErrorCode.__members__)


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of a request.

    `failed` means that nothing was executed. `unknown` means that something may have been: the
    response says so, or there is none although the request was sent. `code` is that of the first
    error.
    """

    began: float
    ended: float
    outcome: Outcome
    status: int = 0
    code: str | None = None
    body: bytes = b""

    @property
    def seconds(self) -> float:
        return self.ended - self.began

    @property
    def is_answered(self) -> bool:
        """Return whether there was a response."""
        return self.status != 0

    @property
    def is_reset(self) -> bool:
        """Return whether the connection ended after the request, without a response."""
        return self.outcome == "unknown" and not self.is_answered

    def data(self) -> Any:
        return json.loads(self.body)["data"]


class Connection(asyncio.Protocol):
    """An HTTP/1.1 connection with one request at a time."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._response: asyncio.Future[bytes] | None = None
        self.is_open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if body_of(self._buffer) is None:
            return
        response = bytes(self._buffer)
        self._buffer.clear()
        self.is_open = self.is_open and b"connection: close" not in response[:400].lower()
        self._resolve(response)

    def connection_lost(self, _error: Exception | None) -> None:
        self.is_open = False
        self._resolve(b"")

    def _resolve(self, response: bytes) -> None:
        if self._response is not None and not self._response.done():
            self._response.set_result(response)

    async def exchange(self, request: bytes) -> bytes:
        """Send a request and return the response, or nothing if the connection ends before it."""
        assert self._transport is not None
        self._response = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await self._response
        except TimeoutError:
            self.close()
            return b""

    def close(self) -> None:
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()


class Client:
    """A user's client, which reconnects when its connection has ended."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._token = token
        self._connection: Connection | None = None

    async def execute(self, document: str, **variables: Any) -> Answer:
        return await self.send(request_for(document, variables, self._token))

    async def send(self, request: bytes) -> Answer:
        """Send an encoded request."""
        began = time.monotonic()
        try:
            connection = await self._connect()
        except OSError:
            return Answer(began, time.monotonic(), "failed")
        return parse_response(began, await connection.exchange(request))

    async def _connect(self) -> Connection:
        if self._connection is None or not self._connection.is_open:
            self.close()
            loop = asyncio.get_running_loop()
            _, self._connection = await loop.create_connection(Connection, "127.0.0.1", self._port)
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


def run_together(clients: Iterable[Coroutine[Any, Any, list[T]]]) -> list[T]:
    """Run clients concurrently, and return the results of all."""

    async def gather() -> list[list[T]]:
        return await asyncio.gather(*clients)

    return list(chain.from_iterable(asyncio.run(gather())))


def request_for(document: str, variables: dict[str, Any], token: str) -> bytes:
    """Encode an operation as an HTTP request."""
    body = json.dumps({"query": document, "variables": variables}).encode()
    return head_for(token, len(body)) + body


def head_for(token: str, length: int) -> bytes:
    """Return the head of a request whose body has this length."""
    lines = (
        "POST /graphql HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {token}",
        "Content-Type: application/json",
        f"Content-Length: {length}",
    )
    return "\r\n".join([*lines, "", ""]).encode()


def parse_response(began: float, raw: bytes) -> Answer:
    """Classify a response. It is empty if the connection ended before it."""
    ended = time.monotonic()
    if not raw:
        return Answer(began, ended, "unknown")
    head, _, body = raw.partition(b"\r\n\r\n")
    status = int(head[9:12])
    if status == 200 and b'"errors"' not in body:
        return Answer(began, ended, "ok", status, body=body)
    code, message = error_in(body)
    outcome: Outcome = "unknown" if message == OUTCOME_UNKNOWN else "failed"
    return Answer(began, ended, outcome, status, code, body)


def error_in(body: bytes) -> tuple[str, str]:
    """Return the code and the message of the first error."""
    try:
        error = json.loads(body)["errors"][0]
        code = error["extensions"]["code"]
    except (ValueError, KeyError, IndexError, TypeError):
        return UNTYPED, ""
    return (code if code in TYPED else UNTYPED), str(error["message"])


def count_untyped(answers: Sequence[Answer]) -> int:
    """Count errors without a documented code, and internal errors."""
    bad = (UNTYPED, ErrorCode.INTERNAL_SERVER_ERROR.name)
    return sum(answer.code in bad for answer in answers)


def read_repeatedly(
    port: int, users: Sequence[User], seconds: float, pause: float = 0.0
) -> list[Answer]:
    """Query a page as each user, repeatedly, with a pause in between."""
    return execute_repeatedly(port, users, seconds, PAGE, pause=pause)


def execute_repeatedly(
    port: int,
    users: Sequence[User],
    seconds: float,
    document: str,
    *,
    pause: float = 0.0,
    **variables: Any,
) -> list[Answer]:
    """Execute an operation as each user, at least once, and repeatedly for this time."""
    deadline = time.monotonic() + seconds

    async def run(user: User) -> list[Answer]:
        client, answers = Client(port, user.token), list[Answer]()
        request = request_for(document, variables, user.token)
        while time.monotonic() < deadline or not answers:
            answers.append(replace(await client.send(request), body=b""))
            await asyncio.sleep(pause)
        client.close()
        return answers

    return run_together(map(run, users))


def create_tasks(port: int, users: Sequence[User], title: str = "Task", tasks: int = 100) -> None:
    """Create tasks of each user."""
    new = [{"title": f"{title} {number}"} for number in range(tasks)]
    for answer in execute_repeatedly(port, users, 0, CREATE_MANY, input=new):
        assert answer.outcome == "ok", answer


def p99(answers: Sequence[Answer]) -> float:
    """Return the 99th percentile of the response times."""
    times = [answer.seconds for answer in answers]
    return quantiles(times, n=100)[98] if len(times) > 1 else sum(times)
