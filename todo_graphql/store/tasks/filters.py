"""Filters: trees of comparisons, compiled to WHERE.

A comparison is either true or false, also for a null, so that `Not` is the exact complement.
`split` separates a filter into its shape, from which the SQL is built, and the values of the
shape's parameters.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, Text, and_, bindparam, cast, false, func, or_, true
from sqlalchemy.dialects.postgresql import TSQUERY

from todo_graphql.store.models import TASKS
from todo_graphql.store.tasks.operators import (
    KEYS,
    OPERATORS,
    Form,
    comparison_key,
    contains_pattern,
)
from todo_graphql.store.text.search import Search

Condition: TypeAlias = "Comparison | AllOf | AnyOf | Not"
ConditionShape: TypeAlias = "ComparisonShape | BranchShape"


TEXTS = frozenset({"title", "description", "tags"})
"""The fields whose comparisons no index serves."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Comparison of a task's column with a value, by an operator of OPERATORS."""

    field: str
    operator: str
    value: Any


@dataclass(frozen=True, slots=True)
class AllOf:
    """Conjunction; true without conditions."""

    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Disjunction; false without conditions."""

    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Not:
    """Negation."""

    condition: Condition


class ComparisonShape(NamedTuple):
    """Comparison with parameters instead of a value."""

    field: str
    operator: str
    form: Form
    parameters: tuple[str, ...]

    @property
    def plan_depends_on_values(self) -> bool:
        """Return whether the values decide if the index of the column is the best one.

        The comparison can hold for a few tasks or for all. Ids are unique.
        """
        return self.field not in (*TEXTS, "id") and self.parameters != ()


class BranchShape(NamedTuple):
    """Conditions without their values, joined by `all`, `any` or `not`."""

    kind: str
    parts: tuple[ConditionShape, ...]

    @property
    def plan_depends_on_values(self) -> bool:
        return any(part.plan_depends_on_values for part in self.parts)


class FilterShape(NamedTuple):
    """Filter without its values, on which the text of a statement depends."""

    condition: ConditionShape
    trashed: bool | None
    search: str | None
    """None, or the kind of the search: by `words`, or by `text` if it has none."""

    @property
    def plan_depends_on_values(self) -> bool:
        return self.condition.plan_depends_on_values

    def predicates(self) -> list[ColumnElement[bool]]:
        """Return the predicates, which extend the owner predicate."""
        deleted = TASKS.c.deleted_at.is_not(None)
        predicates: list[ColumnElement[bool]] = []
        if self.trashed is not None:
            predicates.append(deleted if self.trashed else ~deleted)
        if self.condition != BranchShape("all", ()):
            predicates.append(predicate(self.condition))
        if self.search is not None:
            predicates.append(HAS_WORDS if self.search == "words" else HAS_TEXT)
        return predicates


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Filter of tasks: outside of the trash, in it if `trashed` is true, or both if it is None.

    `search` finds words of the title, the tags and the description.
    """

    condition: Condition = AllOf()
    trashed: bool | None = False
    search: Search | None = None

    def split(self) -> tuple[FilterShape, dict[str, Any]]:
        """Return the shape and the values of its parameters. Relative days become dates."""
        values: dict[str, Any] = {}
        search = None
        if self.search is not None:
            words = self.search.query()
            search = "words" if words else "text"
            values["search"] = words
            if not words:
                values["search_text"] = contains_pattern(comparison_key(self.search.text))
        return FilterShape(_split(self.condition, values), self.trashed, search), values


def comparisons(condition: Condition) -> Iterator[Comparison]:
    """Iterate over all comparisons of a condition."""
    match condition:
        case Comparison():
            yield condition
        case Not(inner):
            yield from comparisons(inner)
        case AllOf(conditions) | AnyOf(conditions):
            for inner in conditions:
                yield from comparisons(inner)


def _split(condition: Condition, values: dict[str, Any]) -> ConditionShape:
    """Add the values of a condition to `values`, and return its shape."""
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
    """Compile a condition to SQL."""
    if isinstance(condition, ComparisonShape):
        field, operator, form, parameters = condition
        own = OPERATORS[operator].condition(TASKS.c[field], form, *map(bindparam, parameters))
        return _often_true(own) if field in TEXTS else own
    parts = map(predicate, condition.parts)
    if condition.kind == "not":
        return next(parts).is_not(true())
    return and_(true(), *parts) if condition.kind == "all" else or_(false(), *parts)


def _often_true(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Let PostgreSQL expect that half of the tasks match, rather than a few.

    A page then reads the tasks in its order until it is full, not all of them in any order.
    """
    return func.coalesce(condition, false())


SEARCH: ColumnElement[Any] = cast(bindparam("search"), TSQUERY)

HAS_WORDS: ColumnElement[bool] = _often_true(TASKS.c.words.bool_op("@@")(SEARCH))
"""All words of the search must match."""

HAS_TEXT: ColumnElement[bool] = _often_true(
    or_(*(key.like(bindparam("search_text", type_=Text()), escape="/") for key in KEYS.values()))
)
"""A search without words, such as one of punctuation, matches literally."""
