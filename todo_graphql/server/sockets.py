"""Listening sockets."""

import socket

from todo_graphql.settings.settings import ConfigurationError, Settings


def listener_at(host: str, port: int) -> socket.socket:
    """Return a listening socket at an address, or at the first address of a name.

    Raises OSError or UnicodeError.
    """
    family, _, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    return socket.create_server(address, family=family)


def reason_of(error: OSError | UnicodeError) -> str:
    """Return the reason why there is no socket, as a few words."""
    reason = getattr(error, "strerror", None) or "invalid host name"
    return str(reason).partition(" (")[0]


def authority(host: str, port: int) -> str:
    """Return the authority of a URL (RFC 3986, section 3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def refuse_unusable_metrics(settings: Settings) -> None:
    """Raise ConfigurationError if METRICS_PORT is the API's, or METRICS_HOST another machine's."""
    if settings.metrics_port is None:
        return
    if settings.metrics_port == settings.port:
        raise ConfigurationError("METRICS_PORT is not usable: it is the same as PORT.")
    try:
        listener_at(settings.metrics_host, 0).close()
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(
            f"METRICS_HOST is not usable: it is no address of this machine ({reason_of(error)})."
        ) from None
