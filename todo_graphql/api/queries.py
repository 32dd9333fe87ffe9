"""What may be read."""

import strawberry

from todo_graphql.api.budget import RateLimit
from todo_graphql.api.context import Info
from todo_graphql.api.filters import Filter
from todo_graphql.api.inputs import After, Before, First, Last, NodeId, TaskId, TimeZone, UserId
from todo_graphql.api.orders import OrderBy, listing_of
from todo_graphql.api.scalars import uuid_of
from todo_graphql.api.types import Node, Overview, Task, TaskConnection, User
from todo_graphql.store.tasks.cursors import PageRequest


@strawberry.type(description="What you can read: yourself and what is yours.")
class Query:
    @strawberry.field(description="You, as your token says.")
    def me(self, info: Info) -> User:
        return User.me(info.context)

    @strawberry.field(
        description="You, or one of your tasks, in the trash or not; null if the id is neither's."
    )
    def node(self, info: Info, id: NodeId) -> Node | None:  # noqa: A002 - the schema's word
        node_id = uuid_of(id, "id")
        if node_id == info.context.viewer.id:
            return User.me(info.context)
        row = info.context.tasks().find(node_id)
        return None if row is None else Task.from_row(row)

    @strawberry.field(
        description="One of your tasks, in the trash or not; null if you have no such task."
    )
    def task(self, info: Info, id: TaskId, user_id: UserId = None) -> Task | None:  # noqa: A002
        row = info.context.tasks(user_id).find(uuid_of(id, "id"))
        return None if row is None else Task.from_row(row)

    @strawberry.field(description="Your tasks, newest first unless `orderBy` says otherwise.")
    def tasks(
        self,
        info: Info,
        user_id: UserId = None,
        filter: Filter = None,  # noqa: A002
        order_by: OrderBy = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> TaskConnection:
        tasks = info.context.tasks(user_id)
        request = PageRequest.from_arguments(
            listing_of(filter, order_by), first, after, last, before
        )
        return TaskConnection.from_page(tasks, request)

    @strawberry.field(description="Counts for a home screen. The trash does not count.")
    def overview(self, info: Info, user_id: UserId = None, time_zone: TimeZone = "UTC") -> Overview:
        return Overview.read(info.context, info.context.tasks(user_id), time_zone)

    @strawberry.field(
        description="What you may spend on operations; null where that is not limited."
    )
    def rate_limit(self, info: Info) -> RateLimit | None:
        allowance = info.context.allowance
        return None if allowance is None else RateLimit.from_row(allowance)
