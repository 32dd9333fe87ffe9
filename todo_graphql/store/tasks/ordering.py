"""Orders become ORDER BY, and a place in an order becomes WHERE.

A place splits a list into ranges: what agrees with it in all keys but the last, what agrees
in all but the last two, and so on. Each range is one that an index can go straight to, which
a single condition with OR is not, least of all where a key may be missing. A page is the
first rows of these ranges, the nearest first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, and_, func, true, tuple_

from todo_graphql.store.formats import format_instant
from todo_graphql.store.models import TASKS
from todo_graphql.store.tasks.filters import SEARCH

MAX_KEYS = 3


class OrderField(Enum):
    """What tasks can be ordered by."""

    CREATED = "created_at"
    UPDATED = "updated_at"
    DUE = "due"
    PRIORITY = "priority"
    TITLE = "title_key"
    COMPLETED = "completed_at"
    POSITION = "rank"
    RELEVANCE = "relevance"


MOMENTS = (OrderField.CREATED, OrderField.UPDATED, OrderField.DUE, OrderField.COMPLETED)
NULLABLE = (OrderField.DUE, OrderField.COMPLETED)


@dataclass(frozen=True, slots=True)
class OrderKey:
    """One key of an order. `nulls_first` says where tasks without a value go."""

    field: OrderField
    descending: bool = False
    nulls_first: bool = False


NEWEST_FIRST = (OrderKey(OrderField.CREATED, descending=True),)


@dataclass(frozen=True, slots=True)
class Term:
    """A key as SQL has it."""

    column: ColumnElement[Any]
    descending: bool
    nullable: bool = False
    nulls_first: bool = False

    def reversed(self) -> "Term":
        """The same key, read from the end of the list."""
        return replace(self, descending=not self.descending, nulls_first=not self.nulls_first)

    def clause(self) -> ColumnElement[Any]:
        """For ORDER BY."""
        ordered = self.clause_alone()
        if not self.nullable:
            return ordered
        return ordered.nulls_first() if self.nulls_first else ordered.nulls_last()

    def clause_alone(self) -> ColumnElement[Any]:
        """For ORDER BY within a range, in which the key is missing from all rows or from none:
        without a word on nulls, so that the index is in this order both ways.
        """
        return self.column.desc() if self.descending else self.column.asc()

    def same(self, value: Any) -> ColumnElement[bool]:
        """Rows that have this value."""
        return self.column.is_(None) if value is None else self.column == value

    def beyond(self, value: Any) -> list[ColumnElement[bool]]:
        """Ranges of rows that come after this value, the nearest first."""
        if value is None:
            return [self.column.is_not(None)] if self.nulls_first else []
        further = self.column < value if self.descending else self.column > value
        nulls_follow = self.nullable and not self.nulls_first
        return [further, self.column.is_(None)] if nulls_follow else [further]

    def full_range(self) -> list[ColumnElement[bool]]:
        """All rows, in ranges that the one index on the column has in this order."""
        if not self.nullable:
            return [true()]
        ranges: list[ColumnElement[bool]] = [self.column.is_not(None), self.column.is_(None)]
        return ranges[::-1] if self.nulls_first else ranges


Terms = Sequence[Term]


def build_terms(keys: Sequence[OrderKey]) -> list[Term]:
    """The keys, closed by the id, which goes the way of the last one: no two rows share a place."""
    terms = [
        Term(_column(key.field), key.descending, key.field in NULLABLE, key.nulls_first)
        for key in keys
    ]
    return [*terms, Term(TASKS.c.id, keys[-1].descending)]


def reverse_terms(terms: Terms) -> list[Term]:
    """The order from the end of the list."""
    return [term.reversed() for term in terms]


def order_by(terms: Terms) -> list[ColumnElement[Any]]:
    """ORDER BY within one range."""
    return [terms[0].clause_alone(), *(term.clause() for term in terms[1:])]


def full_range(terms: Terms) -> list[ColumnElement[bool]]:
    """The ranges of the whole list."""
    return terms[0].full_range()


def beyond(terms: Terms, values: Sequence[Any]) -> list[ColumnElement[bool]]:
    """The ranges of what comes after a place, the nearest first."""
    tail = _tail(terms)
    columns: ColumnElement[Any] = tuple_(*(term.column for term in terms[tail:]))
    place = tuple_(*values[tail:])
    further = columns < place if terms[-1].descending else columns > place
    ranges: list[ColumnElement[bool]] = [and_(_same(terms, values, tail), further)]
    for depth in reversed(range(tail)):
        same = _same(terms, values, depth)
        ranges += [and_(same, further) for further in terms[depth].beyond(values[depth])]
    return ranges


def at(terms: Terms, values: Sequence[Any]) -> ColumnElement[bool]:
    """The row that is at the place."""
    return _same(terms, values, len(terms))


def _tail(terms: Terms) -> int:
    """Where the longest end begins that can be compared as one row: never null, one direction."""
    tail = len(terms) - 1
    while (
        tail and not terms[tail - 1].nullable and terms[tail - 1].descending == terms[-1].descending
    ):
        tail -= 1
    return tail


def _same(terms: Terms, values: Sequence[Any], depth: int) -> ColumnElement[bool]:
    equal = zip(terms[:depth], values[:depth], strict=True)
    return and_(true(), *(term.same(value) for term, value in equal))


def _column(field: OrderField) -> ColumnElement[Any]:
    if field is not OrderField.RELEVANCE:
        column: ColumnElement[Any] = TASKS.c[field.value]
        return column
    rank: ColumnElement[float] = func.ts_rank(TASKS.c.words, SEARCH)
    return rank


def place_columns(keys: Sequence[OrderKey], terms: Terms) -> list[ColumnElement[Any]]:
    """What a cursor holds of a row besides its id, in the form in which it leaves."""
    return [
        (format_instant(term.column) if key.field in MOMENTS else term.column).label(
            f"key_{number}"
        )
        for number, (key, term) in enumerate(zip(keys, terms, strict=False))
    ]
