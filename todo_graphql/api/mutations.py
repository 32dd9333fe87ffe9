"""What may be changed. A mutation has been committed, or has changed nothing, when it answers.

A payload may be null, so that a mutation which fails hides nothing of those before it in
the same document.
"""

from typing import Annotated, Self

import strawberry
from strawberry import ID

from todo_graphql.api.context import Info
from todo_graphql.api.inputs import CreateTaskInput, TaskId, UpdateTaskInput, UserId
from todo_graphql.api.scalars import uuid_of
from todo_graphql.api.types import Task
from todo_graphql.store.rows import TaskRow

NewTaskInput = Annotated[CreateTaskInput, strawberry.argument(description="The task to create.")]
Changes = Annotated[UpdateTaskInput, strawberry.argument(description="What to change.")]


@strawberry.type
class TaskPayload:
    task: Task = strawberry.field(description="The task as it is now.")

    @classmethod
    def of(cls, row: TaskRow) -> Self:
        return cls(task=Task.of(row))


@strawberry.type(description="What `createTask` made, or had made before.")
class CreateTaskPayload(TaskPayload):
    pass


@strawberry.type(description="What `updateTask` left.")
class UpdateTaskPayload(TaskPayload):
    pass


@strawberry.type(description="What `completeTask` left.")
class CompleteTaskPayload(TaskPayload):
    pass


@strawberry.type(description="What `reopenTask` left.")
class ReopenTaskPayload(TaskPayload):
    pass


@strawberry.type(description="What `deleteTask` moved to the trash.")
class DeleteTaskPayload(TaskPayload):
    pass


@strawberry.type(description="What `restoreTask` brought back.")
class RestoreTaskPayload(TaskPayload):
    pass


@strawberry.type(description="What `purgeTask` removed.")
class PurgeTaskPayload:
    task_id: ID = strawberry.field(description="The id of the task that is no more.")


@strawberry.type(
    description="What you can change: your tasks. Mutations of one document run in its order, "
    "and each is done, or has failed, for itself."
)
class Mutation:
    @strawberry.mutation(
        description="Create a task. With an id in the input it may be sent again without harm."
    )
    def create_task(
        self,
        info: Info,
        input: NewTaskInput,  # noqa: A002 - the schema's word
        user_id: UserId = None,
    ) -> CreateTaskPayload | None:
        tasks = info.context.tasks(user_id)
        return CreateTaskPayload.of(tasks.create(input.to_store()))

    @strawberry.mutation(
        description="Change what the input names. Values that are there already are no change."
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
        row = tasks.update(uuid_of(id, "id"), input.to_store(), expected_revision=expected)
        return UpdateTaskPayload.of(row)

    @strawberry.mutation(description="Mark as done. A completed task stays as it is.")
    def complete_task(
        self,
        info: Info,
        id: TaskId,  # noqa: A002
        user_id: UserId = None,
    ) -> CompleteTaskPayload | None:
        tasks = info.context.tasks(user_id)
        return CompleteTaskPayload.of(tasks.complete(uuid_of(id, "id")))

    @strawberry.mutation(description="Mark as not done. An open task stays as it is.")
    def reopen_task(
        self,
        info: Info,
        id: TaskId,  # noqa: A002
        user_id: UserId = None,
    ) -> ReopenTaskPayload | None:
        tasks = info.context.tasks(user_id)
        return ReopenTaskPayload.of(tasks.reopen(uuid_of(id, "id")))

    @strawberry.mutation(
        description="Move to the trash, from where `restoreTask` brings it back. "
        "A task in the trash stays as it is."
    )
    def delete_task(
        self,
        info: Info,
        id: TaskId,  # noqa: A002
        user_id: UserId = None,
    ) -> DeleteTaskPayload | None:
        tasks = info.context.tasks(user_id)
        return DeleteTaskPayload.of(tasks.delete(uuid_of(id, "id")))

    @strawberry.mutation(
        description="Bring back from the trash. A task that is not there stays as it is."
    )
    def restore_task(
        self,
        info: Info,
        id: TaskId,  # noqa: A002
        user_id: UserId = None,
    ) -> RestoreTaskPayload | None:
        tasks = info.context.tasks(user_id)
        return RestoreTaskPayload.of(tasks.restore(uuid_of(id, "id")))

    @strawberry.mutation(
        description="Remove for good, from the trash or not. Nothing brings it back."
    )
    def purge_task(
        self,
        info: Info,
        id: TaskId,  # noqa: A002
        user_id: UserId = None,
    ) -> PurgeTaskPayload | None:
        task_id = uuid_of(id, "id")
        info.context.tasks(user_id).purge(task_id)
        return PurgeTaskPayload(task_id=ID(str(task_id)))
