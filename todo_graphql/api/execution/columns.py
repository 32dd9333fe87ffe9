"""Columns: steps that convert all values of a field to JSON values at once, in C.

A step raises Unsupported or any other exception for an unexpected value, such as another class
or an invalid null. graphql-core then executes the field.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import starmap
from types import GenericAlias
from typing import Annotated, Any, NamedTuple, TypeAlias

import msgspec

from todo_graphql.api.context import Context
from todo_graphql.api.execution.coercion import Unsupported, Values
from todo_graphql.api.execution.response_size import (
    ResponseSize,
    count_text,
    count_text_lists,
)


class ExecutionState(NamedTuple):
    """State of one execution of an operation."""

    variables: Values
    context: Context
    size: ResponseSize


Step: TypeAlias = Callable[[Sequence[Any], ExecutionState], Sequence[Any]]
"""A conversion of values, in their order. It raises Unsupported."""


@dataclass(frozen=True, slots=True)
class CompiledField:
    """Selected field of an object: the steps that fetch its values and convert them to JSON."""

    fetch: Step
    finish: Step
    leaf: Any
    """The type that msgspec checks for all fields of an object at once; `finish` checks this field
    alone. None unless the field is a leaf.
    """
    position: int | None = None
    """The position in a row."""
    is_shared: bool = False
    """All objects of a list have the same value."""
    max_characters: int | None = None
    """The maximum length of a text, if it has one."""

    def column(
        self, values: Sequence[Any], columns: Sequence[Any], state: ExecutionState
    ) -> Sequence[Any]:
        """Return the values, unchecked if they are leaves. `columns` are the columns of rows."""
        if self.is_shared:
            mark, fields = state.size.mark(), state.size.fields
            shared = self.finish(self.fetch(values[:1], state), state)
            state.size.repeat(mark, len(values) - 1)
            state.size.fields += (state.size.fields - fields) * (len(values) - 1)
            return [*shared] * len(values)
        fetched = self.fetch(values, state) if self.position is None else columns[self.position]
        return fetched if self.leaf is not None else self.finish(fetched, state)


def repeat(value: Any, values: Sequence[Any], _state: ExecutionState) -> Sequence[Any]:
    return [value] * len(values)


def get_attribute(
    attribute: Callable[[Any], Any], values: Sequence[Any], _state: ExecutionState
) -> Sequence[Any]:
    return list(map(attribute, values))


def check_values(kind: Any, values: Sequence[Any], _state: ExecutionState | None = None) -> Any:
    """Return the values if msgspec accepts them as this type. Raise Unsupported otherwise."""
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise Unsupported from error


def name_enum(
    names: Mapping[Any, str], values: Sequence[Any], _state: ExecutionState
) -> Sequence[Any]:
    return [names[value] for value in values]


def optional(inner: Step, values: Sequence[Any], state: ExecutionState) -> Sequence[Any]:
    """Convert the values that are not null. Nulls keep their positions."""
    if None not in values:
        return inner(values, state)
    found = iter(inner([value for value in values if value is not None], state))
    return [None if value is None else next(found) for value in values]


def map_lists(item: Step, values: Sequence[Any], state: ExecutionState) -> Sequence[Any]:
    if any(value.__class__ is not list for value in values):
        raise Unsupported
    return [item(value, state) for value in values]


def project_abstract(
    possible: Mapping[type, Step], values: Sequence[Any], state: ExecutionState
) -> Sequence[Any]:
    """Convert objects of an abstract type by their classes."""
    found = {
        kind: iter(possible[kind]([value for value in values if type(value) is kind], state))
        for kind in dict.fromkeys(map(type, values))
    }
    return [next(found[type(value)]) for value in values]


ShortText: TypeAlias = Annotated[str, msgspec.Meta(title="A text of at most 36 characters")]
"""The type of ids, dates and instants, which are not counted one by one."""

SHORT_TEXT_CHARACTERS: Mapping[Any, int] = dict.fromkeys((ShortText, ShortText | None), 4)
"""The counted characters of a short text: those of null. MAX_EXPANSION times this number and the
name of the field are an upper bound of the others.
"""

TEXT_COUNTERS: Mapping[Any, Callable[[Sequence[Any]], int]] = {
    str: count_text,
    str | None: count_text,
    list[str]: count_text_lists,
}
"""The counters of characters by the types of leaves. Numbers and booleans are not counted."""


class ObjectProjection:
    """Step that converts objects of a class to columns, and the columns to response objects."""

    __slots__ = (
        "_characters",
        "_checks",
        "_counters",
        "_expected",
        "_fields",
        "_has_rows",
        "_response",
    )

    def __init__(
        self, expected: type, keys: tuple[str, ...], fields: Sequence[CompiledField]
    ) -> None:
        self._expected = {expected}
        self._has_rows = issubclass(expected, tuple)
        self._fields = fields
        self._response = response_class(keys)
        self._checks = check_class(tuple(field.leaf for field in fields))
        # The field that has the object counts its other brace.
        self._characters = len("{") + sum(
            len(f'"{key}":') + SHORT_TEXT_CHARACTERS.get(field.leaf, 1)
            for key, field in zip(keys, fields, strict=True)
        )
        self._counters = [
            (number, TEXT_COUNTERS[field.leaf], field.max_characters)
            for number, field in enumerate(fields)
            if field.leaf in TEXT_COUNTERS
        ]

    def __call__(self, values: Sequence[Any], state: ExecutionState) -> Sequence[Any]:
        if not values:
            return []
        if set(map(type, values)) != self._expected:
            raise Unsupported
        size = state.size
        mark = size.mark()
        size.fields += len(self._fields) * len(values)
        if not self._fields:
            size.add(self._characters * len(values))
            return [self._response() for _ in values]
        rows = tuple(zip(*values, strict=True)) if self._has_rows else ()
        columns = [field.column(values, rows, state) for field in self._fields]
        checked = msgspec.structs.astuple(check_values(self._checks, columns))
        self._count(checked, len(values), size)
        response = list(starmap(self._response, zip(*checked, strict=True)))
        return response if size.possible <= size.threshold else size.encode(response, mark)

    def _count(self, columns: Sequence[Sequence[Any]], objects: int, size: ResponseSize) -> None:
        """Count the characters of names and texts, unless the maximum of a text is small."""
        pending = self._characters * objects
        possible = size.possible + pending
        for number, count, maximum in self._counters:
            if maximum is not None and possible + maximum * objects <= size.threshold:
                possible += maximum * objects
            else:
                characters = count(columns[number])
                pending += characters
                possible += characters
        size.pending += pending
        size.possible = possible


def response_class(keys: tuple[str, ...]) -> type[msgspec.Struct]:
    """Return the class of response objects with these keys in this order."""
    names = [f"field{number}" for number in range(len(keys))]
    renamed = dict(zip(names, keys, strict=True))
    return msgspec.defstruct(
        "Response", [(name, object) for name in names], rename=renamed, gc=False
    )


def check_class(leaves: tuple[Any, ...]) -> type[msgspec.Struct]:
    """Return the class with which msgspec checks all columns at once."""
    types = [Any if leaf is None else GenericAlias(list, leaf) for leaf in leaves]
    fields = [(f"column{number}", type_) for number, type_ in enumerate(types)]
    return msgspec.defstruct("Checks", fields, array_like=True, gc=False)
