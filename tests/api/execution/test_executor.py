"""Compiled execution: projected operations and the columns they read."""

import itertools
from typing import Any

import pytest
from graphql import parse

from tests.support.differential import FAST, REFERENCE, Home, canonical, data_of, takeovers
from todo_graphql.api.documents.cache import Document
from todo_graphql.api.execution import executor, operations
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.tasks.overview import ALL_COUNTS
from todo_graphql.store.tasks.repository import Tasks
from todo_graphql.store.tasks.rows import ALL


@pytest.fixture(scope="module")
def home(database: Database) -> Home:
    return Home(database)


COMMON = {
    "a task": "query ($task: ID!) { task(id: $task) { id title priority tags user { email } } }",
    "a page": "{ tasks(first: 2) { totalCount edges { cursor node { id } }"
    " pageInfo { endCursor } } }",
    "the home screen": "{ me { tags { tag } } overview { open tags { tag open } } }",
    "a node": "query ($task: ID!) { node(id: $task) { __typename id ... on Task { title } } }",
    "a mutation": "mutation ($task: ID!) { restoreTask(id: $task) { revision task { title } } }",
    "edges": "{ tasks { edges { node { id user { email tasks(first: 1) { nodes { id } } } } } } }",
    "the root's type": "{ __typename me { __typename } }",
    "nothing of an object": "{ me { id @skip(if: true) } tasks { nodes { id @skip(if: true) } } }",
    "inputs by variables": "query ($filter: TaskFilter, $order: [TaskOrder!], $n: Int = 2) {"
    " tasks(filter: $filter, orderBy: $order, first: $n) { nodes { title } } }",
    "inputs with variables": "mutation ($task: ID!, $title: String) {"
    ' updateTask(id: $task, input: {title: $title, tags: ["x"]}) { task { title tags } } }',
    "a keyed mutation": "mutation ($task: ID!) {"
    ' restoreTask(id: $task, idempotencyKey: "common") { task { id } } }',
    "branches": "query ($yes: Boolean!) { me { id @skip(if: $yes) email @include(if: $yes) } }",
}


@pytest.mark.parametrize("document", COMMON.values(), ids=COMMON)
def test_typical_operations_are_projected(
    home: Home, monkeypatch: pytest.MonkeyPatch, document: str
) -> None:
    """graphql-core does not take over."""
    taken_over = takeovers(monkeypatch)
    monkeypatch.setattr(FAST, "execute_sync", None)
    given: dict[str, Any] = {
        "filter": {"title": {"eq": "a"}},
        "order": [{"field": "DUE"}],
        "title": "a",
    }
    for _ in range(2):
        # The second execution uses the evaluated arguments of the first.
        assert home.ask(FAST, document, **given).errors is None
    assert taken_over == []


@pytest.mark.parametrize(
    ("document", "columns"),
    [
        ("{ task(id: $task) { id title } }", [{"id", "title"}]),
        ("{ task(id: $task) { __typename user { email } } }", [set()]),
        ("{ node(id: $task) { id ... on Task { dueOn } } }", [{"id", "due_on"}]),
        ("{ tasks { nodes { title } edges { node { tags } } } }", [{"title", "tags"}]),
        ("{ tasks { totalCount } }", [set(), set()]),
        (
            "{ a: task(id: $task) { title } b: task(id: $task) { revision priority } }",
            [{"title"}, {"revision", "priority"}],
        ),
        (
            "{ task(id: $task) { title user { tasks { nodes { completedAt } } } } }",
            [{"title", "completed_at"}, {"title", "completed_at"}],
        ),
        (
            "{ task(id: $task) { ...F } } fragment F on Task { title id @skip(if: true) }",
            [{"title"}],
        ),
        ("{ overview { open } }", [set()]),
    ],
)
def test_only_selected_columns_are_read(home: Home, document: str, columns: list[set[str]]) -> None:
    declared = "query ($task: ID!) " if "$task" in document else ""
    assert home.ask(FAST, declared + document).errors is None
    assert home.columns == columns


def test_graphql_core_reads_all_columns(home: Home) -> None:
    """Its selection is unknown in advance."""
    assert home.ask(REFERENCE, "{ tasks { nodes { title } } }").errors is None
    assert home.columns == [ALL]
    # The first root field fails after its read; graphql-core executes the rest.
    document = """query ($task: ID!) {
        a: task(id: $task) { title user { tasks(first: 0) { totalCount } } }
        b: task(id: $task) { id }
    }"""
    home.ask(FAST, document)
    assert home.columns[0] == {"title"}
    assert home.columns[-1] == ALL


def test_mutation_with_an_idempotency_key_reads_all_columns(home: Home) -> None:
    """The response is stored, and a replay can have another selection."""
    call = """mutation ($task: ID!) {
        completeTask(id: $task, idempotencyKey: "all") { task { %s } }
    }"""
    assert data_of(home.ask(FAST, call % "id"))["completeTask"]["task"] == {
        "id": home.variables["task"]
    }
    assert home.columns[-1] == ALL
    again = data_of(home.ask(FAST, call % "title completed tags createdAt"))["completeTask"]["task"]
    assert again.pop("createdAt")
    assert again == {"title": "a", "completed": True, "tags": ["x"]}


def test_unselected_counts_are_not_counted(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[tuple[frozenset[str], bool]] = []
    overview = Tasks.overview

    def noting(self: Any, zone: str, counts: frozenset[str], *, tags: bool) -> Any:
        counted.append((counts, tags))
        return overview(self, zone, counts, tags=tags)

    monkeypatch.setattr(Tasks, "overview", noting)
    home.ask(FAST, "{ overview { open noDate } me { overview { tags { tag } } } }")
    home.ask(REFERENCE, "{ overview { open } }")
    assert counted == [({"open", "no_date"}, False), (set(), True), (ALL_COUNTS, True)]


def test_shared_field_is_resolved_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    document = "{ tasks { nodes { user { tasks { totalCount nodes { id } } } } } }"
    whole = data_of(home.ask(FAST, document))["tasks"]["nodes"]
    assert len(home.columns) == 3
    assert len(whole) == 5
    assert whole == data_of(home.ask(REFERENCE, document))["tasks"]["nodes"]
    assert len(home.columns) == 1 + 5 * 2


MANY_BRANCHES = """query ($a: Boolean!, $b: Boolean!, $c: Boolean!) {
    me { id @skip(if: $a) email @include(if: $b) revision @include(if: $c) __typename }
}"""


def test_plans_of_an_operation_are_bounded(home: Home) -> None:
    """Evicted plans are compiled again with equal results."""
    document = FAST.documents.get(MANY_BRANCHES, home.viewer.key)
    assert document.plans is not None
    for _ in range(2):
        for a, b, c in itertools.product((False, True), repeat=3):
            given: dict[str, Any] = {"a": a, "b": b, "c": c}
            fast = home.ask(FAST, MANY_BRANCHES, **given)
            assert canonical(fast) == canonical(home.ask(REFERENCE, MANY_BRANCHES, **given))
            operation = document.plans._compiled[None]
            assert operation is not None
            assert 1 <= len(operation._plans) <= operations.MAX_PLANS


def test_plan_of_an_operation_is_compiled_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[Any] = []
    compile_ = executor.CompiledOperation._compile

    def noting(self: Any, branches: Any) -> Any:
        compiled.append(branches)
        return compile_(self, branches)

    monkeypatch.setattr(executor.CompiledOperation, "_compile", noting)
    document = "query ($once: Boolean!) { me { id @skip(if: $once) email } }"
    for once in (True, False) * 3:
        home.ask(FAST, document, once=once)
    assert compiled == [{"once": True}, {"once": False}]


@pytest.mark.parametrize(
    ("variables", "branches"),
    [
        ("$a: ID", 1),
        ("$a: [Boolean!]", 1),
        ("$a: Boolean", 2),
        ("$a: Boolean!", 2),
        ("$a: Boolean!, $b: Boolean = true, $c: ID!", 4),
        ("$a: Boolean, $b: Boolean, $c: Boolean", operations.MAX_PLANS),
    ],
)
def test_document_weight_includes_its_plans(variables: str, branches: int) -> None:
    """A plan takes as much memory as its document."""
    document = f"query ({variables}) {{ me {{ id }} }}"
    planned = executor.OperationExecutor(FAST.graphql_schema, parse(document))
    assert planned.branches == branches
    weighed = Document(len(document), None, [], plans=planned)
    plain = Document(len(document), None, [])
    assert weighed.weight == plain.weight * branches > len(document) * branches
