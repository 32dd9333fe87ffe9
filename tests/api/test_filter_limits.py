"""Limits of filters: depth, length and invalid values."""

import json
from typing import Any

import httpx
import pytest

from tests.support import plain_http
from tests.support.api_client import Person
from tests.support.task_lists import LIST, Reader
from todo_graphql.store.postgres.engine import Database

DONE = {"completed": True}
SOME_ID = "d0d0d0d0-0000-4000-8000-000000000001"
BODY_LIMIT = 65_536


@pytest.fixture(scope="module")
def reader(database: Database) -> Reader:
    reader = Reader(database)
    reader.plant([{"id": SOME_ID, "title": "only one"}])
    return reader


def nested(levels: int, name: str = "not") -> dict[str, Any]:
    """Return a filter that is nested so many levels deep."""
    condition: dict[str, Any] = {}
    for _ in range(levels):
        condition = {name: condition if name == "not" else [condition]}
    return condition


@pytest.mark.parametrize(("name", "step"), [("and", "and.0"), ("or", "or.0"), ("not", "not")])
def test_filter_nesting_is_limited_to_five_levels(reader: Reader, name: str, step: str) -> None:
    assert reader.page(filter=nested(5, name))["totalCount"] == (name != "not")
    path = ".".join(["filter", *[step] * 6])
    assert reader.refusal(filter=nested(6, name)) == ("BAD_USER_INPUT", path)


@pytest.mark.parametrize(
    "fiftieth",
    [
        {"and": [DONE]},
        {"or": [DONE]},
        {"not": {"and": [DONE]}},
        {"priority": {"gt": "LOW", "lt": None}},
        {"tags": {"any": ["a"] * 100}},
        {"due": {"today": True, "timeZone": "Asia/Tokyo"}},
    ],
    ids=str,
)
def test_filter_is_limited_to_fifty_comparisons(reader: Reader, fiftieth: dict[str, Any]) -> None:
    fifty = {"and": [*[DONE] * 49, fiftieth]}
    assert reader.page(filter=fifty)["totalCount"] == 0
    assert reader.refusal(filter={**fifty, **DONE}) == ("BAD_USER_INPUT", "filter")


LISTS: list[tuple[str, str, list[str]]] = [
    ("id", "in", [SOME_ID]),
    ("id", "nin", [SOME_ID]),
    ("priority", "in", ["LOW", "HIGH"]),
    ("priority", "nin", ["LOW"]),
    ("dueOn", "in", ["2026-01-01"]),
    ("dueOn", "nin", ["2026-01-01"]),
    ("tags", "any", ["a", "b"]),
    ("tags", "all", ["a"]),
    ("tags", "none", ["a"]),
]


@pytest.mark.parametrize(("name", "operator", "values"), LISTS)
def test_filter_list_is_limited_to_a_hundred_values(
    reader: Reader, name: str, operator: str, values: list[str]
) -> None:
    hundred = values * (100 // len(values))
    assert reader.page(filter={name: {operator: hundred}})["totalCount"] in (0, 1)
    for many in (hundred[:1] * 101, hundred * 10):
        refusal = reader.refusal(filter={"or": [{name: {operator: many}}]})
        assert refusal == ("BAD_USER_INPUT", f"filter.or.0.{name}.{operator}")


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800", "a\udfffb"], ids=ascii)
@pytest.mark.parametrize(
    "path",
    [
        "title.eq",
        "title.neq",
        "title.contains",
        "title.startsWith",
        "description.eq",
        "not.description.contains",
        "and.1.or.0.title.eq",
        "tags.any.1",
        "tags.all.0",
        "not.tags.none.2",
    ],
)
def test_filter_with_unstorable_text_is_rejected(reader: Reader, path: str, text: str) -> None:
    refusal = reader.refusal(filter=at(path, text))
    assert refusal == ("BAD_USER_INPUT", f"filter.{path}")


@pytest.mark.parametrize("text", ["", "42", SOME_ID[:-1], f"{{{SOME_ID}}}", f"{SOME_ID} ", "\0"])
@pytest.mark.parametrize("path", ["id.eq", "id.neq", "id.in.1", "or.0.id.nin.0"])
def test_filter_with_an_invalid_id_is_rejected(reader: Reader, path: str, text: str) -> None:
    assert reader.refusal(filter=at(path, text)) == ("BAD_USER_INPUT", f"filter.{path}")


def at(path: str, value: object) -> Any:
    """Return the filter with the value at this path, after neutral items in lists."""
    for part in reversed(path.split(".")):
        if not part.isdigit():
            value = {part: value}
        elif isinstance(value, dict):
            value = [{}] * int(part) + [value]
        else:
            value = [SOME_ID] * int(part) + [value]
    return value


@pytest.mark.parametrize("name", ["not", "and", "or"])
@pytest.mark.parametrize("levels", [50, 100, 150, 200, 300, 450, 700, 900, 2_000, 1_000_000])
def test_deep_filter_in_variables_is_rejected(
    alice: Person, url: str, name: str, levels: int
) -> None:
    opening, closing = (f'{{"{name}":[', "]}") if name != "not" else ('{"not":', "}")
    max_levels = (BODY_LIMIT - 200) // len(opening + closing)
    levels = min(levels, max_levels)
    body = '{"query": %s, "variables": {"filter": %s{}%s}}' % (
        json.dumps("query ($filter: TaskFilter) { tasks(filter: $filter) { totalCount } }"),
        opening * levels,
        closing * levels,
    )
    check_refusal(send(alice, url, body))


@pytest.mark.parametrize("levels", [50, 100, 200, 300, 450, 600, 2_000, 12_000])
@pytest.mark.parametrize(("opening", "closing"), [("{not:", "}"), ("{and:[", "]}")])
def test_deep_filter_in_a_document_is_rejected(
    alice: Person, url: str, levels: int, opening: str, closing: str
) -> None:
    levels = min(levels, (BODY_LIMIT - 200) // len(opening + closing))
    literal = f"{opening * levels}{{}}{closing * levels}"
    body = json.dumps({"query": f"{{ tasks(filter: {literal}) {{ totalCount }} }}"})
    check_refusal(send(alice, url, body))


def send(who: Person, url: str, body: str) -> httpx.Response:
    assert len(body) <= BODY_LIMIT
    headers = {"Authorization": f"Bearer {who.token}", "Content-Type": "application/json"}
    return plain_http.post(f"{url}/graphql", content=body, headers=headers, timeout=30)


def check_refusal(response: httpx.Response) -> None:
    """Check that there is one error about the input."""
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] in ("BAD_USER_INPUT", "QUERY_TOO_COMPLEX"), error
    assert error["extensions"]["status"] == 400


@pytest.mark.parametrize("name", ["and", "or"])
def test_filter_with_many_empty_conditions_is_rejected(alice: Person, url: str, name: str) -> None:
    empty = ",".join(["{}"] * ((BODY_LIMIT - 200) // 3))
    query = "query ($filter: TaskFilter) { tasks(filter: $filter) { totalCount } }"
    body = f'{{"query": "{query}", "variables": {{"filter": {{"{name}": [{empty}]}}}}}}'
    response = send(alice, url, body)
    codes = [error["extensions"]["code"] for error in response.json().get("errors", ())]
    assert codes == ["QUERY_TOO_COMPLEX"]


@pytest.mark.parametrize(
    "condition",
    [
        {"nothing": {"eq": 1}},
        {"title": "only one"},
        {"title": {"eq": 5}},
        {"title": {"like": "a"}},
        {"priority": {"in": ["HIGHEST"]}},
        {"priority": {"in": [None]}},
        {"completed": "true"},
        {"trashed": None},
        {"and": [None]},
        {"and": [{"trashed": True}]},
        {"not": {"search": "a"}},
    ],
    ids=str,
)
def test_filter_of_a_wrong_type_is_rejected(reader: Reader, condition: dict[str, Any]) -> None:
    (error,) = reader.post(LIST, filter=condition)["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["extensions"]["field"].startswith("filter")


@pytest.mark.parametrize("operator", ["contains", "startsWith"])
def test_filter_with_many_combining_characters_is_rejected(reader: Reader, operator: str) -> None:
    """Normalization takes the square of their number."""
    filter_ = {"title": {operator: "e" + "\u0315\u0300" * 16}}
    (error,) = reader.post(LIST, filter=filter_)["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["extensions"]["field"] == f"filter.title.{operator}"


def test_variable_of_a_wrong_type_in_a_literal_is_reported_by_path(alice: Person) -> None:
    document = """query ($some: Date!) {
        tasks(filter: {and: [{}, {dueOn: {in: ["2026-01-31", $some]}}]}) { totalCount }
    }"""
    refusal = alice.refusal(document, some="soon")
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", "filter.and.1.dueOn.in.1")
