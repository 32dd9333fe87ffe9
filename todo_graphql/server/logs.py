"""Log lines: to standard error, each with the id of its request."""

import logging
import logging.config

from todo_graphql.config import Settings
from todo_graphql.server.boundary import request_id


class WithRequestId(logging.Filter):
    """Gives every record a `request_id`: `-` outside of requests."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        return True


def configuration(settings: Settings) -> dict[str, object]:
    """For logging.config.dictConfig, and for uvicorn, which passes it on to its workers."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request_id": {"()": WithRequestId}},
        "formatters": {
            "line": {"format": "%(asctime)s %(levelname)s [%(request_id)s] %(name)s: %(message)s"}
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "filters": ["request_id"],
                "formatter": "line",
            }
        },
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            "todo_graphql": {"level": settings.log_level},
            "uvicorn": {"level": settings.log_level},
        },
    }


def configure(settings: Settings) -> None:
    """Set up logging for this process."""
    logging.config.dictConfig(configuration(settings))
