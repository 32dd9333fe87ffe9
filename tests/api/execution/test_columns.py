"""The steps of compiled projections."""

from enum import Enum
from functools import partial
from operator import attrgetter
from typing import Annotated, Any, NamedTuple

import msgspec
import pytest

from todo_graphql.api.execution.coercion import Unsupported
from todo_graphql.api.execution.columns import (
    CompiledField,
    ExecutionState,
    ObjectProjection,
    check_values,
    get_attribute,
    map_lists,
    name_enum,
    optional,
    project_abstract,
    repeat,
)
from todo_graphql.api.execution.response_size import ResponseSize

STATE: Any = ExecutionState({}, None, ResponseSize(10**9))  # type: ignore[arg-type]
TEXTS = partial(check_values, list[str])


class Row(NamedTuple):
    name: str
    tags: list[str] | None


class Thing:
    def __init__(self, name: object) -> None:
        self.name = name


NAME = CompiledField(partial(get_attribute, attrgetter("name")), TEXTS, str)
ROWS = ObjectProjection(
    Row,
    ("last", "__typename", "first"),
    [
        CompiledField(NAME.fetch, TEXTS, list[str] | None, 1),
        CompiledField(partial(repeat, "Row"), TEXTS, str),
        CompiledField(NAME.fetch, TEXTS, str, 0),
    ],
)
THINGS = ObjectProjection(Thing, ("name",), [NAME])


def to_json(values: object) -> bytes:
    return msgspec.json.encode(values)


def test_rows_are_projected_in_selection_order() -> None:
    rows = [Row("a", ["x"]), Row("b", None)]
    assert to_json(ROWS(rows, STATE)) == (
        b'[{"last":["x"],"__typename":"Row","first":"a"},'
        b'{"last":null,"__typename":"Row","first":"b"}]'
    )


def test_objects_are_projected_by_their_attributes() -> None:
    assert to_json(THINGS([Thing("a"), Thing("b")], STATE)) == b'[{"name":"a"},{"name":"b"}]'


def test_empty_input() -> None:
    assert ROWS([], STATE) == []
    assert optional(ROWS, [], STATE) == []
    assert project_abstract({Row: ROWS}, [], STATE) == []


def test_projection_without_fields_returns_empty_objects() -> None:
    nothing = ObjectProjection(Row, (), [])
    assert to_json(nothing([Row("a", None)] * 2, STATE)) == b"[{},{}]"
    with pytest.raises(Unsupported):
        nothing([Thing("a")], STATE)


@pytest.mark.parametrize(
    "values",
    [[Row("a", []), Thing("b")], [("a", [])], [None], [Row("a", []), None]],
    ids=["two classes", "a tuple", "null", "a null among them"],
)
def test_values_of_another_class_are_unsupported(values: list[Any]) -> None:
    with pytest.raises(Unsupported):
        ROWS(values, STATE)


@pytest.mark.parametrize("row", [Row(None, []), Row("a", [None]), Row("a", "x")])  # type: ignore[arg-type, list-item]
def test_leaves_of_another_type_are_unsupported(row: Row) -> None:
    with pytest.raises(Unsupported):
        ROWS([Row("a", []), row], STATE)


def test_null_keeps_its_position() -> None:
    values = [None, Thing("a"), None, Thing("b")]
    assert to_json(optional(THINGS, values, STATE)) == b'[null,{"name":"a"},null,{"name":"b"}]'


def test_objects_of_several_classes_keep_their_order() -> None:
    values = [Row("a", None), Thing("b"), Row("c", None), Thing("d")]
    only_name = ObjectProjection(Row, ("name",), [CompiledField(NAME.fetch, TEXTS, str, 0)])
    found = project_abstract({Row: only_name, Thing: THINGS}, values, STATE)
    assert to_json(found) == b'[{"name":"a"},{"name":"b"},{"name":"c"},{"name":"d"}]'
    with pytest.raises(KeyError):
        project_abstract({Row: only_name}, values, STATE)


def test_lists_are_projected_one_by_one() -> None:
    lists = [[Thing("a")], [], [Thing("b"), Thing("c")]]
    assert (
        to_json(map_lists(THINGS, lists, STATE))
        == b'[[{"name":"a"}],[],[{"name":"b"},{"name":"c"}]]'
    )
    with pytest.raises(Unsupported):
        map_lists(THINGS, [[], (Thing("a"),)], STATE)


def test_shared_field_is_fetched_once() -> None:
    asked: list[Any] = []

    def fetch(values: Any, _state: ExecutionState) -> list[str]:
        asked.extend(values)
        return ["same"] * len(values)

    shared = ObjectProjection(Thing, ("it",), [CompiledField(fetch, TEXTS, str, is_shared=True)])
    things = [Thing("a"), Thing("b")]
    assert to_json(shared(things, STATE)) == b'[{"it":"same"},{"it":"same"}]'
    assert asked == things[:1]


def test_members_of_enums_are_named() -> None:
    class Level(Enum):
        LOW = 1

    names = {1: "LOW", Level.LOW: "LOW"}
    assert name_enum(names, [1, Level.LOW], STATE) == ["LOW", "LOW"]
    with pytest.raises(KeyError):
        name_enum(names, [2], STATE)


@pytest.mark.parametrize("value", [True, 1.0, "1", 2**31, -(2**31) - 1, None])
def test_numbers_are_checked_strictly(value: object) -> None:
    """Check the behaviour of msgspec that the steps rely on."""
    number = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
    assert check_values(list[number], (2**31 - 1, -(2**31))) == [2**31 - 1, -(2**31)]
    with pytest.raises(Unsupported):
        check_values(list[number], [value])
