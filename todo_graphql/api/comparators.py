"""Comparators of filters, and their conversion to comparisons of the store.

Null in a comparator means the same as an omitted field.
"""

import dataclasses
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any

import strawberry
from strawberry import ID

from todo_graphql.api.enums import TaskPriority
from todo_graphql.api.scalars import Date, DateTime
from todo_graphql.errors import BadUserInput, InputReason
from todo_graphql.store.problem_collector import ProblemCollector
from todo_graphql.store.tasks.filters import Comparison
from todo_graphql.store.tasks.time_zones import known_zone

MAX_VALUES = 100


def operator(description: str, name: str | None = None) -> Any:
    return strawberry.field(name=name, default=None, description=description)


@strawberry.input(description="A comparator for ids. All given operators must match.")
class IDComparator:
    eq: ID | None = operator("Equal to the given value.")
    neq: ID | None = operator("Not equal to the given value.")
    in_: list[ID] | None = operator(f"One of the given values, at most {MAX_VALUES}.", "in")
    nin: list[ID] | None = operator(f"None of the given values, at most {MAX_VALUES}.")


@strawberry.input(description="A comparator for texts. All given operators must match.")
class TextComparator:
    eq: str | None = operator("Equal to the given value.")
    neq: str | None = operator("Not equal to the given value.")
    contains: str | None = operator("Contains the given value, ignoring case and accents.")
    starts_with: str | None = operator("Starts with the given value, ignoring case and accents.")


@strawberry.input(
    description="A comparator for nullable texts. All given operators must match. "
    "Null values match only `neq` and `null`."
)
class NullableTextComparator(TextComparator):
    null: bool | None = operator("Indicates whether the value is null.")


@strawberry.input(description="A comparator for priorities. All given operators must match.")
class TaskPriorityComparator:
    eq: TaskPriority | None = operator("Equal to the given value.")
    neq: TaskPriority | None = operator("Not equal to the given value.")
    in_: list[TaskPriority] | None = operator(
        f"One of the given values, at most {MAX_VALUES}.", "in"
    )
    nin: list[TaskPriority] | None = operator(f"None of the given values, at most {MAX_VALUES}.")
    lt: TaskPriority | None = operator("Lower than the given value.")
    lte: TaskPriority | None = operator("Lower than or equal to the given value.")
    gt: TaskPriority | None = operator("Higher than the given value.")
    gte: TaskPriority | None = operator("Higher than or equal to the given value.")


@strawberry.input(
    description="A comparator for date-times. All given operators must match. "
    "Null values match only `null`."
)
class DateTimeComparator:
    lt: DateTime | None = operator("Before the given value.")
    lte: DateTime | None = operator("Before or equal to the given value.")
    gt: DateTime | None = operator("After the given value.")
    gte: DateTime | None = operator("After or equal to the given value.")
    null: bool | None = operator("Indicates whether the value is null.")


@strawberry.input(
    description="A comparator for dates. All given operators must match. "
    "Null values match only `neq`, `nin` and `null`."
)
class DateComparator:
    eq: Date | None = operator("Equal to the given value.")
    neq: Date | None = operator("Not equal to the given value.")
    in_: list[Date] | None = operator(f"One of the given values, at most {MAX_VALUES}.", "in")
    nin: list[Date] | None = operator(f"None of the given values, at most {MAX_VALUES}.")
    lt: Date | None = operator("Before the given value.")
    lte: Date | None = operator("Before or equal to the given value.")
    gt: Date | None = operator("After the given value.")
    gte: Date | None = operator("After or equal to the given value.")
    null: bool | None = operator("Indicates whether the value is null.")


@strawberry.input(
    description="A comparator for tags, ignoring case and accents. All given operators must match."
)
class TagsComparator:
    any: list[str] | None = operator(
        f"Has any of the given tags, at most {MAX_VALUES}. An empty list matches no task."
    )
    all: list[str] | None = operator(
        f"Has all of the given tags, at most {MAX_VALUES}. An empty list matches every task."
    )
    none: list[str] | None = operator(
        f"Has none of the given tags, at most {MAX_VALUES}. An empty list matches every task."
    )
    empty: bool | None = operator("Indicates whether the task has no tags.")


@strawberry.input(
    description="A comparator for the due date, which is `dueOn` or `dueAt`. All given operators "
    "must match. Tasks without a due date match only `null` and operators set to false."
)
class DueComparator:
    from_: Date | None = operator(
        "Due on the given day or later. A time is due on its day in the time zone.",
        "from",
    )
    to: Date | None = operator(
        "Due on the given day or earlier. A time is due on its day in the time zone.",
    )
    before: DateTime | None = operator(
        "Due before the given time. A day counts as its first instant."
    )
    after: DateTime | None = operator(
        "Due after the given time. A day counts as its first instant."
    )
    overdue: bool | None = operator(
        "Indicates whether the task is open and was due before now. A task that is due on a day "
        "is overdue when that day has ended."
    )
    today: bool | None = operator("Indicates whether the task is due today.")
    next_seven_days: bool | None = operator(
        "Indicates whether the task is due within seven days, starting today."
    )
    null: bool | None = operator("Indicates whether the task has no due date.")
    time_zone: str | None = operator(
        "The IANA time zone in which days begin and end, such as `Europe/Berlin`. The default is "
        "the `timeZone` of the list, or UTC.",
    )


ParseValue = Callable[[Any, str], Any]


def parse_comparisons(
    column: str, comparator: object, path: str, parse: ParseValue, collect: ProblemCollector
) -> Iterator[Comparison]:
    for field in dataclasses.fields(comparator):  # type: ignore[arg-type]
        value = getattr(comparator, field.name)
        name = field.name.removesuffix("_")
        if value is not None:
            operand = collect(_parse, value, f"{path}.{camel(name)}", parse)
            yield Comparison(column, name, operand)


def _parse(value: object, path: str, parse: ParseValue) -> object:
    if isinstance(value, bool):
        return value
    if not isinstance(value, list):
        return parse(value, path)
    if len(value) > MAX_VALUES:
        raise BadUserInput(
            f"Too many values: at most {MAX_VALUES} are allowed.",
            reason=InputReason.TOO_MANY,
            field=path,
            max=MAX_VALUES,
        )
    with ProblemCollector() as collect:
        return tuple(collect(parse, item, f"{path}.{n}") for n, item in enumerate(value))


def parse_due_comparisons(
    due: DueComparator, path: str, zone: str, collect: ProblemCollector
) -> Iterator[Comparison]:
    """Yield the comparisons, in the time zone unless the comparator has its own."""
    if due.time_zone is not None:
        zone = collect(known_zone, due.time_zone, f"{path}.timeZone")
    if due.null is not None:
        yield Comparison("due", "null", due.null)
    collect(_require_ordered_days, due, path)
    yield from _parse_days(due, zone)
    for name in ("before", "after"):
        value = getattr(due, name)
        if value is not None:
            yield Comparison("due", name, (datetime.fromisoformat(value), zone))
    for name in ("overdue", "today", "next_seven_days"):
        wanted = getattr(due, name)
        if wanted is not None:
            yield Comparison("due", name, (wanted, zone))


def _parse_days(due: DueComparator, zone: str) -> Iterator[Comparison]:
    for name, day in (("from", due.from_), ("to", due.to)):
        if day is not None:
            yield Comparison("due", name, (date.fromisoformat(day), zone))


def _require_ordered_days(due: DueComparator, path: str) -> None:
    if due.from_ is not None and due.to is not None and due.from_ > due.to:
        raise BadUserInput(
            "Empty range: `to` must not be earlier than `from`.",
            reason=InputReason.OUT_OF_RANGE,
            field=f"{path}.to",
            min=due.from_,
        )


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)
