"""How a log record is written: for whoever collects lines, or for whoever sits before them."""

import logging
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime

import msgspec

from todo_graphql.store.postgres.errors import UnexpectedDatabaseError

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that a log line belongs to, also on a worker thread."""

SAID = frozenset({"method", "path", "status"})
"""What the message of a request says already."""

ENCODER = msgspec.json.Encoder()

TELLING = (UnexpectedDatabaseError, OSError)
"""Exceptions whose own words hold nothing of what users say."""


class Lines(logging.Formatter):
    """What both have in common: the words of most exceptions are left out, because they may quote
    what a task says, as those of int() do. Where it happened, and what it was, stays.
    """

    def formatException(self, ei: object) -> str:  # noqa: N802 - its name
        """The traceback, of its causes first."""
        assert isinstance(ei, tuple)
        return format_traceback(ei[1]) if isinstance(ei[1], BaseException) else ""


class JsonLines(Lines):
    """A JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """`time`, `level`, `logger`, `requestId`, `message`, then the record's facts."""
        moment = datetime.fromtimestamp(record.created, UTC)
        line = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "requestId": request_id.get(),
            "message": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return ENCODER.encode(line).decode()


class TextLines(Lines):
    """The usual, with the record's facts behind its message."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s [%(request_id)s] %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - its name
        """Facts that are None say nothing."""
        record.request_id = request_id.get() or "-"
        facts = getattr(record, "facts", {}).items()
        known = [
            f" {name}={value}" for name, value in facts if value is not None and name not in SAID
        ]
        return super().formatMessage(record) + "".join(known)


def format_traceback(error: BaseException) -> str:
    """The traceback of an exception, as Python writes it, without words that quote."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    before = [] if cause is None else [format_traceback(cause), "\nWhich led to:\n\n"]
    name = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    words = f": {error}" if isinstance(error, TELLING) else ""
    frames = traceback.format_tb(error.__traceback__)
    return "".join([*before, "Traceback (most recent call last):\n", *frames, name, words])
