"""What is projected, what is read for it, and where graphql-core takes over."""

from typing import Any

import pytest
from graphql import parse
from graphql.language.parser import MAX_NESTING_DEPTH

from tests.homes import FAST, REFERENCE, Home, canonical, data_of
from todo_graphql.api.execution import operations
from todo_graphql.store.database import Database
from todo_graphql.store.overview import ALL_COUNTS
from todo_graphql.store.rows import ALL
from todo_graphql.store.tasks import Tasks


@pytest.fixture(scope="module")
def home(database: Database) -> Home:
    return Home(database)


@pytest.fixture
def taken_over(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The root fields at which graphql-core took over."""
    fields: list[str] = []
    rest = operations.Operation._rest

    def noting(self: Any, roots: Any, *arguments: Any) -> Any:
        fields.append(roots[0].key)
        return rest(self, roots, *arguments)

    monkeypatch.setattr(operations.Operation, "_rest", noting)
    return fields


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
def test_what_front_ends_ask_is_projected(
    home: Home, taken_over: list[str], monkeypatch: pytest.MonkeyPatch, document: str
) -> None:
    """graphql-core has no part in it."""
    monkeypatch.setattr(FAST, "execute_sync", None)
    given: dict[str, Any] = {
        "filter": {"title": {"eq": "a"}},
        "order": [{"field": "DUE"}],
        "title": "a",
    }
    for _ in range(2):
        # What was evaluated once is good for the second time.
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
def test_only_what_is_selected_is_read(home: Home, document: str, columns: list[set[str]]) -> None:
    declared = "query ($task: ID!) " if "$task" in document else ""
    assert home.ask(FAST, declared + document).errors is None
    assert home.columns == columns


def test_graphql_core_reads_everything(home: Home) -> None:
    """It says only while it goes what it needs."""
    assert home.ask(REFERENCE, "{ tasks { nodes { title } } }").errors is None
    assert home.columns == [ALL]
    # The first root field fails after it has read; what follows is read by graphql-core.
    document = """query ($task: ID!) {
        a: task(id: $task) { title user { tasks(first: 0) { totalCount } } }
        b: task(id: $task) { id }
    }"""
    home.ask(FAST, document)
    assert home.columns[0] == {"title"}
    assert home.columns[-1] == ALL


def test_a_keyed_call_reads_everything(home: Home) -> None:
    """Its answer is kept, and may be asked for again with another selection."""
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


def test_counts_that_nobody_selects_are_not_counted(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[tuple[frozenset[str], bool]] = []
    overview = Tasks.overview

    def noting(self: Any, zone: str, counts: frozenset[str], *, tags: bool) -> Any:
        counted.append((counts, tags))
        return overview(self, zone, counts, tags=tags)

    monkeypatch.setattr(Tasks, "overview", noting)
    home.ask(FAST, "{ overview { open noDate } me { overview { tags { tag } } } }")
    home.ask(REFERENCE, "{ overview { open } }")
    assert counted == [({"open", "no_date"}, False), (set(), True), (ALL_COUNTS, True)]


def test_what_all_objects_share_is_asked_for_once(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many tasks there are, they are one person's."""
    document = "{ tasks { nodes { user { tasks { totalCount nodes { id } } } } } }"
    whole = data_of(home.ask(FAST, document))["tasks"]["nodes"]
    assert len(home.columns) == 3
    assert len(whole) == 5
    assert whole == data_of(home.ask(REFERENCE, document))["tasks"]["nodes"]
    assert len(home.columns) == 1 + 5 * 2


def test_a_null_where_none_may_be_calls_nothing(home: Home) -> None:
    """A variable that has a default may be null, for all that validation knows."""
    document = 'query ($id: ID = "x") { task(id: $id) { title } }'
    fast = home.ask(FAST, document, id=None)
    assert home.columns == []
    assert canonical(fast) == canonical(home.ask(REFERENCE, document, id=None))
    assert [error.path for error in fast.errors or ()] == [["task"]]


def test_a_variable_that_is_missing_lets_nothing_be_done(home: Home) -> None:
    document = """mutation ($new: CreateTaskInput!) {
        createTask(input: {title: "never"}) { revision }
        createTasks(input: [$new]) { revision }
    }"""
    assert canonical(home.ask(FAST, document)) == canonical(home.ask(REFERENCE, document))
    count = '{ tasks(filter: {title: {eq: "never"}}) { totalCount } }'
    assert data_of(home.ask(FAST, count)) == {"tasks": {"totalCount": 0}}


def test_inputs_that_are_nested_too_deeply_are_refused_alike(home: Home) -> None:
    deep: dict[str, Any] = {}
    for _ in range(MAX_NESTING_DEPTH + 5):
        deep = {"not": deep}
    document = "query ($filter: TaskFilter) { tasks(filter: $filter) { totalCount } }"
    fast = home.ask(FAST, document, filter=deep)
    assert canonical(fast) == canonical(home.ask(REFERENCE, document, filter=deep))
    assert [error.message for error in fast.errors or ()] == [
        "Variable values are nested too deeply."
    ]


def test_a_name_that_no_operation_has_is_not_remembered() -> None:
    document = parse("query A { me { id } }")
    planned = operations.Operations(FAST.graphql_schema, document)
    assert planned.execute("B", {}, Any) is None  # type: ignore[arg-type]
    assert planned._known == {}


def test_graphql_core_takes_over_where_something_is_wrong(
    home: Home, taken_over: list[str]
) -> None:
    """It does not ask again what was answered, and what was projected stays."""
    document = """query ($task: ID!) {
        a: task(id: $task) { title } b: task(id: "x") { title } c: task(id: $task) { title }
    }"""
    result = home.ask(FAST, document)
    assert taken_over == ["b"]
    assert len(home.columns) == 3
    assert data_of(result) == {"a": {"title": "a"}, "b": None, "c": {"title": "a"}}
    assert [error.path for error in result.errors or ()] == [["b"]]


def test_what_was_answered_is_no_answer_to_a_field_of_the_same_name_below(
    home: Home, taken_over: list[str]
) -> None:
    document = "{ tasks { nodes { user { tasks(first: 0) { totalCount } } } } }"
    fast = home.ask(FAST, document)
    assert taken_over == ["tasks"]
    assert canonical(fast) == canonical(home.ask(REFERENCE, document))
    assert fast.errors


def test_a_mutation_is_never_done_twice(home: Home, taken_over: list[str]) -> None:
    """Also when its answer is one that graphql-core has to make."""
    document = """mutation {
        createTask(input: {title: "once"}) { task { user { tasks(first: 0) { totalCount } } } }
    }"""
    result = home.ask(FAST, document)
    assert taken_over == ["createTask"]
    assert [(error.extensions or {})["code"] for error in result.errors or ()] == ["BAD_USER_INPUT"]
    count = '{ tasks(filter: {title: {eq: "once"}}) { totalCount } }'
    assert data_of(home.ask(FAST, count)) == {"tasks": {"totalCount": 1}}


@pytest.mark.parametrize(
    "document",
    [
        "{ __schema { queryType { name } } }",
        "query (%s) { me { %s } }"
        % (
            " ".join(f"$v{n}: Boolean = true" for n in range(9)),
            " ".join(f"a{n}: id @include(if: $v{n})" for n in range(9)),
        ),
    ],
)
def test_what_has_no_plan_is_answered_all_the_same(home: Home, document: str) -> None:
    fast = canonical(home.ask(FAST, document))
    assert fast == canonical(home.ask(REFERENCE, document))
    assert b'"data":null' not in fast


CONDITIONS = [
    f"@{one}(if: {first}) @{other}(if: {second})"
    for one, other in (("include", "skip"), ("skip", "include"))
    for first in ("true", "false", "$yes", "$none")
    for second in ("true", "false", "$yes", "$none")
]


@pytest.mark.parametrize("conditions", CONDITIONS)
def test_skip_is_asked_before_include(home: Home, conditions: str) -> None:
    """Whatever their order: a condition that is null is an error only where it is asked for."""
    document = (
        "query ($yes: Boolean = true, $none: Boolean = true)"
        f" {{ __typename me {{ id email {conditions} }} }}"
    )
    answers = [home.ask(schema, document, none=None) for schema in (FAST, REFERENCE)]
    assert canonical(answers[0]) == canonical(answers[1])
