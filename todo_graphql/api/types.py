"""What is answered. Each type is made from the store's row in one place, its `of`."""

from typing import Self

import strawberry
from strawberry import ID

from todo_graphql.api.context import Context, Info
from todo_graphql.api.inputs import After, Before, Filter, First, Last, TaskFilterInput
from todo_graphql.api.scalars import DateTime
from todo_graphql.store.filters import TaskFilter
from todo_graphql.store.pagination import PageRequest, encode_cursor
from todo_graphql.store.rows import TaskRow
from todo_graphql.store.tasks import TaskPage, Tasks
from todo_graphql.store.users import UserRow


@strawberry.interface(description="Something with an id that is unique among everything of yours.")
class Node:
    id: ID = strawberry.field(description="A UUID.")


@strawberry.type(description="A person with tasks. The only one you can see is yourself.")
class User(Node):
    email: str | None = strawberry.field(description="As your token says; null if it does not.")
    created_at: DateTime | None = strawberry.field(
        description="When you first wrote something; null until then."
    )
    revision: int = strawberry.field(
        description="Grows by one with every change of anything that is yours."
    )

    @strawberry.field(description="Your tasks, newest first.")
    def tasks(
        self,
        info: Info,
        filter: Filter = None,  # noqa: A002 - the schema's word
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> "TaskConnection":
        request = PageRequest.of(first, after, last, before)
        return TaskConnection.of(info.context.tasks(), filter, request)

    @classmethod
    def of(cls, row: UserRow) -> Self:
        return cls(
            id=ID(row.id),
            email=row.email,
            created_at=optional(row.created_at),
            revision=row.revision,
        )

    @classmethod
    def me(cls, context: Context) -> Self:
        return cls.of(context.users.me())


@strawberry.type(description="Something to do.")
class Task(Node):
    title: str = strawberry.field(description="What to do.")
    description: str | None = strawberry.field(description="More about it.")
    completed_at: DateTime | None = strawberry.field(
        description="When it was completed; null while it is open."
    )
    created_at: DateTime = strawberry.field(description="When it was created.")
    updated_at: DateTime = strawberry.field(description="When it last changed.")
    deleted_at: DateTime | None = strawberry.field(
        description="When it was moved to the trash; null while it is not there."
    )
    revision: int = strawberry.field(
        description="The revision of its user at its last change: a greater one is a newer state. "
        "Send it as `expectedRevision` to change only what you have seen."
    )

    @strawberry.field(description="Whether it is done.")
    def completed(self) -> bool:
        return self.completed_at is not None

    @strawberry.field(description="Whose task it is: yours.")
    def user(self, info: Info) -> User:
        return User.me(info.context)

    @classmethod
    def of(cls, row: TaskRow) -> Self:
        return cls(
            id=ID(row.id),
            title=row.title,
            description=row.description,
            completed_at=optional(row.completed_at),
            created_at=DateTime(row.created_at),
            updated_at=DateTime(row.updated_at),
            deleted_at=optional(row.deleted_at),
            revision=row.revision,
        )


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether the list goes on after this page.")
    has_previous_page: bool = strawberry.field(
        description="Whether the list has anything before this page."
    )
    start_cursor: str | None = strawberry.field(
        description="The cursor of the first item: send it as `before` for the page before."
    )
    end_cursor: str | None = strawberry.field(
        description="The cursor of the last item: send it as `after` for the page after."
    )


@strawberry.type(description="A task and its place in a list.")
class TaskEdge:
    cursor: str = strawberry.field(description="Where the task is in this list, as of now.")
    node: Task = strawberry.field(description="The task.")

    @classmethod
    def of(cls, task: Task) -> Self:
        return cls(cursor=encode_cursor(task.created_at, task.id), node=task)


@strawberry.type(description="A page of a list of tasks.")
class TaskConnection:
    nodes: list[Task] = strawberry.field(description="The tasks of this page.")
    page: strawberry.Private[TaskPage]
    filter: strawberry.Private[TaskFilter]

    @strawberry.field(description="The tasks of this page, each with its cursor.")
    def edges(self) -> list[TaskEdge]:
        return [TaskEdge.of(task) for task in self.nodes]

    @strawberry.field(description="Where this page lies in the list.")
    def page_info(self) -> PageInfo:
        edges = [TaskEdge.of(task) for task in (*self.nodes[:1], *self.nodes[-1:])]
        return PageInfo(
            has_next_page=self.page.has_next,
            has_previous_page=self.page.has_previous,
            start_cursor=edges[0].cursor if edges else None,
            end_cursor=edges[-1].cursor if edges else None,
        )

    @strawberry.field(
        description="How many tasks the whole list has. It is counted only when asked for."
    )
    def total_count(self, info: Info) -> int:
        return info.context.tasks().count(self.filter)

    @classmethod
    def of(cls, tasks: Tasks, which: TaskFilterInput | None, request: PageRequest) -> Self:
        store_filter = TaskFilter() if which is None else which.to_store()
        page = tasks.page(store_filter, request)
        return cls(nodes=[Task.of(row) for row in page.rows], page=page, filter=store_filter)


def optional(moment: str | None) -> DateTime | None:
    return None if moment is None else DateTime(moment)
