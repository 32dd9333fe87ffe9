"""Mutations of many tasks, each in one transaction and under one revision."""

from typing import Annotated

import strawberry

from todo_graphql.api.arguments import UserId
from todo_graphql.api.context import Info
from todo_graphql.api.mutations.idempotency import Idempotent
from todo_graphql.api.mutations.payloads import (
    CompleteTasksPayload,
    CreateTasksPayload,
    DeleteTasksPayload,
    EmptyTrashPayload,
    ReopenTasksPayload,
    RestoreTasksPayload,
    SetTasksPayload,
    UpdateTasksPayload,
)
from todo_graphql.api.mutations.selections import (
    AtMost,
    DryRun,
    Ids,
    Matching,
    Trashed,
    parse_selection,
)
from todo_graphql.api.mutations.task_inputs import CreateTaskInput, UpdateTasksInput
from todo_graphql.api.mutations.task_lists import require_size, require_unique_ids
from todo_graphql.api.mutations.task_values import TaskValuesInput, parse_values
from todo_graphql.store.problem_collector import ProblemCollector
from todo_graphql.store.tasks.filters import TaskFilter
from todo_graphql.store.tasks.inserts import CREATE_MAX
from todo_graphql.store.tasks.rows import NewTask
from todo_graphql.store.tasks.selections import BULK_DEFAULT, BULK_MAX, TaskSelection

NewTasksInput = Annotated[
    list[CreateTaskInput],
    strawberry.argument(description=f"The tasks to create, 1 to {CREATE_MAX}."),
]
Changes = Annotated[UpdateTasksInput, strawberry.argument(description="The changes.")]
Values = Annotated[
    list[TaskValuesInput],
    strawberry.argument(
        description=f"The new values of 1 to {BULK_MAX} tasks. If any task does not exist, nothing "
        "changes, and the error is NOT_FOUND with the `missing` ids."
    ),
]


def parse_new_tasks(new: list[CreateTaskInput]) -> tuple[list[NewTask], list[str]]:
    """Return the tasks to create and the path of each. Raise BadUserInput."""
    require_size(new, CREATE_MAX, "input")
    paths = [f"input.{number}" for number in range(len(new))]
    with ProblemCollector() as collect:
        tasks = [collect(task.to_store, path) for task, path in zip(new, paths, strict=True)]
        collect(require_unique_ids, [task.id for task in new])
    return tasks, paths


@strawberry.type
class BulkMutation:
    @strawberry.mutation(
        description="Creates several tasks, all or none. The path of an error contains the index "
        "of the task, such as `input.3.title`. With ids, the mutation is safe to retry.",
        extensions=[Idempotent()],
    )
    def create_tasks(
        self,
        info: Info,
        input: NewTasksInput,  # noqa: A002 - the name in the schema
        user_id: UserId = None,
    ) -> CreateTasksPayload | None:
        tasks = info.context.tasks(user_id)
        return CreateTasksPayload.from_write(tasks.create(*parse_new_tasks(input)))

    @strawberry.mutation(
        description="Updates the given fields of several tasks. Equal values are not a change.",
        extensions=[Idempotent()],
    )
    def update_tasks(
        self,
        info: Info,
        input: Changes,  # noqa: A002
        ids: Ids = None,
        filter: Matching = None,  # noqa: A002
        at_most: AtMost = BULK_DEFAULT,
        dry_run: DryRun = False,  # noqa: FBT002 - an argument of the schema
        user_id: UserId = None,
    ) -> UpdateTasksPayload | None:
        tasks = info.context.tasks(user_id, "UpdateTasksPayload")
        with ProblemCollector() as collect:
            selection = collect(parse_selection, ids, filter, at_most, dry_run=dry_run)
            edits = collect(input.to_store)
        return UpdateTasksPayload.from_write(tasks.update(selection, edits))

    @strawberry.mutation(
        description="Sets the values of several tasks, each to its own, all or none. `previous` of "
        "a payload can be sent back as the input, which undoes a bulk mutation. Equal values are "
        "not a change.",
        extensions=[Idempotent()],
    )
    def set_tasks(
        self,
        info: Info,
        input: Values,  # noqa: A002
        user_id: UserId = None,
    ) -> SetTasksPayload | None:
        tasks = info.context.tasks(user_id, "SetTasksPayload")
        return SetTasksPayload.from_write(tasks.set_values(parse_values(input)))

    @strawberry.mutation(
        description="Completes several tasks. Completed tasks stay unchanged.",
        extensions=[Idempotent()],
    )
    def complete_tasks(
        self,
        info: Info,
        ids: Ids = None,
        filter: Matching = None,  # noqa: A002
        at_most: AtMost = BULK_DEFAULT,
        dry_run: DryRun = False,  # noqa: FBT002
        user_id: UserId = None,
    ) -> CompleteTasksPayload | None:
        tasks = info.context.tasks(user_id, "CompleteTasksPayload")
        selection = parse_selection(ids, filter, at_most, dry_run=dry_run)
        return CompleteTasksPayload.from_write(tasks.complete(selection))

    @strawberry.mutation(
        description="Reopens several completed tasks. Open tasks stay unchanged.",
        extensions=[Idempotent()],
    )
    def reopen_tasks(
        self,
        info: Info,
        ids: Ids = None,
        filter: Matching = None,  # noqa: A002
        at_most: AtMost = BULK_DEFAULT,
        dry_run: DryRun = False,  # noqa: FBT002
        user_id: UserId = None,
    ) -> ReopenTasksPayload | None:
        tasks = info.context.tasks(user_id, "ReopenTasksPayload")
        selection = parse_selection(ids, filter, at_most, dry_run=dry_run)
        return ReopenTasksPayload.from_write(tasks.reopen(selection))

    @strawberry.mutation(
        description="Moves several tasks to the trash, from which `restoreTasks` restores them. "
        "Tasks in the trash stay unchanged.",
        extensions=[Idempotent()],
    )
    def delete_tasks(
        self,
        info: Info,
        ids: Ids = None,
        filter: Matching = None,  # noqa: A002
        at_most: AtMost = BULK_DEFAULT,
        dry_run: DryRun = False,  # noqa: FBT002
        user_id: UserId = None,
    ) -> DeleteTasksPayload | None:
        tasks = info.context.tasks(user_id)
        selection = parse_selection(ids, filter, at_most, dry_run=dry_run)
        return DeleteTasksPayload.from_write(tasks.delete(selection))

    @strawberry.mutation(
        description="Restores several tasks from the trash. Tasks outside it stay unchanged.",
        extensions=[Idempotent()],
    )
    def restore_tasks(
        self,
        info: Info,
        ids: Ids = None,
        filter: Trashed = None,  # noqa: A002
        at_most: AtMost = BULK_DEFAULT,
        dry_run: DryRun = False,  # noqa: FBT002
        user_id: UserId = None,
    ) -> RestoreTasksPayload | None:
        tasks = info.context.tasks(user_id)
        selection = parse_selection(ids, filter, at_most, dry_run=dry_run).in_the_trash()
        return RestoreTasksPayload.from_write(tasks.restore(selection))

    @strawberry.mutation(
        description="Permanently deletes all tasks in the trash. This cannot be undone.",
        extensions=[Idempotent()],
    )
    def empty_trash(self, info: Info, user_id: UserId = None) -> EmptyTrashPayload | None:
        written = info.context.tasks(user_id).purge(TaskSelection(filter=TaskFilter(trashed=True)))
        return EmptyTrashPayload(revision=written.revision, count=written.number)
