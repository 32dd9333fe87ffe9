"""Examination of HOST and PORT."""

import errno
from collections.abc import Iterator

from todo_graphql.doctor.findings import ADVICE, FATAL, GOOD, Finding
from todo_graphql.server.sockets import authority, listener_at, reason_of
from todo_graphql.settings.settings import Settings


def examine_address(settings: Settings) -> Iterator[Finding]:
    """Examine HOST and then PORT by listening for a moment."""
    host, port = settings.host, settings.port
    try:
        listener_at(host, 0).close()
    except (OSError, UnicodeError) as error:
        yield Finding(
            FATAL, f"HOST is not usable: must be an address of this machine ({reason_of(error)})."
        )
        return
    try:
        listener_at(host, port).close()
    except OSError as error:
        is_taken = error.errno == errno.EADDRINUSE
        yield Finding(
            ADVICE if is_taken else FATAL,
            f"PORT {port} is not available ({reason_of(error)}): `serve` cannot start"
            + (", unless it replaces the server that uses the port." if is_taken else "."),
        )
    else:
        yield Finding(GOOD, f"HOST and PORT are available: {authority(host, port)}.")
