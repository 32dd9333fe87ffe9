"""Cursors of keyset pagination: a cursor is a place in a list, not a number of rows to skip.

The cost of a page is independent of its place, and concurrent changes neither repeat nor hide
other rows.
"""

import hashlib
import json
import re
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any, TypeAlias

from todo_graphql.errors import BadUserInput, InputReason
from todo_graphql.store.models import Priority
from todo_graphql.store.tasks.filters import TaskFilter
from todo_graphql.store.tasks.ordering import (
    MOMENTS,
    NEWEST_FIRST,
    NULLABLE,
    OrderField,
    OrderKey,
)
from todo_graphql.store.validation import UUID_TEXT, is_storable

CURSOR_VERSION = 2
CURSOR_MAX_LENGTH = 10_000
ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)

Place: TypeAlias = list[Any]
"""The values of a row's order keys, then its id."""


@dataclass(frozen=True)
class Listing:
    """List of tasks: a filter and an order. A cursor is valid in its own list only."""

    filter: TaskFilter = field(default_factory=TaskFilter)
    keys: tuple[OrderKey, ...] = NEWEST_FIRST

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the filter and the order, by which a cursor names its list."""
        text = repr(self) + "".join(key.zone or "" for key in self.keys)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    @property
    def is_zoned(self) -> bool:
        """Return whether days are ordered in a time zone other than UTC."""
        return any(key.zone for key in self.keys)

    def cursor(self, place: Sequence[object], task_id: str) -> str:
        """Encode the place of a row as an opaque, versioned cursor of this list."""
        content = ENCODER.encode([CURSOR_VERSION, self.fingerprint, list(place), task_id])
        return urlsafe_b64encode(content.encode()).rstrip(b"=").decode()

    def place(self, cursor: str, field: str) -> Place:
        """Decode a cursor. Raises BadUserInput with `field` for one that is not of this list."""
        try:
            return self._read(cursor)
        except (ValueError, TypeError, RecursionError):
            raise BadUserInput(
                "Invalid cursor: it must come from `pageInfo` or an edge of a list with the same "
                "filter, order and time zone.",
                reason=InputReason.MISMATCH,
                field=field,
            ) from None

    def _read(self, cursor: str) -> Place:
        if len(cursor) > CURSOR_MAX_LENGTH:
            raise ValueError
        padded = cursor + "=" * (-len(cursor) % 4)
        content = urlsafe_b64decode(padded.encode("ascii")).decode()
        version, fingerprint, values, task_id = json.loads(content)
        if (version, fingerprint) != (CURSOR_VERSION, self.fingerprint):
            raise ValueError
        return self.parse_place(values, task_id)

    def parse_place(self, values: Sequence[object], task_id: str) -> Place:
        """Parse the values of a cursor. Raises ValueError or TypeError for invalid ones."""
        place = [_parse_value(key, value) for key, value in zip(self.keys, values, strict=True)]
        if not UUID_TEXT.fullmatch(task_id):
            raise ValueError
        return [*place, uuid.UUID(task_id)]


def _parse_value(key: OrderKey, value: object) -> Any:
    """Parse a value of a cursor. Raises ValueError for one that no row can have."""
    by = key.field
    if value is None and by in NULLABLE:
        return None
    if key.zone is not None and isinstance(value, str) and DAY.fullmatch(value):
        return date.fromisoformat(value)
    if by in MOMENTS:
        return _parse_instant(value)
    if by is OrderField.PRIORITY and type(value) is int:
        return int(Priority(value))
    if by is OrderField.RELEVANCE and isinstance(value, float) and _is_rank(value):
        return value
    is_text = isinstance(value, str) and is_storable(value)
    if by in (OrderField.TITLE, OrderField.POSITION) and is_text:
        return value
    raise ValueError


def _is_rank(value: float) -> bool:
    """Return whether `ts_rank` can return the value: 0 to about 1, within `real`'s precision."""
    return value == 0 or 1e-30 < value < 10


def _parse_instant(value: object) -> datetime:
    if not isinstance(value, str) or not MOMENT.fullmatch(value):
        raise ValueError
    return datetime.fromisoformat(value)
