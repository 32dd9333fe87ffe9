"""The schema with sync resolvers, which run on the event loop, as in tutorials."""

from base64 import b64decode
from typing import Any

import strawberry
from sqlalchemy import func, true
from sqlmodel import col, select
from strawberry.extensions import ParserCache, ValidationCache

from benchmarks.tutorial_server.context import Info
from benchmarks.tutorial_server.statements import conditions, counted, find, next_revision, orders
from benchmarks.tutorial_server.tables import TaskRow, now
from benchmarks.tutorial_server.types import (
    CreateTaskInput,
    Overview,
    TagCount,
    Task,
    TaskConnection,
    TaskFilter,
    TaskOrder,
    TaskPayload,
    TaskPriority,
    UpdateTaskInput,
)


@strawberry.type
class Query:
    @strawberry.field
    def task(self, info: Info, id: strawberry.ID) -> Task | None:  # noqa: A002 - the schema's word
        row = find(info.context, id)
        return None if row is None else Task.of(row)

    @strawberry.field
    def tasks(
        self,
        info: Info,
        filter: TaskFilter | None = None,  # noqa: A002 - the schema's word
        order_by: list[TaskOrder] | None = None,
        first: int = 50,
        after: str | None = None,
    ) -> TaskConnection:
        offset = 0 if after is None else int(b64decode(after))
        statement = (
            select(TaskRow)
            .where(TaskRow.user_id == info.context.user_id, col(TaskRow.deleted_at).is_(None))
            .where(*conditions(filter or TaskFilter()))
            .order_by(*orders(order_by or []))
            .offset(offset)
            .limit(first + 1)
        )
        return TaskConnection.of(list(info.context.session.exec(statement)), offset, first)

    @strawberry.field
    def overview(self, info: Info) -> Overview:
        mine = (TaskRow.user_id == info.context.user_id, col(TaskRow.deleted_at).is_(None))
        each = func.unnest(col(TaskRow.tags)).table_valued("tag").render_derived()
        tag = each.c.tag
        is_open = col(TaskRow.completed_at).is_(None)
        numbers: Any = [
            func.count().filter(condition).label(name) for name, condition in counted().items()
        ]
        counts = info.context.session.execute(select(*numbers).where(*mine)).one()
        tags = info.context.session.execute(
            select(func.min(tag), func.count().filter(is_open), func.count())
            .select_from(TaskRow)
            .join(each, true())
            .where(*mine)
            .group_by(func.lower(tag))
            .order_by(func.lower(tag))
        )
        return Overview(
            **counts._mapping,  # noqa: SLF001 - public in SQLAlchemy
            tags=[TagCount(tag=name, open=open_, total=total) for name, open_, total in tags],
        )


@strawberry.type
class Mutation:
    @strawberry.mutation
    def create_task(self, info: Info, input: CreateTaskInput) -> TaskPayload:  # noqa: A002
        context = info.context
        revision = next_revision(context)
        row = TaskRow(
            user_id=context.user_id,
            title=input.title,
            description=input.description,
            priority=(input.priority or TaskPriority.NONE).value,
            revision=revision,
            rank=f"{revision + 2**52:014x}0000011",
        )
        row.derive()
        context.session.add(row)
        context.session.commit()
        context.session.refresh(row)
        return TaskPayload(task=Task.of(row), revision=revision)

    @strawberry.mutation
    def update_task(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002
        input: UpdateTaskInput,  # noqa: A002
    ) -> TaskPayload:
        context = info.context
        revision = next_revision(context)
        row = find(context, id)
        if row is None:
            raise ValueError("Task not found.")
        if input.title is not None:
            row.title = input.title
            row.derive()
        if input.priority is not None:
            row.priority = input.priority.value
        row.updated_at, row.revision = now(), revision
        context.session.commit()
        context.session.refresh(row)
        return TaskPayload(task=Task.of(row), revision=revision)


schema = strawberry.Schema(Query, Mutation, extensions=[ParserCache, ValidationCache])
