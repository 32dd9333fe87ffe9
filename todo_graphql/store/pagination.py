"""Keyset pages: a cursor is a place in an order, not a number of rows to skip.

A page costs the same wherever it is, and rows that come or go around it neither repeat
nor hide others. The shape is that of the GraphQL Cursor Connections specification.
"""

import json
import re
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from sqlalchemy import ColumnElement, tuple_

from todo_graphql.errors import BadUserInput
from todo_graphql.store.models import TASKS

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 100

NEWEST_FIRST = "CREATED:DESC"
CURSOR_VERSION = 1
CURSOR_MAX_LENGTH = 200
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)

# The id closes the order: no two rows share a place.
KEY = (TASKS.c.created_at, TASKS.c.id)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place of one task in the order of newest first."""

    created_at: datetime
    id: uuid.UUID

    @classmethod
    def decode(cls, text: str, field: str) -> Self:
        """Read a cursor. Raises BadUserInput with `field` for one that we did not make."""
        try:
            return cls._read(text)
        except (ValueError, TypeError, RecursionError):
            raise BadUserInput(
                "The cursor is not one of this list's; take it from `pageInfo` or an edge.",
                field=field,
            ) from None

    @classmethod
    def _read(cls, text: str) -> Self:
        if len(text) > CURSOR_MAX_LENGTH:
            raise ValueError
        padded = text + "=" * (-len(text) % 4)
        version, order, moment, task_id = json.loads(urlsafe_b64decode(padded.encode("ascii")))
        if (version, order) != (CURSOR_VERSION, NEWEST_FIRST) or not MOMENT.fullmatch(moment):
            raise ValueError
        return cls(datetime.fromisoformat(moment), uuid.UUID(task_id))

    def before(self) -> ColumnElement[bool]:
        """Rows that the list shows ahead of this place: newer ones."""
        return tuple_(*KEY) > tuple_(self.created_at, self.id)

    def after(self) -> ColumnElement[bool]:
        """Rows that the list shows behind this place: older ones."""
        return tuple_(*KEY) < tuple_(self.created_at, self.id)


def encode_cursor(created_at: str, task_id: str) -> str:
    """The cursor of a task: opaque to clients, versioned, and bound to its order."""
    place = json.dumps([CURSOR_VERSION, NEWEST_FIRST, created_at, task_id], separators=(",", ":"))
    return urlsafe_b64encode(place.encode()).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Up to `size` rows between two places, counted from the end when `backward`."""

    size: int = DEFAULT_PAGE_SIZE
    backward: bool = False
    after: Cursor | None = None
    before: Cursor | None = None

    @classmethod
    def of(cls, first: int | None, after: str | None, last: int | None, before: str | None) -> Self:
        """Check the four arguments of a connection. Raises BadUserInput with the wrong one."""
        if first is not None and last is not None:
            raise BadUserInput("Ask for `first` or for `last`, not for both.", field="last")
        return cls(
            size=_size(last, "last") if last is not None else _size(first, "first"),
            backward=last is not None,
            after=None if after is None else Cursor.decode(after, "after"),
            before=None if before is None else Cursor.decode(before, "before"),
        )

    def conditions(self) -> list[ColumnElement[bool]]:
        """The predicates of lying between the two places."""
        conditions = [] if self.after is None else [self.after.after()]
        return conditions if self.before is None else [*conditions, self.before.before()]

    def order(self) -> list[ColumnElement[object]]:
        """The order in which to take rows: backward from the end of the list."""
        return _in_order(ascending=self.backward)

    def order_behind(self) -> list[ColumnElement[object]]:
        """The order of what was left behind: away from the page, the nearest first."""
        return _in_order(ascending=not self.backward)

    def left_behind(self) -> ColumnElement[bool] | None:
        """The predicate of lying on the side that the page comes from, its cursor included.

        None without a cursor on that side: then nothing is there.
        """
        if self.backward:
            return None if self.before is None else ~self.before.before()
        return None if self.after is None else ~self.after.after()


def _in_order(*, ascending: bool) -> list[ColumnElement[object]]:
    return [column.asc() if ascending else column.desc() for column in KEY]


def _size(value: int | None, field: str) -> int:
    if value is None:
        return DEFAULT_PAGE_SIZE
    if not 1 <= value <= MAX_PAGE_SIZE:
        raise BadUserInput(f"A page has 1 to {MAX_PAGE_SIZE} items.", field=field)
    return value
