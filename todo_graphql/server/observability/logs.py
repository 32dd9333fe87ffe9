"""Log lines: to standard error, each with the id of its request.

One line per request says who asked for what, how it ended, and what it took. No line holds a
token, a secret, or anything of what a task says.
"""

import logging
import logging.config
import threading

from todo_graphql.server.observability.formatters import JsonLines, TextLines
from todo_graphql.server.observability.request_record import RequestRecord
from todo_graphql.settings.settings import Settings
from todo_graphql.settings.variables import LogFormat

logger = logging.getLogger(__name__)

MAX_NAME = 100
"""How much is told of an operation's name, which clients choose."""


def log_request(exchange: RequestRecord) -> None:
    """The line of a request that has been answered."""
    if logger.isEnabledFor(logging.INFO):
        told = exchange.method, exchange.path, exchange.status
        # By hand: `info` would look for the line of code that calls it, a third of its time.
        record = logging.LogRecord(logger.name, logging.INFO, "", 0, "%s %s %d", told, None)
        record.__dict__["facts"] = log_fields(exchange)
        logger.handle(record)


def log_fields(exchange: RequestRecord) -> dict[str, object]:
    """What there is to know of a request, without what was asked or answered. Durations are in
    milliseconds.
    """
    facts: dict[str, object] = {
        "method": exchange.method,
        "path": exchange.path,
        "status": exchange.status,
        "outcome": exchange.outcome,
        "durationMs": milliseconds(exchange.seconds),
    }
    if exchange.trace_id is not None:
        facts["traceId"] = exchange.trace_id
    context = exchange.context
    if context is None:
        facts["client"] = exchange.client
    else:
        facts["userId"] = str(context.viewer.id)
        facts["operation"] = (exchange.operation_name or "")[:MAX_NAME] or None
        facts["cost"] = context.cost
        facts["statements"] = context.statements
        facts["sqlMs"] = milliseconds(context.sql_seconds)
    return facts


def milliseconds(seconds: float) -> float:
    """To a hundredth."""
    return round(seconds * 1000, 2)


FORMATS: dict[LogFormat, type[logging.Formatter]] = {"json": JsonLines, "text": TextLines}


def configuration(settings: Settings) -> dict[str, object]:
    """For logging.config.dictConfig, and for uvicorn."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": FORMATS[settings.log_format]}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            "todo_graphql": {"level": settings.log_level},
            "uvicorn": {"level": settings.log_level},
            # It would tell the whole address that traces are sent to, whenever nobody is there.
            "opentelemetry": {"level": "CRITICAL"},
            # It would tell whole addresses, with what somebody may have put behind a `?`.
            "uvicorn.access": {"propagate": False},
        },
    }


def configure(settings: Settings) -> None:
    """Set up logging before there is a server."""
    logging.config.dictConfig(configuration(settings))
    logging.captureWarnings(capture=True)
    threading.excepthook = log_thread_exception


def log_thread_exception(end: threading.ExceptHookArgs) -> None:
    """A thread has failed: Python would say so on standard error, in lines of its own."""
    if end.exc_value is not None:
        failure = end.exc_type, end.exc_value, end.exc_traceback
        logger.critical("A thread has failed.", exc_info=failure)
