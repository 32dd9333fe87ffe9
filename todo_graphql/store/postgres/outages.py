"""Log messages of database outages.

The driver's message gives the reason of a failed connection, and contains parts of DATABASE_URL.
The log gets the message without them.
"""

import logging
import re
from collections.abc import Mapping
from typing import Any

import psycopg2
from sqlalchemy import Engine, event

from todo_graphql.outage_log import OutageLog

logger = logging.getLogger(__name__)

RECOVERED = "The database is available again."
REMOVED = "***"

# libpq quotes names and paths, and adds the addresses of a host and the port.
NAMES_AND_ADDRESSES = re.compile(
    r'"[^"]*"|(?<=port )\d+|\b\d+(?:\.\d+){3}\b|(?<!\w)[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,}',
    re.IGNORECASE,
)
MAX_LENGTH = 500


def watch(engine: Engine) -> None:
    """Log when connecting to the database begins to fail, and when it succeeds again."""
    outage = OutageLog(logger, RECOVERED, logging.ERROR)

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Any, _record: object, arguments: Any, options: Any) -> Any:
        try:
            connection = dialect.connect(*arguments, **options)
        except psycopg2.Error as error:
            outage.report(f"The database is unavailable: {redacted_message(error, options)}.")
            raise
        outage.recover()
        return connection


def redacted_message(error: psycopg2.Error, options: Mapping[str, object]) -> str:
    """Return the driver's message without option values, names and addresses."""
    # Lines that begin with a tab are hints.
    lines = [line for line in str(error).splitlines() if line.strip() and line[0] != "\t"]
    message = "; ".join(" ".join(line.split()) for line in lines)
    given = {part for value in options.values() for part in str(value).split(",") if part}
    longest_first = sorted(map(re.escape, given), key=len, reverse=True)
    if longest_first:
        values = re.compile(rf"(?<!\w)(?:{'|'.join(longest_first)})(?!\w)", re.IGNORECASE)
        message = values.sub(REMOVED, message)
    return (
        NAMES_AND_ADDRESSES.sub(REMOVED, message)[:MAX_LENGTH].rstrip(".") or type(error).__name__
    )
