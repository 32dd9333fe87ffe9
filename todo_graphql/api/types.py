"""Object types of the schema. Types with a `row` describe rows of the store, without a copy."""

from collections.abc import Sequence
from itertools import repeat
from typing import NamedTuple, Self

import strawberry
from strawberry import ID

from todo_graphql.api.arguments import After, Before, First, Last, ListTimeZone, TimeZone
from todo_graphql.api.context import SHARED, Context, Info
from todo_graphql.api.enums import TaskPriority
from todo_graphql.api.filters import Filter
from todo_graphql.api.orders import OrderBy, parse_page_request
from todo_graphql.api.overview import Overview, TagCount
from todo_graphql.api.row_types import RowType
from todo_graphql.api.scalars import Date, DateTime
from todo_graphql.store import storage as store_storage
from todo_graphql.store.tasks.cursors import Listing
from todo_graphql.store.tasks.overview import MAX_TAGS
from todo_graphql.store.tasks.page_requests import PageRequest
from todo_graphql.store.tasks.pages import TaskPage
from todo_graphql.store.tasks.repository import Tasks
from todo_graphql.store.tasks.rows import TaskRow
from todo_graphql.store.tasks.time_zones import UTC_ZONE
from todo_graphql.store.users import UserRow


@strawberry.interface(
    description="An object with an id. The id is unique among the objects of one user."
)
class Node:
    id: ID = strawberry.field(description="The id of the object, a UUID.")


@strawberry.type(description="A user, who owns tasks. Only the authenticated user is visible.")
class User(RowType, Node):
    row = UserRow

    email: str | None = strawberry.field(
        description="The email address of the user, if the token contains one."
    )
    created_at: DateTime | None = strawberry.field(
        description="The time of the user's first write. Null before that."
    )
    revision: int = strawberry.field(
        description="The revision of the user's data. Every change increments it by one."
    )

    @strawberry.field(description="A list of the user's tasks. The default order is newest first.")
    def tasks(
        self,
        info: Info,
        filter: Filter = None,  # noqa: A002 - the name in the schema
        order_by: OrderBy = None,
        time_zone: ListTimeZone = UTC_ZONE,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> "TaskConnection":
        request = parse_page_request(filter, order_by, time_zone, first, after, last, before)
        return TaskConnection.from_page(info.context.tasks(), request)

    @strawberry.field(description="The user's task counts. Tasks in the trash are not counted.")
    def overview(self, info: Info, time_zone: TimeZone = UTC_ZONE) -> Overview:
        return Overview.read(info.context, info.context.tasks(), time_zone)

    @strawberry.field(
        description="The tags of the user's tasks in alphabetical order, "
        f"at most {MAX_TAGS:,}. Tasks in the trash are not counted."
    )
    def tags(self, info: Info) -> list[TagCount]:
        return TagCount.from_rows(info.context.tasks().tags())

    @strawberry.field(description="The storage that the user's tasks take, and its limits.")
    def storage(self, info: Info) -> "Storage":
        return Storage.from_row(info.context.users.storage())

    @classmethod
    def me(cls, context: Context) -> Self:
        return cls.from_row(context.users.me())


@strawberry.type(
    description="The storage that a user's tasks take, and its limits. Tasks in the trash are "
    "counted. A write that would exceed a limit fails with QUOTA_EXCEEDED."
)
class Storage(RowType):
    row = store_storage.Storage

    tasks: int = strawberry.field(description="The number of tasks.")
    tasks_limit: int = strawberry.field(description="The maximum number of tasks.")
    bytes: int = strawberry.field(
        description="The size of all titles, descriptions and tags, in bytes of UTF-8."
    )
    bytes_limit: int = strawberry.field(description="The maximum size in bytes.")


@strawberry.type(description="A to-do item.")
class Task(RowType, Node):
    row = TaskRow

    title: str = strawberry.field(description="The title of the task.")
    description: str | None = strawberry.field(description="The description of the task.")
    completed: bool = strawberry.field(description="Indicates whether the task is completed.")
    completed_at: DateTime | None = strawberry.field(
        description="The time when the task was completed. Null for an open task."
    )
    priority: TaskPriority = strawberry.field(description="The priority of the task.")
    due_on: Date | None = strawberry.field(
        description="The day on which the task is due. Null unless it is due on a day."
    )
    due_at: DateTime | None = strawberry.field(
        description="The time at which the task is due. Null unless it is due at a time."
    )
    tags: list[str] = strawberry.field(
        description="The tags of the task. Tags are unique regardless of case."
    )
    created_at: DateTime = strawberry.field(description="The time when the task was created.")
    updated_at: DateTime = strawberry.field(description="The time of the task's last update.")
    deleted_at: DateTime | None = strawberry.field(
        description="The time when the task was moved to the trash. Null outside the trash."
    )
    revision: int = strawberry.field(
        description="The user's revision at the last change of the task. A higher revision is "
        "newer. Send it as `expectedRevision` to detect conflicting updates."
    )
    position: str = strawberry.field(
        description="The place of the task in the manual order (POSITION): an opaque text that "
        "sorts byte by byte."
    )

    @strawberry.field(
        description="The owner of the task, the authenticated user.", metadata={SHARED: True}
    )
    def user(self, info: Info) -> User:
        return User.me(info.context)


@strawberry.type(description="Information about pagination in a connection.")
class PageInfo:
    has_next_page: bool = strawberry.field(
        description="Indicates whether there are more items after this page."
    )
    has_previous_page: bool = strawberry.field(
        description="Indicates whether there are more items before this page."
    )
    connection: strawberry.Private["TaskConnection"]

    @strawberry.field(
        description="The cursor of the first item. Send it as `before` to get the previous page."
    )
    def start_cursor(self) -> str | None:
        return self.connection.cursor(0)

    @strawberry.field(
        description="The cursor of the last item. Send it as `after` to get the next page."
    )
    def end_cursor(self) -> str | None:
        return self.connection.cursor(-1)


class Edge(NamedTuple):
    """Row with its sort values in a list."""

    node: TaskRow
    place: Sequence[object]
    listing: Listing


@strawberry.type(description="An edge in a connection of tasks.")
class TaskEdge(RowType):
    row = Edge

    node: Task = strawberry.field(description="The task at the end of the edge.")
    place: strawberry.Private[Sequence[object]]
    listing: strawberry.Private[Listing]

    @strawberry.field(description="The cursor of the task, for use in pagination.")
    def cursor(self) -> str:
        return self.listing.cursor(self.place, self.node.id)


@strawberry.type(description="A connection that contains one page of tasks.")
class TaskConnection:
    nodes: list[Task] = strawberry.field(description="The tasks on this page.")
    page: strawberry.Private[TaskPage]
    listing: strawberry.Private[Listing]

    @strawberry.field(description="The edges on this page: each task with its cursor.")
    def edges(self) -> list[TaskEdge]:
        return TaskEdge.from_rows(
            list(map(Edge, self.page.rows, self.page.places, repeat(self.listing)))
        )

    @strawberry.field(description="Information about pagination.")
    def page_info(self) -> PageInfo:
        return PageInfo(
            has_next_page=self.page.has_next,
            has_previous_page=self.page.has_previous,
            connection=self,
        )

    @strawberry.field(
        description="The number of tasks in the whole list. It is counted only if selected."
    )
    def total_count(self, info: Info) -> int:
        return info.context.tasks().count(self.listing.filter)

    def cursor(self, number: int) -> str | None:
        """Return the cursor of an item, or None on an empty page."""
        if not self.nodes:
            return None
        return self.listing.cursor(self.page.places[number], self.nodes[number].id)

    @classmethod
    def from_page(cls, tasks: Tasks, request: PageRequest) -> Self:
        page = tasks.page(request)
        return cls(nodes=Task.from_rows(page.rows), page=page, listing=request.listing)
