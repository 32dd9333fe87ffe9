"""The changes of tasks since a cursor: types and arguments."""

from typing import Annotated

import strawberry
from strawberry import ID

from todo_graphql.api.row_types import RowType
from todo_graphql.api.types import Task
from todo_graphql.errors import BadUserInput, InputReason
from todo_graphql.store.problem_collector import ProblemCollector
from todo_graphql.store.sync import changes as store
from todo_graphql.store.sync.cursor import SyncCursor
from todo_graphql.store.tasks.repository import Tasks

Since = Annotated[
    str | None,
    strawberry.argument(
        description="The `cursor` up to which the client has read. Without it, the changes are all "
        "tasks."
    ),
]
FirstChanges = Annotated[
    int,
    strawberry.argument(
        description=f"The maximum number of changes, 1 to {store.MAX_CHANGES}. A page of long "
        "descriptions can have fewer."
    ),
]


@strawberry.type(
    description="A change of a task. Several changes of one task are one, with the task as it is."
)
class TaskChange(RowType):
    row = store.Change

    id: ID = strawberry.field(description="The id of the task.")
    revision: int = strawberry.field(description="The user's revision of the change.")
    task: Task | None = strawberry.field(
        description="The task, in the trash or not. Null if it was deleted permanently."
    )


@strawberry.type(description="The changes of the user's tasks since a cursor.")
class TaskChanges(RowType):
    row = store.Changes

    reset: bool = strawberry.field(
        description="Indicates whether `since` is no longer valid. The changes start anew: discard "
        "all tasks first."
    )
    changes: list[TaskChange] = strawberry.field(
        description="The changes in the order of their revisions."
    )
    cursor: str = strawberry.field(
        description="The place behind these changes. Send it as `since` to get the next ones."
    )
    has_more: bool = strawberry.field(
        description="Indicates whether there are more changes behind the cursor."
    )
    revision: int = strawberry.field(description="The user's current revision.")

    @classmethod
    def read(
        cls, tasks: Tasks, since: str | None, first: int, *, expects_changes: bool = False
    ) -> "TaskChanges":
        """Read a page. Raise BadUserInput for an invalid argument."""
        with ProblemCollector() as collect:
            collect(_require_size, first)
            cursor = None if since is None else collect(SyncCursor.decode, since, "since")
        return cls.from_row(tasks.changes(cursor, first, expects_changes=expects_changes))


def _require_size(first: int) -> None:
    if not 1 <= first <= store.MAX_CHANGES:
        raise BadUserInput(
            f"`first` must be 1 to {store.MAX_CHANGES}.",
            reason=InputReason.OUT_OF_RANGE,
            field="first",
            min=1,
            max=store.MAX_CHANGES,
        )
