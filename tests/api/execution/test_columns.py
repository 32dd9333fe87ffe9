"""Steps in columns, one by one: also those that this schema does not need at their full."""

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
    Projected,
    check,
    get,
    map_step,
    one_of,
    optional,
    rename,
    repeat,
)

RUN: Any = ExecutionState({}, None)  # type: ignore[arg-type]
TEXTS = partial(check, list[str])


class Row(NamedTuple):
    name: str
    tags: list[str] | None


class Thing:
    def __init__(self, name: object) -> None:
        self.name = name


NAME = CompiledField(partial(get, attrgetter("name")), TEXTS, str)
ROWS = Projected(
    Row,
    ("last", "__typename", "first"),
    [
        CompiledField(NAME.fetch, TEXTS, list[str] | None, 1),
        CompiledField(partial(repeat, "Row"), TEXTS, str),
        CompiledField(NAME.fetch, TEXTS, str, 0),
    ],
)
THINGS = Projected(Thing, ("name",), [NAME])


def written(values: object) -> bytes:
    return msgspec.json.encode(values)


def test_rows_become_answers_in_the_order_of_the_selection() -> None:
    rows = [Row("a", ["x"]), Row("b", None)]
    assert written(ROWS(rows, RUN)) == (
        b'[{"last":["x"],"__typename":"Row","first":"a"},'
        b'{"last":null,"__typename":"Row","first":"b"}]'
    )


def test_objects_become_answers_by_their_attributes() -> None:
    assert written(THINGS([Thing("a"), Thing("b")], RUN)) == b'[{"name":"a"},{"name":"b"}]'


def test_of_nothing_comes_nothing() -> None:
    assert ROWS([], RUN) == []
    assert optional(ROWS, [], RUN) == []
    assert one_of({Row: ROWS}, [], RUN) == []


def test_no_fields_are_an_answer_without_any() -> None:
    nothing = Projected(Row, (), [])
    assert written(nothing([Row("a", None)] * 2, RUN)) == b"[{},{}]"
    with pytest.raises(Unsupported):
        nothing([Thing("a")], RUN)


@pytest.mark.parametrize(
    "values",
    [[Row("a", []), Thing("b")], [("a", [])], [None], [Row("a", []), None]],
    ids=["two classes", "a tuple", "null", "a null among them"],
)
def test_values_of_another_class_are_not_known(values: list[Any]) -> None:
    with pytest.raises(Unsupported):
        ROWS(values, RUN)


@pytest.mark.parametrize("row", [Row(None, []), Row("a", [None]), Row("a", "x")])  # type: ignore[arg-type, list-item]
def test_leaves_of_another_kind_are_not_known(row: Row) -> None:
    with pytest.raises(Unsupported):
        ROWS([Row("a", []), row], RUN)


def test_null_stays_in_its_place() -> None:
    values = [None, Thing("a"), None, Thing("b")]
    assert written(optional(THINGS, values, RUN)) == b'[null,{"name":"a"},null,{"name":"b"}]'


def test_objects_of_several_classes_stay_in_their_order() -> None:
    values = [Row("a", None), Thing("b"), Row("c", None), Thing("d")]
    only_name = Projected(Row, ("name",), [CompiledField(NAME.fetch, TEXTS, str, 0)])
    found = one_of({Row: only_name, Thing: THINGS}, values, RUN)
    assert written(found) == b'[{"name":"a"},{"name":"b"},{"name":"c"},{"name":"d"}]'
    with pytest.raises(KeyError):
        one_of({Row: only_name}, values, RUN)


def test_lists_are_projected_one_by_one() -> None:
    lists = [[Thing("a")], [], [Thing("b"), Thing("c")]]
    assert (
        written(map_step(THINGS, lists, RUN)) == b'[[{"name":"a"}],[],[{"name":"b"},{"name":"c"}]]'
    )
    with pytest.raises(Unsupported):
        map_step(THINGS, [[], (Thing("a"),)], RUN)


def test_what_is_shared_is_fetched_of_the_first_only() -> None:
    asked: list[Any] = []

    def fetch(values: Any, _run: ExecutionState) -> list[str]:
        asked.extend(values)
        return ["same"] * len(values)

    shared = Projected(Thing, ("it",), [CompiledField(fetch, TEXTS, str, is_shared=True)])
    things = [Thing("a"), Thing("b")]
    assert written(shared(things, RUN)) == b'[{"it":"same"},{"it":"same"}]'
    assert asked == things[:1]


def test_members_of_enums_are_named() -> None:
    class Level(Enum):
        LOW = 1

    names = {1: "LOW", Level.LOW: "LOW"}
    assert rename(names, [1, Level.LOW], RUN) == ["LOW", "LOW"]
    with pytest.raises(KeyError):
        rename(names, [2], RUN)


@pytest.mark.parametrize("value", [True, 1.0, "1", 2**31, -(2**31) - 1, None])
def test_numbers_are_checked_strictly(value: object) -> None:
    """All that this relies on in msgspec."""
    number = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
    assert check(list[number], (2**31 - 1, -(2**31))) == [2**31 - 1, -(2**31)]
    with pytest.raises(Unsupported):
        check(list[number], [value])
