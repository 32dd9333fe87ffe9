"""Mutation that pushes the edits of a client, and its payload.

A problem of one row is data, because clients such as RxDB repeat a push with errors for ever.
"""

from typing import Annotated

import strawberry
from strawberry import ID

from todo_graphql.api.arguments import UserId
from todo_graphql.api.context import Info
from todo_graphql.api.error_codes import ERROR_CODE, INPUT_REASON
from todo_graphql.api.mutations.idempotency import Idempotent
from todo_graphql.api.mutations.payloads import RevisionPayload
from todo_graphql.api.row_types import RowType
from todo_graphql.api.sync.changes import TaskChange
from todo_graphql.api.sync.task_states import PushTaskInput, parse_rows
from todo_graphql.api.types import Task
from todo_graphql.store.sync import push as store

Rows = Annotated[
    list[PushTaskInput],
    strawberry.argument(
        description=f"The edits of 1 to {store.PUSH_MAX} different tasks. Each row is merged for "
        "itself."
    ),
]


@strawberry.type(description="A pushed task whose edits break a rule. None of them were stored.")
class RejectedTask(RowType):
    row = store.RejectedRow

    id: ID = strawberry.field(
        description="The id in the row, of an invalid one the first 36 characters. Empty if it "
        "is no string."
    )
    code: str = strawberry.field(
        graphql_type=ERROR_CODE, description="The code: BAD_USER_INPUT or QUOTA_EXCEEDED."
    )
    field: str | None = strawberry.field(
        description="The path of the invalid field, such as `rows.3.task.title`."
    )
    reason: str | None = strawberry.field(
        graphql_type=INPUT_REASON | None, description="The kind of the problem of BAD_USER_INPUT."
    )
    message: str = strawberry.field(description="The description of the problem.")
    task: Task | None = strawberry.field(
        description="The task as it is on the server. Null if it does not exist."
    )


@strawberry.type(description="The result of `pushTasks`.")
class PushTasksPayload(RevisionPayload):
    conflicts: list[TaskChange] = strawberry.field(
        description="The tasks that replace those of the client, as they are after the mutation: "
        "a field was changed by the client and by others to different values, the task no longer "
        "exists, or the row differs from a task that it did not change. They have the edits of "
        "other fields of the row. `taskChanges` returns all other changed tasks."
    )
    rejected: list[RejectedTask] = strawberry.field(
        description="The tasks whose edits break a rule or have a value of a wrong type. The other "
        "rows are not affected."
    )


@strawberry.type
class PushMutation:
    @strawberry.mutation(
        description="Merges the edits of a client that was offline, field by field, in one "
        "transaction. A field that only the client changed is set. A field that others changed to "
        "a different value is a conflict, and keeps the value on the server. Tags that were added "
        "or removed are merged. Tasks that are removed already are no conflict.",
        extensions=[Idempotent()],
    )
    def push_tasks(self, info: Info, rows: Rows, user_id: UserId = None) -> PushTasksPayload | None:
        parsed = parse_rows(rows, info.context.malformed_rows)
        pushed = info.context.tasks(user_id).push(parsed)
        return PushTasksPayload(
            revision=pushed.revision,
            conflicts=TaskChange.from_rows(pushed.conflicts),
            rejected=RejectedTask.from_rows(pushed.rejected),
        )
