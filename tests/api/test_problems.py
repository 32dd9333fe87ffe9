"""All problems of one input are reported at once, in one error."""

from types import SimpleNamespace
from typing import Any

import pytest
from strawberry import Some

from tests.support.api_client import CREATE, Person
from todo_graphql.api.mutations import task_inputs
from todo_graphql.errors import BadUserInput, InputReason
from todo_graphql.store.problem_collector import (
    MAX_PROBLEM_CHARACTERS,
    MAX_PROBLEMS,
    ProblemCollector,
)
from todo_graphql.store.tasks.values.rows import EDITABLE

CREATE_TASKS = (
    "mutation ($input: [CreateTaskInput!]!) { createTasks(input: $input) { tasks { id } } }"
)
UPDATE = (
    "mutation ($id: ID!, $input: UpdateTaskInput!)"
    " { updateTask(id: $id, input: $input) { task { id } } }"
)
UPDATE_TASKS = (
    "mutation ($ids: [ID!], $input: UpdateTasksInput!, $atMost: Int!)"
    " { updateTasks(ids: $ids, input: $input, atMost: $atMost) { count } }"
)
SET_TASKS = "mutation ($input: [TaskValuesInput!]!) { setTasks(input: $input) { count } }"
LIST = "query ($filter: TaskFilter) { tasks(filter: $filter) { nodes { id } } }"
PAGE = """
query ($zone: String!, $filter: TaskFilter, $order: [TaskOrder!], $first: Int, $last: Int) {
    tasks(timeZone: $zone, filter: $filter, orderBy: $order, first: $first, last: $last) {
        nodes { id }
    }
}
"""
COMPLETE_TASKS = (
    "mutation ($filter: TaskFilter, $dryRun: Boolean!)"
    " { completeTasks(filter: $filter, dryRun: $dryRun) { count } }"
)
TWO_CREATES = """mutation ($a: CreateTaskInput!, $b: CreateTaskInput!, $key: String) {
    a: createTask(input: $a, idempotencyKey: $key) { revision }
    b: createTask(input: $b) { revision }
}"""
SOME_ID = "c0ffee00-0000-4000-8000-000000000000"
TITLE = {"title": "a"}


@pytest.mark.parametrize(
    ("document", "variables", "expected"),
    [
        (
            CREATE,
            {
                "input": {
                    "id": "1",
                    "title": "x" * 201,
                    "description": "\0",
                    "dueOn": "2026-01-31",
                    "dueAt": "2026-01-31T09:30:00Z",
                    "tags": ["a", " ", "b\nc", "x" * 51],
                }
            },
            [
                ("input.id", "INVALID_FORMAT", None, None),
                ("input.dueAt", "NOT_COMBINABLE", None, None),
                ("input.title", "TOO_LONG", None, 200),
                ("input.description", "INVALID_CHARACTERS", None, None),
                ("input.tags.1", "TOO_SHORT", 1, None),
                ("input.tags.2", "INVALID_CHARACTERS", None, None),
                ("input.tags.3", "TOO_LONG", None, 50),
            ],
        ),
        (
            CREATE_TASKS,
            {
                "input": [
                    {"title": ""},
                    TITLE,
                    {"title": "a", "id": SOME_ID},
                    {"id": SOME_ID, "title": "\n"},
                ]
            },
            [
                ("input.0.title", "TOO_SHORT", 1, None),
                ("input.3.title", "TOO_SHORT", 1, None),
                ("input.3.id", "DUPLICATE", None, None),
            ],
        ),
        (
            UPDATE,
            {"id": "x", "input": {"title": None, "tags": ["a"], "addTags": [""], "removeTags": []}},
            [
                ("id", "INVALID_FORMAT", None, None),
                ("input.title", "REQUIRED", None, None),
                ("input.tags", "NOT_COMBINABLE", None, None),
                ("input.addTags.0", "TOO_SHORT", 1, None),
            ],
        ),
        (
            UPDATE_TASKS,
            {"ids": [SOME_ID, "x", "y"], "atMost": 501, "input": {"title": " "}},
            [
                ("atMost", "OUT_OF_RANGE", 0, 500),
                ("ids.1", "INVALID_FORMAT", None, None),
                ("ids.2", "INVALID_FORMAT", None, None),
                ("input.title", "TOO_SHORT", 1, None),
            ],
        ),
        (
            TWO_CREATES,
            {
                "a": {"titel": "x"},
                "b": {"title": 1, "tags": [1, "a", None], "priority": "TOP"},
                "key": 5,
            },
            [
                ("input.title", "REQUIRED", None, None),
                ("input.titel", "UNKNOWN_FIELD", None, None),
                ("input.title", "INVALID_TYPE", None, None),
                ("input.priority", "UNKNOWN_VALUE", None, None),
                ("input.tags.0", "INVALID_TYPE", None, None),
                ("input.tags.2", "REQUIRED", None, None),
                ("idempotencyKey", "INVALID_TYPE", None, None),
            ],
        ),
        (
            SET_TASKS,
            {
                "input": [
                    {"id": "x", "title": None, "tags": [" "]},
                    {"id": SOME_ID, "dueOn": "2026-01-31", "dueAt": "2026-01-31T09:30:00Z"},
                    {"id": SOME_ID},
                ]
            },
            [
                ("input.0.id", "INVALID_FORMAT", None, None),
                ("input.0.title", "REQUIRED", None, None),
                ("input.0.tags.0", "TOO_SHORT", 1, None),
                ("input.1.dueAt", "NOT_COMBINABLE", None, None),
                ("input.2.id", "DUPLICATE", None, None),
            ],
        ),
        (
            LIST,
            {
                "filter": {
                    "id": {"in": ["x", SOME_ID, "y"]},
                    "due": {"today": True, "timeZone": "Mars"},
                    "or": [{"title": {"eq": "\0", "contains": "\ud800"}}, {"id": {"eq": "z"}}],
                    "not": {"tags": {"any": ["a", "\0"]}, "priority": {"in": ["LOW"] * 101}},
                }
            },
            [
                ("filter.due.timeZone", "UNKNOWN_VALUE", None, None),
                ("filter.id.in.0", "INVALID_FORMAT", None, None),
                ("filter.id.in.2", "INVALID_FORMAT", None, None),
                ("filter.or.0.title.eq", "INVALID_CHARACTERS", None, None),
                ("filter.or.0.title.contains", "INVALID_CHARACTERS", None, None),
                ("filter.or.1.id.eq", "INVALID_FORMAT", None, None),
                ("filter.not.priority.in", "TOO_MANY", None, 100),
                ("filter.not.tags.any.1", "INVALID_CHARACTERS", None, None),
            ],
        ),
        (
            PAGE,
            {
                "zone": "Mars",
                "filter": {"id": {"eq": "x"}},
                "order": [{"field": "DUE", "timeZone": "Venus"}, {"field": "DUE"}],
                "first": 0,
                "last": 101,
            },
            [
                ("timeZone", "UNKNOWN_VALUE", None, None),
                ("filter.id.eq", "INVALID_FORMAT", None, None),
                ("orderBy", "DUPLICATE", None, None),
                ("orderBy.0.timeZone", "UNKNOWN_VALUE", None, None),
                ("last", "NOT_COMBINABLE", None, None),
                ("first", "OUT_OF_RANGE", 1, 100),
                ("last", "OUT_OF_RANGE", 1, 100),
            ],
        ),
        (
            'query { tasks(first: 0, after: "x", before: "y") { nodes { id } } }',
            {},
            [
                ("first", "OUT_OF_RANGE", 1, 100),
                ("after", "MISMATCH", None, None),
                ("before", "MISMATCH", None, None),
            ],
        ),
        (
            'query { taskChanges(since: "x", first: 0) { cursor } }',
            {},
            [("first", "OUT_OF_RANGE", 1, 500), ("since", "INVALID_FORMAT", None, None)],
        ),
        (
            'mutation { moveTask(id: "x", before: "y", after: "z") { revision } }',
            {},
            [(name, "INVALID_FORMAT", None, None) for name in ("id", "before", "after")],
        ),
        (
            COMPLETE_TASKS,
            {"filter": {"id": {"eq": None}, "search": " ", "or": [{"title": {}}]}, "dryRun": True},
            [
                ("filter.id.eq", "REQUIRED", None, None),
                ("filter.search", "REQUIRED", None, None),
                ("filter.or.0.title", "REQUIRED", None, None),
            ],
        ),
    ],
    ids=[
        "createTask",
        "createTasks",
        "updateTask",
        "updateTasks",
        "variables",
        "setTasks",
        "filter",
        "tasks",
        "pages",
        "taskChanges",
        "moveTask",
        "missing values",
    ],
)
def test_all_problems_of_an_input_are_reported_at_once(
    alice: Person, document: str, variables: dict[str, Any], expected: list[tuple[Any, ...]]
) -> None:
    refusal = alice.refusal(document, **variables)
    problems = refusal.pop("problems")
    names = ("field", "reason", "min", "max")
    assert [tuple(map(problem.get, names)) for problem in problems] == expected
    assert all(problem["message"].endswith((".", "?")) for problem in problems)
    assert refusal == {"code": "BAD_USER_INPUT", "status": 400, **problems[0]}
    assert alice.revision() == 0


@pytest.mark.parametrize(
    ("document", "given"),
    [
        (CREATE_TASKS, [{"title": "a", "tags": [""] * 90}] * 100),
        (CREATE_TASKS, [{"title": "a", "tags": [None] * 90}] * 100),
        (CREATE, {"title": "a", **{f"{n:x<2000}": 1 for n in range(9)}, "tags": ["", "\0"] * 300}),
    ],
    ids=["content", "values", "names"],
)
def test_number_and_size_of_problems_are_bounded(
    alice: Person, document: str, given: object
) -> None:
    response = alice.post(document, input=given)
    (error,) = response.json()["errors"]
    assert 2 <= len(error["extensions"]["problems"]) <= MAX_PROBLEMS
    assert len(response.content) < 2 * MAX_PROBLEM_CHARACTERS


def test_problems_of_other_mutations_are_separate(alice: Person) -> None:
    document = """mutation {
        a: createTask(input: {title: "", tags: [""]}) { revision }
        b: createTask(input: {title: "", description: "\\u0000"}) { revision }
    }"""
    errors = alice.post(document).json()["errors"]
    fields = [[it["field"] for it in error["extensions"]["problems"]] for error in errors]
    assert fields == [["input.title", "input.tags.0"], ["input.title", "input.description"]]


def test_path_of_a_new_value_has_the_name_in_the_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    def reject(_value: object, field: str) -> None:
        raise BadUserInput("Invalid.", reason=InputReason.INVALID_FORMAT, field=field)

    monkeypatch.setattr(task_inputs, "PARSERS", dict.fromkeys(EDITABLE, reject))
    given = SimpleNamespace(**dict.fromkeys(EDITABLE, Some(None)))
    with pytest.raises(BadUserInput) as raised, ProblemCollector() as collect:
        task_inputs.parse_columns(given, EDITABLE, "input.0", collect)
    paths = [problem.details["field"] for problem in raised.value.problems]
    names = ("title", "description", "priority", "dueOn", "dueAt", "tags", "completedAt")
    assert paths == [f"input.0.{name}" for name in names]
