"""Columns: from values of one kind to what JSON can write of them, all at once and in C.

A step that meets what it does not know (another class, a null where none may be, a number
that is none of GraphQL's) steps aside, or fails in any other way: both mean that graphql-core
has to answer.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import starmap
from types import GenericAlias
from typing import Any, NamedTuple, TypeAlias

import msgspec
from cachetools import LRUCache, cached

from todo_graphql.api.context import Context
from todo_graphql.api.execution.coercion import Unsupported, Values

REMEMBERED_FIELDS = 10_000
"""How many fields the classes may have that are kept: selections of the same names, or of the same
types, share one.
"""


def width(kind: type[msgspec.Struct]) -> int:
    """What a class counts for."""
    return 1 + len(kind.__struct_fields__)


class ExecutionState(NamedTuple):
    """One execution of an operation."""

    variables: Values
    context: Context


Step: TypeAlias = Callable[[Sequence[Any], ExecutionState], Sequence[Any]]
"""From values to what becomes of each of them, in their order. Raises StepAside."""


@dataclass(frozen=True, slots=True)
class CompiledField:
    """A field that is selected of an object: how its values are got, and what JSON gets."""

    fetch: Step
    finish: Step
    leaf: Any
    """What msgspec checks its values to be, together with those of other fields; `finish` does
    the same for this field alone. None for what is no leaf.
    """
    place: int | None = None
    """Where it is in a row."""
    is_shared: bool = False
    """Whether all objects of a list have the same value."""

    def column(
        self, values: Sequence[Any], columns: Sequence[Any], run: ExecutionState
    ) -> Sequence[Any]:
        """Its values, but for the check if they are leaves. `columns` are those of rows."""
        if self.is_shared:
            return [*self.finish(self.fetch(values[:1], run), run)] * len(values)
        found = self.fetch(values, run) if self.place is None else columns[self.place]
        return found if self.leaf is not None else self.finish(found, run)


def repeat(value: Any, values: Sequence[Any], _run: ExecutionState) -> Sequence[Any]:
    """The same for each."""
    return [value] * len(values)


def get(
    attribute: Callable[[Any], Any], values: Sequence[Any], _run: ExecutionState
) -> Sequence[Any]:
    """An attribute of each."""
    return list(map(attribute, values))


def check(kind: Any, values: Sequence[Any], _run: ExecutionState | None = None) -> Any:
    """The values as they are, if msgspec finds them to be of this kind."""
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise Unsupported from error


def rename(names: Mapping[Any, str], values: Sequence[Any], _run: ExecutionState) -> Sequence[Any]:
    """The names of an enum's members."""
    return [names[value] for value in values]


def optional(inner: Step, values: Sequence[Any], run: ExecutionState) -> Sequence[Any]:
    """Null stays null, in its place."""
    if None not in values:
        return inner(values, run)
    found = iter(inner([value for value in values if value is not None], run))
    return [None if value is None else next(found) for value in values]


def map_step(item: Step, values: Sequence[Any], run: ExecutionState) -> Sequence[Any]:
    """Lists, one by one."""
    if any(value.__class__ is not list for value in values):
        raise Unsupported
    return [item(value, run) for value in values]


def one_of(
    possible: Mapping[type, Step], values: Sequence[Any], run: ExecutionState
) -> Sequence[Any]:
    """Objects of an abstract type, by their classes."""
    found = {
        kind: iter(possible[kind]([value for value in values if type(value) is kind], run))
        for kind in dict.fromkeys(map(type, values))
    }
    return [next(found[type(value)]) for value in values]


class Projected:
    """Objects of a class: their fields become columns, and these become answers."""

    __slots__ = ("_answer", "_checks", "_entries", "_expected", "_has_rows")

    def __init__(
        self, expected: type, keys: tuple[str, ...], entries: Sequence[CompiledField]
    ) -> None:
        self._expected = {expected}
        self._has_rows = issubclass(expected, tuple)
        self._entries = entries
        self._answer = answer_of(keys)
        self._checks = checks_of(tuple(entry.leaf for entry in entries))

    def __call__(self, values: Sequence[Any], run: ExecutionState) -> Sequence[Any]:
        if not values:
            return []
        if set(map(type, values)) != self._expected:
            raise Unsupported
        if not self._entries:
            return [self._answer() for _ in values]
        rows = tuple(zip(*values, strict=True)) if self._has_rows else ()
        columns = [entry.column(values, rows, run) for entry in self._entries]
        checked = msgspec.structs.astuple(check(self._checks, columns))
        return list(starmap(self._answer, zip(*checked, strict=True)))


@cached(LRUCache(REMEMBERED_FIELDS, getsizeof=width), lock=threading.Lock())
def answer_of(keys: tuple[str, ...]) -> type[msgspec.Struct]:
    """The class of answers with these keys, in this order."""
    names = [f"field{number}" for number in range(len(keys))]
    called = dict(zip(names, keys, strict=True))
    return msgspec.defstruct("Answer", [(name, object) for name in names], rename=called, gc=False)


@cached(LRUCache(REMEMBERED_FIELDS, getsizeof=width), lock=threading.Lock())
def checks_of(leaves: tuple[Any, ...]) -> type[msgspec.Struct]:
    """The class as which msgspec checks a list of columns, all at once."""
    types = [Any if leaf is None else GenericAlias(list, leaf) for leaf in leaves]
    fields = [(f"column{number}", type_) for number, type_ in enumerate(types)]
    return msgspec.defstruct("Checks", fields, array_like=True, gc=False)
