"""How a log record is written: for whoever collects lines, or for whoever sits before them."""

import logging
from datetime import UTC, datetime

import msgspec

from todo_graphql.server.exchanges import current

SAID = frozenset({"method", "path", "status"})
"""What the message of a request says already."""

ENCODER = msgspec.json.Encoder()


class JsonLines(logging.Formatter):
    """A JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """`time`, `level`, `logger`, `requestId`, `message`, then the record's facts."""
        moment = datetime.fromtimestamp(record.created, UTC)
        line = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "requestId": request_id(),
            "message": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return ENCODER.encode(line).decode()


class TextLines(logging.Formatter):
    """The usual, with the record's facts behind its message."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s [%(request_id)s] %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - its name
        """Facts that are None say nothing."""
        record.request_id = request_id() or "-"
        facts = getattr(record, "facts", {}).items()
        known = [
            f" {name}={value}" for name, value in facts if value is not None and name not in SAID
        ]
        return super().formatMessage(record) + "".join(known)


def request_id() -> str | None:
    """Of the request that is being answered."""
    exchange = current.get()
    return exchange.id if exchange else None
