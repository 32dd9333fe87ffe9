"""Filters: inputs, and how they become the store's words."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import strawberry

from todo_graphql.api.comparators import (
    DateComparator,
    DateTimeComparator,
    DueComparator,
    IDComparator,
    NullableTextComparator,
    Read,
    TagsComparator,
    TaskPriorityComparator,
    TextComparator,
    camel,
    comparisons,
    due_comparisons,
    operator,
)
from todo_graphql.api.enums import priority_of
from todo_graphql.api.scalars import uuid_of
from todo_graphql.errors import BadUserInput
from todo_graphql.store import validation
from todo_graphql.store.tasks.filters import AllOf, AnyOf, Comparison, Condition, Not, TaskFilter
from todo_graphql.store.tasks.filters import comparisons as comparisons_of

MAX_DEPTH = 5
MAX_COMPARISONS = 50


@strawberry.input(
    name="TaskCondition",
    description="What may hold for a task. All that is given must hold; an empty one always does.",
)
class TaskConditionInput:
    id: IDComparator | None = operator("Compares `id`.")
    title: TextComparator | None = operator("Compares `title`.")
    description: NullableTextComparator | None = operator("Compares `description`.")
    completed: bool | None = strawberry.field(
        default=None, description="true: only completed tasks; false: only open ones."
    )
    completed_at: DateTimeComparator | None = operator("Compares `completedAt`.")
    priority: TaskPriorityComparator | None = operator("Compares `priority`.")
    due: DueComparator | None = operator("Compares `dueOn` and `dueAt` as one.")
    due_on: DateComparator | None = operator("Compares `dueOn`.")
    due_at: DateTimeComparator | None = operator("Compares `dueAt`.")
    tags: TagsComparator | None = operator("Compares `tags`.")
    created_at: DateTimeComparator | None = operator("Compares `createdAt`.")
    updated_at: DateTimeComparator | None = operator("Compares `updatedAt`.")
    deleted_at: DateTimeComparator | None = operator("Compares `deletedAt`.")
    and_: list["TaskConditionInput"] | None = operator(
        f"All of these hold. Nested at most {MAX_DEPTH} deep.", "and"
    )
    or_: list["TaskConditionInput"] | None = operator(
        f"One of these holds; never, if empty. Nested at most {MAX_DEPTH} deep.", "or"
    )
    not_: "TaskConditionInput | None" = operator(
        f"This does not hold. Nested at most {MAX_DEPTH} deep.", "not"
    )


@strawberry.input(
    name="TaskFilter",
    description="Which of your tasks to answer. All that is given must hold; an empty one means "
    f"all. It may have at most {MAX_COMPARISONS} comparisons.",
)
class TaskFilterInput(TaskConditionInput):
    trashed: bool = strawberry.field(
        default=False, description="true: the tasks in the trash, instead of those that are not."
    )
    search: str | None = strawberry.field(
        default=None,
        description="Words, all of which must be in the title, the tags or the description, each "
        "as the beginning of a word, without regard to case and accents. What has no letter and "
        "no digit is looked for in title and description as it stands. A blank one finds all; "
        "the first 32 words count.",
    )

    def to_store(self, path: str = "filter") -> TaskFilter:
        """Raises BadUserInput with the path of what breaks a rule."""
        conditions = tuple(_conditions(self, path))
        if sum(1 for _ in comparisons_of(AllOf(conditions))) > MAX_COMPARISONS:
            raise BadUserInput(f"A filter has at most {MAX_COMPARISONS} comparisons.", field=path)
        search = validation.search(self.search)
        return TaskFilter(AllOf(conditions), trashed=self.trashed, search=search)


def _conditions(condition: TaskConditionInput, path: str, depth: int = 0) -> Iterator[Condition]:
    """Everything that the input says, to be true at once."""
    if depth > MAX_DEPTH:
        raise BadUserInput(
            f"`and`, `or` and `not` are nested at most {MAX_DEPTH} deep.", field=path
        )
    if condition.completed is not None:
        yield Comparison("completed_at", "null", not condition.completed)
    if condition.due is not None:
        yield from due_comparisons(condition.due, f"{path}.due")
    for name, read in COLUMNS.items():
        comparator = getattr(condition, name)
        if comparator is not None:
            yield from comparisons(name, comparator, f"{path}.{camel(name)}", read)
    yield from _branches(condition, path, depth + 1)


def _branches(condition: TaskConditionInput, path: str, depth: int) -> Iterator[Condition]:
    if condition.and_ is not None:
        yield AllOf(_each(condition.and_, f"{path}.and", depth))
    if condition.or_ is not None:
        yield AnyOf(_each(condition.or_, f"{path}.or", depth))
    if condition.not_ is not None:
        yield Not(AllOf(tuple(_conditions(condition.not_, f"{path}.not", depth))))


def _each(branches: list[TaskConditionInput], path: str, depth: int) -> tuple[Condition, ...]:
    return tuple(
        AllOf(tuple(_conditions(branch, f"{path}.{number}", depth)))
        for number, branch in enumerate(branches)
    )


def _as_it_is(value: Any, _path: str) -> Any:
    return value


# How the values of each column's comparator are read.
COLUMNS: Mapping[str, Read] = {
    "id": uuid_of,
    "title": validation.storable,
    "description": validation.storable,
    "completed_at": _as_it_is,
    "priority": lambda priority, _path: int(priority_of(priority)),
    "due_on": _as_it_is,
    "due_at": _as_it_is,
    "tags": validation.tag_to_find,
    "created_at": _as_it_is,
    "updated_at": _as_it_is,
    "deleted_at": _as_it_is,
}


Filter = Annotated[
    TaskFilterInput | None,
    strawberry.argument(description="Which tasks. Without it: all that are not in the trash."),
]
