"""Collection of the problems of one input, so that a client learns of all of them at once."""

from collections.abc import Callable
from types import TracebackType
from typing import ParamSpec, TypeVar, cast

from todo_graphql.errors import BadUserInput

MAX_PROBLEMS = 100

MAX_PROBLEM_CHARACTERS = 16_384
"""The length of the messages and paths from which on no further problem is collected."""

P = ParamSpec("P")
T = TypeVar("T")


class ProblemCollector:
    """Context manager that calls checks, and raises their problems together at its end.

    It raises them at once when they reach a limit.
    """

    __slots__ = ("_characters", "_problems")

    def __init__(self) -> None:
        self._problems: list[BadUserInput] = []
        self._characters = 0

    def __enter__(self) -> "ProblemCollector":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _: TracebackType | None,
    ) -> None:
        if kind is None and self._problems:
            self._raise()

    def __call__(self, check: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        """Return the result of a check.

        The result of a failed check is None, and must not be used before the end of the block.
        """
        try:
            return check(*arguments, **options)
        except BadUserInput as problem:
            self.add(problem)
            return cast("T", None)

    def add(self, problem: BadUserInput) -> None:
        """Collect a problem, and those that are collected in it. Raise all at a limit."""
        for each in problem.problems:
            self._problems.append(each.with_traceback(None))
            self._characters += len(each.message) + len(str(each.details.get("field")))
            is_full = self._characters >= MAX_PROBLEM_CHARACTERS
            if is_full or len(self._problems) >= MAX_PROBLEMS:
                self._raise()

    def _raise(self) -> None:
        first, *others = self._problems
        raise first.joined(others) from None
