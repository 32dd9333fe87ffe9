"""Where in a file something is wrong."""

from collections.abc import Iterator
from contextlib import contextmanager

from todo_graphql.errors import BadUserInput


@contextmanager
def at_line(line: int) -> Iterator[None]:
    """Whatever breaks a rule in here says in which line of the file, the first one being 1."""
    try:
        yield
    except BadUserInput as problem:
        details = {"line": line, **problem.details}
        raise BadUserInput(f"Line {line}: {problem.message}", **details) from None


class LineCounter:
    """The lines of a text, counted once on the way from its start to its end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0
        self._line = 1

    def at(self, place: int) -> int:
        """The line of a place, which is not before the one that was asked for last."""
        self._line += self._text.count("\n", self._place, place)
        self._place = place
        return self._line
