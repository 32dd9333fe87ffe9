"""Examination of the channel of hints between processes."""

import secrets
import time
from collections.abc import Iterator
from contextlib import closing

from todo_graphql.doctor.findings import ADVICE, GOOD, Finding
from todo_graphql.server.live.channels import create_bus
from todo_graphql.server.live.hint_channel import Bus
from todo_graphql.settings.settings import Settings

ARRIVAL_SECONDS = 2.0
"""The time in which a message must arrive."""


def examine_live_url(settings: Settings) -> Iterator[Finding]:
    """Examine whether a message arrives. A pooler in transaction mode loses it."""
    bus = create_bus(settings)
    if bus is None:
        yield Finding(
            GOOD,
            "LIVE_URL is not set: streams see the changes of other processes within 30 s, which "
            "suits a single process.",
        )
        return
    name = "LIVE_URL" if settings.live_url is not None else "RATE_LIMIT_STORAGE_URL"
    try:
        has_arrived = does_message_arrive(bus)
    except Exception as error:  # noqa: BLE001 - the message may contain the URL
        yield Finding(
            ADVICE,
            f"{name} does not respond ({type(error).__name__}): until it does, streams see the "
            "changes of other processes within 30 s.",
        )
        return
    if has_arrived:
        yield Finding(GOOD, f"{name} carries hints: streams of all processes are live.")
    else:
        yield Finding(
            ADVICE,
            f"{name} loses messages: streams see the changes of other processes within 30 s. A "
            "pooler in transaction mode has no LISTEN: name the direct endpoint.",
        )


def does_message_arrive(bus: Bus) -> bool:
    """Send a message, and return whether it arrives. It contains no user."""
    message = secrets.token_hex(8)
    with closing(bus.open_receiver()) as receiver, closing(bus.open_sender()) as sender:
        sender.send(message)
        deadline = time.monotonic() + ARRIVAL_SECONDS
        while time.monotonic() < deadline:
            if message in receiver.receive(deadline - time.monotonic()):
                return True
    return False
