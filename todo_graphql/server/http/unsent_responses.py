"""Large responses: sent in pieces with flow control, within a budget of unsent bytes.

A client that reads slowly keeps the rest of its response in memory. The budget of a user bounds
the memory that one user can take. The budget of the process is shared: when it is used up, the
responses that have been unsent for longest give way.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import Scope, Send

from todo_graphql.errors import Unavailable
from todo_graphql.server.observability.request_record import request_record

logger = logging.getLogger(__name__)

RESPONSE_PIECE_BYTES = 65_536
"""The size of a piece, and of the largest response that takes no share of the budgets. The
transport buffers about as much.
"""

MAX_UNSENT_BYTES = 67_108_864
"""The budget of the process. Larger limits of a response raise it to two responses."""

RESPONSES_PER_OWNER = 2
"""The budget of a user, in responses of the maximum size."""

GRACE_SECONDS = 10.0
"""The time after which an unsent response can give way to others."""

RETRY_AFTER_SECONDS = 5

TOO_MANY = "Too many of your responses are unread. Read them, or close their connections."
FULL = "Too many responses are unread. Try again in a moment."


@dataclass(eq=False, slots=True)
class Unsent:
    """A response that is being sent."""

    owner: Hashable
    size: int
    since: float
    deadline: asyncio.Timeout

    def evict(self) -> None:
        """Close the connection of the response, whose share is free from now on."""
        self.size = 0
        if not self.deadline.expired():
            self.deadline.reschedule(asyncio.get_running_loop().time())


class UnsentResponses:
    """The large responses of one process that are being sent, for use on its event loop."""

    def __init__(self, max_response_bytes: int) -> None:
        self._max_owner_bytes = RESPONSES_PER_OWNER * max_response_bytes
        self._max_bytes = max(MAX_UNSENT_BYTES, self._max_owner_bytes)
        self._unsent: dict[Unsent, None] = {}  # the oldest first

    def held(self, owner: Hashable | None = None) -> int:
        """Return the unsent bytes of a user, or of all."""
        return sum(one.size for one in self._unsent if owner in (None, one.owner))

    def check(self, owner: Hashable) -> None:
        """Raise Unavailable if one of the budgets is used up, before anything is executed."""
        if not self._unsent:
            return
        if self.held(owner) >= self._max_owner_bytes:
            raise Unavailable(TOO_MANY, retry_after=RETRY_AFTER_SECONDS)
        if self._victims(1)[1] > 0:
            raise Unavailable(FULL, retry_after=RETRY_AFTER_SECONDS)

    async def send(
        self, owner: Hashable, response: Response, scope: Scope, send: Send, *, must_send: bool
    ) -> None:
        """Send a response. A large one takes a share of the budgets.

        The share is returned when the response is sent, or when the client is disconnected.

        Raises Unavailable if no share is left, unless the response must be sent: that of a mutation
        tells what has changed. Others give way to it nevertheless.
        """
        try:
            async with self.share(owner, len(response.body), must_send=must_send):
                await send_in_pieces(response, send)
        except TimeoutError:
            request_record(scope).abandon(Unavailable.code.status)
            logger.warning("Closed a connection whose client read its response too slowly.")

    @asynccontextmanager
    async def share(
        self, owner: Hashable, size: int, *, must_send: bool = False
    ) -> AsyncIterator[None]:
        """Hold a share of the budgets in the `async with` block.

        Raises Unavailable if none is left, and TimeoutError when it gives way to others.
        """
        self._make_room(owner, size, must_send=must_send)
        async with asyncio.timeout(None) as deadline:
            unsent = Unsent(owner, size, asyncio.get_running_loop().time(), deadline)
            self._unsent[unsent] = None
            try:
                yield
            finally:
                del self._unsent[unsent]

    def _make_room(self, owner: Hashable, size: int, *, must_send: bool) -> None:
        """Evict old responses. None is evicted for a response that is rejected anyway."""
        if not must_send and self.held(owner) + size > self._max_owner_bytes:
            raise Unavailable(TOO_MANY, retry_after=RETRY_AFTER_SECONDS)
        victims, excess = self._victims(size)
        if excess > 0 and not must_send:
            raise Unavailable(FULL, retry_after=RETRY_AFTER_SECONDS)
        for victim in victims:
            victim.evict()

    def _victims(self, size: int) -> tuple[list[Unsent], int]:
        """Return the responses that give way to one of this size, the oldest first, and the excess.

        The excess is the number of bytes by which the budget would be exceeded without them.
        """
        excess = self.held() + size - self._max_bytes
        before = asyncio.get_running_loop().time() - GRACE_SECONDS
        victims: list[Unsent] = []
        for one in self._unsent:
            if excess <= 0 or one.since >= before:
                break
            victims.append(one)
            excess -= one.size
        return victims, excess


async def send_in_pieces(response: Response, send: Send) -> None:
    """Send a response. Each piece waits until the transport has room for it."""
    headers, status = response.raw_headers, response.status_code
    await send({"type": "http.response.start", "status": status, "headers": headers})
    body = response.body
    for start in range(0, len(body), RESPONSE_PIECE_BYTES):
        end = start + RESPONSE_PIECE_BYTES
        piece = {"body": bytes(body[start:end]), "more_body": end < len(body)}
        await send({"type": "http.response.body", **piece})
