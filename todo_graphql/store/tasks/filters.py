"""Filters become WHERE.

A filter is a tree of comparisons. Each comparison is either true or false of a task, also
where the task has no value, so that `Not` is the exact complement. One walk splits a filter into
its shape, of which the SQL is made, and the values of the shape's parameters.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, Text, and_, bindparam, case, false, func, or_, true

from todo_graphql.store.models import TASKS
from todo_graphql.store.tasks.operators import OPERATORS, Form, contains_pattern

Condition: TypeAlias = "Comparison | AllOf | AnyOf | Not"
ConditionShape: TypeAlias = "ComparisonShape | BranchShape"


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


class ComparisonShape(NamedTuple):
    """A comparison with parameters instead of a value."""

    field: str
    operator: str
    form: Form
    parameters: tuple[str, ...]


class BranchShape(NamedTuple):
    """Conditions without their values, and how they are joined: `all`, `any` or `not`."""

    kind: str
    parts: tuple[ConditionShape, ...]


class FilterShape(NamedTuple):
    """A filter without its values: what the text of a statement depends on."""

    condition: ConditionShape
    trashed: bool | None
    searches: bool

    def predicates(self) -> list[ColumnElement[bool]]:
        """Return the predicates, to be added to the owner's."""
        deleted = TASKS.c.deleted_at.is_not(None)
        predicates: list[ColumnElement[bool]] = []
        if self.trashed is not None:
            predicates.append(deleted if self.trashed else ~deleted)
        if self.condition != BranchShape("all", ()):
            predicates.append(predicate(self.condition))
        if self.searches:
            predicates.append(FOUND)
        return predicates


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which of one's tasks: not the trash unless `trashed`, and both when that is None.

    `search` is looked for in title, tags and description; a blank one is none.
    """

    condition: Condition = AllOf()
    trashed: bool | None = False
    search: str | None = None

    def split(self) -> tuple[FilterShape, dict[str, Any]]:
        """Return the shape, and the values of its parameters. A day such as today becomes the
        current one.
        """
        values: dict[str, Any] = {}
        shape = FilterShape(_split(self.condition, values), self.trashed, self.search is not None)
        if self.search is not None:
            values |= {"search": self.search, "search_literally": contains_pattern(self.search)}
        return shape, values


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


def _split(condition: Condition, values: dict[str, Any]) -> ConditionShape:
    """Return the condition with parameters, whose values are added to `values`."""
    match condition:
        case Comparison(field, operator, value):
            form, compared = OPERATORS[operator].read(value)
            own = {f"filter_{number}": one for number, one in enumerate(compared, len(values))}
            values |= own
            return ComparisonShape(field, operator, form, tuple(own))
        case AllOf(conditions):
            return BranchShape("all", tuple([_split(inner, values) for inner in conditions]))
        case AnyOf(conditions):
            return BranchShape("any", tuple([_split(inner, values) for inner in conditions]))
        case Not(inner):
            return BranchShape("not", (_split(inner, values),))


def predicate(condition: ConditionShape) -> ColumnElement[bool]:
    """Return the condition in SQL."""
    if isinstance(condition, ComparisonShape):
        field, operator, form, parameters = condition
        return OPERATORS[operator].condition(TASKS.c[field], form, *map(bindparam, parameters))
    parts = map(predicate, condition.parts)
    if condition.kind == "not":
        return next(parts).is_not(true())
    return and_(true(), *parts) if condition.kind == "all" else or_(false(), *parts)


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
