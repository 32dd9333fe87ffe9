"""The record of one request and its response, from which logs, metrics and traces are made."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import getrandbits
from typing import TypeAlias

from opentelemetry.context import Context as TraceContext
from starlette.types import Scope

from todo_graphql.api.context import Context
from todo_graphql.server.observability.live_statistics import StreamRecord
from todo_graphql.server.observability.trace_context import (
    TRACEPARENT,
    extract_trace_context,
    trace_id_of,
)
from todo_graphql.server.routes import KNOWN

REQUEST_RECORD = "todo_graphql.request_record"
"""The key of the record in an ASGI scope."""

# An id that a proxy or a client chose is kept if it is harmless in a log.
SAFE_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")

# Any other word in a path may be a token or a title that was sent to the wrong place.
WORD = r"[a-z0-9._-]{0,20}"
PLAIN_PATH = re.compile(rf"(?:/{WORD}){{1,10}}")
MAX_PATH_LENGTH = 200
OTHER_WORD = re.compile(rf"/(?!{WORD}(?:/|\Z))[^/]*")


@dataclass(slots=True, eq=False)
class RequestRecord:
    """The facts about a request that may be logged.

    The record contains no content of the request or the response except names.
    """

    id: str
    method: str
    path: str
    client: str | None = None
    """The address of the client, or the one that a trusted proxy reports."""
    parent: TraceContext | None = None
    trace_id: str | None = None
    began: float = field(default_factory=time.perf_counter)
    seconds: float = 0.0
    response_status: int = 0
    """The status that the application sent, or 0 before it sends one."""
    final_status: int | None = None
    """The status that replaces it when the connection ends before the response does."""
    codes: frozenset[str] = frozenset()
    """The codes of the errors in the response."""
    context: Context | None = None
    """The context of the operation, or None without a valid token."""
    stream: StreamRecord | None = None
    """The stream of events that the response is, if it is one."""
    close_code: int | None = None
    """The code with which a WebSocket was closed."""

    @classmethod
    def from_scope(cls, scope: Scope) -> "RequestRecord":
        """Return the record of a new request."""
        chosen = parent = None
        is_traced = False
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                chosen = chosen or value
            elif name == TRACEPARENT:
                is_traced = True
        if is_traced:
            parent = extract_trace_context(scope["headers"])
        trace_id = None if parent is None else trace_id_of(parent)
        path = redact_path(scope["path"])
        client = scope["client"][0] if scope.get("client") else None
        method = scope.get("method", "GET")  # the handshake of a WebSocket has none
        return cls(choose_request_id(chosen), method, path, client, parent, trace_id)

    def abandon(self, status: int) -> None:
        """Set the status of a response that the client will not receive completely.

        The first call counts. Bytes that the transport has accepted count as sent.
        """
        if self.final_status is None:
            self.final_status = status

    @property
    def status(self) -> int:
        """The status to report, or 0 before there is one."""
        return self.response_status if self.final_status is None else self.final_status

    @property
    def operation_name(self) -> str | None:
        """The name that the client gave to its operation."""
        operation = self.context and self.context.operation
        return operation.name.value if operation and operation.name else None

    @property
    def outcome(self) -> str:
        """The codes of all errors in the response, `OK`, or the status of an error without one."""
        if self.codes:
            return " ".join(sorted(self.codes))
        return "OK" if 0 < self.status < 400 else str(self.status)


def request_record(scope: Scope) -> RequestRecord:
    """Return the record of the request.

    The first call creates it. This is usually the middleware's, but a connection can fail before
    the application runs.
    """
    record: RequestRecord | None = scope.get(REQUEST_RECORD)
    if record is None:
        record = scope[REQUEST_RECORD] = RequestRecord.from_scope(scope)
    return record


def redact_path(path: str) -> str:
    """Return the path without words that may be private."""
    if path in KNOWN or PLAIN_PATH.fullmatch(path):
        return path
    return OTHER_WORD.sub("/...", f"/{path.lstrip('/')}"[:MAX_PATH_LENGTH])


def choose_request_id(chosen: bytes | None) -> str:
    """Return the id that the client chose, or a new one."""
    if chosen is not None and SAFE_REQUEST_ID.fullmatch(chosen):
        return chosen.decode()
    # The id protects nothing. A random number of the system releases the GIL, and the event loop
    # would wait for another thread.
    return f"{getrandbits(128):032x}"


Observer: TypeAlias = Callable[[RequestRecord], None]
"""A receiver of each record at the end of its request. It runs on the event loop."""
