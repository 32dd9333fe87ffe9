"""Query fields."""

import strawberry

from todo_graphql.api.arguments import (
    After,
    Before,
    First,
    Last,
    ListTimeZone,
    NodeId,
    TaskId,
    TimeZone,
    UserId,
)
from todo_graphql.api.budget import RateLimit
from todo_graphql.api.context import Info
from todo_graphql.api.error_codes import ErrorCodeInfo
from todo_graphql.api.filters import Filter
from todo_graphql.api.orders import OrderBy, parse_page_request
from todo_graphql.api.overview import Overview
from todo_graphql.api.scalars import uuid_of
from todo_graphql.api.sync.changes import FirstChanges, Since, TaskChanges
from todo_graphql.api.types import Node, Task, TaskConnection, User
from todo_graphql.store.sync.changes import DEFAULT_CHANGES
from todo_graphql.store.tasks.time_zones import UTC_ZONE


@strawberry.type(
    description="The queries of the API: the authenticated user and the data of that user."
)
class Query:
    @strawberry.field(description="The authenticated user.")
    def me(self, info: Info) -> User:
        return User.me(info.context)

    @strawberry.field(
        description="The object with the given id: the authenticated user or one of the user's "
        "tasks, including tasks in the trash. Null if there is none."
    )
    def node(self, info: Info, id: NodeId) -> Node | None:  # noqa: A002 - the name in the schema
        node_id = uuid_of(id, "id")
        if node_id == info.context.viewer.id:
            return User.me(info.context)
        row = info.context.tasks().find(node_id)
        return None if row is None else Task.from_row(row)

    @strawberry.field(
        description="The user's task with the given id, in the trash or not. Null if there is none."
    )
    def task(self, info: Info, id: TaskId, user_id: UserId = None) -> Task | None:  # noqa: A002
        row = info.context.tasks(user_id).find(uuid_of(id, "id"))
        return None if row is None else Task.from_row(row)

    @strawberry.field(description="A list of the user's tasks. The default order is newest first.")
    def tasks(
        self,
        info: Info,
        user_id: UserId = None,
        filter: Filter = None,  # noqa: A002
        order_by: OrderBy = None,
        time_zone: ListTimeZone = UTC_ZONE,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> TaskConnection:
        tasks = info.context.tasks(user_id)
        request = parse_page_request(filter, order_by, time_zone, first, after, last, before)
        return TaskConnection.from_page(tasks, request)

    @strawberry.field(description="The user's task counts. Tasks in the trash are not counted.")
    def overview(
        self, info: Info, user_id: UserId = None, time_zone: TimeZone = UTC_ZONE
    ) -> Overview:
        return Overview.read(info.context, info.context.tasks(user_id), time_zone)

    @strawberry.field(description="The codes of errors, with their reasons.")
    def error_codes(self) -> list[ErrorCodeInfo]:
        return ErrorCodeInfo.every()

    @strawberry.field(
        description="The changes of the user's tasks since a cursor, the trash included. Repeat "
        "with the returned `cursor` to stay in sync."
    )
    def task_changes(
        self,
        info: Info,
        since: Since = None,
        first: FirstChanges = DEFAULT_CHANGES,
        user_id: UserId = None,
    ) -> TaskChanges:
        return TaskChanges.read(info.context.tasks(user_id), since, first)

    @strawberry.field(
        description="The rate limit of the user. Null if the server does not limit the cost."
    )
    def rate_limit(self, info: Info) -> RateLimit | None:
        allowance = info.context.allowance
        return None if allowance is None else RateLimit.from_row(allowance)
