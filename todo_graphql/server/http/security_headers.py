"""Security headers of every response.

Strict-Transport-Security is left to the proxy that terminates TLS: browsers ignore it without TLS,
and it applies to every service of the host name.
"""

from collections.abc import Iterable
from typing import TypeAlias

Headers: TypeAlias = Iterable[tuple[bytes, bytes]]

SECURITY_HEADERS = (
    # A response may contain data of a user, and the page of GraphiQL a token.
    (b"cache-control", b"no-store"),
    # A response is not a page: it loads nothing, runs nothing and is never framed.
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    # Pages of other origins cannot embed a response. CORS controls which ones can read it.
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
NAMES = frozenset(name for name, _ in SECURITY_HEADERS)

HEADER_LINES = b"".join(b"%b: %b\r\n" % pair for pair in SECURITY_HEADERS)


def with_security_headers(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Return the headers of a response with each security header that it does not set itself."""
    own = [*headers]
    names = {name for name, _ in own}
    if NAMES.isdisjoint(names):
        return [*own, *SECURITY_HEADERS]
    return [*own, *(pair for pair in SECURITY_HEADERS if pair[0] not in names)]
