"""Mutations of many tasks, each in one transaction and under one revision."""

import uuid
from typing import Annotated

import strawberry
from strawberry import ID

from todo_graphql.api.context import Info
from todo_graphql.api.filters import TaskFilterInput
from todo_graphql.api.idempotency import Idempotent
from todo_graphql.api.inputs import (
    CreateTaskInput,
    UpdateTasksInput,
    UserId,
    require_size,
    require_unique_ids,
)
from todo_graphql.api.payloads import (
    CompleteTasksPayload,
    CreateTasksPayload,
    DeleteTasksPayload,
    EmptyTrashPayload,
    ReopenTasksPayload,
    RestoreTasksPayload,
    SetTasksPayload,
    UpdateTasksPayload,
)
from todo_graphql.api.scalars import uuid_of
from todo_graphql.api.task_values import TaskValuesInput, parse_values
from todo_graphql.errors import BadUserInput, InputReason
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
Ids = Annotated[
    list[ID] | None,
    strawberry.argument(
        description=f"The ids of the tasks, at most {BULK_MAX}. If any task does not exist, "
        "nothing changes, and the error is NOT_FOUND with the `missing` ids."
    ),
]
REQUIRED_VALUES = (
    "It needs a condition, and each named part of it needs a value: null, an omitted variable, and "
    "an empty or blank value are BAD_USER_INPUT."
)
Matching = Annotated[
    TaskFilterInput | None,
    strawberry.argument(
        description="The filter that selects the tasks. Provide either `ids` or `filter`. "
        f"{REQUIRED_VALUES}"
    ),
]
Trashed = Annotated[
    TaskFilterInput | None,
    strawberry.argument(
        description="The filter that selects tasks in the trash. Provide either `ids` or `filter`. "
        f"`trashed` is implied. {REQUIRED_VALUES}"
    ),
]
AtMost = Annotated[
    int,
    strawberry.argument(
        description=f"The maximum number of tasks that the filter may match, 0 to {BULK_MAX}. If "
        "more match, nothing changes, and the error is CONFLICT with the number `matched`. "
        "Its variable cannot be omitted."
    ),
]
DryRun = Annotated[
    bool,
    strawberry.argument(
        description="Indicates whether to return the selected tasks without changing them. "
        "`atMost` does not apply. Its variable cannot be omitted."
    ),
]


def parse_selection(
    ids: list[ID] | None, filter_input: TaskFilterInput | None, at_most: int, *, dry_run: bool
) -> TaskSelection:
    """Return the selection of the arguments. Raise BadUserInput."""
    with ProblemCollector() as collect:
        collect(_require_one_selection, ids, filter_input)
        collect(_require_range, at_most)
        if filter_input is not None:
            chosen = collect(filter_input.to_selection)
            return TaskSelection(filter=chosen, at_most=at_most, dry_run=dry_run)
        return TaskSelection(ids=collect(_parse_ids, ids or []), dry_run=dry_run)


def _require_one_selection(ids: list[ID] | None, filter_input: TaskFilterInput | None) -> None:
    if (ids is None) == (filter_input is None):
        reason = InputReason.REQUIRED if ids is None else InputReason.NOT_COMBINABLE
        raise BadUserInput("Provide either `ids` or `filter`.", reason=reason, field="filter")


def _require_range(at_most: int) -> None:
    if not 0 <= at_most <= BULK_MAX:
        raise BadUserInput(
            f"`atMost` must be between 0 and {BULK_MAX}.",
            reason=InputReason.OUT_OF_RANGE,
            field="atMost",
            min=0,
            max=BULK_MAX,
        )


def _parse_ids(ids: list[ID]) -> tuple[uuid.UUID, ...]:
    """Return the unique ids."""
    if len(ids) > BULK_MAX:
        raise BadUserInput(
            f"`ids` can contain at most {BULK_MAX} ids.",
            reason=InputReason.TOO_MANY,
            field="ids",
            max=BULK_MAX,
        )
    with ProblemCollector() as collect:
        return tuple(
            dict.fromkeys(collect(uuid_of, task_id, f"ids.{n}") for n, task_id in enumerate(ids))
        )


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
