"""The configuration of the log on standard error."""

import logging
import logging.config
import threading

from todo_graphql.server.observability.formatters import JSONFormatter, TextFormatter
from todo_graphql.settings.environment_variables import LogFormat
from todo_graphql.settings.settings import Settings

logger = logging.getLogger(__name__)

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
    # No formatter uses these attributes of a record.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    threading.excepthook = log_thread_exception


def log_thread_exception(failure: threading.ExceptHookArgs) -> None:
    """Log an uncaught exception of a thread, which Python would print as plain lines."""
    if failure.exc_value is not None:
        exc_info = failure.exc_type, failure.exc_value, failure.exc_traceback
        logger.critical("A thread has failed.", exc_info=exc_info)
