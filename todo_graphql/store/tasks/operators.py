"""Operators of filters: the SQL of each, and the conversion of its value."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, TypeAlias

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Text,
    and_,
    any_,
    bindparam,
    cast,
    collate,
    func,
    or_,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY

from todo_graphql.store.models import TASKS
from todo_graphql.store.tasks.time_zones import (
    DAYS_OF_A_WEEK,
    Today,
    first_instant,
    last_instant,
    local_day,
)
from todo_graphql.store.text.folding import fold
from todo_graphql.store.text.tags import tag_key

Parameter: TypeAlias = BindParameter[Any]
Form: TypeAlias = bool | None
Reading: TypeAlias = tuple[Form, tuple[Any, ...]]
"""The part of a value on which the text of a statement depends, and the parameter values."""


def _scalar(value: Any) -> Reading:
    return None, (value,)


@dataclass(frozen=True, slots=True)
class Operator:
    """Operator of a comparison.

    `condition` takes the column, the form of a reading, and one parameter per value.
    """

    condition: Callable[..., ColumnElement[bool]]
    read: Callable[[Any], Reading] = _scalar


def contains_pattern(text: str) -> str:
    """Return the LIKE pattern of texts that contain this one."""
    return f"%{_escaped(text)}%"


def _escaped(text: str) -> str:
    return text.replace("/", "//").replace("%", "/%").replace("_", "/_")


def _several(values: tuple[Any, ...]) -> Reading:
    return None, (list(map(_plain, values)),)


def _plain(value: Any) -> Any:
    """Convert a UUID to text, which psycopg2 accepts in an array."""
    return value if isinstance(value, str | int | datetime | date) else str(value)


def _as_form(wanted: Form) -> Reading:
    return wanted, ()


def _containing(text: str) -> Reading:
    return None, (contains_pattern(comparison_key(text)),)


def _starting(text: str) -> Reading:
    return None, (_escaped(comparison_key(text)) + "%",)


def comparison_key(text: str) -> str:
    """Return the key of a text.

    A text whose characters all fold to nothing or to spaces, such as accents, is its own key, which
    no other key contains.
    """
    key = fold(text)
    return key if key.strip() or text.isspace() else text


def _tags(tags: tuple[str, ...]) -> Reading:
    return None, (list(map(tag_key, tags)),)


def _instant(value: tuple[datetime, str]) -> Reading:
    """Read an instant with its local day, and whether the day begins at it."""
    instant, zone = value
    day, at_start = local_day(instant, zone)
    return at_start, (instant, day)


def _from(value: tuple[date, str]) -> Reading:
    """Read a day with its first instant in a time zone, and the earlier one of it and UTC's."""
    day, zone = value
    first = first_instant(day, zone)
    return None, (day, first, min(first, first_instant(day, "UTC")))


def _to(value: tuple[date, str]) -> Reading:
    """Read a day with its last instant in a time zone, and the later one of it and UTC's."""
    day, zone = value
    last = last_instant(day, zone)
    return None, (day, last, max(last, last_instant(day, "UTC")))


def _of_today(days: Callable[[Today], tuple[Any, ...]]) -> Callable[[tuple[bool, str]], Reading]:
    """Read a pair of the wanted result and a time zone."""

    def read(value: tuple[bool, str]) -> Reading:
        wanted, zone = value
        return wanted, days(Today.in_zone(zone))

    return read


def _in(column: Column[Any], _: Form, values: Parameter) -> ColumnElement[bool]:
    return column == any_(bindparam(values.key, type_=ARRAY(column.type)))


def _not_in(column: Column[Any], form: Form, values: Parameter) -> ColumnElement[bool]:
    return or_(column.is_(None), ~_in(column, form, values))


def _empty(column: Column[Any], wanted: Form) -> ColumnElement[bool]:
    is_empty = func.cardinality(column) == 0
    return is_empty if wanted else ~is_empty


def _null(column: Column[Any], wanted: Form) -> ColumnElement[bool]:
    return column.is_(None) if wanted else column.is_not(None)


KEYS: Mapping[str, ColumnElement[str]] = MappingProxyType(
    {
        "title": TASKS.c.title_key,
        "description": func.coalesce(TASKS.c.description_key, collate(TASKS.c.description, "C")),
    }
)
"""The texts of tasks without case and accents. `store.text` makes those of the values."""


def _like(column: Column[Any], _: Form, pattern: Parameter) -> ColumnElement[bool]:
    return KEYS[column.name].like(pattern, escape="/")


def _keys(keys: Parameter) -> ColumnElement[Any]:
    return cast(keys, ARRAY(Text))


def _any_tag(_: Column[Any], __: Form, tags: Parameter) -> ColumnElement[bool]:
    return TASKS.c.tag_keys.bool_op("&&")(_keys(tags))


def _all_tags(_: Column[Any], __: Form, tags: Parameter) -> ColumnElement[bool]:
    return TASKS.c.tag_keys.bool_op("@>")(_keys(tags))


def _before(
    _: Column[Any],
    at_start: Form,
    instant: Parameter,
    day: Parameter,
) -> ColumnElement[bool]:
    """Compare with an instant; a day counts as its first instant."""
    on = TASKS.c.due_on
    return or_(TASKS.c.due_at < instant, on < day if at_start else on <= day)


def _after(_: Column[Any], __: Form, instant: Parameter, day: Parameter) -> ColumnElement[bool]:
    return or_(TASKS.c.due_at > instant, TASKS.c.due_on > day)


def _due_from(
    due: Column[Any], _: Form, day: Parameter, first: Parameter, earliest: Parameter
) -> ColumnElement[bool]:
    """Compare with a day. The comparison of `due` follows from the others, and has an index."""
    return and_(due >= earliest, or_(TASKS.c.due_on >= day, TASKS.c.due_at >= first))


def _due_to(
    due: Column[Any], _: Form, day: Parameter, last: Parameter, latest: Parameter
) -> ColumnElement[bool]:
    """Compare with a day, as `_due_from` does."""
    return and_(due <= latest, or_(TASKS.c.due_on <= day, TASKS.c.due_at <= last))


def day_range(first: int, end: int) -> Callable[[Today], tuple[date, date, datetime, datetime]]:
    """Return the parameters of `is_due_within` for days relative to today, without `end`."""
    return lambda today: (
        today.day(first),
        today.day(end),
        today.start(first),
        today.start(end),
    )


def is_due_within(
    first: Parameter, end: Parameter, first_instant: Parameter, end_instant: Parameter
) -> ColumnElement[bool]:
    """Match tasks that are due on one of these days."""
    on, at = TASKS.c.due_on, TASKS.c.due_at
    return or_(and_(on >= first, on < end), and_(at >= first_instant, at < end_instant))


def is_overdue(today: Parameter) -> ColumnElement[bool]:
    """Match open tasks that were due before now. A day is over when the next one begins."""
    is_open = TASKS.c.completed_at.is_(None)
    return and_(is_open, or_(TASKS.c.due_on < today, TASKS.c.due_at < func.now()))


def _flag(condition: Callable[..., ColumnElement[bool]]) -> Callable[..., ColumnElement[bool]]:
    """Return a condition that is true if another one has the wanted result."""

    def holds(
        _: Column[Any],
        wanted: Form,
        *parameters: Parameter,
    ) -> ColumnElement[bool]:
        met = condition(*parameters)
        return met if wanted else met.is_not(true())

    return holds


OPERATORS: Mapping[str, Operator] = MappingProxyType(
    {
        "eq": Operator(lambda column, _, value: column == value),
        "neq": Operator(lambda column, _, value: column.is_distinct_from(value)),
        "in": Operator(_in, _several),
        "nin": Operator(_not_in, _several),
        "lt": Operator(lambda column, _, value: column < value),
        "lte": Operator(lambda column, _, value: column <= value),
        "gt": Operator(lambda column, _, value: column > value),
        "gte": Operator(lambda column, _, value: column >= value),
        "null": Operator(_null, _as_form),
        "contains": Operator(_like, _containing),
        "starts_with": Operator(_like, _starting),
        "any": Operator(_any_tag, _tags),
        "all": Operator(_all_tags, _tags),
        "none": Operator(lambda *arguments: ~_any_tag(*arguments), _tags),
        "empty": Operator(_empty, _as_form),
        "from": Operator(_due_from, _from),
        "to": Operator(_due_to, _to),
        "before": Operator(_before, _instant),
        "after": Operator(_after, _instant),
        "overdue": Operator(_flag(is_overdue), _of_today(lambda today: (today.today,))),
        "today": Operator(_flag(is_due_within), _of_today(day_range(0, 1))),
        "next_seven_days": Operator(_flag(is_due_within), _of_today(day_range(0, DAYS_OF_A_WEEK))),
    }
)
