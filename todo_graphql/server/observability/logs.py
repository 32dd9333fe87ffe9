"""The log on standard error: one line per request, with its user, its outcome and its duration.

No line contains a token, a secret, or the content of a task.
"""

import logging
import logging.config
import threading

from todo_graphql.server.observability.formatters import JSONFormatter, TextFormatter
from todo_graphql.server.observability.request_record import RequestRecord
from todo_graphql.settings.settings import Settings
from todo_graphql.settings.variables import LogFormat

logger = logging.getLogger(__name__)

MAX_NAME_LENGTH = 100
"""The maximum length of an operation's name, which clients choose."""


def log_request(record: RequestRecord) -> None:
    """Log a finished request."""
    if logger.isEnabledFor(logging.INFO):
        arguments = record.method, record.path, record.status
        # `logger.info` would spend a third of its time on the search for its caller.
        line = logging.LogRecord(logger.name, logging.INFO, "", 0, "%s %s %d", arguments, None)
        line.__dict__["fields"] = log_fields(record)
        logger.handle(line)


def log_fields(record: RequestRecord) -> dict[str, object]:
    """Return the fields of a request's log line, without its content."""
    fields: dict[str, object] = {
        "method": record.method,
        "path": record.path,
        "status": record.status,
        "outcome": record.outcome,
        "durationMs": milliseconds(record.seconds),
    }
    if record.trace_id is not None:
        fields["traceId"] = record.trace_id
    context = record.context
    if context is None:
        fields["client"] = record.client
    else:
        fields["userId"] = str(context.viewer.id)
        fields["operation"] = (record.operation_name or "")[:MAX_NAME_LENGTH] or None
        fields["cost"] = context.cost
        fields["statements"] = context.statements
        fields["sqlMs"] = milliseconds(context.sql_seconds)
    return fields


def milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 2)


FORMATS: dict[LogFormat, type[logging.Formatter]] = {"json": JSONFormatter, "text": TextFormatter}


def configuration(settings: Settings) -> dict[str, object]:
    """Return the configuration for logging.config.dictConfig and for uvicorn."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": FORMATS[settings.log_format]}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            "todo_graphql": {"level": settings.log_level},
            "uvicorn": {"level": settings.log_level},
            # Its errors contain the whole URL of the collector.
            "opentelemetry": {"level": "CRITICAL"},
            # Its lines contain whole URLs with their query strings.
            "uvicorn.access": {"propagate": False},
        },
    }


def configure(settings: Settings) -> None:
    """Configure logging before the server starts."""
    logging.config.dictConfig(configuration(settings))
    logging.captureWarnings(capture=True)
    threading.excepthook = log_thread_exception


def log_thread_exception(failure: threading.ExceptHookArgs) -> None:
    """Log an uncaught exception of a thread, which Python would print as plain lines."""
    if failure.exc_value is not None:
        exc_info = failure.exc_type, failure.exc_value, failure.exc_traceback
        logger.critical("A thread has failed.", exc_info=exc_info)
