"""The trace that a request is a part of, as whoever called names it.

W3C Trace Context, section 3.2: https://www.w3.org/TR/trace-context/#traceparent-header
"""

import re
from typing import NamedTuple

# Of version 00 it has four parts; a later one may have more behind them.
FORM = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
INVALID = b"ff"


class TraceParent(NamedTuple):
    """The ids, in hexadecimal digits, and whether the caller records the trace."""

    trace_id: str
    span_id: str
    is_sampled: bool


def parent_of(header: bytes) -> TraceParent | None:
    """What the header says; None, as if there were none, when it is not well formed."""
    match = FORM.fullmatch(header)
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    is_wrong = version == INVALID or (version == b"00" and more is not None)
    if is_wrong or not int(trace_id, 16) or not int(span_id, 16):
        return None
    return TraceParent(trace_id.decode(), span_id.decode(), bool(int(flags, 16) & 1))
