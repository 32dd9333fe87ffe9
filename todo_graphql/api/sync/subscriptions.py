"""Subscription fields. Each event of a stream is one execution of the operation."""

from typing import cast

import strawberry

from todo_graphql.api.arguments import UserId
from todo_graphql.api.context import Info
from todo_graphql.api.sync.changes import FirstChanges, Since, TaskChanges
from todo_graphql.store.sync.changes import DEFAULT_CHANGES, Changes


@strawberry.type(description="The subscriptions of the API.")
class Subscription:
    @strawberry.field(
        description="The changes of the user's tasks since a cursor, the trash included, and then "
        "each further change. The first event is immediate, also without changes. Apply an event "
        "like a page of the query `taskChanges`: a change can be delivered more than once, and is "
        "never missed. Resubscribe with the last `cursor`."
    )
    def task_changes(
        self,
        info: Info,
        since: Since = None,
        first: FirstChanges = DEFAULT_CHANGES,
        user_id: UserId = None,
    ) -> TaskChanges:
        read = info.context.live_read
        assert read is not None  # the schema rejects a subscription without a stream
        start = since if read.cursor is None else read.cursor
        page = TaskChanges.read(
            info.context.tasks(user_id), start, first, expects_changes=read.expects_changes
        )
        read.page = cast("Changes", page)
        return page
