"""What a home screen shows: counts, in one statement. The trash does not count."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, Select, and_, func, select, true

from todo_graphql.store.calendar import DAYS_OF_A_WEEK, Today
from todo_graphql.store.filters import due_within, overdue
from todo_graphql.store.mine import Mine
from todo_graphql.store.models import TASKS

MAX_TAGS = 1_000


class TagCount(NamedTuple):
    """A tag, and how many tasks have it: the open ones, and all."""

    tag: str
    open: int
    total: int


class Counts(NamedTuple):
    """How many open tasks there are of each kind, and how many were completed."""

    open: int
    overdue: int
    today: int
    next_seven_days: int
    no_date: int
    completed_today: int
    completed_this_week: int


@dataclass(frozen=True, slots=True)
class Overview:
    """All of it."""

    counts: Counts
    tags: list[TagCount]


def overview_statement(mine: Mine, zone: str) -> Select[Any]:
    """The counts, beside each tag or once."""
    numbers = [
        func.count().filter(condition).label(f"number_{name}")
        for name, condition in _conditions(Today.in_zone(zone)).items()
    ]
    counts = mine.tasks(*numbers).where(TASKS.c.deleted_at.is_(None)).subquery("counts")
    tags = tags_statement(mine).subquery("tags")
    return select(counts, tags).select_from(counts.outerjoin(tags, true())).order_by(tags.c.key)


def _conditions(today: Today) -> dict[str, ColumnElement[bool]]:
    """What is counted for each field of Counts, in its order."""
    is_open = TASKS.c.completed_at.is_(None)
    completed = TASKS.c.completed_at < today.start(1)
    return {
        "open": is_open,
        "overdue": overdue(today),
        "today": and_(is_open, due_within(today, 0, 1)),
        "next_seven_days": and_(is_open, due_within(today, 0, DAYS_OF_A_WEEK)),
        "no_date": and_(is_open, TASKS.c.due.is_(None)),
        "completed_today": and_(TASKS.c.completed_at >= today.start(0), completed),
        "completed_this_week": and_(TASKS.c.completed_at >= today.start(today.monday), completed),
    }


def tags_statement(mine: Mine) -> Select[Any]:
    """Each tag in use, whatever its case, with its counts."""
    each = func.unnest(TASKS.c.tags, TASKS.c.tag_keys).table_valued("tag", "key", name="each_tag")
    tag = each.render_derived()
    is_open: ColumnElement[bool] = TASKS.c.completed_at.is_(None)
    return (
        mine.tasks(
            tag.c.key,
            func.min(tag.c.tag).label("tag"),
            func.count().filter(is_open).label("open"),
            func.count().label("total"),
        )
        .join(tag, true())
        .where(TASKS.c.deleted_at.is_(None))
        .group_by(tag.c.key)
        .order_by(tag.c.key)
        .limit(MAX_TAGS)
    )


def overview_of(answer: Sequence[Row[Any]]) -> Overview:
    """What the statement answered."""
    width = len(Counts._fields)
    tags = tag_counts([row for row in answer if row.key is not None])
    return Overview(Counts._make(answer[0][:width]), tags)


def tag_counts(answer: Sequence[Row[Any]]) -> list[TagCount]:
    """The tags of rows that have them."""
    return [TagCount(row.tag, row.open, row.total) for row in answer]
