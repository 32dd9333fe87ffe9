"""Mutations of single tasks and of the account. Each commits its own transaction, or nothing.

Payloads are nullable, so that an error does not remove the results of earlier mutations.
"""

import uuid
from typing import Annotated

import strawberry
from strawberry import ID

from todo_graphql.api.arguments import TaskId, UserId
from todo_graphql.api.context import Info
from todo_graphql.api.mutations.bulk import BulkMutation
from todo_graphql.api.mutations.idempotency import Idempotent
from todo_graphql.api.mutations.payloads import (
    CompleteTaskPayload,
    CreateTaskPayload,
    DeleteAccountPayload,
    DeleteTaskPayload,
    MoveTaskPayload,
    PurgeTaskPayload,
    ReopenTaskPayload,
    RestoreTaskPayload,
    UpdateTaskPayload,
)
from todo_graphql.api.mutations.task_inputs import CreateTaskInput, UpdateTaskInput
from todo_graphql.api.scalars import optional_uuid, uuid_of
from todo_graphql.api.sync.push_tasks import PushMutation
from todo_graphql.store.problem_collector import ProblemCollector
from todo_graphql.store.tasks.reordering import Destination
from todo_graphql.store.tasks.selections import TaskSelection

NewTaskInput = Annotated[CreateTaskInput, strawberry.argument(description="The task to create.")]
Changes = Annotated[UpdateTaskInput, strawberry.argument(description="The changes.")]
BeforeTask = Annotated[
    ID | None,
    strawberry.argument(description="The id of the task to place this task before."),
]
AfterTask = Annotated[
    ID | None,
    strawberry.argument(description="The id of the task to place this task after."),
]

Confirmation = Annotated[
    str,
    strawberry.argument(
        description="The id of the user, or the email address in the token, ignoring case."
    ),
]


def select_one(task_id: str) -> TaskSelection:
    """Return the selection of an `id` argument. Raise BadUserInput."""
    return TaskSelection.one(uuid_of(task_id, "id"))


def parse_move(
    task_id: str, before: str | None, after: str | None
) -> tuple[uuid.UUID, Destination]:
    """Return the task to move and its destination. Raise BadUserInput."""
    with ProblemCollector() as collect:
        moved = collect(uuid_of, task_id, "id")
        anchors = collect(optional_uuid, before, "before"), collect(optional_uuid, after, "after")
        return moved, collect(Destination, *anchors)


@strawberry.type(
    description="The mutations of the API. The mutations of a document run in order, and each "
    "succeeds or fails independently."
)
class Mutation(BulkMutation, PushMutation):
    @strawberry.mutation(
        description="Creates a task. With an id in the input, the mutation is safe to retry.",
        extensions=[Idempotent()],
    )
    def create_task(
        self,
        info: Info,
        input: NewTaskInput,  # noqa: A002 - the name in the schema
        user_id: UserId = None,
    ) -> CreateTaskPayload | None:
        tasks = info.context.tasks(user_id)
        return CreateTaskPayload.from_write(tasks.create([input.to_store()], ["input"]))

    @strawberry.mutation(
        description="Updates the given fields of a task. Equal values are not a change.",
        extensions=[Idempotent()],
    )
    def update_task(
        self,
        info: Info,
        id: TaskId,  # noqa: A002
        input: Changes,  # noqa: A002
        user_id: UserId = None,
    ) -> UpdateTaskPayload | None:
        tasks = info.context.tasks(user_id)
        with ProblemCollector() as collect:
            selection, edits = collect(select_one, id), collect(input.to_store)
        expected = input.expected_revision
        return UpdateTaskPayload.from_write(
            tasks.update(selection, edits, expected_revision=expected)
        )

    @strawberry.mutation(
        description="Completes a task. A completed task stays unchanged.", extensions=[Idempotent()]
    )
    def complete_task(
        self,
        info: Info,
        id: TaskId,  # noqa: A002
        user_id: UserId = None,
    ) -> CompleteTaskPayload | None:
        return CompleteTaskPayload.from_write(info.context.tasks(user_id).complete(select_one(id)))

    @strawberry.mutation(
        description="Reopens a completed task. An open task stays unchanged.",
        extensions=[Idempotent()],
    )
    def reopen_task(
        self,
        info: Info,
        id: TaskId,  # noqa: A002
        user_id: UserId = None,
    ) -> ReopenTaskPayload | None:
        return ReopenTaskPayload.from_write(info.context.tasks(user_id).reopen(select_one(id)))

    @strawberry.mutation(
        description="Moves a task in the manual order (POSITION): directly `before` or `after` "
        "another task, or to the end without either. A task that is already there stays unchanged.",
        extensions=[Idempotent()],
    )
    def move_task(
        self,
        info: Info,
        id: TaskId,  # noqa: A002
        before: BeforeTask = None,
        after: AfterTask = None,
        user_id: UserId = None,
    ) -> MoveTaskPayload | None:
        tasks = info.context.tasks(user_id)
        return MoveTaskPayload.from_write(tasks.move(*parse_move(id, before, after)))

    @strawberry.mutation(
        description="Moves a task to the trash, from which `restoreTask` restores it. "
        "A task in the trash stays unchanged.",
        extensions=[Idempotent()],
    )
    def delete_task(
        self,
        info: Info,
        id: TaskId,  # noqa: A002
        user_id: UserId = None,
    ) -> DeleteTaskPayload | None:
        return DeleteTaskPayload.from_write(info.context.tasks(user_id).delete(select_one(id)))

    @strawberry.mutation(
        description="Restores a task from the trash. A task outside it stays unchanged.",
        extensions=[Idempotent()],
    )
    def restore_task(
        self,
        info: Info,
        id: TaskId,  # noqa: A002
        user_id: UserId = None,
    ) -> RestoreTaskPayload | None:
        return RestoreTaskPayload.from_write(info.context.tasks(user_id).restore(select_one(id)))

    @strawberry.mutation(
        description="Permanently deletes a task, in the trash or not. This cannot be undone.",
        extensions=[Idempotent()],
    )
    def purge_task(
        self,
        info: Info,
        id: TaskId,  # noqa: A002
        user_id: UserId = None,
    ) -> PurgeTaskPayload | None:
        written = info.context.tasks(user_id).purge(select_one(id))
        return PurgeTaskPayload(revision=written.revision, task_id=ID(id.lower()))

    @strawberry.mutation(
        description="Permanently deletes the user with all tasks and other data. The token stays "
        "valid until it expires; the next write creates the user again. Only the `idempotencyKey` "
        "of this mutation is kept, for 24 hours.",
        extensions=[Idempotent()],
    )
    def delete_account(
        self, info: Info, confirm: Confirmation, user_id: UserId = None
    ) -> DeleteAccountPayload | None:
        info.context.tasks(user_id)  # checks `userId`
        info.context.users.delete(confirm)
        return DeleteAccountPayload(user_id=ID(str(info.context.viewer.id)))
