"""Inputs of new and of updated tasks, and their conversion to the types of the store."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import strawberry
from strawberry import ID, Maybe, Some
from strawberry.utils.str_converters import to_camel_case

from todo_graphql.api.enums import TaskPriority, to_priority
from todo_graphql.api.scalars import Date, DateTime, optional_uuid
from todo_graphql.errors import BadUserInput, InputReason
from todo_graphql.store import validation
from todo_graphql.store.models import (
    DESCRIPTION_MAX_LENGTH,
    TAG_MAX_LENGTH,
    TASK_MAX_TAGS,
    TITLE_MAX_LENGTH,
)
from todo_graphql.store.problem_collector import ProblemCollector
from todo_graphql.store.tasks.edits import Edits
from todo_graphql.store.tasks.rows import NewTask

TITLE_RULE = f"1 to {TITLE_MAX_LENGTH} characters after trimming"
DESCRIPTION_RULE = f"up to {DESCRIPTION_MAX_LENGTH:,} characters"
TAG_RULE = (
    f"each of 1 to {TAG_MAX_LENGTH} characters after trimming. If tags differ only in "
    "case or accents, the first one is used"
)
DUE_ON_RULE = "The day on which the task is due, in any time zone. Cannot be combined with `dueAt`"
DUE_AT_RULE = "The time at which the task is due. Cannot be combined with `dueOn`"


@strawberry.input(description="The content of a new task.")
class CreateTaskInput:
    title: str = strawberry.field(description=f"The title of the task, {TITLE_RULE}.")
    description: str | None = strawberry.field(
        default=None, description=f"The description of the task, {DESCRIPTION_RULE}."
    )
    priority: TaskPriority | None = strawberry.field(
        default=None, description="The priority of the task. The default is NONE."
    )
    due_on: Date | None = strawberry.field(default=None, description=f"{DUE_ON_RULE}.")
    due_at: DateTime | None = strawberry.field(default=None, description=f"{DUE_AT_RULE}.")
    tags: list[str] | None = strawberry.field(
        default=None, description=f"The tags of the task: up to {TASK_MAX_TAGS}, {TAG_RULE}."
    )
    completed: bool | None = strawberry.field(
        default=None,
        description="Indicates whether the task is completed at its creation. The default is "
        "false.",
    )
    id: ID | None = strawberry.field(
        default=None,
        description="The id of the task, a UUID that the client generates. It makes the creation "
        "idempotent: a repetition returns the existing task. "
        "The same id with different content is a CONFLICT.",
    )

    def to_store(self, path: str = "input") -> NewTask:
        """Return the task to insert. Raise BadUserInput with the paths of invalid fields."""
        with ProblemCollector() as collect:
            task = NewTask(
                title=self.title,
                description=self.description,
                id=collect(optional_uuid, self.id, f"{path}.id"),
                priority=to_priority(self.priority),
                due_on=self.due_on,
                due_at=self.due_at,
                tags=tuple(self.tags or ()),
                completed=bool(self.completed),
            )
            return collect(task.checked, f"{path}.")


@strawberry.input(
    description="The changes to several tasks. Omitted fields stay unchanged; null clears a field."
)
class UpdateTasksInput:
    title: Maybe[str | None] = strawberry.field(
        description=f"The new title, {TITLE_RULE}. It cannot be null."
    )
    description: Maybe[str | None] = strawberry.field(
        description=f"The new description, {DESCRIPTION_RULE}. Null removes it."
    )
    priority: Maybe[TaskPriority | None] = strawberry.field(
        description="The new priority. Null means NONE."
    )
    due_on: Maybe[Date | None] = strawberry.field(
        description=f"{DUE_ON_RULE}, which it replaces. Null removes the day."
    )
    due_at: Maybe[DateTime | None] = strawberry.field(
        description=f"{DUE_AT_RULE}, which it replaces. Null removes the time."
    )
    tags: Maybe[list[str] | None] = strawberry.field(
        description=f"The tags that replace the existing tags: up to {TASK_MAX_TAGS}, {TAG_RULE}. "
        "Null removes all tags. Cannot be combined with `addTags` or `removeTags`."
    )
    add_tags: list[str] | None = strawberry.field(
        default=None,
        description="The tags to add. Existing tags stay unchanged, regardless of case and "
        f"accents. A task can have at most {TASK_MAX_TAGS} tags.",
    )
    remove_tags: list[str] | None = strawberry.field(
        default=None,
        description="The tags to remove, regardless of case and accents. Missing tags are ignored. "
        "A tag that is also in `addTags` gets the spelling there.",
    )
    completed: Maybe[bool | None] = strawberry.field(
        description="True completes the task and keeps the time of an earlier completion. False "
        "reopens it. It cannot be null."
    )

    def to_store(self) -> Edits:
        """Return the edits. Raise BadUserInput with the paths of invalid fields."""
        with ProblemCollector() as collect:
            columns = parse_columns(self, COLUMNS, "input", collect)
            due_on, due_at = columns.get("due_on"), columns.get("due_at")
            collect(validation.require_one_due_date, due_on, due_at, "input.dueAt")
            collect(self._require_one_kind_of_tags)
            return Edits(
                columns,
                add_tags=collect(validation.tags, self.add_tags or (), "input.addTags"),
                remove_tags=collect(validation.tags, self.remove_tags or (), "input.removeTags"),
                completed=collect(_completed, self.completed) if self.completed else None,
            )

    def _require_one_kind_of_tags(self) -> None:
        if self.tags and (self.add_tags is not None or self.remove_tags is not None):
            raise BadUserInput(
                "`tags` cannot be combined with `addTags` or `removeTags`.",
                reason=InputReason.NOT_COMBINABLE,
                field="input.tags",
            )


@strawberry.input(
    description="The changes to a task. Omitted fields stay unchanged; null clears a field."
)
class UpdateTaskInput(UpdateTasksInput):
    expected_revision: int | None = strawberry.field(
        default=None,
        description="The `revision` of the task that the client has. If the task has changed "
        "since, the update is rejected with CONFLICT, and the error contains the task. If it is "
        "named, it needs a value: null and an omitted variable are BAD_USER_INPUT.",
    )


def _completed(given: Some[bool | None]) -> bool:
    if given.value is None:
        raise BadUserInput(
            "`completed` cannot be null.", reason=InputReason.REQUIRED, field="input.completed"
        )
    return given.value


def _title(value: str | None, field: str) -> str:
    if value is None:
        raise BadUserInput("`title` cannot be null.", reason=InputReason.REQUIRED, field=field)
    return validation.title(value, field)


PARSERS: Mapping[str, Callable[[Any, str], Any]] = MappingProxyType(
    {
        "title": _title,
        "description": validation.description,
        "priority": lambda value, _field: to_priority(value),
        "tags": lambda value, field: list(validation.tags(value or (), field)),
    }
)
"""Parsers of the new values of columns. The scalars of the others have parsed them."""

COLUMNS = ("title", "description", "priority", "due_on", "due_at", "tags")
"""The columns that an update sets to given values."""


def parse_value(name: str, value: Any, path: str) -> Any:
    """Return the new value of a column. Raise BadUserInput with the path of its field."""
    parse = PARSERS.get(name)
    return value if parse is None else parse(value, f"{path}.{to_camel_case(name)}")


def parse_columns(
    given: object, names: Iterable[str], path: str, collect: ProblemCollector
) -> dict[str, Any]:
    """Return the new values of the columns that an input names.

    Collect problems with the paths of their fields.
    """
    columns: dict[str, Any] = {}
    for name in names:
        new: Some[Any] | None = getattr(given, name)
        if new is not None:
            columns[name] = collect(parse_value, name, new.value, path)
    return columns
