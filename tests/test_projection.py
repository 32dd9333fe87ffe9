"""The fast way answers what graphql-core answers, byte for byte, whatever is asked."""

import json
import random
import uuid
from collections import Counter
from typing import Any

import pytest
from graphql import ExecutionResult
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.operations import Writer
from tests.worlds import somebody
from todo_graphql.api import execution
from todo_graphql.api.context import Context
from todo_graphql.api.limits import Limits
from todo_graphql.api.schema import Request, Schema
from todo_graphql.store.changes import Selected
from todo_graphql.store.database import Database, Viewer
from todo_graphql.store.pages import TaskPage
from todo_graphql.store.rows import NewTask, TaskRow
from todo_graphql.store.tasks import Tasks

LIMITS = Limits(tokens=10_000, depth=30, cost=10**9)
FAST = Schema(LIMITS, introspection=True)
REFERENCE = Schema(LIMITS, introspection=True, executor="reference")
# Each document is parsed and validated once for both.
REFERENCE.documents = FAST.documents

# What no row has, and what graphql-core says of it: nulls where none may be, numbers that are
# none of GraphQL's, values of another kind.
DAMAGE: dict[str, dict[str, Any]] = {
    "none": {},
    "a null that may be": {"description": None, "due_on": None},
    "a null that may not be": {"title": None},
    "a null in a list": {"tags": ["a", None]},
    "a number too great": {"revision": 2**31},
    "a number for a text": {"title": 5},
    "a text for a number": {"revision": "7"},
    "no such priority": {"priority": 9},
    "a null for a list": {"tags": None},
}


class DamagedTasks(Tasks):
    """Tasks whose rows are not what they should be."""

    damage: dict[str, Any]

    def find(self, task_id: uuid.UUID) -> TaskRow | None:
        row = super().find(task_id)
        return None if row is None else row._replace(**self.damage)

    def page(self, request: Any) -> TaskPage:
        page = super().page(request)
        # The last one only, so that some are answered before it.
        rows = [*page.rows[:-1], *(row._replace(**self.damage) for row in page.rows[-1:])]
        return page._replace(rows=rows)


class Home:
    """Somebody with a few tasks, of whom both are asked."""

    def __init__(self, database: Database) -> None:
        self.viewer: Viewer = somebody("projected")
        self._database = database
        with database.connect_as(self.viewer) as connection:
            tasks = Tasks(connection, self.viewer)
            new = [NewTask(title, tags=("x",)) for title in ("a", "b", "ab", "c")]
            rows = tasks.create(new, ["input"] * 4).rows
            tasks.complete(Selected.one(uuid.UUID(rows[1].id)))
        self.variables = {
            "task": rows[0].id,
            "done": rows[1].id,
            "me": str(self.viewer.id),
            "n": 3,
            "yes": True,
        }

    def ask(
        self, schema: Schema, document: str, damage: dict[str, Any], **variables: Any
    ) -> ExecutionResult:
        with self._database.connect_as(self.viewer) as connection:
            context = Context(self.viewer, connection, "-")
            damaged = DamagedTasks(connection, self.viewer)
            damaged.damage = damage
            context._tasks = damaged
            return schema.run(Request(document, {**self.variables, **variables}), context)


@pytest.fixture(scope="module")
def home(database: Database) -> Home:
    return Home(database)


def canonical(result: ExecutionResult) -> str:
    """Everything that a client sees."""
    errors = [error.formatted for error in result.errors or ()]
    return json.dumps({"data": result.data, "errors": errors}, sort_keys=False)


CASES = 2_000
executed: Counter[str] = Counter()


@settings(
    max_examples=CASES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(seed=st.integers(0, 2**64), damage=st.sampled_from(list(DAMAGE.values())), yes=st.booleans())
def test_both_answer_the_same(home: Home, seed: int, damage: Any, yes: bool) -> None:
    document = Writer(random.Random(seed)).operation()  # noqa: S311 - nothing secret
    fast = canonical(home.ask(FAST, document, damage, yes=yes))
    assert fast == canonical(home.ask(REFERENCE, document, damage, yes=yes)), document
    executed[kind_of(json.loads(fast))] += 1


def kind_of(answer: Any) -> str:
    """Whether it was refused, failed in parts, or is whole."""
    if not answer["errors"]:
        return "whole"
    return "failed" if any(error.get("path") for error in answer["errors"]) else "refused"


def test_the_generated_operations_were_of_all_kinds() -> None:
    """Comparing refusals would prove little."""
    assert sum(executed.values()) == CASES
    assert executed["whole"] > CASES / 4, executed
    assert executed["failed"] > CASES / 4, executed


@pytest.fixture
def taken_over(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The root fields at which graphql-core took over."""
    fields: list[str] = []
    rest = execution.Operations._rest

    def noting(self: Any, plan: Any, number: int, *arguments: Any) -> Any:
        fields.append(plan.roots[number].key)
        return rest(self, plan, number, *arguments)

    monkeypatch.setattr(execution.Operations, "_rest", noting)
    return fields


COMMON = {
    "a task": "query ($task: ID!) { task(id: $task) { id title priority tags user { email } } }",
    "a page": "{ tasks(first: 2) { totalCount edges { cursor node { id } }"
    " pageInfo { endCursor } } }",
    "the home screen": "{ me { tags { tag } } overview { open tags { tag open } } }",
    "a node": "query ($task: ID!) { node(id: $task) { __typename id ... on Task { title } } }",
    "a mutation": "mutation ($task: ID!) { restoreTask(id: $task) { revision task { title } } }",
    "branches": "query ($yes: Boolean!) { me { id @skip(if: $yes) email @include(if: $yes) } }",
}


@pytest.mark.parametrize("document", COMMON.values(), ids=COMMON)
def test_what_front_ends_ask_is_projected(
    home: Home, taken_over: list[str], monkeypatch: pytest.MonkeyPatch, document: str
) -> None:
    """graphql-core has no part in it."""
    monkeypatch.setattr(FAST, "execute_sync", None)
    assert home.ask(FAST, document, {}).errors is None
    assert taken_over == []


def test_graphql_core_takes_over_where_something_is_wrong(
    home: Home, taken_over: list[str]
) -> None:
    """It does not ask again what was answered, and what was projected stays."""
    document = """query ($task: ID!) {
        a: task(id: $task) { title } b: task(id: "x") { title } c: task(id: $task) { title }
    }"""
    result = home.ask(FAST, document, {})
    assert taken_over == ["b"]
    assert result.data == {"a": {"title": "a"}, "b": None, "c": {"title": "a"}}
    assert [error.path for error in result.errors or ()] == [["b"]]


def test_a_mutation_is_never_done_twice(home: Home, taken_over: list[str]) -> None:
    """Also when its answer is one that graphql-core has to make."""
    document = """mutation {
        createTask(input: {title: "once"}) { task { user { tasks(first: 0) { totalCount } } } }
    }"""
    result = home.ask(FAST, document, {})
    assert taken_over == ["createTask"]
    assert [(error.extensions or {})["code"] for error in result.errors or ()] == ["BAD_USER_INPUT"]
    count = '{ tasks(filter: {title: {eq: "once"}}) { totalCount } }'
    assert home.ask(FAST, count, {}).data == {"tasks": {"totalCount": 1}}


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
    fast = canonical(home.ask(FAST, document, {}))
    assert fast == canonical(home.ask(REFERENCE, document, {}))
    assert '"data": null' not in fast
