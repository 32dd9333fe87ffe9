"""Orders of tasks: compiled to ORDER BY, and places in them to WHERE.

A place divides a list into ranges: the rows that equal it in all keys but the last, in all but
the last two, and so on. An index finds each range directly, unlike a single condition with OR or
with nulls. A page has the first rows of these ranges, nearest first. See decision 0016.
"""

import dataclasses
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
    """Fields by which tasks can be ordered, with their columns."""

    CREATED = "created_at"
    UPDATED = "updated_at"
    DUE = "due"
    PRIORITY = "priority"
    TITLE = "title_order"
    COMPLETED = "completed_at"
    POSITION = "rank"
    RELEVANCE = "relevance"


MOMENTS = (OrderField.CREATED, OrderField.UPDATED, OrderField.DUE, OrderField.COMPLETED)
NULLABLE = (OrderField.DUE, OrderField.COMPLETED)


@dataclass(frozen=True, slots=True)
class OrderKey:
    """One key of an order.

    `nulls_first` places the tasks without a value, of which the list has none if `is_set` is true.
    `zone` is the time zone of the days of DUE, None for UTC.
    """

    field: OrderField
    descending: bool = False
    nulls_first: bool = False
    zone: str | None = dataclasses.field(default=None, repr=False)
    is_set: bool = dataclasses.field(default=False, repr=False)

    @property
    def is_nullable(self) -> bool:
        return self.field in NULLABLE and not self.is_set


NEWEST_FIRST = (OrderKey(OrderField.CREATED, descending=True),)


@dataclass(frozen=True, slots=True)
class Term:
    """Order key in SQL."""

    column: ColumnElement[Any]
    descending: bool
    nullable: bool = False
    nulls_first: bool = False

    def reversed(self) -> "Term":
        """Return the key for the opposite direction."""
        return replace(self, descending=not self.descending, nulls_first=not self.nulls_first)

    def clause(self) -> ColumnElement[Any]:
        """Return the ORDER BY clause."""
        ordered = self.clause_alone()
        if not self.nullable:
            return ordered
        return ordered.nulls_first() if self.nulls_first else ordered.nulls_last()

    def clause_alone(self) -> ColumnElement[Any]:
        """Return the ORDER BY clause within a range, in which all values or none are null.

        Without NULLS FIRST or LAST, the index has this order in both directions.
        """
        return self.column.desc() if self.descending else self.column.asc()

    def same(self, value: Any) -> ColumnElement[bool]:
        """Match the rows with this value."""
        return self.column.is_(None) if value is None else self.column == value

    def beyond(self, value: Any) -> list[ColumnElement[bool]]:
        """Return the ranges of rows after this value, nearest first."""
        if value is None:
            return [self.column.is_not(None)] if self.nulls_first else []
        further = self.column < value if self.descending else self.column > value
        nulls_follow = self.nullable and not self.nulls_first
        return [further, self.column.is_(None)] if nulls_follow else [further]

    def full_range(self) -> list[ColumnElement[bool]]:
        """Return the ranges of all rows, in each of which the index has this order."""
        if not self.nullable:
            return [true()]
        ranges: list[ColumnElement[bool]] = [self.column.is_not(None), self.column.is_(None)]
        return ranges[::-1] if self.nulls_first else ranges


Terms = Sequence[Term]


def build_terms(keys: Sequence[OrderKey]) -> list[Term]:
    """Return the terms of the keys and of the id, which makes every place unique."""
    terms = [
        Term(_column(key.field), key.descending, key.is_nullable, key.nulls_first) for key in keys
    ]
    return [*terms, Term(TASKS.c.id, keys[-1].descending)]


def reverse_terms(terms: Terms) -> list[Term]:
    return [term.reversed() for term in terms]


def order_by(terms: Terms) -> list[ColumnElement[Any]]:
    """Return the ORDER BY clauses within one range."""
    return [terms[0].clause_alone(), *(term.clause() for term in terms[1:])]


def full_range(terms: Terms) -> list[ColumnElement[bool]]:
    """Return the ranges of the whole list."""
    return terms[0].full_range()


def beyond(terms: Terms, values: Sequence[Any]) -> list[ColumnElement[bool]]:
    """Return the ranges of the rows after a place, nearest first."""
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
    """Match the row at a place."""
    return _same(terms, values, len(terms))


def _tail(terms: Terms) -> int:
    """Return the start of the longest tail that compares as one row: not null, one direction."""
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
    """Return the columns of a row's place without the id, in the output format."""
    return [
        (format_instant(term.column) if key.field in MOMENTS else term.column).label(
            f"key_{number}"
        )
        for number, (key, term) in enumerate(zip(keys, terms, strict=False))
    ]
