"""What may be asked with: arguments and inputs, and how they become the store's words."""

import uuid
from typing import Annotated, Any

import strawberry
from strawberry import ID, Maybe

from todo_graphql.api.enums import TaskPriority, priority_of
from todo_graphql.api.scalars import Date, DateTime, uuid_of
from todo_graphql.errors import BadUserInput
from todo_graphql.store import validation
from todo_graphql.store.models import (
    DESCRIPTION_MAX_LENGTH,
    TAG_MAX_LENGTH,
    TASK_MAX_TAGS,
    TITLE_MAX_LENGTH,
)
from todo_graphql.store.tasks.cursors import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE
from todo_graphql.store.tasks.edits import Edits
from todo_graphql.store.tasks.rows import NewTask

TITLE_RULE = f"1 to {TITLE_MAX_LENGTH} characters, after trimming"
DESCRIPTION_RULE = f"up to {DESCRIPTION_MAX_LENGTH:,} characters"
TAG_RULE = (
    f"each 1 to {TAG_MAX_LENGTH} characters, after trimming; of those that differ only by case, "
    "the first one counts"
)
DUE_ON_RULE = "a day in the calendar of whoever looks at it. Not together with `dueAt`"
DUE_AT_RULE = "an instant. Not together with `dueOn`"

UserId = Annotated[
    ID | None,
    strawberry.argument(
        description="Whose tasks: yours, which is what leaving it out means, too. "
        "Any other id is FORBIDDEN."
    ),
]
NodeId = Annotated[ID, strawberry.argument(description="Your id, or a task's: a UUID.")]
TaskId = Annotated[ID, strawberry.argument(description="The id of one of your tasks: a UUID.")]
TimeZone = Annotated[
    str,
    strawberry.argument(
        description="Where days begin and end: a name of the IANA database, as `Europe/Berlin`."
    ),
]
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


@strawberry.input(description="A task to create.")
class CreateTaskInput:
    title: str = strawberry.field(description=f"What to do: {TITLE_RULE}.")
    description: str | None = strawberry.field(
        default=None, description=f"More about it: {DESCRIPTION_RULE}."
    )
    priority: TaskPriority | None = strawberry.field(
        default=None, description="How much it matters: NONE, unless said otherwise."
    )
    due_on: Date | None = strawberry.field(
        default=None, description=f"When it is due: {DUE_ON_RULE}."
    )
    due_at: DateTime | None = strawberry.field(
        default=None, description=f"When it is due: {DUE_AT_RULE}."
    )
    tags: list[str] | None = strawberry.field(
        default=None, description=f"Up to {TASK_MAX_TAGS} tags, {TAG_RULE}."
    )
    id: ID | None = strawberry.field(
        default=None,
        description="A UUID of your choice makes the create safe to repeat: sent again, it answers "
        "the task that exists. The same id with other content is a CONFLICT.",
    )

    def to_store(self, path: str = "input") -> NewTask:
        """Raises BadUserInput with the path of the input that breaks a rule."""
        return NewTask(
            title=self.title,
            description=self.description,
            id=None if self.id is None else uuid_of(self.id, f"{path}.id"),
            priority=priority_of(self.priority),
            due_on=self.due_on,
            due_at=self.due_at,
            tags=tuple(self.tags or ()),
        ).checked(f"{path}.")


@strawberry.input(
    description="What to change of several tasks. What is left out stays as it is; null clears."
)
class UpdateTasksInput:
    title: Maybe[str | None] = strawberry.field(
        description=f"What to do: {TITLE_RULE}. It cannot be null."
    )
    description: Maybe[str | None] = strawberry.field(
        description=f"More about it: {DESCRIPTION_RULE}. null removes it."
    )
    priority: Maybe[TaskPriority | None] = strawberry.field(
        description="How much it matters. null means NONE."
    )
    due_on: Maybe[Date | None] = strawberry.field(
        description=f"When it is due: {DUE_ON_RULE}, whose place it takes. null removes the day."
    )
    due_at: Maybe[DateTime | None] = strawberry.field(
        description=f"When it is due: {DUE_AT_RULE}, whose place it takes. "
        "null removes the instant."
    )
    tags: Maybe[list[str] | None] = strawberry.field(
        description=f"Up to {TASK_MAX_TAGS} tags in the place of those that are there, {TAG_RULE}. "
        "null removes all. Not together with `addTags` or `removeTags`."
    )
    add_tags: list[str] | None = strawberry.field(
        default=None,
        description="Tags to add to those that are there. A tag that is there already, whatever "
        f"its case, stays as it is. No task has more than {TASK_MAX_TAGS}.",
    )
    remove_tags: list[str] | None = strawberry.field(
        default=None,
        description="Tags to take away, whatever their case. Those that are not there do not "
        "matter. A tag that is also in `addTags` is taken away.",
    )

    def to_store(self) -> Edits:
        """Raises BadUserInput with the path of what breaks a rule."""
        given = {name: getattr(self, name) for name in COLUMNS}
        columns = {name: COLUMNS[name](some.value) for name, some in given.items() if some}
        validation.require_one_due_date(columns.get("due_on"), columns.get("due_at"), "input.dueAt")
        if self.tags and (self.add_tags is not None or self.remove_tags is not None):
            raise BadUserInput(
                "Say which tags there shall be, or which to add and to remove.", field="input.tags"
            )
        return Edits(
            columns,
            add_tags=validation.tags(self.add_tags or (), "input.addTags"),
            remove_tags=validation.tags(self.remove_tags or (), "input.removeTags"),
        )


@strawberry.input(
    description="What to change of a task. What is left out stays as it is; null clears."
)
class UpdateTaskInput(UpdateTasksInput):
    expected_revision: int | None = strawberry.field(
        default=None,
        description="The task's `revision` as you know it. If the task has changed since, "
        "nothing is changed and the answer is a CONFLICT.",
    )


def _title(value: str | None) -> str:
    if value is None:
        raise BadUserInput("A task always has a title.", field="input.title")
    return validation.title(value, "input.title")


# How each column's new value is read.
COLUMNS: dict[str, Any] = {
    "title": _title,
    "description": lambda value: validation.description(value, "input.description"),
    "priority": priority_of,
    "due_on": lambda value: value,
    "due_at": lambda value: value,
    "tags": lambda value: list(validation.tags(value or (), "input.tags")),
}


def optional_uuid(value: str | None, field: str) -> uuid.UUID | None:
    """The UUID of an ID argument, if there is one. Raises BadUserInput with `field`."""
    return None if value is None else uuid_of(value, field)
