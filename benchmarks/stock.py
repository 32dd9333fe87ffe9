"""The contestant `stock`: Strawberry, FastAPI and SQLModel as tutorials put them together.

A session for each request, ORM objects converted to GraphQL types, python-jose in a
dependency, sync resolvers; with Strawberry's caches of parsed and validated documents. It
connects as the owner of the tables, so row-level security does not bind it: the `user_id`
in each statement is its only wall.
"""

import os
import uuid
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Annotated, Any, TypeAlias

import strawberry
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from jose import JWTError, jwt
from sqlalchemy import ARRAY, ColumnElement, Text, and_, func, or_, true
from sqlmodel import Column, Field, Session, SQLModel, col, create_engine, select
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.fastapi import BaseContext, GraphQLRouter

SECRET = os.environ["BETTER_AUTH_SECRET"]

# A request keeps its connection until it has been answered, and resolvers run on the event
# loop: with fewer connections than requests at once the loop would wait for itself.
engine = create_engine(
    os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg2:", 1),
    pool_size=64,
    max_overflow=0,
)


def now() -> datetime:
    return datetime.now(UTC)


class UserRow(SQLModel, table=True):
    """The columns that such a program would have, and no others."""

    __tablename__ = "users"

    id: uuid.UUID = Field(primary_key=True)
    revision: int = 0


class TaskRow(SQLModel, table=True):
    """The same of tasks."""

    __tablename__ = "tasks"

    user_id: uuid.UUID = Field(primary_key=True, foreign_key="users.id")
    id: uuid.UUID = Field(default_factory=uuid.uuid4, primary_key=True)
    title: str
    description: str | None = None
    priority: int = 0
    due_on: date | None = None
    due_at: datetime | None = None
    due: datetime | None = None
    tags: list[str] = Field(default_factory=list, sa_column=Column(ARRAY(Text), nullable=False))
    completed_at: datetime | None = None
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)
    deleted_at: datetime | None = None
    revision: int


class Context(BaseContext):
    """What resolvers know of the request."""

    def __init__(self, session: Session, user_id: uuid.UUID) -> None:
        super().__init__()
        self.session = session
        self.user_id = user_id


Info: TypeAlias = strawberry.Info[Context, None]


@strawberry.enum
class TaskPriority(Enum):
    NONE = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    URGENT = 4


@strawberry.type
class Task:
    id: strawberry.ID
    title: str
    description: str | None
    completed: bool
    completed_at: datetime | None
    priority: TaskPriority
    due_on: date | None
    due_at: datetime | None
    tags: list[str]
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    revision: int

    @classmethod
    def of(cls, row: TaskRow) -> "Task":
        return cls(
            id=strawberry.ID(str(row.id)),
            title=row.title,
            description=row.description,
            completed=row.completed_at is not None,
            completed_at=row.completed_at,
            priority=TaskPriority(row.priority),
            due_on=row.due_on,
            due_at=row.due_at,
            tags=row.tags,
            created_at=row.created_at,
            updated_at=row.updated_at,
            deleted_at=row.deleted_at,
            revision=row.revision,
        )


@strawberry.type
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type
class TaskEdge:
    cursor: str
    node: Task


@strawberry.type
class TaskConnection:
    edges: list[TaskEdge]
    nodes: list[Task]
    page_info: PageInfo

    @classmethod
    def of(cls, rows: list[TaskRow], offset: int, first: int) -> "TaskConnection":
        nodes = [Task.of(row) for row in rows[:first]]
        edges = [
            TaskEdge(cursor=b64encode(str(offset + place).encode()).decode(), node=node)
            for place, node in enumerate(nodes, 1)
        ]
        info = PageInfo(
            has_next_page=len(rows) > first,
            has_previous_page=offset > 0,
            start_cursor=edges[0].cursor if edges else None,
            end_cursor=edges[-1].cursor if edges else None,
        )
        return cls(edges=edges, nodes=nodes, page_info=info)


@strawberry.type
class TagCount:
    tag: str
    open: int
    total: int


@strawberry.type
class Overview:
    open: int
    overdue: int
    today: int
    next_seven_days: int
    no_date: int
    completed_today: int
    completed_this_week: int
    tags: list[TagCount]


@strawberry.input
class TaskPriorityComparator:
    eq: TaskPriority | None = None


@strawberry.input
class TaskFilter:
    search: str | None = None
    completed: bool | None = None
    priority: TaskPriorityComparator | None = None


@strawberry.enum
class TaskOrderField(Enum):
    CREATED = "created_at"
    DUE = "due"


@strawberry.input
class TaskOrder:
    field: TaskOrderField


@strawberry.input
class CreateTaskInput:
    title: str
    description: str | None = None
    priority: TaskPriority | None = None


@strawberry.input
class UpdateTaskInput:
    title: str | None = None
    priority: TaskPriority | None = None


@strawberry.type
class TaskPayload:
    task: Task
    revision: int


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
            **counts._mapping,  # noqa: SLF001 - SQLAlchemy's name for it, and public
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
        )
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
            raise ValueError("There is no such task.")
        if input.title is not None:
            row.title = input.title
        if input.priority is not None:
            row.priority = input.priority.value
        row.updated_at, row.revision = now(), revision
        context.session.commit()
        context.session.refresh(row)
        return TaskPayload(task=Task.of(row), revision=revision)


def find(context: Context, task_id: str) -> TaskRow | None:
    statement = select(TaskRow).where(
        TaskRow.user_id == context.user_id, TaskRow.id == uuid.UUID(task_id)
    )
    return context.session.exec(statement).one_or_none()


def next_revision(context: Context) -> int:
    """The rule of the tables: each write takes the user's next number, under a lock."""
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
    """What an overview counts, with days in UTC."""
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


def get_session() -> Iterator[Session]:
    with Session(engine) as session:
        yield session


def current_user(
    credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())],
) -> uuid.UUID:
    try:
        claims = jwt.decode(credentials.credentials, SECRET, algorithms=["HS256"])
        return uuid.UUID(claims["sub"])
    except (JWTError, KeyError, ValueError):
        raise HTTPException(401, "The token is not good.") from None


def get_context(
    session: Annotated[Session, Depends(get_session)],
    user_id: Annotated[uuid.UUID, Depends(current_user)],
) -> Context:
    return Context(session, user_id)


schema = strawberry.Schema(Query, Mutation, extensions=[ParserCache, ValidationCache])
app = FastAPI()
app.include_router(GraphQLRouter(schema, context_getter=get_context), prefix="/graphql")
