"""What may be asked with: arguments and inputs, and how they become the store's words."""

from typing import Annotated

import strawberry
from strawberry import ID, Maybe

from todo_graphql.api.scalars import uuid_of
from todo_graphql.errors import BadUserInput
from todo_graphql.store import text
from todo_graphql.store.filters import TaskFilter
from todo_graphql.store.models import DESCRIPTION_MAX_LENGTH, TITLE_MAX_LENGTH
from todo_graphql.store.pagination import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE
from todo_graphql.store.rows import NewTask

TITLE_RULE = f"1 to {TITLE_MAX_LENGTH} characters, after trimming"
DESCRIPTION_RULE = f"up to {DESCRIPTION_MAX_LENGTH:,} characters"

UserId = Annotated[
    ID | None,
    strawberry.argument(
        description="Whose tasks: yours, which is what leaving it out means, too. "
        "Any other id is FORBIDDEN."
    ),
]
NodeId = Annotated[ID, strawberry.argument(description="Your id, or a task's: a UUID.")]
TaskId = Annotated[ID, strawberry.argument(description="The id of one of your tasks: a UUID.")]
First = Annotated[
    int | None,
    strawberry.argument(
        description=f"How many from the start, 1 to {MAX_PAGE_SIZE}; "
        f"{DEFAULT_PAGE_SIZE} when neither `first` nor `last` is given."
    ),
]
After = Annotated[
    str | None, strawberry.argument(description="Only what follows this cursor in the list.")
]
Last = Annotated[
    int | None,
    strawberry.argument(
        description=f"How many from the end, 1 to {MAX_PAGE_SIZE}, in the order of the list."
    ),
]
Before = Annotated[
    str | None, strawberry.argument(description="Only what precedes this cursor in the list.")
]


@strawberry.input(
    name="TaskFilter", description="Which of your tasks to answer. An empty one means all."
)
class TaskFilterInput:
    completed: bool | None = strawberry.field(
        default=None, description="true: only completed tasks; false: only open ones."
    )
    trashed: bool = strawberry.field(
        default=False, description="true: the tasks in the trash, instead of those that are not."
    )

    def to_store(self) -> TaskFilter:
        return TaskFilter(completed=self.completed, trashed=self.trashed)


Filter = Annotated[
    TaskFilterInput | None,
    strawberry.argument(description="Which tasks. Without it: all that are not in the trash."),
]


@strawberry.input(description="A task to create.")
class CreateTaskInput:
    title: str = strawberry.field(description=f"What to do: {TITLE_RULE}.")
    description: str | None = strawberry.field(
        default=None, description=f"More about it: {DESCRIPTION_RULE}."
    )
    id: ID | None = strawberry.field(
        default=None,
        description="A UUID of your choice makes the create safe to repeat: sent again, it answers "
        "the task that exists. The same id with other content is a CONFLICT.",
    )

    def to_store(self) -> NewTask:
        """Raises BadUserInput with the path of the input that breaks a rule."""
        return NewTask(
            title=text.title(self.title, "input.title"),
            description=text.description(self.description, "input.description"),
            id=None if self.id is None else uuid_of(self.id, "input.id"),
        )


@strawberry.input(
    description="What to change of a task. What is left out stays as it is; null clears."
)
class UpdateTaskInput:
    title: Maybe[str | None] = strawberry.field(
        description=f"What to do: {TITLE_RULE}. It cannot be null."
    )
    description: Maybe[str | None] = strawberry.field(
        description=f"More about it: {DESCRIPTION_RULE}. null removes it."
    )
    expected_revision: int | None = strawberry.field(
        default=None,
        description="The task's `revision` as you know it. If the task has changed since, "
        "nothing is changed and the answer is a CONFLICT.",
    )

    def to_store(self) -> dict[str, str | None]:
        """The named columns. Raises BadUserInput with the path of what breaks a rule."""
        values: dict[str, str | None] = {}
        if self.title is not None:
            if self.title.value is None:
                raise BadUserInput("A task always has a title.", field="input.title")
            values["title"] = text.title(self.title.value, "input.title")
        if self.description is not None:
            values["description"] = text.description(self.description.value, "input.description")
        return values
