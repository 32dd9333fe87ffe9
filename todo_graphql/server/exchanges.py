"""One request and its answer, as far as logs, metrics and traces tell of them."""

import re
import time
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from random import getrandbits

from opentelemetry.context import Context as TraceContext
from starlette.types import Scope

from todo_graphql.api.context import Context
from todo_graphql.server.paths import KNOWN
from todo_graphql.server.trace_context import TRACEPARENT, extract_trace_context, trace_id_of

# What a proxy or a client chose is kept when it cannot do harm in a log.
ACCEPTABLE_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")

# What paths are made of. All else may be a token or a title, sent to the wrong place.
WORD = r"[a-z0-9._-]{0,20}"
PLAIN_PATH = re.compile(rf"(?:/{WORD}){{1,10}}")
MAX_PATH = 200
NO_WORD = re.compile(rf"/(?!{WORD}(?:/|\Z))[^/]*")


@dataclass(slots=True, eq=False)
class Exchange:
    """What is known of a request so far, and of its answer in the end.

    It holds nothing of what was asked or answered but names: no variable, no title, no token.
    """

    id: str
    method: str
    path: str
    client: str | None = None
    """The address that it came from, or that a proxy which is believed says it came from."""
    parent: TraceContext | None = None
    trace_id: str | None = None
    began: float = field(default_factory=time.perf_counter)
    seconds: float = 0.0
    status: int = 0
    """Of the answer. 0 before there is one."""
    codes: frozenset[str] = frozenset()
    """Of the errors in the answer."""
    context: Context | None = None
    """Who asks, and what was done for them; None where no good token was sent."""

    @classmethod
    def beginning(cls, scope: Scope) -> "Exchange":
        """A request that has just come."""
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
        path = path_for(scope["path"])
        client = scope["client"][0] if scope.get("client") else None
        return cls(id_for(chosen), scope["method"], path, client, parent, trace_id)

    @property
    def operation_name(self) -> str | None:
        """The name that the client gave to its operation."""
        operation = self.context and self.context.operation
        return operation.name.value if operation and operation.name else None

    @property
    def outcome(self) -> str:
        """The codes of all errors in the answer, or that there was none."""
        if self.codes:
            return " ".join(sorted(self.codes))
        return "OK" if 0 < self.status < 400 else str(self.status)


def path_for(asked: str) -> str:
    """The path without what may be no part of one."""
    if asked in KNOWN or PLAIN_PATH.fullmatch(asked):
        return asked
    return NO_WORD.sub("/...", f"/{asked.lstrip('/')}"[:MAX_PATH])


def id_for(chosen: bytes | None) -> str:
    """What the first such header says, or a new one."""
    if chosen is not None and ACCEPTABLE_ID.fullmatch(chosen):
        return chosen.decode()
    # It guards nothing. A random number of the system's would cost a change of threads: while
    # the event loop asks for one, another thread takes its turn.
    return f"{getrandbits(128):032x}"


current: ContextVar[Exchange | None] = ContextVar("exchange", default=None)
"""The exchange that is going on, also on the thread of its operation."""


def note_codes(codes: Iterable[object]) -> None:
    """The answer to the request that is going on will have errors of these codes."""
    exchange = current.get()
    if exchange is not None:
        exchange.codes = frozenset(str(code) for code in codes)
