"""By which name a request calls this machine.

A page of a foreign site may have its own name point at this machine (DNS rebinding). For the
browser they are one site then, and the page may read every answer. But the name stays in `Host`,
and an address in it cannot be made to point elsewhere.
"""

import re

from todo_graphql.settings.types import address_of

AUTHORITY = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^:]+))(?::\d*)?", re.IGNORECASE)


def names_this_machine(authority: str, listening_on: str) -> bool:
    """Whether a `Host` is a loopback name or address, or the HOST that is listened on, at any
    port. Who listens on all addresses may be called by each of them.
    """
    found = AUTHORITY.fullmatch(authority)
    if found is None:
        return False
    called = found[1] or found[2]
    if called.lower() in ("localhost", listening_on.lower()):
        return True
    address, own = address_of(called), address_of(listening_on)
    if address is None:
        return False
    return address.is_loopback or address == own or (own is not None and own.is_unspecified)
