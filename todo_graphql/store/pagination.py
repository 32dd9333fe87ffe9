"""Keyset pages: a cursor is a place in a list, not a number of rows to skip.

A page costs the same wherever it is, and rows that come or go around it neither repeat
nor hide others. The shape is that of the GraphQL Cursor Connections specification.
"""

import hashlib
import json
import re
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Self

from sqlalchemy import REAL, ColumnElement, bindparam, cast, false, or_

from todo_graphql.errors import BadUserInput
from todo_graphql.store import orders
from todo_graphql.store.filters import TaskFilter
from todo_graphql.store.models import Priority
from todo_graphql.store.orders import MOMENTS, NEWEST_FIRST, NULLABLE, OrderField, OrderKey, Terms
from todo_graphql.store.text import UUID_TEXT, is_storable

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 100

CURSOR_VERSION = 2
CURSOR_MAX_LENGTH = 10_000
WRITER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)


@dataclass(frozen=True)
class Listing:
    """A list: which tasks, in which order. Cursors of one list are no good in another."""

    filter: TaskFilter = field(default_factory=TaskFilter)
    keys: tuple[OrderKey, ...] = NEWEST_FIRST

    @property
    def terms(self) -> list[orders.Term]:
        """The order in SQL's terms."""
        return orders.terms_of(self.keys)

    @cached_property
    def fingerprint(self) -> str:
        """What a cursor says of its list: the same for each of a page."""
        return hashlib.sha256(repr(self).encode("utf-8", "surrogatepass")).hexdigest()[:16]

    def cursor(self, place: Sequence[object], task_id: str) -> str:
        """The cursor of a row: opaque to clients, versioned, and bound to this list."""
        content = WRITER.encode([CURSOR_VERSION, self.fingerprint, list(place), task_id])
        return urlsafe_b64encode(content.encode()).rstrip(b"=").decode()

    def place(self, cursor: str, field: str) -> list[Any]:
        """The values that a cursor holds, the id last. Raises BadUserInput with `field` for one
        that is not of this list.
        """
        try:
            return self._read(cursor)
        except (ValueError, TypeError, RecursionError):
            raise BadUserInput(
                "The cursor is not one of this list, with this filter and this order; "
                "take it from `pageInfo` or an edge.",
                field=field,
            ) from None

    def _read(self, cursor: str) -> list[Any]:
        if len(cursor) > CURSOR_MAX_LENGTH:
            raise ValueError
        padded = cursor + "=" * (-len(cursor) % 4)
        content = urlsafe_b64decode(padded.encode("ascii")).decode()
        version, fingerprint, values, task_id = json.loads(content)
        if (version, fingerprint) != (CURSOR_VERSION, self.fingerprint):
            raise ValueError
        place = [_value(key.field, value) for key, value in zip(self.keys, values, strict=True)]
        if not UUID_TEXT.fullmatch(task_id):
            raise ValueError
        return [*place, uuid.UUID(task_id)]


def _value(by: OrderField, value: object) -> Any:
    """A value of a cursor as SQL takes it. Raises ValueError for one that no row has."""
    if value is None and by in NULLABLE:
        return None
    if by in MOMENTS:
        return _moment(value)
    if by is OrderField.PRIORITY and type(value) is int:
        return int(Priority(value))
    if by is OrderField.RELEVANCE and isinstance(value, float) and _is_rank(value):
        return value
    is_text = isinstance(value, str) and is_storable(value)
    if by in (OrderField.TITLE, OrderField.POSITION) and is_text:
        return value
    raise ValueError


def _is_rank(value: float) -> bool:
    """Whether `ts_rank` may answer it: 0 to about 1, and nothing too small for a `real`."""
    return value == 0 or 1e-30 < value < 10


def _moment(value: object) -> datetime:
    if not isinstance(value, str) or not MOMENT.fullmatch(value):
        raise ValueError
    return datetime.fromisoformat(value)


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Up to `size` rows of a list between two places, counted from the end when `backward`."""

    listing: Listing = field(default_factory=Listing)
    size: int = DEFAULT_PAGE_SIZE
    backward: bool = False
    after: list[Any] | None = None
    before: list[Any] | None = None

    @classmethod
    def of(
        cls,
        listing: Listing,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Self:
        """Check the arguments of a connection. Raises BadUserInput with the wrong one."""
        if first is not None and last is not None:
            raise BadUserInput("Ask for `first` or for `last`, not for both.", field="last")
        return cls(
            listing,
            size=_size(last, "last") if last is not None else _size(first, "first"),
            backward=last is not None,
            after=None if after is None else listing.place(after, "after"),
            before=None if before is None else listing.place(before, "before"),
        )

    def following(self, place: Sequence[object], task_id: str) -> Self:
        """The same request for what comes after a row that a page has answered."""
        values = zip(self.listing.keys, place, strict=True)
        after = [*(_value(key.field, value) for key, value in values), uuid.UUID(task_id)]
        return replace(self, after=after)

    @property
    def terms(self) -> Terms:
        """The order in which to take rows: backward from the end of the list."""
        terms = self.listing.terms
        return orders.reversed_terms(terms) if self.backward else terms

    @property
    def has_cursors(self) -> bool:
        """Whether it is bound to a place on either side."""
        return self.after is not None or self.before is not None

    @property
    def _origin(self) -> list[Any] | None:
        """The place that the page is counted from."""
        return self._typed(self.before if self.backward else self.after)

    @property
    def _bound(self) -> list[Any] | None:
        """The place that it must not reach."""
        return self._typed(self.after if self.backward else self.before)

    def _typed(self, place: list[Any] | None) -> list[Any] | None:
        """A rank as PostgreSQL's ts_rank has it: as a double it would be another number."""
        if place is None:
            return None
        fields = [*(key.field for key in self.listing.keys), None]
        return [
            cast(value, REAL) if field is OrderField.RELEVANCE else value
            for field, value in zip(fields, place, strict=True)
        ]

    @property
    def shape(self) -> Hashable:
        """What the statement's text depends on: all but values."""
        nulls = [
            None if place is None else tuple(value is None for value in place)
            for place in (self.after, self.before)
        ]
        return self.listing.filter.shape, self.listing.keys, self.size, self.backward, *nulls

    def values(self) -> dict[str, Any]:
        """The values of its parameters: what the filter compares with, and the places'."""
        return self.listing.filter.values() | self._places()

    def _places(self) -> dict[str, Any]:
        places = {"after": self.after, "before": self.before}
        return {
            f"{name}_{number}": value
            for name, place in places.items()
            for number, value in enumerate(place or ())
            if value is not None
        }

    def parametric(self) -> Self:
        """The same request with parameters for the values of its places."""
        names = self._places().keys()

        def parameters(name: str, place: list[Any] | None) -> list[Any] | None:
            if place is None:
                return None
            keys = [f"{name}_{number}" for number in range(len(place))]
            return [bindparam(key) if key in names else None for key in keys]

        return replace(
            self,
            after=parameters("after", self.after),
            before=parameters("before", self.before),
        )

    def ranges(self) -> list[ColumnElement[bool]]:
        """Where the rows of the page are, the nearest first."""
        if self._origin is None:
            return orders.full_range(self.terms)
        return orders.beyond(self.terms, self._origin)

    def conditions(self) -> list[ColumnElement[bool]]:
        """What holds for each row of the page besides."""
        if self._bound is None:
            return []
        return [or_(false(), *orders.beyond(orders.reversed_terms(self.terms), self._bound))]

    def behind(self) -> tuple[Terms, list[Any] | None]:
        """The way to the rows that the page leaves behind, and where they begin, if anywhere."""
        return orders.reversed_terms(self.terms), self._origin

    def ahead(self) -> tuple[Terms, list[Any] | None]:
        """The way to the rows that it must not reach, and where they begin, if anywhere."""
        return self.terms, self._bound


def _size(value: int | None, field: str) -> int:
    if value is None:
        return DEFAULT_PAGE_SIZE
    if not 1 <= value <= MAX_PAGE_SIZE:
        raise BadUserInput(f"A page has 1 to {MAX_PAGE_SIZE} items.", field=field)
    return value
