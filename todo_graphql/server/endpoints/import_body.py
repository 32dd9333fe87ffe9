"""The body of an import: received within a budget of memory, a data rate, and the user's budget."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect, Request

from todo_graphql.errors import BadUserInput, InputReason
from todo_graphql.server.endpoints.upload_budget import Upload, UploadBudget
from todo_graphql.server.http.body import body_too_large
from todo_graphql.server.protocol.limits import UPLOAD_RATE

MAX_IMPORT_BYTES = 10 * 1024 * 1024

BODY_SECONDS = 60.0
"""The time limit for a whole body."""

CHARGED_BYTES = 262_144
"""The bytes of a body with a declared length that are charged at once, before they are received."""

CHARGED_CHUNKED_BYTES = 65_536
"""The bytes of a body without a declared length that are charged at once, after they were received.
"""

MAX_BYTES_PER_SECOND = 50_000_000
"""The rate at which a process receives bodies, shared by all uploads. Receiving takes the time of
the event loop.
"""

Charge = Callable[[int], Awaitable[None]]
"""Charges a number of bytes to the user. Raises RateLimited."""


async def receive_body(
    request: Request, length: int | None, upload: Upload, budget: UploadBudget, charge: Charge
) -> None:
    """Receive the whole body, of which `length` is the declared length.

    Raises BadUserInput with status 408 or 413, RateLimited, or Unavailable if the budget has no
    room and other uploads are quicker.
    """
    charged, is_whole = 0, False
    try:
        async with asyncio.timeout(None) as deadline:
            upload.begin(deadline)
            while not is_whole:
                due = _bytes_to_charge(length, upload.size, charged)
                if due:
                    with upload.pause():
                        await charge(due)
                        if upload.size:
                            await asyncio.sleep(budget.number * due / MAX_BYTES_PER_SECOND)
                    charged += due
                upload.set_time_limit(_allowed_seconds(upload.size))
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                budget.receive(upload, message.get("body", b""))
                is_whole = not message.get("more_body", False)
                if upload.size > MAX_IMPORT_BYTES:
                    raise body_too_large(MAX_IMPORT_BYTES)
    except TimeoutError:
        upload.require_present()
        raise BadUserInput(
            f"The upload is too slow: send at least {UPLOAD_RATE.bytes_per_second:,} bytes per "
            f"second and the whole file within {BODY_SECONDS:g} seconds.",
            reason=InputReason.UNSUPPORTED_REQUEST,
            status=408,
        ) from None
    upload.is_received = True
    if upload.size > charged:
        await charge(upload.size - charged)


def _bytes_to_charge(length: int | None, received: int, charged: int) -> int:
    """Return the number of bytes to charge before more of a body is received."""
    if length is not None:
        return min(length - charged, CHARGED_BYTES) if received >= charged else 0
    return received - charged if received - charged >= CHARGED_CHUNKED_BYTES else 0


def _allowed_seconds(received: int) -> float:
    return min(BODY_SECONDS, UPLOAD_RATE.allowed_seconds(received))
