"""The access log: one line per request, with its user, its outcome and its duration.

No line contains a token, a secret, or the content of a task.
"""

import logging

from todo_graphql.server.observability.request_record import RequestRecord

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
        fields["userId"] = context.viewer.key
        fields["operation"] = (record.operation_name or "")[:MAX_NAME_LENGTH] or None
        fields["cost"] = context.cost
        fields["statements"] = context.statements
        fields["sqlMs"] = milliseconds(context.sql_seconds)
    if record.close_code is not None:
        fields["closeCode"] = record.close_code
    if record.stream is not None:
        fields |= record.stream.log_fields()
    return fields


def milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 2)
