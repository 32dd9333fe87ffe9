"""Others that the server talks to besides its database. It serves without them."""

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

PATIENCE = 2.0
"""Seconds that a collector of traces has to take a connection."""


def examine_rate_limit_storage(settings: Settings) -> Iterator[Finding]:
    """Examine whether processes can count together. If not, each counts by itself."""
    url = settings.rate_limit_storage_url
    if url is None:
        yield Finding(
            GOOD,
            "RATE_LIMIT_STORAGE_URL is not set: each process counts rate limits for itself, which "
            "is fine for one.",
        )
        return
    with closing(RedisWindow(url.get_secret_value())) as shared:
        answers = shared.answers()
    if answers:
        yield Finding(GOOD, "RATE_LIMIT_STORAGE_URL answers: all processes count together.")
    else:
        yield Finding(
            ADVICE,
            "RATE_LIMIT_STORAGE_URL does not answer: until it does, each process of the server "
            "counts for itself.",
        )


def examine_metrics(settings: Settings) -> Iterator[Finding]:
    """Whether the port is free, closed to the world, and not the API's."""
    host, port = settings.metrics_host, settings.metrics_port
    if port is None:
        yield Finding(GOOD, "METRICS_PORT is not set: there are no metrics.")
        return
    if is_public(host):
        yield Finding(ADVICE, f"METRICS_HOST is {host}: whoever reaches it may read the metrics.")
    try:
        refuse_unusable_metrics(settings)
        listener_at(host, port).close()
    except ConfigurationError as error:
        yield Finding(FATAL, str(error))
    except OSError as error:
        yield Finding(
            ADVICE,
            f"METRICS_PORT {port} cannot be had ({reason_of(error)}): there are no metrics, "
            "unless it is this server that has it.",
        )
    else:
        yield Finding(GOOD, f"METRICS_PORT {port} is free.")


def is_public(host: str) -> bool:
    """Whether others than this machine and its own network may reach it. A name may be anything."""
    address = address_of(host)
    return address is not None and (address.is_unspecified or not address.is_private)


def examine_traces(settings: Settings) -> Iterator[Finding]:
    """Examine whether the collector of traces takes connections."""
    url = settings.traces_endpoint
    if url is None:
        yield Finding(GOOD, "OTEL_EXPORTER_OTLP_ENDPOINT is not set: there are no traces.")
        return
    try:
        yield from (Finding(ADVICE, warning) for warning in check_tracing(settings))
        parts = urlsplit(url)
        port = parts.port or {"https": 443}.get(parts.scheme, 80)
        socket.create_connection((parts.hostname or "", port), PATIENCE).close()
    except ConfigurationError as error:
        yield from (Finding(FATAL, sentence) for sentence in error.sentences)
    except OSError as error:
        reason = error.strerror or "no answer"
        yield Finding(
            ADVICE, f"OTEL_EXPORTER_OTLP_ENDPOINT does not answer ({reason}): traces are lost."
        )
    else:
        yield Finding(GOOD, "OTEL_EXPORTER_OTLP_ENDPOINT answers: traces are sent there.")
