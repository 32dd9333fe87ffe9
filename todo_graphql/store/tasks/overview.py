"""Overview: counts of the tasks outside of the trash, in one statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    ColumnElement,
    Date,
    DateTime,
    Select,
    and_,
    bindparam,
    collate,
    func,
    null,
    select,
    true,
)

from todo_graphql.store.models import TASKS
from todo_graphql.store.postgres.statement_cache import cached_statement
from todo_graphql.store.scope import ViewerScope
from todo_graphql.store.tasks.operators import is_due_within, is_overdue
from todo_graphql.store.tasks.time_zones import DAYS_OF_A_WEEK, Today
from todo_graphql.store.text.order import order_key

MAX_TAGS = 1_000


class TagCount(NamedTuple):
    """Tag with the numbers of its open tasks and of all its tasks."""

    tag: str
    open: int
    total: int


class Counts(NamedTuple):
    """Numbers of open tasks of each kind, and of completed tasks."""

    open: int
    overdue: int
    today: int
    next_seven_days: int
    no_date: int
    completed_today: int
    completed_this_week: int


ALL_COUNTS = frozenset(Counts._fields)


@dataclass(frozen=True, slots=True)
class Overview:
    """Overview of a user's tasks. Counts that were not requested are None."""

    counts: Counts
    tags: list[TagCount]


def overview_parameters(zone: str) -> dict[str, Any]:
    """Return the parameter values: days of a time zone, and their first instants."""
    today = Today.in_zone(zone)
    week = DAYS_OF_A_WEEK
    return {
        "today": today.today,
        "tomorrow": today.day(1),
        "next_week": today.day(week),
        "today_begins": today.start(0),
        "tomorrow_begins": today.start(1),
        "next_week_begins": today.start(week),
        "this_week_began": today.start(today.monday),
    }


TODAY = bindparam("today", type_=Date())
BEGINS = bindparam("today_begins", type_=DateTime(timezone=True))
IS_OPEN = TASKS.c.completed_at.is_(None)
BY_NOW = TASKS.c.completed_at < bindparam("tomorrow_begins")

CONDITIONS: Mapping[str, ColumnElement[bool]] = MappingProxyType(
    {
        "open": IS_OPEN,
        "overdue": is_overdue(TODAY),
        "today": and_(
            IS_OPEN,
            is_due_within(TODAY, bindparam("tomorrow"), BEGINS, bindparam("tomorrow_begins")),
        ),
        "next_seven_days": and_(
            IS_OPEN,
            is_due_within(TODAY, bindparam("next_week"), BEGINS, bindparam("next_week_begins")),
        ),
        "no_date": and_(IS_OPEN, TASKS.c.due.is_(None)),
        "completed_today": and_(TASKS.c.completed_at >= BEGINS, BY_NOW),
        "completed_this_week": and_(TASKS.c.completed_at >= bindparam("this_week_began"), BY_NOW),
    }
)
"""The condition of each field of Counts."""


@cached_statement
def overview_statement(scope: ViewerScope, counts: frozenset[str], *, tags: bool) -> Select[Any]:
    """Select the requested counts, once or beside each tag."""
    numbers = [
        (func.count().filter(CONDITIONS[name]) if name in counts else null()).label(f"n_{name}")
        for name in Counts._fields
    ]
    tasks = scope.tasks(*numbers).where(TASKS.c.deleted_at.is_(None))
    counted: Any = tasks if counts else select(*numbers)
    if not tags:
        return cast("Select[Any]", counted)
    beside = counted.subquery("counted")
    listed = _tags(scope).subquery("listed")
    both: Select[Any] = select(beside, listed).select_from(beside.outerjoin(listed, true()))
    return both


@cached_statement
def tags_statement(scope: ViewerScope) -> Select[Any]:
    """Select each tag in use, without regard to case and accents, with its counts."""
    return _tags(scope)


def _tags(scope: ViewerScope) -> Select[Any]:
    each = func.unnest(TASKS.c.tags, TASKS.c.tag_keys).table_valued("tag", "key", name="each_tag")
    tag = each.render_derived()
    return (
        scope.tasks(
            func.min(collate(tag.c.tag, "C")).label("tag"),
            func.count().filter(IS_OPEN).label("open"),
            func.count().label("total"),
            tag.c.key,
        )
        .join(tag, true())
        .where(TASKS.c.deleted_at.is_(None), tag.c.key.is_not(None))
        .group_by(tag.c.key)
        .order_by(collate(tag.c.key, "C"))
        .limit(MAX_TAGS)
    )


def parse_overview(result: Sequence[Sequence[Any]]) -> Overview:
    width = len(Counts._fields)
    tags = parse_tag_counts(
        [row[width:] for row in result if row[-1] is not None and len(row) > width]
    )
    return Overview(Counts._make(result[0][:width]), tags)


def parse_tag_counts(result: Sequence[Sequence[Any]]) -> list[TagCount]:
    counts = [TagCount._make(row[: len(TagCount._fields)]) for row in result]
    return sorted(counts, key=lambda count: (order_key(count.tag), count.tag))
