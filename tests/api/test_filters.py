"""Filters: comparisons, null values and combinations."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLInputObjectType, is_non_null_type
from hypothesis import given

from tests.support.api_client import Person
from tests.support.filter_model import (
    COMPARATORS,
    FLAGS,
    LATER,
    LISTS,
    NOON,
    WORLD,
    conditions,
    holds,
    some_id,
)
from tests.support.isolation import SCHEMA
from tests.support.task_lists import STEADY, Reader
from todo_graphql.store.postgres.engine import Database

pytestmark = pytest.mark.no_cover

EVERYTHING = sorted(task["title"] for task in WORLD)


@pytest.fixture(scope="module")
def reader(database: Database) -> Reader:
    """Return a reader with all tasks of the model, and a task in the trash."""
    reader = Reader(database)
    trashed = {"id": some_id(9), "title": "trashed", "deleted_at": NOON}
    reader.plant([*WORLD, trashed])
    return reader


def expected(condition: dict[str, Any]) -> list[str]:
    return sorted(task["title"] for task in WORLD if holds(condition, task))


@pytest.mark.parametrize(
    ("name", "operator"),
    [(name, operator) for name, (_, operators) in COMPARATORS.items() for operator in operators],
)
def test_comparator_matches_the_python_model(reader: Reader, name: str, operator: str) -> None:
    values: list[Any] = list(COMPARATORS[name][0])
    if operator in FLAGS:
        values = [True, False]
    elif operator in LISTS:
        values = [[], values, *map(list, itertools.pairwise(values))]
    for value in values:
        condition = {name: {operator: value}}
        assert reader.found(**condition) == expected(condition), value


# Expectations that are independent of the model.
TABLE: list[tuple[dict[str, Any], list[str]]] = [
    ({}, EVERYTHING),
    ({"title": None, "and": None, "or": None, "not": None, "search": None}, EVERYTHING),
    ({"title": {}, "due": {}, "tags": {"any": None}}, EVERYTHING),
    ({"id": {"eq": some_id(0).upper()}}, ["Buy milk"]),
    ({"id": {"in": []}}, []),
    ({"id": {"nin": []}}, EVERYTHING),
    ({"id": {"in": [some_id(9)]}}, []),
    ({"title": {"contains": "BUY"}}, ["Buy milk", "buy bread"]),
    ({"title": {"contains": "rger"}}, ["arger", "Ärger"]),
    ({"title": {"contains": "ärg"}}, ["arger", "Ärger"]),
    ({"title": {"startsWith": "a_"}}, ["a_b"]),
    ({"title": {"contains": "%"}}, ["100% sure"]),
    ({"title": {"contains": "", "startsWith": ""}}, EVERYTHING),
    ({"title": {"startsWith": "milk"}}, []),
    ({"title": {"eq": "buy milk"}}, []),
    ({"description": {"contains": "\\"}}, ["100% sure"]),
    ({"description": {"startsWith": ""}}, ["100% sure", "arger", "buy bread", "Ärger", "後で"]),
    ({"description": {"eq": ""}}, ["Ärger"]),
    ({"description": {"neq": "", "null": True}}, ["Buy milk", "a_b", "axb"]),
    ({"description": {"null": True, "contains": ""}}, []),
    ({"completed": True}, ["100% sure", "arger", "axb"]),
    ({"completedAt": {"lt": LATER}}, ["100% sure", "arger"]),
    ({"completedAt": {"lte": LATER, "gt": NOON}}, ["axb"]),
    ({"priority": {"gt": "MEDIUM"}}, ["a_b", "axb", "buy bread"]),
    ({"priority": {"in": ["LOW", "MEDIUM"]}}, ["100% sure", "Buy milk"]),
    ({"priority": {"gt": "HIGH", "lt": "HIGH"}}, []),
    ({"dueOn": {"neq": "2020-06-15"}, "dueAt": {"null": False}}, ["buy bread", "Ärger"]),
    ({"dueOn": {"nin": ["2020-06-15", "2099-12-31"], "null": False}}, ["axb", "後で"]),
    ({"dueOn": {"lte": "2020-06-15"}}, ["Buy milk", "axb"]),
    ({"dueAt": {"gte": "2020-06-15T14:00:00.5+02:00"}}, ["buy bread", "Ärger"]),
    ({"tags": {"any": ["HOME", "work"]}}, ["Buy milk", "a_b", "arger"]),
    ({"tags": {"all": ["HOME", "Shop"]}}, ["Buy milk"]),
    ({"tags": {"all": ["shop"], "none": ["home"]}}, ["a_b"]),
    ({"tags": {"any": []}}, []),
    ({"tags": {"all": [], "none": []}}, EVERYTHING),
    ({"tags": {"any": ["ho"]}}, []),
    ({"tags": {"empty": True}, "completed": True}, ["100% sure", "axb"]),
    ({"tags": {"empty": False}}, ["Buy milk", "a_b", "arger", "Ärger"]),
    ({"tags": {"empty": False, "any": []}}, []),
    ({"deletedAt": {"null": False}}, []),
    ({"trashed": True}, ["trashed"]),
    ({"trashed": True, "deletedAt": {"gte": NOON}}, ["trashed"]),
    ({"trashed": True, "deletedAt": {"gt": NOON}}, []),
    ({"or": []}, []),
    ({"and": []}, EVERYTHING),
    ({"not": {}}, []),
    ({"not": {"or": []}}, EVERYTHING),
    ({"or": [{}]}, EVERYTHING),
    ({"or": [{"title": {"eq": "axb"}}, {"title": {"eq": "a_b"}}]}, ["a_b", "axb"]),
    ({"or": [{"title": {"eq": "axb"}}], "priority": {"eq": "LOW"}}, []),
    ({"not": {"completedAt": {"lt": LATER}}}, sorted({*EVERYTHING} - {"100% sure", "arger"})),
    ({"not": {"not": {"completed": True}}}, ["100% sure", "arger", "axb"]),
    ({"and": [{"completed": False}, {"priority": {"eq": "URGENT"}}]}, ["a_b", "buy bread"]),
]


@pytest.mark.parametrize(("condition", "titles"), TABLE, ids=lambda value: ascii(value)[:60])
def test_filter_finds_matching_tasks(
    reader: Reader, condition: dict[str, Any], titles: list[str]
) -> None:
    assert reader.found(**condition) == sorted(titles)


def nullable_members(
    kind: GraphQLInputObjectType, depth: int = 2
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the path and the type of each nullable member, down to a depth."""
    for name, member in kind.fields.items():
        if not is_non_null_type(member.type):
            yield (name,), str(member.type)
        if isinstance(member.type, GraphQLInputObjectType) and depth > 1:
            for path, inner in nullable_members(member.type, depth - 1):
                yield (name, *path), inner


FILTER = SCHEMA.graphql_schema.get_type("TaskFilter")
assert isinstance(FILTER, GraphQLInputObjectType)
NULLABLE = dict(nullable_members(FILTER))


def test_nullable_members_of_filters_are_found() -> None:
    assert {("completed",), ("due", "overdue"), ("dueOn", "null"), ("not", "and")} < {*NULLABLE}


@pytest.mark.parametrize(("path", "kind"), NULLABLE.items(), ids=map(".".join, NULLABLE))
def test_null_in_a_filter_is_ignored(reader: Reader, path: tuple[str, ...], kind: str) -> None:
    """Cover null in a variable, in the document, and as a variable in the document."""
    is_in_not = path[0] == "not" and len(path) > 1
    count = {"tasks": {"totalCount": 0 if is_in_not else len(WORLD)}}
    given: object = None
    for name in reversed(path):
        given = {name: given}
    document = "query ($filter: TaskFilter) { tasks(filter: $filter) { totalCount } }"
    assert reader.ask(document, filter=given) == count
    head, tail = "".join(f"{{{name}: " for name in path), "}" * len(path)
    assert reader.ask(f"{{ tasks(filter: {head}null{tail}) {{ totalCount }} }}") == count
    document = f"query ($value: {kind}) {{ tasks(filter: {head}$value{tail}) {{ totalCount }} }}"
    assert reader.ask(document, value=None) == count


@STEADY
@given(conditions)
def test_filter_and_its_negation_partition_all_tasks(
    reader: Reader, condition: dict[str, Any]
) -> None:
    having = reader.found(**condition)
    assert having == expected(condition)
    assert sorted([*having, *reader.found(**{"not": condition})]) == EVERYTHING


def test_filter_applies_over_http_and_below_me(alice: Person) -> None:
    for title in ("one", "two"):
        alice.create(title)
    document = """
    query ($filter: TaskFilter) {
      tasks(filter: $filter) { totalCount nodes { title } }
      me { tasks(filter: $filter) { totalCount nodes { title } } }
    }
    """
    only = {"totalCount": 1, "nodes": [{"title": "two"}]}
    answer = alice.ask(document, filter={"title": {"startsWith": "TW"}})
    assert answer == {"tasks": only, "me": {"tasks": only}}
    literal = '{ tasks(filter: { not: { title: { eq: "one" } } }) { totalCount nodes { title } } }'
    assert alice.ask(literal) == {"tasks": only}
