"""Filters become WHERE.

A filter is a tree of comparisons. Each comparison is either true or false of a task, also
where the task has no value, so that `Not` is the exact complement. What is compared with is a
parameter, so that filters of one shape are one statement.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Text, and_, bindparam, case, false, func, or_, true

from todo_graphql.store.models import TASKS
from todo_graphql.store.operators import OPERATORS, like

Condition: TypeAlias = "Comparison | AllOf | AnyOf | Not"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field of the task, an operator of OPERATORS, and what to compare with."""

    field: str
    operator: str
    value: Any

    def reading(self) -> tuple[Hashable, tuple[Any, ...]]:
        """What of the value the statement's text depends on, and what are its parameters."""
        return OPERATORS[self.operator].read(self.value)


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
    def shape(self) -> Hashable:
        """What the text of the statement depends on."""
        return shape_of(self.condition), self.trashed, self.search is None

    def values(self) -> dict[str, Any]:
        """The values of its parameters. Where it asks for a day, such as today, it is this one."""
        compared = [value for one in comparisons(self.condition) for value in one.reading()[1]]
        values = {f"filter_{number}": value for number, value in enumerate(compared)}
        if self.search is not None:
            values |= {"search": self.search, "search_literally": like(self.search)}
        return values

    def conditions(self) -> list[ColumnElement[bool]]:
        """The predicates, to be added to the owner's."""
        deleted = TASKS.c.deleted_at.is_not(None)
        conditions: list[ColumnElement[bool]] = []
        if self.trashed is not None:
            conditions.append(deleted if self.trashed else ~deleted)
        if self.condition != AllOf():
            conditions.append(predicate(self.condition, count()))
        if self.search is not None:
            conditions.append(FOUND)
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


def shape_of(condition: Condition) -> Hashable:
    """The condition without its values."""
    match condition:
        case Comparison(field, operator):
            return field, operator, condition.reading()[0]
        case Not(inner):
            return "not", shape_of(inner)
        case AllOf(conditions):
            return "all", *map(shape_of, conditions)
        case AnyOf(conditions):
            return "any", *map(shape_of, conditions)


def predicate(condition: Condition, places: Iterator[int]) -> ColumnElement[bool]:
    """The condition in SQL. Its parameters take the next places, in the order of `comparisons`."""
    match condition:
        case Comparison(field, operator):
            form, values = condition.reading()
            names = [f"filter_{next(places)}" for _ in values]
            return OPERATORS[operator].condition(TASKS.c[field], form, *map(bindparam, names))
        case AllOf(conditions):
            return and_(true(), *(predicate(inner, places) for inner in conditions))
        case AnyOf(conditions):
            return or_(false(), *(predicate(inner, places) for inner in conditions))
        case Not(inner):
            return predicate(inner, places).is_not(true())


SEARCH: ColumnElement[Any] = func.todo_query(bindparam("search", type_=Text()))
"""What a search asks of a task's words, as the migrations' `todo_query` reads it."""

# All words are there. What has no letter or digit, such as an emoji, is looked for as it stands.
LITERALLY = bindparam("search_literally", type_=Text())
FOUND: ColumnElement[bool] = case(
    (func.numnode(SEARCH) > 0, TASKS.c.words.bool_op("@@")(SEARCH)),
    else_=or_(
        *(
            func.lower(column).like(func.lower(LITERALLY), escape="/")
            for column in (TASKS.c.title, TASKS.c.description)
        )
    ),
)
