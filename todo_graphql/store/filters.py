"""Filters become WHERE.

A filter is a tree of comparisons. Each comparison is either true or false of a task, also
where the task has no value, so that `Not` is the exact complement.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias
from unicodedata import normalize

from sqlalchemy import (
    Column,
    ColumnElement,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    or_,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, array

from todo_graphql.store.calendar import DAYS_OF_A_WEEK, Today, local_day
from todo_graphql.store.models import TASKS

Condition: TypeAlias = "Comparison | AllOf | AnyOf | Not"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field of the task, an operator of OPERATORS, and what to compare with."""

    field: str
    operator: str
    value: Any


@dataclass(frozen=True, slots=True)
class AllOf:
    """True when all of these are: also when there are none."""

    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True when one of these is: so never, when there are none."""

    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Not:
    """True when this is not."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which of one's tasks: not the trash unless `trashed`, and both when that is None.

    `search` is looked for in title, tags and description; a blank one is none.
    """

    condition: Condition = AllOf()
    trashed: bool | None = False
    search: str | None = None

    @property
    def is_timeless(self) -> bool:
        """Whether it finds the same tasks tomorrow, if they are the same then."""
        return not any(one.operator in OF_TODAY for one in comparisons(self.condition))

    def conditions(self) -> list[ColumnElement[bool]]:
        """The predicates, to be added to the owner's."""
        deleted = TASKS.c.deleted_at.is_not(None)
        conditions: list[ColumnElement[bool]] = []
        if self.trashed is not None:
            conditions.append(deleted if self.trashed else ~deleted)
        if self.condition != AllOf():
            conditions.append(predicate(self.condition))
        if self.search is not None:
            conditions.append(found(self.search))
        return conditions


def comparisons(condition: Condition) -> Iterator[Comparison]:
    """All that a condition compares."""
    match condition:
        case Comparison():
            yield condition
        case Not(inner):
            yield from comparisons(inner)
        case AllOf(conditions) | AnyOf(conditions):
            for inner in conditions:
                yield from comparisons(inner)


def predicate(condition: Condition) -> ColumnElement[bool]:
    """The condition in SQL."""
    match condition:
        case Comparison(field, operator, value):
            return OPERATORS[operator](TASKS.c[field], value)
        case AllOf(conditions):
            return and_(true(), *map(predicate, conditions))
        case AnyOf(conditions):
            return or_(false(), *map(predicate, conditions))
        case Not(inner):
            return predicate(inner).is_not(true())


def query_of(search: str) -> ColumnElement[Any]:
    """What a search asks of a task's words, as the migrations' `todo_query` reads it."""
    return func.todo_query(search)


def found(search: str) -> ColumnElement[bool]:
    """All words are there. What has no letter or digit, such as an emoji, is looked for as it
    stands.
    """
    query = query_of(search)
    literally = or_(
        TASKS.c.title.icontains(search, autoescape=True),
        TASKS.c.description.icontains(search, autoescape=True),
    )
    return case((func.numnode(query) > 0, TASKS.c.words.bool_op("@@")(query)), else_=literally)


def _keys(tags: tuple[str, ...]) -> ColumnElement[Any]:
    """Tags as the trigger writes them into `tag_keys`."""
    return cast(array([func.lower(tag) for tag in tags]), ARRAY(Text))


def _not_in(column: Column[Any], values: tuple[Any, ...]) -> ColumnElement[bool]:
    return or_(column.is_(None), column.not_in(values))


def _composed(column: Column[Any]) -> ColumnElement[str]:
    """The text with each accent in its letter."""
    return func.normalize(column, type_=Text)


def _contains(column: Column[Any], value: str) -> ColumnElement[bool]:
    return _composed(column).icontains(normalize("NFC", value), autoescape=True)


def _starts_with(column: Column[Any], value: str) -> ColumnElement[bool]:
    return _composed(column).istartswith(normalize("NFC", value), autoescape=True)


def _any_tag(_: Column[Any], tags: tuple[str, ...]) -> ColumnElement[bool]:
    return TASKS.c.tag_keys.bool_op("&&")(_keys(tags))


def _all_tags(_: Column[Any], tags: tuple[str, ...]) -> ColumnElement[bool]:
    return TASKS.c.tag_keys.bool_op("@>")(_keys(tags))


def _before(_: Column[Any], value: tuple[datetime, str]) -> ColumnElement[bool]:
    """A day is before an instant when its first instant is."""
    instant, zone = value
    day, at_start = local_day(instant, zone)
    on = TASKS.c.due_on
    return or_(TASKS.c.due_at < instant, on < day if at_start else on <= day)


def _after(_: Column[Any], value: tuple[datetime, str]) -> ColumnElement[bool]:
    instant, zone = value
    day, _at_start = local_day(instant, zone)
    return or_(TASKS.c.due_at > instant, TASKS.c.due_on > day)


def due_within(today: Today, first: int, end: int) -> ColumnElement[bool]:
    """Due on one of the days from `first` up to, and without, `end`: distances from today."""
    on, at = TASKS.c.due_on, TASKS.c.due_at
    return or_(
        and_(on >= today.day(first), on < today.day(end)),
        and_(at >= today.start(first), at < today.start(end)),
    )


def overdue(today: Today) -> ColumnElement[bool]:
    """Open, and due before now: a day is over when the next one begins."""
    is_open = TASKS.c.completed_at.is_(None)
    return and_(is_open, or_(TASKS.c.due_on < today.today, TASKS.c.due_at < func.now()))


def _flag(condition: Callable[[Today], ColumnElement[bool]]) -> Callable[..., ColumnElement[bool]]:
    """An operator whose value says whether the condition shall hold, and in which time zone."""

    def operator(_: Column[Any], value: tuple[bool, str]) -> ColumnElement[bool]:
        wanted, zone = value
        holds = condition(Today.in_zone(zone))
        return holds if wanted else holds.is_not(true())

    return operator


OPERATORS: Mapping[str, Callable[[Column[Any], Any], ColumnElement[bool]]] = {
    "eq": lambda column, value: column == value,
    "neq": lambda column, value: column.is_distinct_from(value),
    "in": lambda column, values: column.in_(values),
    "nin": _not_in,
    "lt": lambda column, value: column < value,
    "lte": lambda column, value: column <= value,
    "gt": lambda column, value: column > value,
    "gte": lambda column, value: column >= value,
    "null": lambda column, wanted: column.is_(None) if wanted else column.is_not(None),
    "contains": _contains,
    "starts_with": _starts_with,
    "any": _any_tag,
    "all": _all_tags,
    "none": lambda column, tags: ~_any_tag(column, tags),
    "before": _before,
    "after": _after,
    "overdue": _flag(overdue),
    "today": _flag(lambda today: due_within(today, 0, 1)),
    "next_seven_days": _flag(lambda today: due_within(today, 0, DAYS_OF_A_WEEK)),
}

OF_TODAY = frozenset({"overdue", "today", "next_seven_days"})
"""Operators whose SQL holds the day on which it was made."""
