"""A budget of memory for large request bodies, from their receipt to the end of their operation.

Bodies of up to SMALL_BODY_BYTES are bounded by the number of connections. Larger ones share the
budgets of their user and of the process. When that of the process is used up, the bodies that have
been arriving for longest give way.
"""

import asyncio
from collections.abc import Hashable

from starlette.requests import Request
from starlette.types import Message

from todo_graphql.errors import Unavailable

SMALL_BODY_BYTES = 65_536

MAX_LARGE_BYTES = 33_554_432
"""The budget of the process, and the greatest of a user. A larger limit of a body raises that of
the user to one body, and that of the process to two.
"""

BODIES_PER_OWNER = 8
"""The budget of a user, in bodies of the maximum size."""

GRACE_SECONDS = 5.0
"""The time after which an arriving body can give way to others."""

RETRY_AFTER_SECONDS = 2

TOO_MANY = "Too many large requests of yours are in progress. Try again in a moment."
FULL = "Too many large requests are in progress. Try again in a moment."


class BodyShare:
    """The share of one large body in the budgets."""

    __slots__ = ("_budget", "_deadline", "holders", "owner", "since", "size")

    def __init__(self, budget: "BodyBudget", owner: Hashable) -> None:
        self._budget = budget
        self._deadline: asyncio.Timeout | None = None
        self.holders = 1
        self.owner = owner
        self.size = 0
        self.since = asyncio.get_running_loop().time()

    async def receive(self, request: Request) -> Message:
        """Return the next message. Raises Unavailable if the body has to give way meanwhile."""
        try:
            async with asyncio.timeout(None) as self._deadline:
                return await request.receive()
        except TimeoutError:
            raise Unavailable(FULL, retry_after=RETRY_AFTER_SECONDS) from None
        finally:
            self._deadline = None

    def grow(self, size: int) -> None:
        """Set the number of bytes that have arrived. Raises Unavailable if a budget is used up."""
        self.size = size
        self._budget.make_room(self)

    @property
    def is_arriving(self) -> bool:
        """Return whether the rest of the body is awaited."""
        return self._deadline is not None and not self._deadline.expired()

    def evict(self) -> None:
        """End the receipt of the body, whose share is free from now on."""
        assert self._deadline is not None
        self._deadline.reschedule(asyncio.get_running_loop().time())
        self.size = 0


class BodyBudget:
    """The large bodies of one process, for use on its event loop."""

    def __init__(self, max_body_bytes: int) -> None:
        most = max(MAX_LARGE_BYTES, max_body_bytes)
        self._max_owner_bytes = min(BODIES_PER_OWNER * max_body_bytes, most)
        self._max_bytes = max(MAX_LARGE_BYTES, 2 * max_body_bytes)
        self._shares: dict[Request, BodyShare] = {}  # the oldest first

    def share(self, request: Request, owner: Hashable) -> BodyShare:
        """Return the share of a request, which takes nothing yet."""
        share = self._shares[request] = BodyShare(self, owner)
        return share

    def hold(self, request: Request) -> bool:
        """Return whether the request has a share, which then needs one more release."""
        share = self._shares.get(request)
        if share is not None:
            share.holders += 1
        return share is not None

    def release(self, request: Request) -> None:
        """Free the share of a request, if it has one, at the last release."""
        share = self._shares.get(request)
        if share is not None:
            share.holders -= 1
            if not share.holders:
                del self._shares[request]

    def held(self, owner: Hashable | None = None) -> int:
        """Return the bytes of the large bodies of a user, or of all."""
        return sum(one.size for one in self._shares.values() if owner in (None, one.owner))

    def make_room(self, share: BodyShare) -> None:
        """Raise Unavailable if the share exceeds a budget after old bodies have given way."""
        if self.held(share.owner) > self._max_owner_bytes:
            raise Unavailable(TOO_MANY, retry_after=RETRY_AFTER_SECONDS)
        before = asyncio.get_running_loop().time() - GRACE_SECONDS
        arriving = [one for one in self._shares.values() if one.is_arriving and one is not share]
        for other in arriving:
            if self.held() <= self._max_bytes or other.since > before:
                break
            other.evict()
        if self.held() > self._max_bytes:
            raise Unavailable(FULL, retry_after=RETRY_AFTER_SECONDS)
