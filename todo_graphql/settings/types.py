"""Annotated types of settings. No message repeats a value, because it may be a secret."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr
from pydantic_settings import NoDecode

UNLIMITED = "none"

RATE = re.compile(r"([1-9]\d{0,9})/([1-9]\d{0,4} ?)?(second|minute|hour|day)s?", re.ASCII)
"""A part of the notation of the library `limits`."""

MAX_AMOUNT = 2**31 - 1
"""The maximum Int of GraphQL, the type of `rateLimit.limit`."""

ORIGIN = re.compile(
    r"([a-z][a-z0-9+.-]*)://(?:(?:\*\.(?=localhost\b|[a-z0-9_-]+\.))?[a-z0-9._-]+|\[[0-9a-f:.]+\])"
    r"(?::([1-9]\d{0,4}|\*))?",
    re.ASCII,
)
"""The serialization of an origin (RFC 6454, section 6.2), as browsers send it. `*.` stands for all
subdomains of a host, and the port `*` for any port.
"""

MAX_PORT = 65_535

DEFAULT_PORTS = {"http": "80", "https": "443"}
"""Ports that browsers omit in an origin."""

QUOTES = ("'", '"')


def is_quoted(text: str) -> bool:
    """Return whether quotation marks enclose the text. An env file may preserve them."""
    text = text.strip()
    return len(text) > 1 and text[0] in QUOTES and text[0] == text[-1]


def _require_trimmed_text(text: str) -> str:
    if text != text.strip():
        raise ValueError("must not begin or end with a blank or a line break")
    return text


def _require_postgresql_url(url: SecretStr) -> SecretStr:
    text = _require_trimmed_text(url.get_secret_value())
    scheme, _, rest = text.partition("://")
    if scheme not in ("postgres", "postgresql"):
        raise ValueError("must begin with postgresql:// or postgres://")
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    # Otherwise a part of the password would become the host or the database, which are shown.
    if rest.count("@") > min(authority.count("@"), 1):
        raise ValueError(
            "must have @, /, ? and # in a user's name, a password or an option percent-encoded, as "
            "%40, %2F, %3F and %23"
        )
    _require_libpq_url(text)
    return url


def _require_libpq_url(text: str) -> None:
    # Imported here, because not every command needs a database.
    from psycopg2 import ProgrammingError  # noqa: PLC0415
    from psycopg2.extensions import make_dsn  # noqa: PLC0415
    from sqlalchemy import make_url  # noqa: PLC0415
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    try:
        url = make_url(text).set(drivername="postgresql+psycopg2")
        _, options = url.get_dialect()().create_connect_args(url)
        make_dsn(**options)
    except (ArgumentError, ValueError):
        raise ValueError("must be a URL") from None
    except ProgrammingError:
        raise ValueError("must have options after the `?` that libpq knows") from None


def _require_redis_url(url: SecretStr) -> SecretStr:
    scheme, host, _ = _split_url(url.get_secret_value())
    if scheme not in ("redis", "rediss") or not host:
        raise ValueError("must begin with redis:// or rediss:// and name a host")
    path = urlsplit(url.get_secret_value()).path
    if not re.fullmatch(r"/?|/\d{1,9}", path, re.ASCII):
        raise ValueError("must end after the host, or with a `/` and the number of a database")
    _require_redis_options(url)
    return url


def _require_live_url(url: SecretStr) -> SecretStr:
    """Accept the URL of Redis or of PostgreSQL."""
    if url.get_secret_value().lower().startswith(("redis://", "rediss://")):
        return _require_redis_url(url)
    return _require_postgresql_url(url)


def _require_redis_options(url: SecretStr) -> None:
    try:
        from redis.connection import parse_url  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise ValueError(
            "requires the Redis client, which `todo-graphql[redis]` installs"
        ) from None
    try:
        parse_url(url.get_secret_value())  # type: ignore[no-untyped-call]
    except ValueError:  # its message repeats a part of the URL
        raise ValueError("must have options after the `?` with valid values") from None


def _require_safe_url(url: str) -> str:
    """Accept https, or http on this machine: a client that changed the keys could sign tokens.

    A user's name is rejected, because the log shows the URL, and with it a password.
    """
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("must be written in printable ASCII, without spaces")
    scheme, host, port = _split_url(url)
    if scheme != "https" and not (scheme == "http" and _is_loopback(host)):
        raise ValueError("must begin with https://, or with http:// and this machine's own address")
    if not host or port == 0 or "@" in url.split("/")[2] or "#" in url:
        raise ValueError("must name a host, and neither a user nor a fragment")
    return url


def _require_http_url(url: str) -> str:
    _require_trimmed_text(url)
    scheme, host, port = _split_url(url)
    if scheme not in ("http", "https") or not host or port == 0:
        raise ValueError("must begin with http:// or https:// and name a host")
    return url


def _split_url(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # its message repeats a part of the URL
        raise ValueError("must have a valid host and port") from None
    return parts.scheme, parts.hostname or "", port


def _is_loopback(host: str) -> bool:
    address = address_of(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def address_of(text: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address, or None for any other text."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def _require_rate(text: str) -> str:
    text = text.strip().lower()
    match = RATE.fullmatch(text)
    if text != UNLIMITED and (match is None or int(match[1]) > MAX_AMOUNT):
        raise ValueError(
            f"must be an amount up to {MAX_AMOUNT} in a period, such as 1000/minute or "
            f"5000/10 minutes, or {UNLIMITED}"
        )
    return text


def _require_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    """Accept origins in the form of the `Origin` header, with which they are compared.

    `null` is rejected: any page can have that origin, in a sandboxed frame.
    """
    for origin in origins:
        match = ORIGIN.fullmatch(origin)
        if origin != "*" and (match is None or not _is_origin_port(*match.groups())):
            raise ValueError(
                "must be * or origins as browsers send them, such as https://app.example.com or "
                "http://localhost:3000: a scheme and a host in lower case, a port unless it is the "
                "scheme's default, no user, no path and no slash at the end. "
                "https://*.example.com stands for all subdomains, and http://localhost:* for all "
                "ports"
            )
    return origins


def _is_origin_port(scheme: str, port: str | None) -> bool:
    if port is None or port == "*":
        return True
    return int(port) <= MAX_PORT and port != DEFAULT_PORTS.get(scheme)


def _require_networks(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Accept networks only: uvicorn would take other values as names, and `*` as every address."""
    try:
        for text in texts:
            ip_network(text)
    except ValueError:
        raise ValueError("must be addresses or networks, such as 10.0.0.1 or 10.0.0.0/8") from None
    return texts


Text = Annotated[str, AfterValidator(_require_trimmed_text)]
DatabaseURL = Annotated[SecretStr, AfterValidator(_require_postgresql_url)]
RedisURL = Annotated[SecretStr, AfterValidator(_require_redis_url)]
LiveURL = Annotated[SecretStr, AfterValidator(_require_live_url)]
HTTPURL = Annotated[str, AfterValidator(_require_http_url)]
SafeURL = Annotated[str, AfterValidator(_require_safe_url)]
Rate = Annotated[str, AfterValidator(_require_rate)]
Origins = Annotated[tuple[str, ...], NoDecode, AfterValidator(_require_origins)]
Networks = Annotated[tuple[str, ...], NoDecode, AfterValidator(_require_networks)]
