"""Changing many tasks at once: all of them or none, in one transaction, under one revision."""

from typing import Annotated

import strawberry
from strawberry import ID

from todo_graphql.api.context import Info
from todo_graphql.api.filters import TaskFilterInput
from todo_graphql.api.idempotency import Idempotent
from todo_graphql.api.inputs import CreateTaskInput, UpdateTasksInput, UserId
from todo_graphql.api.payloads import (
    CompleteTasksPayload,
    CreateTasksPayload,
    DeleteTasksPayload,
    EmptyTrashPayload,
    ReopenTasksPayload,
    RestoreTasksPayload,
    UpdateTasksPayload,
)
from todo_graphql.api.scalars import uuid_of
from todo_graphql.errors import BadUserInput
from todo_graphql.store.tasks.filters import TaskFilter
from todo_graphql.store.tasks.inserts import CREATE_MAX
from todo_graphql.store.tasks.rows import NewTask
from todo_graphql.store.tasks.updates import BULK_DEFAULT, BULK_MAX, TaskSelection

NewTasksInput = Annotated[
    list[CreateTaskInput],
    strawberry.argument(description=f"The tasks to create, 1 to {CREATE_MAX}."),
]
Changes = Annotated[UpdateTasksInput, strawberry.argument(description="What to change.")]
Ids = Annotated[
    list[ID] | None,
    strawberry.argument(
        description=f"The tasks, at most {BULK_MAX}. If one of them does not exist, nothing "
        "changes, and the answer is NOT_FOUND with the `missing` ones."
    ),
]
Matching = Annotated[
    TaskFilterInput | None,
    strawberry.argument(
        description="Which tasks, in the place of `ids`; one of the two is needed."
    ),
]
Trashed = Annotated[
    TaskFilterInput | None,
    strawberry.argument(
        description="Which tasks of the trash, in the place of `ids`; one of the two is needed. "
        "`trashed` need not be said."
    ),
]
AtMost = Annotated[
    int,
    strawberry.argument(
        description=f"The most tasks that the filter may find, 0 to {BULK_MAX}. If it finds more, "
        "nothing changes, and the answer is a CONFLICT that says how many are `matched`."
    ),
]
DryRun = Annotated[
    bool,
    strawberry.argument(
        description="true: only say which tasks it is about, however many, and change nothing."
    ),
]


def selected(
    ids: list[ID] | None, which: TaskFilterInput | None, at_most: int, *, dry_run: bool
) -> TaskSelection:
    """What the arguments say. Raises BadUserInput."""
    if (ids is None) == (which is None):
        raise BadUserInput("Provide either `ids` or `filter`.", field="filter")
    if not 0 <= at_most <= BULK_MAX:
        raise BadUserInput(f"`atMost` is 0 to {BULK_MAX}.", field="atMost")
    if which is not None:
        return TaskSelection(filter=which.to_store(), at_most=at_most, dry_run=dry_run)
    assert ids is not None
    if len(ids) > BULK_MAX:
        raise BadUserInput(f"There are at most {BULK_MAX} ids.", field="ids")
    unique = dict.fromkeys(uuid_of(task_id, f"ids.{n}") for n, task_id in enumerate(ids))
    return TaskSelection(ids=tuple(unique), dry_run=dry_run)


def numbered(new: list[CreateTaskInput]) -> tuple[list[NewTask], list[str]]:
    """The tasks to create, and the path of each. Raises BadUserInput."""
    if not 1 <= len(new) <= CREATE_MAX:
        raise BadUserInput(f"There are 1 to {CREATE_MAX} tasks to create.", field="input")
    paths = [f"input.{number}" for number in range(len(new))]
    tasks = [task.to_store(path) for task, path in zip(new, paths, strict=True)]
    ids = set()
    for task, path in zip(tasks, paths, strict=True):
        if task.id is not None and task.id in ids:
            raise BadUserInput("Two of the tasks have the same id.", field=f"{path}.id")
        ids.add(task.id)
    return tasks, paths


@strawberry.type
class BulkMutation:
    @strawberry.mutation(
        description="Create several tasks, all or none. The path of an error in one of them has "
        "its number: `input.3.title`. With ids in the input it may be sent again without harm.",
        extensions=[Idempotent()],
    )
    def create_tasks(
        self,
        info: Info,
        input: NewTasksInput,  # noqa: A002 - the schema's word
        user_id: UserId = None,
    ) -> CreateTasksPayload | None:
        tasks = info.context.tasks(user_id)
        return CreateTasksPayload.from_write(tasks.create(*numbered(input)))

    @strawberry.mutation(
        description="Change what the input names, of several tasks. Values that are there already "
        "are no change.",
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
        tasks = info.context.tasks(user_id)
        which = selected(ids, filter, at_most, dry_run=dry_run)
        return UpdateTasksPayload.from_write(tasks.update(which, input.to_store()))

    @strawberry.mutation(
        description="Mark several tasks as done. Completed ones stay as they are.",
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
        tasks = info.context.tasks(user_id)
        which = selected(ids, filter, at_most, dry_run=dry_run)
        return CompleteTasksPayload.from_write(tasks.complete(which))

    @strawberry.mutation(
        description="Mark several tasks as not done. Open ones stay as they are.",
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
        tasks = info.context.tasks(user_id)
        which = selected(ids, filter, at_most, dry_run=dry_run)
        return ReopenTasksPayload.from_write(tasks.reopen(which))

    @strawberry.mutation(
        description="Move several tasks to the trash, from where `restoreTasks` brings them back. "
        "Those that are there stay as they are.",
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
        which = selected(ids, filter, at_most, dry_run=dry_run)
        return DeleteTasksPayload.from_write(tasks.delete(which))

    @strawberry.mutation(
        description="Bring several tasks back from the trash. Those that are not there stay as "
        "they are.",
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
        which = selected(ids, filter, at_most, dry_run=dry_run).in_the_trash()
        return RestoreTasksPayload.from_write(tasks.restore(which))

    @strawberry.mutation(
        description="Remove all tasks of the trash for good. Nothing brings them back.",
        extensions=[Idempotent()],
    )
    def empty_trash(self, info: Info, user_id: UserId = None) -> EmptyTrashPayload | None:
        written = info.context.tasks(user_id).purge(TaskSelection(filter=TaskFilter(trashed=True)))
        return EmptyTrashPayload(revision=written.revision, count=written.number)
