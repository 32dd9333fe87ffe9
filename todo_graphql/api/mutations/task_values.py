"""Values of a task before a change, and the input with the same fields that sets them again."""

import strawberry
from strawberry import ID, Maybe

from todo_graphql.api.enums import TaskPriority
from todo_graphql.api.mutations.task_inputs import (
    DESCRIPTION_RULE,
    DUE_AT_RULE,
    DUE_ON_RULE,
    TAG_RULE,
    TITLE_RULE,
    parse_columns,
)
from todo_graphql.api.mutations.task_lists import require_size, require_unique_ids
from todo_graphql.api.row_types import RowType
from todo_graphql.api.scalars import Date, DateTime, uuid_of
from todo_graphql.store import validation
from todo_graphql.store.models import TASK_MAX_TAGS
from todo_graphql.store.problem_collector import ProblemCollector
from todo_graphql.store.tasks.selections import BULK_MAX
from todo_graphql.store.tasks.values.new_values import NewValues
from todo_graphql.store.tasks.values.rows import EDITABLE, TaskValuesRow


@strawberry.type(
    description="The values of a task before a change, with the fields of `TaskValuesInput`."
)
class TaskValues(RowType):
    row = TaskValuesRow

    id: ID = strawberry.field(description="The id of the task.")
    title: str = strawberry.field(description="The title of the task.")
    description: str | None = strawberry.field(description="The description of the task.")
    priority: TaskPriority = strawberry.field(description="The priority of the task.")
    due_on: Date | None = strawberry.field(description="The day on which the task was due.")
    due_at: DateTime | None = strawberry.field(description="The time at which the task was due.")
    tags: list[str] = strawberry.field(description="The tags of the task.")
    completed_at: DateTime | None = strawberry.field(
        description="The time when the task was completed. Null for an open task."
    )
    expected_revision: int = strawberry.field(
        description="The revision of the task after the change."
    )


@strawberry.input
class EditableValues:
    id: ID = strawberry.field(description="The id of the task, a UUID.")
    title: Maybe[str | None] = strawberry.field(
        description=f"The title, {TITLE_RULE}. It cannot be null."
    )
    description: Maybe[str | None] = strawberry.field(
        description=f"The description, {DESCRIPTION_RULE}."
    )
    priority: Maybe[TaskPriority | None] = strawberry.field(
        description="The priority. Null means NONE."
    )
    due_on: Maybe[Date | None] = strawberry.field(description=f"{DUE_ON_RULE}, which it replaces.")
    due_at: Maybe[DateTime | None] = strawberry.field(
        description=f"{DUE_AT_RULE}, which it replaces."
    )
    tags: Maybe[list[str] | None] = strawberry.field(
        description=f"The tags: up to {TASK_MAX_TAGS}, {TAG_RULE}."
    )
    completed_at: Maybe[DateTime | None] = strawberry.field(
        description="The time when the task was completed. Null reopens it."
    )


@strawberry.input(
    description="New values of a task. Omitted fields stay unchanged; null clears a field."
)
class TaskValuesInput(EditableValues):
    expected_revision: int | None = strawberry.field(
        default=None,
        description="The `revision` that the task must have. If any task has another one, nothing "
        "changes, and the error is CONFLICT with the ids of these tasks as `stale`.",
    )

    def to_store(self, path: str) -> NewValues:
        """Return the new values. Raise BadUserInput with the paths of invalid fields."""
        with ProblemCollector() as collect:
            task_id = collect(uuid_of, self.id, f"{path}.id")
            columns = parse_columns(self, EDITABLE, path, collect)
            due = columns.get("due_on"), columns.get("due_at")
            collect(validation.require_one_due_date, *due, f"{path}.dueAt")
            return NewValues(task_id, columns, self.expected_revision)


def parse_values(new: list[TaskValuesInput]) -> list[NewValues]:
    """Return the new values of different tasks. Raise BadUserInput."""
    require_size(new, BULK_MAX, "input")
    with ProblemCollector() as collect:
        parsed = [collect(one.to_store, f"input.{number}") for number, one in enumerate(new)]
        collect(require_unique_ids, [one.id for one in new])
    return parsed
