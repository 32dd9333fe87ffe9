"""Those who ask: each on one connection, by hand, and with a note of what became of it.

A client's own work would take processor time from the server, so it is HTTP/1.1 and nothing else.
Times are those of the system's monotonic clock, which all processes share.
"""

import asyncio
import json
import time
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal, TypeVar

from tests.support.http_client import body_of
from todo_graphql.errors import OUTCOME_UNKNOWN, ErrorCode

PATIENCE = 30
"""Seconds after which a client goes away. No server of ours may be that late."""

UNTYPED = "untyped"
"""The code of an error that has none of ours."""

T = TypeVar("T")
Outcome = Literal["ok", "failed", "unknown"]
TYPED = frozenset(ErrorCode.__members__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request.

    `failed` means that nothing was done, and `unknown` that it may have been: the answer says
    so, or there is none although the request was sent. `code` is that of the first error.
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
        """Whether there was an answer at all."""
        return self.status != 0

    @property
    def is_reset(self) -> bool:
        """Whether it was sent, and the connection ended instead of an answer."""
        return self.outcome == "unknown" and not self.is_answered

    def data(self) -> Any:
        """The data of one that is ok."""
        return json.loads(self.body)["data"]


class Line(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._awaited: asyncio.Future[bytes] | None = None
        self.is_open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if body_of(self._buffer) is None:
            return
        answer = bytes(self._buffer)
        self._buffer.clear()
        self.is_open = self.is_open and b"connection: close" not in answer[:400].lower()
        self._settle(answer)

    def connection_lost(self, _error: Exception | None) -> None:
        self.is_open = False
        self._settle(b"")

    def _settle(self, answer: bytes) -> None:
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_result(answer)

    async def exchange(self, request: bytes) -> bytes:
        """The answer; empty when the connection ends before it."""
        assert self._transport is not None
        self._awaited = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._awaited
        except TimeoutError:
            self.close()
            return b""

    def close(self) -> None:
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()


class Caller:
    """Somebody with a token, on one connection at a time: another one when the last has ended."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._token = token
        self._line: Line | None = None

    async def ask(self, document: str, **variables: Any) -> Answer:
        """Send an operation."""
        return await self.send(request_for(document, variables, self._token))

    async def send(self, request: bytes) -> Answer:
        """Send what was prepared."""
        began = time.monotonic()
        try:
            line = await self._open_line()
        except OSError:
            return Answer(began, time.monotonic(), "failed")
        raw = await line.exchange(request)
        return answer_of(began, raw)

    async def _open_line(self) -> Line:
        if self._line is None or not self._line.is_open:
            self.hang_up()
            loop = asyncio.get_running_loop()
            _, self._line = await loop.create_connection(Line, "127.0.0.1", self._port)
        return self._line

    def hang_up(self) -> None:
        if self._line is not None:
            self._line.close()


def together(those: Iterable[Coroutine[Any, Any, list[T]]]) -> list[T]:
    """What all of them note, who work at once."""

    async def everybody() -> list[list[T]]:
        return await asyncio.gather(*those)

    return list(chain.from_iterable(asyncio.run(everybody())))


def request_for(document: str, variables: dict[str, Any], token: str) -> bytes:
    """The operation as it goes over the wire."""
    body = json.dumps({"query": document, "variables": variables}).encode()
    return head_for(token, len(body)) + body


def head_for(token: str, length: int) -> bytes:
    """What comes before a body of this length."""
    lines = (
        "POST /graphql HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {token}",
        "Content-Type: application/json",
        f"Content-Length: {length}",
    )
    return "\r\n".join([*lines, "", ""]).encode()


def answer_of(began: float, raw: bytes) -> Answer:
    """What the bytes of an answer mean; none at all when the connection ended before them."""
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
    """The code and the sentence of the first error."""
    try:
        error = json.loads(body)["errors"][0]
        code = error["extensions"]["code"]
    except (ValueError, KeyError, IndexError, TypeError):
        return UNTYPED, ""
    return (code if code in TYPED else UNTYPED), str(error["message"])


def untyped(answers: Sequence[Answer]) -> int:
    """How many errors have no code of ours, or say that the server is broken."""
    bad = (UNTYPED, ErrorCode.INTERNAL_SERVER_ERROR.name)
    return sum(answer.code in bad for answer in answers)
