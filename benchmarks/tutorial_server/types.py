"""The GraphQL types, and their conversion from rows."""

from base64 import b64encode
from datetime import date, datetime
from enum import Enum

import strawberry

from benchmarks.tutorial_server.tables import TaskRow


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
