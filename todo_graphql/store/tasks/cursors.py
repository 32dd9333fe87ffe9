"""Keyset pagination: a cursor is a place in a list, not a number of rows to skip.

The cost of a page is independent of its place, and concurrent changes neither repeat nor hide
other rows. The arguments are those of the GraphQL Cursor Connections specification.
"""

import hashlib
import json
import re
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any, NamedTuple, Self, TypeAlias

from sqlalchemy import REAL, ColumnElement, bindparam, cast, false, or_

from todo_graphql.errors import BadUserInput, InputReason
from todo_graphql.store.models import Priority
from todo_graphql.store.problem_collector import ProblemCollector
from todo_graphql.store.tasks import ordering
from todo_graphql.store.tasks.filters import FilterShape, TaskFilter
from todo_graphql.store.tasks.ordering import (
    MOMENTS,
    NEWEST_FIRST,
    NULLABLE,
    OrderField,
    OrderKey,
    Terms,
)
from todo_graphql.store.validation import UUID_TEXT, is_storable

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 100

CURSOR_VERSION = 2
CURSOR_MAX_LENGTH = 10_000
ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)

Place: TypeAlias = list[Any]
"""The values of a row's order keys, then its id."""

PlaceShape: TypeAlias = tuple[str | None, ...]
"""The parameter names of a place; None for a null."""


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


class PageShape(NamedTuple):
    """Page request without its values, on which the text of a statement depends."""

    filter: FilterShape
    keys: tuple[OrderKey, ...]
    size: int
    backward: bool
    after: PlaceShape | None
    before: PlaceShape | None

    @property
    def terms(self) -> Terms:
        """Order in which rows are read: from the end of the list when backward."""
        terms = ordering.build_terms(self.keys)
        return ordering.reverse_terms(terms) if self.backward else terms

    @property
    def has_cursors(self) -> bool:
        return self.after is not None or self.before is not None

    @property
    def _origin(self) -> Place | None:
        """Place from which the page is counted."""
        return self._place(self.before if self.backward else self.after)

    @property
    def _bound(self) -> Place | None:
        """Place that the page must not reach."""
        return self._place(self.after if self.backward else self.before)

    def _place(self, place: PlaceShape | None) -> Place | None:
        if place is None:
            return None
        # ts_rank returns a real, which differs from the same number as a double.
        fields = [*(key.field for key in self.keys), None]
        values: list[Any] = [None if name is None else bindparam(name) for name in place]
        return [
            cast(value, REAL) if field is OrderField.RELEVANCE else value
            for field, value in zip(fields, values, strict=True)
        ]

    def ranges(self) -> list[ColumnElement[bool]]:
        """Return the ranges of the page's rows, nearest first."""
        if self._origin is None:
            return ordering.full_range(self.terms)
        return ordering.beyond(self.terms, self._origin)

    def predicates(self) -> list[ColumnElement[bool]]:
        """Return the predicates of the filter and of the bound."""
        predicates = self.filter.predicates()
        if self._bound is not None:
            reached = ordering.beyond(ordering.reverse_terms(self.terms), self._bound)
            predicates.append(or_(false(), *reached))
        return predicates

    def behind(self) -> tuple[Terms, Place | None]:
        """Return the order and the place of the rows behind the page."""
        return ordering.reverse_terms(self.terms), self._origin

    def ahead(self) -> tuple[Terms, Place | None]:
        """Return the order and the place of the rows beyond the bound."""
        return self.terms, self._bound


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Request for up to `size` rows of a list between two places."""

    listing: Listing = field(default_factory=Listing)
    size: int = DEFAULT_PAGE_SIZE
    backward: bool = False
    after: Place | None = None
    before: Place | None = None

    @classmethod
    def from_arguments(
        cls,
        listing: Listing,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Self:
        """Parse the arguments of a connection. Raises BadUserInput with the invalid ones."""
        with ProblemCollector() as collect:
            collect(_require_one_end, first, last)
            from_start = collect(_parse_size, first, "first")
            from_end = collect(_parse_size, last, "last")
            return cls(
                listing,
                size=from_start if last is None else from_end,
                backward=last is not None,
                after=None if after is None else collect(listing.place, after, "after"),
                before=None if before is None else collect(listing.place, before, "before"),
            )

    def following(self, place: Sequence[object], task_id: str) -> Self:
        """Return the request for the rows after this one."""
        values = zip(self.listing.keys, place, strict=True)
        after = [*(_parse_value(key, value) for key, value in values), uuid.UUID(task_id)]
        return replace(self, after=after)

    def split(self, prefix: str = "") -> tuple[PageShape, dict[str, Any]]:
        """Return the shape and the values of its parameters. `prefix` is in the names of places."""
        which, values = self.listing.filter.split()
        after = _split_place(f"{prefix}after", self.after, values)
        before = _split_place(f"{prefix}before", self.before, values)
        keys, size, backward = self.listing.keys, self.size, self.backward
        return PageShape(which, keys, size, backward, after, before), values


def _split_place(name: str, place: Place | None, values: dict[str, Any]) -> PlaceShape | None:
    """Add the values of a place to `values`, and return their parameters."""
    if place is None:
        return None
    own = {f"{name}_{number}": value for number, value in enumerate(place)}
    values |= own
    return tuple(None if value is None else parameter for parameter, value in own.items())


def _require_one_end(first: int | None, last: int | None) -> None:
    if first is not None and last is not None:
        raise BadUserInput(
            "Provide either `first` or `last`.", reason=InputReason.NOT_COMBINABLE, field="last"
        )


def _parse_size(value: int | None, field: str) -> int:
    if value is None:
        return DEFAULT_PAGE_SIZE
    if not 1 <= value <= MAX_PAGE_SIZE:
        raise BadUserInput(
            f"`{field}` must be 1 to {MAX_PAGE_SIZE}.",
            reason=InputReason.OUT_OF_RANGE,
            field=field,
            min=1,
            max=MAX_PAGE_SIZE,
        )
    return value
