"""What may be changed. A mutation has been committed, or has changed nothing, when it answers.

A payload may be null, so that a mutation which fails hides nothing of those before it in
the same document.
"""

from typing import Annotated

import strawberry
from strawberry import ID

from todo_graphql.api.account_mutations import AccountMutation
from todo_graphql.api.bulk_mutations import BulkMutation
from todo_graphql.api.context import Info
from todo_graphql.api.idempotency import Idempotent
from todo_graphql.api.inputs import (
    CreateTaskInput,
    TaskId,
    UpdateTaskInput,
    UserId,
    optional_uuid,
)
from todo_graphql.api.payloads import (
    CompleteTaskPayload,
    CreateTaskPayload,
    DeleteTaskPayload,
    MoveTaskPayload,
    PurgeTaskPayload,
    ReopenTaskPayload,
    RestoreTaskPayload,
    UpdateTaskPayload,
)
from todo_graphql.api.scalars import uuid_of
from todo_graphql.store.tasks.reordering import Destination
from todo_graphql.store.tasks.updates import TaskSelection

NewTaskInput = Annotated[CreateTaskInput, strawberry.argument(description="The task to create.")]
Changes = Annotated[UpdateTaskInput, strawberry.argument(description="What to change.")]
BeforeTask = Annotated[
    ID | None,
    strawberry.argument(description="Another task of yours, to put this one right before."),
]
AfterTask = Annotated[
    ID | None,
    strawberry.argument(description="Another task of yours, to put this one right after."),
]


def one(task_id: str) -> TaskSelection:
    """The task of an `id` argument. Raises BadUserInput."""
    return TaskSelection.one(uuid_of(task_id, "id"))


@strawberry.type(
    description="What you can change: your tasks. Mutations of one document run in its order, "
    "and each is done, or has failed, for itself."
)
class Mutation(BulkMutation, AccountMutation):
    @strawberry.mutation(
        description="Create a task. With an id in the input it may be sent again without harm.",
        extensions=[Idempotent()],
    )
    def create_task(
        self,
        info: Info,
        input: NewTaskInput,  # noqa: A002 - the schema's word
        user_id: UserId = None,
    ) -> CreateTaskPayload | None:
        tasks = info.context.tasks(user_id)
        return CreateTaskPayload.from_write(tasks.create([input.to_store()], ["input"]))

    @strawberry.mutation(
        description="Change what the input names. Values that are there already are no change.",
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
        expected = input.expected_revision
        return UpdateTaskPayload.from_write(
            tasks.update(one(id), input.to_store(), expected_revision=expected)
        )

    @strawberry.mutation(
        description="Mark as done. A completed task stays as it is.", extensions=[Idempotent()]
    )
    def complete_task(
        self,
        info: Info,
        id: TaskId,  # noqa: A002
        user_id: UserId = None,
    ) -> CompleteTaskPayload | None:
        return CompleteTaskPayload.from_write(info.context.tasks(user_id).complete(one(id)))

    @strawberry.mutation(
        description="Mark as not done. An open task stays as it is.", extensions=[Idempotent()]
    )
    def reopen_task(
        self,
        info: Info,
        id: TaskId,  # noqa: A002
        user_id: UserId = None,
    ) -> ReopenTaskPayload | None:
        return ReopenTaskPayload.from_write(info.context.tasks(user_id).reopen(one(id)))

    @strawberry.mutation(
        description="Put the task at another place in the manual order, the one of POSITION: right "
        "`before` or right `after` another one, or at the end with neither. Where it is already, "
        "it stays as it is.",
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
        to = Destination(optional_uuid(before, "before"), optional_uuid(after, "after"))
        return MoveTaskPayload.from_write(tasks.move(uuid_of(id, "id"), to))

    @strawberry.mutation(
        description="Move to the trash, from where `restoreTask` brings it back. "
        "A task in the trash stays as it is.",
        extensions=[Idempotent()],
    )
    def delete_task(
        self,
        info: Info,
        id: TaskId,  # noqa: A002
        user_id: UserId = None,
    ) -> DeleteTaskPayload | None:
        return DeleteTaskPayload.from_write(info.context.tasks(user_id).delete(one(id)))

    @strawberry.mutation(
        description="Bring back from the trash. A task that is not there stays as it is.",
        extensions=[Idempotent()],
    )
    def restore_task(
        self,
        info: Info,
        id: TaskId,  # noqa: A002
        user_id: UserId = None,
    ) -> RestoreTaskPayload | None:
        return RestoreTaskPayload.from_write(info.context.tasks(user_id).restore(one(id)))

    @strawberry.mutation(
        description="Remove for good, from the trash or not. Nothing brings it back.",
        extensions=[Idempotent()],
    )
    def purge_task(
        self,
        info: Info,
        id: TaskId,  # noqa: A002
        user_id: UserId = None,
    ) -> PurgeTaskPayload | None:
        written = info.context.tasks(user_id).purge(one(id))
        return PurgeTaskPayload(revision=written.revision, task_id=ID(id.lower()))
