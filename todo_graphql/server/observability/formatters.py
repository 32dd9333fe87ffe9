"""Log formatters: JSON for collectors, text for terminals."""

import logging
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime

import msgspec

from todo_graphql.store.postgres.errors import UnexpectedDatabaseError

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that a log line belongs to, on any thread."""

MESSAGE_FIELDS = frozenset({"method", "path", "status"})
"""The fields that the message of a request contains already."""

ENCODER = msgspec.json.Encoder()

SAFE_EXCEPTIONS = (UnexpectedDatabaseError, OSError)
"""Exceptions whose messages quote nothing of users' data."""


class PrivateFormatter(logging.Formatter):
    """A formatter of tracebacks without the messages of most exceptions.

    A message may quote users' data, as those of int() do.
    """

    def formatException(self, ei: object) -> str:  # noqa: N802 - logging's name
        assert isinstance(ei, tuple)
        return format_traceback(ei[1]) if isinstance(ei[1], BaseException) else ""


class JSONFormatter(PrivateFormatter):
    """A formatter that writes a JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        line = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "requestId": request_id.get(),
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return ENCODER.encode(line).decode()


class TextFormatter(PrivateFormatter):
    """A formatter that writes the record's fields after its message."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s [%(request_id)s] %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        record.request_id = request_id.get() or "-"
        fields = getattr(record, "fields", {})
        shown = [
            f" {name}={value}"
            for name, value in fields.items()
            if value is not None and name not in MESSAGE_FIELDS
        ]
        return super().formatMessage(record) + "".join(shown)


def format_traceback(error: BaseException) -> str:
    """Return Python's traceback of an exception, with its causes first and safe messages only."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    before = [] if cause is None else [format_traceback(cause), "\nThis caused:\n\n"]
    name = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    message = f": {error}" if isinstance(error, SAFE_EXCEPTIONS) else ""
    frames = traceback.format_tb(error.__traceback__)
    return "".join([*before, "Traceback (most recent call last):\n", *frames, name, message])
