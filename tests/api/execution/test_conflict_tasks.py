"""The error of a conflict contains the task as the mutation would have returned it."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, TypeAlias

import pytest
from graphql import GraphQLError, parse

from tests.support.differential import FAST, GENEROUS, REFERENCE, Home, data_of
from tests.support.operations import GIVEN
from tests.support.statements import count_statements
from todo_graphql.api.execution.conflict_tasks import ConflictTasks
from todo_graphql.api.execution.response_size import ResponseSize
from todo_graphql.api.schema import Schema
from todo_graphql.errors import Conflict, ConflictReason
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.tasks.edits import Edits
from todo_graphql.store.tasks.repository import Tasks
from todo_graphql.store.tasks.rows import NewTask, TaskRow
from todo_graphql.store.tasks.selections import TaskSelection

SCHEMAS = {"projection": FAST, "reference": REFERENCE}
SELECTIONS = {
    "every field": "id title description completed completedAt priority dueOn dueAt tags"
    " createdAt updatedAt deletedAt revision __typename",
    "aliases": "a: title b: title title level: priority c: tags",
    "fragments": "...F ... on Node { id } ... @include(if: $yes) { dueAt }",
    "conditions": "id title @skip(if: $yes) dueOn @include(if: $yes) tags @skip(if: $no)",
    "nothing but the type": "__typename",
}
FRAGMENT = "fragment F on Task { title ... on Task { priority dueOn } }"
STALE = 'updateTask(id: $task, input: {title: "mine", expectedRevision: 99})'
TAKEN = f'createTask(input: {{title: "mine", id: "{GIVEN}"}})'
ALL_TAKEN = f'createTasks(input: [{{title: "x"}}, {{title: "mine", id: "{GIVEN}"}}])'


Write: TypeAlias = Callable[[Tasks], object]


@pytest.fixture(scope="module")
def home(database: Database) -> Home:
    home = Home(database)
    document = """mutation ($task: ID!, $given: ID!) {
        a: updateTask(id: $task, input: {priority: HIGH, dueOn: "2026-01-31", description: "d"}) {
            revision
        }
        b: updateTask(id: $given, input: {dueAt: "2026-01-31T10:30:00+01:00"}) { revision }
    }"""
    assert home.ask(FAST, document, given=GIVEN).errors is None
    return home


def conflict_in(home: Home, schema: Schema, document: str, **variables: Any) -> dict[str, Any]:
    """Return the extensions of the only error."""
    errors = home.ask(schema, document, **variables).errors
    assert errors is not None
    (error,) = errors
    assert (error.extensions or {})["code"] == "CONFLICT"
    return dict(error.extensions or {})


def declared(name: str, text: str, kind: str = "mutation") -> str:
    """Return an operation with the variables and the fragment that the text uses."""
    types = {"task": "ID!", "yes": "Boolean!", "no": "Boolean = false"}
    used = [f"${variable}: {types[variable]}" for variable in types if f"${variable}" in text]
    head = f"{kind} ({', '.join(used)})" if used else kind
    return f"{head} {{ {text} }} {FRAGMENT if name == 'fragments' else ''}"


@pytest.mark.parametrize("executor", SCHEMAS)
@pytest.mark.parametrize("name", SELECTIONS)
@pytest.mark.parametrize(
    ("call", "payload", "found"),
    [(STALE, "task", "$task"), (TAKEN, "task", f'"{GIVEN}"'), (ALL_TAKEN, "tasks", f'"{GIVEN}"')],
    ids=["STALE", "ID_TAKEN", "ID_TAKEN of several"],
)
def test_conflict_contains_the_task_that_a_query_returns(
    home: Home, executor: str, name: str, call: str, payload: str, found: str
) -> None:
    fields = SELECTIONS[name]
    schema = SCHEMAS[executor]
    document = declared(name, f"{call} {{ {payload} {{ {fields} }} }}")
    query = declared(name, f"task(id: {found}) {{ {fields} }}", "query")
    expected = data_of(home.ask(schema, query))["task"]
    task = conflict_in(home, schema, document)["task"]
    assert task == expected
    assert list(task) == list(expected)


@pytest.mark.parametrize("executor", SCHEMAS)
@pytest.mark.parametrize("fields", ["revision", "revision task @include(if: $no) { id }"])
def test_conflict_contains_no_task_that_is_not_selected(
    home: Home, executor: str, fields: str
) -> None:
    document = declared("", f"{STALE} {{ {fields} }}")
    assert "task" not in conflict_in(home, SCHEMAS[executor], document)


@pytest.mark.parametrize("executor", SCHEMAS)
def test_conflict_contains_the_own_fields_of_the_task_only(home: Home, executor: str) -> None:
    fields = "renamed: task { title user { email tasks { nodes { title } } } }"
    document = declared("", f"{STALE} {{ {fields} }}")
    assert conflict_in(home, SCHEMAS[executor], document)["task"] == {"title": "a"}


@pytest.mark.parametrize("executor", SCHEMAS)
def test_conflict_names_every_id_that_is_taken(home: Home, executor: str) -> None:
    other = str(uuid.uuid4())
    create = "mutation ($new: [CreateTaskInput!]!) { createTasks(input: $new) { tasks { id } } }"
    schema = SCHEMAS[executor]
    assert home.ask(schema, create, new=[{"title": "b", "id": other}]).errors is None
    ids = [GIVEN, str(uuid.uuid4()), other]
    new = [{"title": "mine", "id": task_id} for task_id in ids]
    conflict = conflict_in(home, schema, create, new=new)
    assert (conflict["reason"], conflict["field"]) == ("ID_TAKEN", "input.0.id")
    assert (conflict["task"], conflict["taken"]) == ({"id": GIVEN}, [GIVEN, other])


@pytest.mark.parametrize("executor", SCHEMAS)
def test_conflict_distinguishes_purged_and_taken_ids(home: Home, executor: str) -> None:
    schema = SCHEMAS[executor]
    purged = [str(uuid.uuid4()), str(uuid.uuid4())]
    create = "mutation ($new: [CreateTaskInput!]!) { createTasks(input: $new) { tasks { id } } }"
    new = [{"title": "b", "id": task_id} for task_id in purged]
    assert home.ask(schema, create, new=new).errors is None
    for task_id in purged:
        purge = f'mutation {{ purgeTask(id: "{task_id}") {{ revision }} }}'
        assert home.ask(schema, purge).errors is None
    new = [{"title": "mine", "id": task_id} for task_id in (purged[0], GIVEN, purged[1])]
    conflict = conflict_in(home, schema, create, new=new)
    assert (conflict["reason"], conflict["field"]) == ("ID_TAKEN", "input.1.id")
    assert conflict["task"] == {"id": GIVEN}
    assert (conflict["taken"], conflict["purged"]) == ([GIVEN], purged)
    conflict = conflict_in(home, schema, create, new=[{"title": "x"}, new[0], new[2]])
    assert (conflict["reason"], conflict["field"]) == ("PURGED", "input.1.id")
    assert (conflict["purged"], "taken" in conflict) == (purged, False)


@pytest.mark.parametrize("executor", ["projection", "reference"])
def test_task_is_omitted_where_the_response_has_no_room(home: Home, executor: Any) -> None:
    limits = replace(GENEROUS, response_bytes=20_000)
    schema = Schema(limits, introspection=True, executor=executor)
    long = "x" * 9_000
    write = 'updateTask(id: $task, input: {description: "%s"}) { revision }' % long
    assert home.ask(schema, declared("", write)).errors is None
    text = f"ok: reopenTask(id: $task) {{ task {{ title }} }} a: {STALE} {{ task {{ id }} }}"
    text += f" b: {STALE} {{ task {{ description }} }} c: {STALE} {{ task {{ title }} }}"
    result = home.ask(schema, declared("", text))
    assert data_of(result)["ok"] == {"task": {"title": "a"}}
    tasks = [(error.extensions or {}).get("task") for error in result.errors or ()]
    assert tasks == [{"id": home.variables["task"]}, None, {"title": "a"}]


def test_conflict_without_nodes_contains_no_task(home: Home) -> None:
    row = TaskRow._make("x" for _ in TaskRow._fields)
    conflict = Conflict("Stale.", reason=ConflictReason.STALE, task=row)
    error = GraphQLError("Stale.", original_error=conflict)
    operation = parse("mutation { deleteTask(id: 1) { revision } }")
    context: Any = SimpleNamespace(
        document=SimpleNamespace(node=operation),
        operation=operation.definitions[0],
        response_size=ResponseSize(10_000, 0, is_mutation=True),
    )
    ConflictTasks(FAST.graphql_schema, context, {}).add_to([error])
    assert "task" not in (error.extensions or {})


def test_conflict_with_idempotency_key_contains_the_task(home: Home) -> None:
    call = STALE.replace("id: $task", 'id: $task, idempotencyKey: "k"')
    for schema in SCHEMAS.values():
        conflict = conflict_in(home, schema, declared("", f"{call} {{ task {{ title }} }}"))
        assert conflict["task"] == {"title": "a"}


def test_conflict_is_found_and_read_by_one_statement(database: Database, home: Home) -> None:
    new = NewTask("mine", id=uuid.UUID(GIVEN))
    stale = TaskSelection.one(uuid.UUID(str(home.variables["task"])))
    writes: list[Write] = [
        lambda tasks: tasks.create([new], ["input"]),
        lambda tasks: tasks.create([new, NewTask("x")], ["input.0", "input.1"]),
        lambda tasks: tasks.update(stale, Edits({"title": "mine"}), expected_revision=99),
    ]
    for write in writes:
        with database.connect_as(home.viewer) as connection:
            with pytest.raises(Conflict) as conflict:
                write(Tasks(connection, frozenset({"title"})))
            assert count_statements(connection) == 1
        assert isinstance(conflict.value.task, TaskRow)
        assert conflict.value.task.title in ("a", "given")
