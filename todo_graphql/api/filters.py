"""Filter inputs, and their conversion to filters of the store."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import strawberry

from todo_graphql.api.comparators import (
    DateComparator,
    DateTimeComparator,
    DueComparator,
    IDComparator,
    NullableTextComparator,
    ParseValue,
    TagsComparator,
    TaskPriorityComparator,
    TextComparator,
    camel,
    operator,
    parse_comparisons,
    parse_due_comparisons,
)
from todo_graphql.api.enums import to_priority
from todo_graphql.api.scalars import uuid_of
from todo_graphql.errors import BadUserInput, InputReason
from todo_graphql.store import validation
from todo_graphql.store.problem_collector import ProblemCollector
from todo_graphql.store.tasks.filters import (
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    Not,
    TaskFilter,
    comparisons,
)
from todo_graphql.store.tasks.time_zones import UTC_ZONE

MAX_DEPTH = 5
MAX_COMPARISONS = 50


@strawberry.input(
    name="TaskCondition",
    description="A condition on a task. All given fields must match. "
    "An empty condition always matches.",
)
class TaskConditionInput:
    id: IDComparator | None = operator("The comparator for `id`.")
    title: TextComparator | None = operator("The comparator for `title`.")
    description: NullableTextComparator | None = operator("The comparator for `description`.")
    completed: bool | None = strawberry.field(
        default=None, description="Indicates whether the task is completed."
    )
    completed_at: DateTimeComparator | None = operator("The comparator for `completedAt`.")
    priority: TaskPriorityComparator | None = operator("The comparator for `priority`.")
    due: DueComparator | None = operator(
        "The comparator for the due date, which is `dueOn` or `dueAt`."
    )
    due_on: DateComparator | None = operator("The comparator for `dueOn`.")
    due_at: DateTimeComparator | None = operator("The comparator for `dueAt`.")
    tags: TagsComparator | None = operator("The comparator for `tags`.")
    created_at: DateTimeComparator | None = operator("The comparator for `createdAt`.")
    updated_at: DateTimeComparator | None = operator("The comparator for `updatedAt`.")
    deleted_at: DateTimeComparator | None = operator(
        "The comparator for `deletedAt`. Tasks in the trash also need `trashed: true`."
    )
    and_: list["TaskConditionInput"] | None = operator(
        f"All of the given conditions match. Nested at most {MAX_DEPTH} levels deep.", "and"
    )
    or_: list["TaskConditionInput"] | None = operator(
        "Any of the given conditions matches. An empty list never matches. "
        f"Nested at most {MAX_DEPTH} levels deep.",
        "or",
    )
    not_: "TaskConditionInput | None" = operator(
        f"The given condition does not match. Nested at most {MAX_DEPTH} levels deep.", "not"
    )


@strawberry.input(
    name="TaskFilter",
    description="A filter on tasks. All given fields must match. An empty filter matches every "
    f"task outside the trash. A filter can have at most {MAX_COMPARISONS} comparisons.",
)
class TaskFilterInput(TaskConditionInput):
    trashed: bool = strawberry.field(
        default=False, description="Indicates whether the task is in the trash."
    )
    search: str | None = strawberry.field(
        default=None,
        description="The words to search for in the title, the tags and the description. Each must "
        "be the start of a word there, ignoring case and accents. A search without words, such "
        "as punctuation, looks for its text in the title and the description. A blank search "
        "matches every task. In a list, only the first 32 words are used; "
        "a mutation rejects more.",
    )

    def to_store(self, path: str = "filter", zone: str = UTC_ZONE) -> TaskFilter:
        """Return the filter of a list. Raises BadUserInput with the paths of invalid fields.

        `zone` is the time zone of comparators without one.
        """
        condition = self._parse_conditions(path, zone)
        return TaskFilter(condition, trashed=self.trashed, search=validation.search(self.search))

    def to_selection(self, path: str = "filter") -> TaskFilter:
        """Return the filter of a mutation. Raises BadUserInput, also for too long a search."""
        with ProblemCollector() as collect:
            search = collect(validation.whole_search, self.search, f"{path}.search")
            condition = collect(self._parse_conditions, path, UTC_ZONE)
            return TaskFilter(condition, trashed=self.trashed, search=search)

    def _parse_conditions(self, path: str, zone: str) -> AllOf:
        with ProblemCollector() as collect:
            condition = AllOf(tuple(ConditionParser(zone, collect).parse(self, path)))
        if sum(1 for _ in comparisons(condition)) > MAX_COMPARISONS:
            raise BadUserInput(
                f"Too many comparisons: a filter can have at most {MAX_COMPARISONS}.",
                reason=InputReason.TOO_MANY,
                field=path,
                max=MAX_COMPARISONS,
            )
        return condition


class ConditionParser:
    """Parser of the conditions of one filter, in a time zone. It collects their problems."""

    __slots__ = ("_collect", "_zone")

    def __init__(self, zone: str, collect: ProblemCollector) -> None:
        self._zone = zone
        self._collect = collect

    def parse(
        self, condition: TaskConditionInput, path: str, depth: int = 0
    ) -> Iterator[Condition]:
        """Yield the conditions of the input, all of which must match."""
        collect = self._collect
        if depth > MAX_DEPTH:
            collect.add(_too_deep(path))
            return
        if condition.completed is not None:
            yield Comparison("completed_at", "null", not condition.completed)
        if condition.due is not None:
            yield from parse_due_comparisons(condition.due, f"{path}.due", self._zone, collect)
        for name, parse in COLUMNS.items():
            comparator = getattr(condition, name)
            if comparator is not None:
                inner = f"{path}.{camel(name)}"
                yield from parse_comparisons(name, comparator, inner, parse, collect)
        yield from self._parse_branches(condition, path, depth + 1)

    def _parse_branches(
        self, condition: TaskConditionInput, path: str, depth: int
    ) -> Iterator[Condition]:
        if condition.and_ is not None:
            yield AllOf(self._parse_list(condition.and_, f"{path}.and", depth))
        if condition.or_ is not None:
            yield AnyOf(self._parse_list(condition.or_, f"{path}.or", depth))
        if condition.not_ is not None:
            yield Not(AllOf(tuple(self.parse(condition.not_, f"{path}.not", depth))))

    def _parse_list(
        self, conditions: list[TaskConditionInput], path: str, depth: int
    ) -> tuple[Condition, ...]:
        return tuple(
            AllOf(tuple(self.parse(condition, f"{path}.{number}", depth)))
            for number, condition in enumerate(conditions)
        )


def _too_deep(path: str) -> BadUserInput:
    return BadUserInput(
        f"Too deep: `and`, `or` and `not` can be nested at most {MAX_DEPTH} levels.",
        reason=InputReason.TOO_DEEP,
        field=path,
        max=MAX_DEPTH,
    )


def _identity(value: Any, _path: str) -> Any:
    return value


# Parsers of the values to compare with, by column.
COLUMNS: Mapping[str, ParseValue] = {
    "id": uuid_of,
    "title": validation.composable,
    "description": validation.composable,
    "completed_at": _identity,
    "priority": lambda priority, _path: int(to_priority(priority)),
    "due_on": _identity,
    "due_at": _identity,
    "tags": validation.tag_to_find,
    "created_at": _identity,
    "updated_at": _identity,
    "deleted_at": _identity,
}


Filter = Annotated[
    TaskFilterInput | None,
    strawberry.argument(
        description="The tasks to return. The default is all tasks outside the trash."
    ),
]
