"""What is answered. Where the store has a row for it, the value is that row, as it is: the
type only describes it.
"""

from collections.abc import Sequence
from itertools import repeat
from typing import NamedTuple, Self

import strawberry
from strawberry import ID

from todo_graphql.api.context import SHARED, Context, Info
from todo_graphql.api.enums import TaskPriority
from todo_graphql.api.filters import Filter
from todo_graphql.api.inputs import After, Before, First, Last, TimeZone
from todo_graphql.api.orders import OrderBy, listing_of
from todo_graphql.api.row_types import RowType
from todo_graphql.api.scalars import Date, DateTime
from todo_graphql.store.tasks import overview as store
from todo_graphql.store.tasks.cursors import Listing, PageRequest
from todo_graphql.store.tasks.pages import TaskPage
from todo_graphql.store.tasks.repository import Tasks
from todo_graphql.store.tasks.rows import TaskRow
from todo_graphql.store.tasks.time_zones import known_zone
from todo_graphql.store.users import UserRow


@strawberry.interface(description="Something with an id that is unique among everything of yours.")
class Node:
    id: ID = strawberry.field(description="A UUID.")


@strawberry.type(description="A person with tasks. The only one you can see is yourself.")
class User(RowType, Node):
    row = UserRow

    email: str | None = strawberry.field(description="As your token says; null if it does not.")
    created_at: DateTime | None = strawberry.field(
        description="When you first wrote something; null until then."
    )
    revision: int = strawberry.field(
        description="Grows by one with every change of anything that is yours."
    )

    @strawberry.field(description="Your tasks, newest first unless `orderBy` says otherwise.")
    def tasks(
        self,
        info: Info,
        filter: Filter = None,  # noqa: A002 - the schema's word
        order_by: OrderBy = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> "TaskConnection":
        request = PageRequest.from_arguments(
            listing_of(filter, order_by), first, after, last, before
        )
        return TaskConnection.from_page(info.context.tasks(), request)

    @strawberry.field(description="Counts for a home screen. The trash does not count.")
    def overview(self, info: Info, time_zone: TimeZone = "UTC") -> "Overview":
        return Overview.read(info.context, info.context.tasks(), time_zone)

    @strawberry.field(
        description="The tags of your tasks, in the order of the alphabet, "
        f"{store.MAX_TAGS:,} at most. The trash does not count."
    )
    def tags(self, info: Info) -> "list[TagCount]":
        return TagCount.from_rows(info.context.tasks().tags())

    @classmethod
    def me(cls, context: Context) -> Self:
        return cls.from_row(context.users.me())


@strawberry.type(description="Something to do.")
class Task(RowType, Node):
    row = TaskRow

    title: str = strawberry.field(description="What to do.")
    description: str | None = strawberry.field(description="More about it.")
    completed: bool = strawberry.field(description="Whether it is done.")
    completed_at: DateTime | None = strawberry.field(
        description="When it was completed; null while it is open."
    )
    priority: TaskPriority = strawberry.field(description="How much it matters.")
    due_on: Date | None = strawberry.field(
        description="The day on which it is due; null if it is not due on a day."
    )
    due_at: DateTime | None = strawberry.field(
        description="The instant at which it is due; null if it is not due at one."
    )
    tags: list[str] = strawberry.field(
        description="Words to find it by, as they were given; no two differ only by case."
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

    @strawberry.field(description="Whose task it is: yours.", metadata={SHARED: True})
    def user(self, info: Info) -> User:
        return User.me(info.context)


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether the list goes on after this page.")
    has_previous_page: bool = strawberry.field(
        description="Whether the list has anything before this page."
    )
    connection: strawberry.Private["TaskConnection"]

    @strawberry.field(
        description="The cursor of the first item: send it as `before` for the page before."
    )
    def start_cursor(self) -> str | None:
        return self.connection.cursor(0)

    @strawberry.field(
        description="The cursor of the last item: send it as `after` for the page after."
    )
    def end_cursor(self) -> str | None:
        return self.connection.cursor(-1)


class Edge(NamedTuple):
    """A row, and its place in a list."""

    node: TaskRow
    place: Sequence[object]
    listing: Listing


@strawberry.type(description="A task and its place in a list.")
class TaskEdge(RowType):
    row = Edge

    node: Task = strawberry.field(description="The task.")
    place: strawberry.Private[Sequence[object]]
    listing: strawberry.Private[Listing]

    @strawberry.field(description="Where the task is in this list, as of now.")
    def cursor(self) -> str:
        return self.listing.cursor(self.place, self.node.id)


@strawberry.type(description="A page of a list of tasks.")
class TaskConnection:
    nodes: list[Task] = strawberry.field(description="The tasks of this page.")
    page: strawberry.Private[TaskPage]
    listing: strawberry.Private[Listing]

    @strawberry.field(description="The tasks of this page, each with its cursor.")
    def edges(self) -> list[TaskEdge]:
        return TaskEdge.from_rows(
            list(map(Edge, self.page.rows, self.page.places, repeat(self.listing)))
        )

    @strawberry.field(description="Where this page lies in the list.")
    def page_info(self) -> PageInfo:
        return PageInfo(
            has_next_page=self.page.has_next,
            has_previous_page=self.page.has_previous,
            connection=self,
        )

    @strawberry.field(
        description="How many tasks the whole list has. It is counted only when asked for."
    )
    def total_count(self, info: Info) -> int:
        return info.context.tasks().count(self.listing.filter)

    def cursor(self, number: int) -> str | None:
        """The cursor of an item; None, if there is none."""
        if not self.nodes:
            return None
        return self.listing.cursor(self.page.places[number], self.nodes[number].id)

    @classmethod
    def from_page(cls, tasks: Tasks, request: PageRequest) -> Self:
        page = tasks.page(request)
        return cls(nodes=Task.from_rows(page.rows), page=page, listing=request.listing)


@strawberry.type(description="A tag, and how many tasks have it.")
class TagCount(RowType):
    row = store.TagCount

    tag: str = strawberry.field(description="The tag; when its case differs, one of the ways.")
    open: int = strawberry.field(description="How many open tasks have it.")
    total: int = strawberry.field(description="How many tasks have it, completed ones included.")


@strawberry.type(
    description="Counts for a home screen. Days and weeks are those of the time zone that was "
    "asked for; a task that is due on a day is due in any time zone when that day is there. "
    "The trash does not count."
)
class Overview:
    open: int = strawberry.field(description="How many tasks are open.")
    overdue: int = strawberry.field(
        description="How many open tasks were due before now; a day, when it is over."
    )
    today: int = strawberry.field(description="How many open tasks are due today.")
    next_seven_days: int = strawberry.field(
        description="How many open tasks are due on one of seven days, of which today is the first."
    )
    no_date: int = strawberry.field(description="How many open tasks have no due date.")
    completed_today: int = strawberry.field(description="How many tasks were completed today.")
    completed_this_week: int = strawberry.field(
        description="How many tasks were completed since Monday."
    )
    tags: list[TagCount] = strawberry.field(
        description="The tags of your tasks, in the order of the alphabet, "
        f"{store.MAX_TAGS:,} at most."
    )

    @classmethod
    def read(cls, context: Context, tasks: Tasks, time_zone: str) -> Self:
        zone = known_zone(time_zone, "timeZone")
        reads = context.selected_columns("Overview", ALL)
        overview = tasks.overview(zone, reads & store.ALL_COUNTS, tags="tags" in reads)
        return cls(**overview.counts._asdict(), tags=TagCount.from_rows(overview.tags))


ALL = store.ALL_COUNTS | {"tags"}
