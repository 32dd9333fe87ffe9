"""Protection against DNS rebinding, by the `Host` header.

Another site can let its own name resolve to this machine. A browser then takes both for one origin,
and pages of that site can read every response. `Host` still has the name of the site.
"""

import re

from todo_graphql.settings.types import address_of

AUTHORITY = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^:]+))(?::\d*)?", re.IGNORECASE)


def names_this_machine(authority: str, listening_on: str) -> bool:
    """Return whether a `Host`, with any port, names this machine.

    Its names are the loopback names and addresses, and the HOST that it listens on. A server that
    listens on all addresses accepts every address.
    """
    found = AUTHORITY.fullmatch(authority)
    if found is None:
        return False
    name = found[1] or found[2]
    if name.lower() in ("localhost", listening_on.lower()):
        return True
    address, own = address_of(name), address_of(listening_on)
    if address is None:
        return False
    return address.is_loopback or address == own or (own is not None and own.is_unspecified)
