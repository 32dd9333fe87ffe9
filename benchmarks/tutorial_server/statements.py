"""The statements for PostgreSQL."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import col, select

from benchmarks.tutorial_server.context import Context
from benchmarks.tutorial_server.tables import TaskRow, UserRow, now
from benchmarks.tutorial_server.types import TaskFilter, TaskOrder


def find(context: Context, task_id: str) -> TaskRow | None:
    statement = select(TaskRow).where(
        TaskRow.user_id == context.user_id, TaskRow.id == uuid.UUID(task_id)
    )
    return context.session.exec(statement).one_or_none()


def next_revision(context: Context) -> int:
    """Lock the user, and return its next revision, which each write needs."""
    user = context.session.get_one(UserRow, context.user_id, with_for_update=True)
    user.revision += 1
    context.session.flush()
    return user.revision


def conditions(given: TaskFilter) -> Iterator[ColumnElement[bool]]:
    if given.search:
        pattern = f"%{given.search}%"
        yield or_(
            col(TaskRow.title).ilike(pattern),
            col(TaskRow.description).ilike(pattern),
        )
    if given.completed is not None:
        done = col(TaskRow.completed_at).is_not(None)
        yield done if given.completed else ~done
    if given.priority is not None and given.priority.eq is not None:
        yield col(TaskRow.priority) == given.priority.eq.value


def orders(given: list[TaskOrder]) -> list[ColumnElement[Any]]:
    if not given:
        return [col(TaskRow.created_at).desc(), col(TaskRow.id).desc()]
    keys = [getattr(TaskRow, order.field.value).asc().nulls_last() for order in given]
    return [*keys, col(TaskRow.id).asc()]


def counted() -> dict[str, ColumnElement[bool]]:
    """Return the conditions of an overview's counts, with days in UTC."""
    today = now().date()
    midnight = datetime.combine(today, datetime.min.time(), UTC)
    monday = midnight - timedelta(days=today.weekday())
    on, at = col(TaskRow.due_on), col(TaskRow.due_at)
    done: Any = col(TaskRow.completed_at)
    is_open = done.is_(None)

    def due(days: int) -> ColumnElement[bool]:
        day = timedelta(days=days)
        return or_(and_(on >= today, on < today + day), and_(at >= midnight, at < midnight + day))

    completed = done < midnight + timedelta(days=1)
    return {
        "open": is_open,
        "overdue": and_(is_open, or_(on < today, at < now())),
        "today": and_(is_open, due(1)),
        "next_seven_days": and_(is_open, due(7)),
        "no_date": and_(is_open, on.is_(None), at.is_(None)),
        "completed_today": and_(done >= midnight, completed),
        "completed_this_week": and_(done >= monday, completed),
    }
