"""The cost of operations, by their list sizes and variables."""

import json
from typing import Any

import pytest

from tests.support.api_client import Person
from tests.support.differential import Home
from tests.support.documents import LIMITS, new_documents, new_schema
from tests.support.servers import serving
from todo_graphql.api.documents.cost import MAX_CACHED_SIZES
from todo_graphql.server.http.body import encode
from todo_graphql.settings.environment_variables import ExecutorName
from todo_graphql.settings.settings import Settings
from todo_graphql.store.postgres.engine import Database


@pytest.fixture(scope="module")
def home(database: Database) -> Home:
    return Home(database)


TWICE = """query ($n: Int, $m: Int = 2) { me { tasks(first: $n) { nodes { user {
    tasks(last: $m) { nodes { id title } } } } } } }"""
COMPLETE = "mutation ($ids: [ID!]) { completeTasks(ids: $ids, dryRun: true) { count } }"
FILTERED = "query ($f: TaskFilter = {completed: true}) { tasks(filter: $f) { totalCount } }"
BULK = """mutation ($n: Int!) {
    completeTasks(filter: {title: {eq: "x"}}, atMost: $n, dryRun: false) { tasks { id } } }"""
DRY_RUN = """mutation ($n: Int!, $dry: Boolean!) {
    completeTasks(filter: {title: {eq: "x"}}, atMost: $n, dryRun: $dry) { tasks { id } } }"""
CREATE = """mutation ($new: [CreateTaskInput!]!) { createTasks(input: $new)
    { tasks { user { tasks { nodes { id title } } } } } }"""

PUSH = "mutation ($rows: [PushTaskInput!]!) { pushTasks(rows: $rows) { conflicts { id } } }"

# me: 1; tasks: 1 and 100; nodes: 1; for each of them user: 1, tasks: 1 and 100, nodes: 1, and
# two fields for each of those.
COSTS: dict[str, tuple[str, dict[str, Any], int]] = {
    "a field": ("{ me { id } }", {}, 2),
    "pages of this size": (TWICE, {"n": 3, "m": 4}, 103 + 3 * (103 + 4 * 2)),
    "pages of the default's size": (TWICE, {"n": 3}, 103 + 3 * (103 + 2 * 2)),
    "pages of no size": (TWICE, {"m": 1}, 103 + 50 * (103 + 1 * 2)),
    "pages of a null": (TWICE, {"n": None, "m": 1}, 103 + 50 * (103 + 1 * 2)),
    "values of a default": (FILTERED, {}, 202 + 1),
    "values": (FILTERED, {"f": {"or": [{}, {}]}}, 202 + 3),
    "ids": (COMPLETE, {"ids": ["a", "b"]}, 2 + 2),
    "a bulk of at most two": (BULK, {"n": 2}, 2 + 2 * 1 + 2),
    "a dry run": (DRY_RUN, {"n": 2, "dry": True}, 2 + 10 * 1 + 2),
    "a variable of a dry run": (DRY_RUN, {"n": 2, "dry": False}, 2 + 10 * 1 + 2),
    "rows": (PUSH, {"rows": [{"task": {"id": "a", "title": "b"}}] * 2}, 2 + 2 + 2 * 4),
    "introspection": ("{ __schema { types { name } } }", {}, 3),
}


@pytest.mark.parametrize("executor", ["projection", "reference"])
@pytest.mark.parametrize(("document", "variables", "cost"), COSTS.values(), ids=COSTS)
def test_operation_cost_depends_on_list_sizes_and_values(
    home: Home, executor: ExecutorName, document: str, variables: dict[str, Any], cost: int
) -> None:
    schema = new_schema(executor=executor, expose_cost=True)
    home.variables = {}
    extensions = home.ask(schema, document, **variables).extensions
    assert extensions is not None
    assert extensions["cost"] == cost
    assert set(extensions) == {"cost", "actualCost"}


def test_cached_sizes_of_an_operation_are_bounded() -> None:
    """The cost stays the same for cached and new sizes."""
    cost = new_documents().prepare(TWICE).cost(None)
    assert cost is not None
    for size in (*range(1, 3 * MAX_CACHED_SIZES), *range(1, MAX_CACHED_SIZES)):
        assert cost.for_variables({"n": size, "m": 1}).total == 103 + size * (103 + 1 * 2)
        assert 1 <= len(cost._sizes) <= MAX_CACHED_SIZES


def test_cost_extension_is_sent_if_exposed(alice: Person, settings: Settings) -> None:
    shown = settings.model_copy(update={"expose_cost": True})
    with serving(shown) as url:
        there = Person(url, settings)
        assert there.post("{ me { revision } }").json() == {
            "data": {"me": {"revision": 0}},
            "extensions": {"cost": 2, "actualCost": 2},
        }
        failed = there.post('mutation { completeTask(id: "a") { task { id } } }').json()
        assert set(failed) == {"errors", "data", "extensions"}
        assert failed["extensions"] == {"cost": 3, "actualCost": 3}
        assert set(there.post("{ nothing }").json()) == {"errors"}
    assert set(alice.post("{ me { revision } }").json()) == {"data"}


COLUMN = """c%d: tasks(first: 100, filter: {priority: {eq: HIGH}}, orderBy: {field: POSITION}) {
    totalCount pageInfo { hasNextPage endCursor }
    edges { cursor __typename node { __typename ...card } }
}"""
BOARD = (
    "{ %s } fragment card on Task { id title description completed priority dueOn dueAt tags"
    " updatedAt revision }" % " ".join(COLUMN % number for number in range(7))
)


def test_board_of_seven_columns_passes_cost_limit(alice: Person) -> None:
    """As clients of Relay send it, with type names and cursors."""
    alice.create(priority="HIGH")
    data = alice.ask(BOARD)
    assert [column["totalCount"] for column in data.values()] == [1] * 7


CHANGES = """taskChanges(since: $since) {
    reset cursor hasMore revision changes { id revision task { id title description tags } }
}"""
RETURNED: dict[str, tuple[str, int, int]] = {
    "an empty page": (
        '{ tasks(first: 100, filter: {search: "-"}) { nodes { id title } } }',
        103 + 100 * 2,
        103,
    ),
    "a shorter page": (
        "{ tasks(first: 100) { nodes { id title } } }",
        102 + 100 * 2,
        102 + 5 * 2,
    ),
    "no list": ("{ me { id email } }", 3, 3),
    "a field with a condition": ("{ me { id email @include(if: false) } }", 3, 2),
    "objects of one user": (
        "{ tasks(first: 100) { nodes { user { id email } } } }",
        102 + 100 * 3,
        102 + 5 * 3,
    ),
    "a bulk": (
        "mutation { completeTasks(filter: {completed: false}, dryRun: true) { tasks { id } } }",
        3 + 100,
        3 + 4,
    ),
    "an error": ('{ task(id: "x") { id title } }', 13, 13),
    "changes": (
        "{ taskChanges(first: 100) { cursor changes { id task { id title } } } }",
        3 + 100 * 4,
        3 + 5 * 4,
    ),
}


@pytest.mark.parametrize(("document", "cost", "actual"), RETURNED.values(), ids=RETURNED)
def test_actual_cost_counts_returned_fields(
    home: Home, document: str, cost: int, actual: int
) -> None:
    """The user has five tasks."""
    home.variables = {}
    extensions = home.ask(new_schema(expose_cost=True), document).extensions
    assert extensions == {"cost": cost, "actualCost": actual}


def test_empty_delta_costs_its_own_fields(home: Home) -> None:
    """The statement reads an index behind the cursor, and has no cost of its own."""
    schema, document = new_schema(expose_cost=True), f"query ($since: String) {{ {CHANGES} }}"
    home.variables = {}
    cursor = json.loads(encode(home.ask(schema, document).data or {}))["taskChanges"]["cursor"]
    result = home.ask(schema, document, since=cursor)
    assert json.loads(encode(result.data or {}))["taskChanges"]["changes"] == []
    assert result.extensions == {"cost": 6 + 200 * 7, "actualCost": 6}


TOO_MUCH: dict[str, tuple[str, dict[str, Any], int]] = {
    "pages": (TWICE, {"n": 100, "m": 100}, 103 + 100 * 303),
    "pages by default": (
        TWICE.replace("$m: Int = 2", "$m: Int = 50"),
        {"n": 100},
        103 + 100 * 203,
    ),
    "larger pages than there are": (TWICE, {"n": 10**9, "m": 10**9}, 103 + 100 * 303),
    "pages of nonsense": (TWICE, {"n": "x", "m": []}, 103 + 100 * 303),
    "creates": (CREATE, {"new": [{"title": "a"}] * 100}, 2 + 100 * 203 + 200),
    "ids": (
        COMPLETE.replace("{ count }", "{ tasks { id user { tasks { nodes { id title } } } } }"),
        {"ids": ["a"] * 100},
        2 + 100 * 204 + 100,
    ),
    "a bulk": (
        (
            "mutation ($n: Int!) { completeTasks(filter: {}, atMost: $n)"
            " { tasks { id user { tasks(first: 7) { nodes { id title tags } } } } } }"
        ),
        {"n": 200},
        2 + 200 * 125,
    ),
}


@pytest.mark.parametrize(("document", "variables", "cost"), TOO_MUCH.values(), ids=TOO_MUCH)
def test_large_variables_exceed_the_cost_limit(
    alice: Person, document: str, variables: dict[str, Any], cost: int
) -> None:
    refusal = alice.refusal(document, **variables)
    assert (refusal["code"], refusal["limitName"]) == ("QUERY_TOO_COMPLEX", "cost")
    assert (refusal["limit"], refusal["value"]) == (LIMITS.cost, cost)
    assert alice.revision() == 0


def test_small_page_variable_passes_cost_limit(alice: Person) -> None:
    assert alice.ask(TWICE, n=10, m=10)
    new = [{"title": "a"}, {"title": "b"}]
    assert len(alice.ask(CREATE, new=new)["createTasks"]["tasks"]) == 2


FILTERED_TWICE = """query ($f: TaskFilter = {completed: true}) {
    tasks(filter: $f) { totalCount } me { tasks(filter: $f) { totalCount } }
}"""
ALIASED = "query ($f: TaskFilter) { %s }" % " ".join(
    f"t{n}: tasks(filter: $f) {{ totalCount }}" for n in range(20)
)
NESTED = """query ($f: TaskFilter) {
    tasks(first: 10) { nodes { user { ...own } } }
} fragment own on User { tasks(filter: $f, first: 1) { totalCount } }"""


@pytest.mark.parametrize(
    ("document", "conditions"), [(FILTERED_TWICE, 11_000), (ALIASED, 1_200), (NESTED, 2_400)]
)
def test_values_count_for_each_use_of_a_variable(
    alice: Person, document: str, conditions: int
) -> None:
    refusal = alice.refusal(document, f={"and": [{}] * conditions})
    assert (refusal["code"], refusal["limitName"]) == ("QUERY_TOO_COMPLEX", "cost")
    few = alice.post(document, f={"and": [{"title": {"eq": "x"}}] * 5}).json()
    assert "errors" not in few


def test_values_in_literals_count() -> None:
    literal = "[" + "{}, " * 900 + "]"
    document = (
        NESTED.replace("filter: $f", f"filter: {{and: {literal}}}")
        .replace("query ($f: TaskFilter)", "")
        .replace("first: 10", "first: 30")
    )
    (error,) = new_documents().prepare(document).errors
    assert error.extensions is not None
    assert error.extensions["code"] == "QUERY_TOO_COMPLEX"
