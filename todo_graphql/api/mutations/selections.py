"""Arguments that select the tasks of a bulk mutation, by ids or by a filter."""

import uuid
from typing import Annotated

import strawberry
from strawberry import ID

from todo_graphql.api.filters import TaskFilterInput
from todo_graphql.api.scalars import uuid_of
from todo_graphql.errors import BadUserInput, InputReason
from todo_graphql.store.problem_collector import ProblemCollector
from todo_graphql.store.tasks.selections import BULK_MAX, TaskSelection

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
