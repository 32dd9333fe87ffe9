"""Headers that protect whoever reads an answer, on every answer.

There is no Strict-Transport-Security: browsers ignore it where it comes without TLS, which ends
before this server, and it would bind everything else that is served under the same name. Whoever
ends TLS sets it.
"""

from collections.abc import Iterable
from typing import TypeAlias

Headers: TypeAlias = Iterable[tuple[bytes, bytes]]

PROTECTIONS = (
    # An answer may be somebody's own data, and GraphiQL's page may hold a token.
    (b"cache-control", b"no-store"),
    # It is no page: nothing in it loads, runs, or is framed.
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    # No page of another origin embeds it. Who may read it is said by CORS.
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
NAMES = frozenset(name for name, _ in PROTECTIONS)

LINES = b"".join(b"%b: %b\r\n" % pair for pair in PROTECTIONS)
"""The same, for an answer that is written byte by byte."""


def with_security_headers(headers: Headers) -> list[tuple[bytes, bytes]]:
    """The headers of an answer, and each protection that it does not set itself."""
    own = [*headers]
    names = {name for name, _ in own}
    if NAMES.isdisjoint(names):
        return [*own, *PROTECTIONS]
    return [*own, *(pair for pair in PROTECTIONS if pair[0] not in names)]
