"""The setup of OpenTelemetry, which reads its own environment variables.

OpenTelemetry raises an exception for some invalid variables, also on import. For others it logs a
warning and uses a default. Both may quote a secret, so this module redacts and reports them.
"""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import BufferingHandler
from typing import TYPE_CHECKING

from todo_graphql.settings.settings import ConfigurationError, Settings

if TYPE_CHECKING:
    from todo_graphql.server.observability.tracing import Tracing

MAX_RECORDS = 100

CANNOT_START = "OpenTelemetry cannot start with its variables (OTEL_…)"
WARNS = "OpenTelemetry warns of its variables (OTEL_…)"


def start_tracing(endpoint: str, service: str) -> tuple["Tracing", list[str]]:
    """Import and set up OpenTelemetry. Return its warnings, too. Raises ConfigurationError."""
    with _log_records() as records:
        try:
            from todo_graphql.server.observability.tracing import Tracing  # noqa: PLC0415 - an extra

            tracing = Tracing(endpoint, service)
        except ImportError:
            raise ConfigurationError(
                "OTEL_EXPORTER_OTLP_ENDPOINT is not usable: traces need `todo-graphql[tracing]`."
            ) from None
        except Exception as error:  # noqa: BLE001 - depends on the variable
            raise ConfigurationError(f"{CANNOT_START}: {_without_values(str(error))}") from None
    return tracing, [f"{WARNS}: {_without_values(record.getMessage())}" for record in records]


def check_propagators() -> None:
    """Raise ConfigurationError when OTEL_PROPAGATORS names a propagator that is not installed.

    The import of FastAPI would fail with it.
    """
    try:
        import opentelemetry.propagate  # noqa: F401, PLC0415 - it reads the variable
    except ValueError:
        raise ConfigurationError(
            "OTEL_PROPAGATORS is not usable: it names a propagator that is not installed. "
            "Unset it: this server uses tracecontext."
        ) from None


def check_tracing(settings: Settings) -> list[str]:
    """Return the warnings of OpenTelemetry, if traces are enabled. Raises ConfigurationError."""
    if settings.traces_endpoint is None:
        return []
    tracing, warnings = start_tracing(settings.traces_endpoint, settings.otel_service_name)
    with tracing.exporting():  # ends its thread
        return warnings


@contextmanager
def _log_records() -> Iterator[list[logging.LogRecord]]:
    """Collect the warnings that OpenTelemetry logs, and suppress them."""
    logger = logging.getLogger("opentelemetry")
    before = logger.level, logger.propagate
    handler = BufferingHandler(MAX_RECORDS)
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    try:
        yield handler.buffer
    finally:
        logger.level, logger.propagate = before
        logger.removeHandler(handler)


def _without_values(message: str) -> str:
    """Replace each word of OpenTelemetry's variables, because it may be a secret."""
    values = [value for name, value in os.environ.items() if name.startswith("OTEL_")]
    secret = {_bare(word) for value in values for word in re.split(r"[\s,=]+", value)} - {""}
    return " ".join("…" if _bare(word) in secret else word for word in message.split())


def _bare(word: str) -> str:
    return word.strip("'\"`.,:;()[]{}").lower()
