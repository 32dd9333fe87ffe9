"""Rules of required values: which null, empty and blank values a mutation accepts.

The rules are strict for what they do not name, so that a new argument, comparator or filter has
them too. Decision 0026 has the reason of each exception.
"""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from graphql import (
    GraphQLArgument,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLString,
    Undefined,
    get_named_type,
    get_nullable_type,
    is_input_object_type,
    is_required_argument,
)

from todo_graphql.errors import BadUserInput, InputReason
from todo_graphql.store import validation
from todo_graphql.store.problem_collector import ProblemCollector
from todo_graphql.store.tasks.time_zones import is_known_zone
from todo_graphql.store.text.characters import is_visible
from todo_graphql.store.text.folding import fold

OPTIONAL_ARGUMENTS = frozenset({"ids", "filter", "userId", "before", "after", "idempotencyKey"})
"""The arguments for which null has a documented meaning."""

CONTENT: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "CreateTaskInput": frozenset(),
        "UpdateTaskInput": frozenset({"expectedRevision"}),
        "UpdateTasksInput": frozenset(),
        "TaskValuesInput": frozenset({"expectedRevision"}),
        "PushTaskInput": frozenset({"assumed"}),
        "TaskState": frozenset(),
    }
)
"""The input types of values to store, which may be null or empty, and their other fields."""

NULLABLE = frozenset({"PushTaskInput.assumed"})
"""The fields for which null has a documented meaning, and an omitted variable has not."""

SETTINGS = frozenset({"trashed", "timeZone"})
"""The fields of filters and comparators that are no conditions."""

EMPTY_LISTS = frozenset({"in", "any", "or"})
"""The lists that match no task if they are empty. Inside `not`, they would match every task."""

SEARCHED = frozenset({"search", "contains", "startsWith"})
"""The operators that ignore accents, so that a text of accents is empty."""

BLANK_TEXTS = frozenset({"NullableTextComparator.eq", "NullableTextComparator.neq"})
"""The operators of a text that may be empty."""

MAX_DEPTH = 30
"""The nesting from which on a resolver rejects every filter."""

MISSING = (
    "Missing value: in a mutation, this must not be null, and its variable must not be omitted. "
    "Send a value, or leave it out of the document."
)
EMPTY = (
    "Empty condition: in a mutation, a filter and each of its parts needs a condition. To select "
    "all tasks, use one such as `createdAt: {null: false}`."
)
BLANK = "Blank text: in a mutation, a filter needs a text with visible characters."


class MissingValue(NamedTuple):
    """Path of a missing value, and the sentence about it."""

    field: str
    message: str


def require_values(missing: Iterable[MissingValue]) -> None:
    """Raise BadUserInput for missing values."""
    with ProblemCollector() as collector:
        for field, message in missing:
            collector.add(BadUserInput(message, reason=InputReason.REQUIRED, field=field))


class Place(NamedTuple):
    """Place of a value: an argument, or a field of an input type."""

    owner: str
    """Name of the input type; empty for an argument."""
    name: str
    path: str
    is_inverted: bool = False
    """True inside of `not`."""


def missing_values(name: str, kind: GraphQLInputType, value: Any) -> Iterator[MissingValue]:
    """Yield the missing values of an argument as JSON. Omitted variables are Undefined."""
    if not _is_missing(value) or name not in OPTIONAL_ARGUMENTS:
        yield from _in_value(value, kind, Place("", name, name))


def _is_missing(value: Any) -> bool:
    return value is None or value is Undefined


def can_be_missing(name: str, argument: GraphQLArgument) -> bool:
    """Return whether a variable can make a value of an argument missing."""
    kind = get_named_type(argument.type)
    if isinstance(kind, GraphQLInputObjectType) and CONTENT.get(kind.name) != frozenset():
        return True
    return not is_required_argument(argument) and name not in OPTIONAL_ARGUMENTS


def _in_value(value: Any, kind: GraphQLInputType, place: Place) -> Iterator[MissingValue]:
    nullable = get_nullable_type(kind)
    if _is_missing(value):
        if value is Undefined or f"{place.owner}.{place.name}" not in NULLABLE:
            yield MissingValue(place.path, MISSING)
    elif isinstance(nullable, GraphQLList):
        yield from _in_list(value if isinstance(value, list) else [value], nullable, place)
    elif isinstance(nullable, GraphQLInputObjectType):
        if isinstance(value, dict) and place.path.count(".") < MAX_DEPTH:
            yield from _in_object(value, nullable, place)
    elif nullable is GraphQLString and place.owner and _is_blank(value, place):
        yield MissingValue(place.path, BLANK)


def _in_list(items: list[Any], kind: GraphQLList[Any], place: Place) -> Iterator[MissingValue]:
    if not items and place.owner and (place.is_inverted or place.name not in EMPTY_LISTS):
        yield MissingValue(place.path, EMPTY)
    for number, item in enumerate(items):
        yield from _in_value(item, kind.of_type, place._replace(path=f"{place.path}.{number}"))


def _in_object(
    value: dict[str, Any], kind: GraphQLInputObjectType, place: Place
) -> Iterator[MissingValue]:
    required = CONTENT.get(kind.name)
    if required is None and not value.keys() - SETTINGS and _has_known_zone(value):
        yield MissingValue(place.path, EMPTY)
    for name in [name for name in value if name in kind.fields]:
        field = kind.fields[name].type
        if required is None or name in required or is_input_object_type(get_named_type(field)):
            inverted = place.is_inverted or name == "not"
            inner = Place(kind.name, name, f"{place.path}.{name}", inverted)
            yield from _in_value(value[name], field, inner)


def _has_known_zone(value: dict[str, Any]) -> bool:
    """Return false for an unknown time zone, which the resolver rejects with a better message."""
    zone = value.get("timeZone")
    return not isinstance(zone, str) or is_known_zone(zone)


def _is_blank(text: Any, place: Place) -> bool:
    if not isinstance(text, str) or f"{place.owner}.{place.name}" in BLANK_TEXTS:
        return False
    if place.name in SEARCHED:
        return not fold(validation.searchable(text)).strip()
    return not is_visible(text)
