"""Examination of optional services: Redis, Prometheus metrics and the collector of traces."""

import socket
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

from todo_graphql.doctor.findings import ADVICE, FATAL, GOOD, Finding
from todo_graphql.server.observability.tracing_setup import check_tracing
from todo_graphql.server.rate_limits.redis import RedisWindow
from todo_graphql.server.sockets import listener_at, reason_of, refuse_unusable_metrics
from todo_graphql.settings.settings import ConfigurationError, Settings
from todo_graphql.settings.types import address_of

CONNECT_TIMEOUT_SECONDS = 2.0
"""The time in which a collector of traces must accept a connection."""


def examine_rate_limit_storage(settings: Settings) -> Iterator[Finding]:
    """Examine whether Redis responds. Otherwise each process counts for itself."""
    url = settings.rate_limit_storage_url
    if url is None:
        yield Finding(
            GOOD,
            "RATE_LIMIT_STORAGE_URL is not set: each process counts rate limits for itself, which "
            "suits a single process.",
        )
        return
    with closing(RedisWindow(url.get_secret_value())) as shared:
        answers = shared.answers()
    if answers:
        yield Finding(GOOD, "RATE_LIMIT_STORAGE_URL responds: all processes count together.")
    else:
        yield Finding(
            ADVICE,
            "RATE_LIMIT_STORAGE_URL does not respond: until it does, each process of the server "
            "counts for itself.",
        )


def examine_metrics(settings: Settings) -> Iterator[Finding]:
    """Examine whether the address is private, and the port available."""
    host, port = settings.metrics_host, settings.metrics_port
    if port is None:
        yield Finding(GOOD, "METRICS_PORT is not set: metrics are disabled.")
        return
    if is_public(host):
        yield Finding(
            ADVICE, f"METRICS_HOST is {host}: any client that reaches it can read the metrics."
        )
    try:
        refuse_unusable_metrics(settings)
        listener_at(host, port).close()
    except ConfigurationError as error:
        yield Finding(FATAL, str(error))
    except OSError as error:
        yield Finding(
            ADVICE,
            f"METRICS_PORT {port} is not available ({reason_of(error)}): there are no metrics, "
            "unless this server uses the port already.",
        )
    else:
        yield Finding(GOOD, f"METRICS_PORT {port} is available.")


def is_public(host: str) -> bool:
    """Return whether the address is reachable from public networks. Names are assumed not to be."""
    address = address_of(host)
    return address is not None and (address.is_unspecified or not address.is_private)


def examine_traces(settings: Settings) -> Iterator[Finding]:
    """Examine whether the collector of traces accepts connections."""
    url = settings.traces_endpoint
    if url is None:
        yield Finding(GOOD, "OTEL_EXPORTER_OTLP_ENDPOINT is not set: tracing is disabled.")
        return
    try:
        yield from (Finding(ADVICE, warning) for warning in check_tracing(settings))
        parts = urlsplit(url)
        port = parts.port or {"https": 443}.get(parts.scheme, 80)
        socket.create_connection((parts.hostname or "", port), CONNECT_TIMEOUT_SECONDS).close()
    except ConfigurationError as error:
        yield from (Finding(FATAL, sentence) for sentence in error.sentences)
    except OSError as error:
        reason = error.strerror or "no response"
        yield Finding(
            ADVICE, f"OTEL_EXPORTER_OTLP_ENDPOINT does not respond ({reason}): traces are lost."
        )
    else:
        yield Finding(GOOD, "OTEL_EXPORTER_OTLP_ENDPOINT responds: traces are sent there.")
