"""Checks of lists of tasks: their size, and that their tasks differ."""

from collections.abc import Collection, Iterable, Iterator

from todo_graphql.errors import BadUserInput, InputReason
from todo_graphql.store.problem_collector import ProblemCollector


def require_size(tasks: Collection[object], max_size: int, field: str) -> None:
    """Raise BadUserInput unless a list of tasks has at least one and at most `max_size` tasks."""
    if not 1 <= len(tasks) <= max_size:
        raise BadUserInput(
            f"`{field}` must contain 1 to {max_size} tasks.",
            reason=InputReason.TOO_MANY if tasks else InputReason.TOO_FEW,
            field=field,
            min=1,
            max=max_size,
        )


def require_unique_ids(ids: Iterable[str | None]) -> None:
    """Raise BadUserInput for each id of an input that an earlier task of the input has."""
    with ProblemCollector() as collector:
        for number in find_duplicates(given or None for given in ids):
            collector.add(
                BadUserInput(
                    "Duplicate id: an earlier task of the input has this id.",
                    reason=InputReason.DUPLICATE,
                    field=f"input.{number}.id",
                )
            )


def find_duplicates(ids: Iterable[str | None]) -> Iterator[int]:
    """Yield the index of each id that repeats an earlier one. None is no id."""
    seen = set[str]()
    for number, given in enumerate(ids):
        if given is None:
            continue
        task_id = given.lower()
        if task_id in seen:
            yield number
        seen.add(task_id)
