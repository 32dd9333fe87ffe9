"""Comparators: what filters compare a field with, and how that becomes the store's words.

In all of them null means the same as leaving out.
"""

import dataclasses
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import strawberry
from strawberry import ID

from todo_graphql.api.enums import TaskPriority
from todo_graphql.api.scalars import Date, DateTime
from todo_graphql.errors import BadUserInput
from todo_graphql.store.tasks.filters import Comparison
from todo_graphql.store.tasks.time_zones import known_zone

MAX_VALUES = 100


def operator(description: str, name: str | None = None) -> Any:
    """A field of a comparator: nothing is compared unless it is given."""
    return strawberry.field(name=name, default=None, description=description)


@strawberry.input(description="Compares an id. All that is given must hold.")
class IDComparator:
    eq: ID | None = operator("Is this one.")
    neq: ID | None = operator("Is not this one.")
    in_: list[ID] | None = operator(f"Is one of these, at most {MAX_VALUES}.", "in")
    nin: list[ID] | None = operator(f"Is none of these, at most {MAX_VALUES}.")


@strawberry.input(description="Compares a text. All that is given must hold.")
class TextComparator:
    eq: str | None = operator("Is exactly this.")
    neq: str | None = operator("Is not exactly this.")
    contains: str | None = operator("Has this somewhere, in upper or lower case.")
    starts_with: str | None = operator("Begins with this, in upper or lower case.")


@strawberry.input(
    description="Compares a text that may be missing. All that is given must hold; what is missing "
    "fulfils `neq` and `null`, and nothing else."
)
class NullableTextComparator(TextComparator):
    null: bool | None = operator("true: is missing; false: is there.")


@strawberry.input(description="Compares a priority. All that is given must hold.")
class TaskPriorityComparator:
    eq: TaskPriority | None = operator("Is this one.")
    neq: TaskPriority | None = operator("Is not this one.")
    in_: list[TaskPriority] | None = operator(f"Is one of these, at most {MAX_VALUES}.", "in")
    nin: list[TaskPriority] | None = operator(f"Is none of these, at most {MAX_VALUES}.")
    lt: TaskPriority | None = operator("Is lower.")
    lte: TaskPriority | None = operator("Is lower, or this one.")
    gt: TaskPriority | None = operator("Is higher.")
    gte: TaskPriority | None = operator("Is higher, or this one.")


@strawberry.input(
    description="Compares an instant. All that is given must hold; what is missing fulfils "
    "`null`, and nothing else."
)
class DateTimeComparator:
    lt: DateTime | None = operator("Is before.")
    lte: DateTime | None = operator("Is before, or the same.")
    gt: DateTime | None = operator("Is after.")
    gte: DateTime | None = operator("Is after, or the same.")
    null: bool | None = operator("true: is missing; false: is there.")


@strawberry.input(
    description="Compares a day. All that is given must hold; what is missing fulfils `neq`, "
    "`nin` and `null`, and nothing else."
)
class DateComparator:
    eq: Date | None = operator("Is this one.")
    neq: Date | None = operator("Is not this one.")
    in_: list[Date] | None = operator(f"Is one of these, at most {MAX_VALUES}.", "in")
    nin: list[Date] | None = operator(f"Is none of these, at most {MAX_VALUES}.")
    lt: Date | None = operator("Is before.")
    lte: Date | None = operator("Is before, or the same.")
    gt: Date | None = operator("Is after.")
    gte: Date | None = operator("Is after, or the same.")
    null: bool | None = operator("true: is missing; false: is there.")


@strawberry.input(description="Compares tags, in upper or lower case. All that is given must hold.")
class TagsComparator:
    any: list[str] | None = operator(f"Has one of these, at most {MAX_VALUES}. Never, if empty.")
    all: list[str] | None = operator(f"Has all of these, at most {MAX_VALUES}. Always, if empty.")
    none: list[str] | None = operator(f"Has none of these, at most {MAX_VALUES}. Always, if empty.")


@strawberry.input(
    description="Compares when a task is due, be it on a day or at an instant. All that is given "
    "must hold; a task without a due date fulfils what is false, and `null`, and nothing else."
)
class DueComparator:
    before: DateTime | None = operator("Is due before; a day, when it has begun before.")
    after: DateTime | None = operator("Is due after; a day, when it begins after.")
    overdue: bool | None = operator(
        "true: is open, and was due before now; a day, when it is over. false: is not overdue."
    )
    today: bool | None = operator("true: is due today. false: is not.")
    next_seven_days: bool | None = operator(
        "true: is due on one of seven days, of which today is the first. false: is not."
    )
    null: bool | None = operator("true: has no due date; false: has one.")
    time_zone: str = strawberry.field(
        default="UTC",
        description="Where days begin and end: a name of the IANA database, as `Europe/Berlin`.",
    )


Read = Callable[[Any, str], Any]


def comparisons(column: str, comparator: object, path: str, read: Read) -> Iterator[Comparison]:
    for field in dataclasses.fields(comparator):  # type: ignore[arg-type]
        value = getattr(comparator, field.name)
        name = field.name.removesuffix("_")
        if value is not None:
            there = f"{path}.{camel(name)}"
            yield Comparison(column, name, value if name == "null" else _read(value, there, read))


def _read(value: object, path: str, read: Read) -> object:
    if not isinstance(value, list):
        return read(value, path)
    if len(value) > MAX_VALUES:
        raise BadUserInput(f"There are at most {MAX_VALUES} values.", field=path)
    return tuple(read(one, f"{path}.{number}") for number, one in enumerate(value))


def due_comparisons(due: DueComparator, path: str) -> Iterator[Comparison]:
    zone = known_zone(due.time_zone, f"{path}.timeZone")
    if due.null is not None:
        yield Comparison("due", "null", due.null)
    for name in ("before", "after"):
        value = getattr(due, name)
        if value is not None:
            yield Comparison("due", name, (datetime.fromisoformat(value), zone))
    for name in ("overdue", "today", "next_seven_days"):
        wanted = getattr(due, name)
        if wanted is not None:
            yield Comparison("due", name, (wanted, zone))


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)
