"""Previous values of bulk mutations, and `setTasks`, which sets them again."""

import uuid
from typing import Any

import pytest

from tests.support import plain_http
from tests.support.api_client import TASK, Person
from tests.support.data_files import imported
from todo_graphql.store.tasks import write_results

VALUES = "id title description priority dueOn dueAt tags completedAt expectedRevision"
SET = """mutation ($input: [TaskValuesInput!]!, $key: String) {
    setTasks(input: $input, idempotencyKey: $key) {
        revision count tasks { %s } previous { %s }
    }
}""" % (TASK, VALUES)
UPDATE = """mutation ($ids: [ID!]!, $input: UpdateTasksInput!, $dryRun: Boolean! = false) {
    updateTasks(ids: $ids, input: $input, dryRun: $dryRun) {
        revision count tasks { %s } previous { %s }
    }
}""" % (TASK, VALUES)
MARK = "mutation ($ids: [ID!]!) { %s(ids: $ids) { previous { %s } } }"


def set_values(who: Person, *values: dict[str, Any]) -> Any:
    return who.ask(SET, input=list(values))["setTasks"]


def refusal(who: Person, *values: dict[str, Any]) -> dict[str, Any]:
    """Return the error of a `setTasks`, which must leave the user's revision unchanged."""
    before = who.revision()
    error = who.refusal(SET, input=list(values))
    assert who.revision() == before
    return error


def content_of(task: Any) -> Any:
    return {name: value for name, value in task.items() if name not in ("updatedAt", "revision")}


@pytest.fixture
def several(alice: Person) -> list[Any]:
    """Create tasks with different values, one of them completed and one in the trash."""
    first = alice.create("one", description="first words", tags=["Home"], dueOn="2026-02-28")
    second = alice.create("two", priority="HIGH", dueAt="2026-02-28T09:30:00Z", completed=True)
    third = alice.change("deleteTask", alice.create("three", tags=["a", "b"])["id"])
    return [first, second, third]


def test_set_tasks_without_a_token_is_rejected(url: str) -> None:
    body = {"query": SET, "variables": {"input": []}}
    assert plain_http.post(f"{url}/graphql", json=body).status_code == 401


def test_previous_values_undo_and_redo_a_bulk_update(alice: Person, several: list[Any]) -> None:
    ids = [task["id"] for task in several]
    given = {
        "title": "same",
        "description": None,
        "priority": "LOW",
        "dueAt": "2030-01-01T00:00:00Z",
        "tags": ["x"],
        "completed": False,
    }
    changed = alice.ask(UPDATE, ids=ids, input=given)["updateTasks"]
    assert {one["expectedRevision"] for one in changed["previous"]} == {changed["revision"]}
    undone = set_values(alice, *changed["previous"])
    assert (undone["revision"], undone["count"]) == (changed["revision"] + 1, 3)
    assert list(map(content_of, undone["tasks"])) == list(map(content_of, several[::-1]))
    assert {task["revision"] for task in undone["tasks"]} == {undone["revision"]}
    assert alice.titles(filter={"search": "first words"}) == ["one"]
    redone = set_values(alice, *undone["previous"])
    assert list(map(content_of, redone["tasks"])) == list(map(content_of, changed["tasks"]))
    assert alice.titles(filter={"search": "first words"}) == []


@pytest.mark.parametrize("verb", ["completeTasks", "reopenTasks"])
def test_previous_values_undo_marks_of_changed_tasks(
    alice: Person, several: list[Any], verb: str
) -> None:
    ids = [task["id"] for task in several[:2]]
    previous = alice.ask(MARK % (verb, VALUES), ids=ids)[verb]["previous"]
    changed = several[verb == "reopenTasks"]
    assert [one["id"] for one in previous] == [changed["id"]]
    set_values(alice, *previous)
    assert content_of(alice.find(changed["id"])) == content_of(changed)


def test_previous_has_the_selected_fields_of_changed_tasks(alice: Person) -> None:
    same, other = alice.create("same"), alice.create("other")
    document = """mutation ($ids: [ID!]!) {
        updateTasks(ids: $ids, input: {title: "same"}) { count previous { %s } }
    }"""
    ids = [same["id"], other["id"]]
    done = alice.ask(document % "__typename", ids=ids)["updateTasks"]
    assert done == {"count": 2, "previous": [{"__typename": "TaskValues"}]}
    alice.update(other, title="other")
    done = alice.ask(document % "old: title", ids=ids)["updateTasks"]
    assert done == {"count": 2, "previous": [{"old": "other"}]}
    assert alice.ask(document % "id", ids=ids)["updateTasks"]["previous"] == []


def test_dry_run_has_no_previous_values(alice: Person) -> None:
    task = alice.create()
    done = alice.ask(UPDATE, ids=[task["id"]], input={"title": "x"}, dryRun=True)["updateTasks"]
    assert (done["count"], done["tasks"], done["previous"]) == (1, [task], [])


def test_omitted_values_stay_and_null_clears(alice: Person, several: list[Any]) -> None:
    first, second, _ = several
    new = {"id": second["id"], "dueOn": "2026-03-01", "completedAt": None, "priority": None}
    done = set_values(
        alice, {"id": first["id"], "title": " new ", "description": None, "dueOn": None}, new
    )
    assert [task["title"] for task in done["tasks"]] == ["new", "two"]
    assert content_of(done["tasks"][0]) == content_of(first) | {
        "title": "new",
        "description": None,
        "dueOn": None,
    }
    assert content_of(done["tasks"][1]) == content_of(second) | {
        "dueOn": "2026-03-01",
        "dueAt": None,
        "completed": False,
        "completedAt": None,
        "priority": "NONE",
    }
    set_values(alice, {"id": first["id"], "tags": ["Büro"]})
    assert alice.titles(filter={"search": "new buro"}) == ["new"]
    assert alice.titles(filter={"tags": {"any": ["home"]}}) == []


def test_equal_values_change_nothing(alice: Person, several: list[Any]) -> None:
    before = alice.revision()
    done = set_values(alice, {"id": several[0]["id"], "title": "one", "tags": ["Home"]})
    assert (done["revision"], done["tasks"], done["previous"]) == (before, [several[0]], [])
    assert set_values(alice, {"id": several[1]["id"]})["revision"] == before


def test_stale_values_change_nothing(alice: Person, several: list[Any]) -> None:
    """A later edit is not overwritten by an undo."""
    ids = [task["id"] for task in several]
    changed = alice.ask(UPDATE, ids=ids, input={"title": "same"})["updateTasks"]
    later = alice.update(several[1], title="later")
    error = refusal(alice, *changed["previous"])
    assert (error["code"], error["reason"], error["stale"]) == ("CONFLICT", "STALE", [later["id"]])
    assert error["task"]["title"] == "later"
    fresh = [one for one in changed["previous"] if one["id"] != later["id"]]
    assert set_values(alice, *fresh)["count"] == 2
    assert alice.find(later["id"]) == later


def test_missing_and_foreign_tasks_change_nothing(alice: Person, mallory: Person) -> None:
    task, own = alice.create("hers"), mallory.create("own")
    missing = str(uuid.uuid4())
    for other in (task["id"], missing):
        error = refusal(
            mallory,
            {"id": own["id"], "title": "x"},
            {"id": other, "title": "x", "expectedRevision": 7},
        )
        assert (error["code"], error["missing"]) == ("NOT_FOUND", [other])
    assert (alice.find(task["id"]), mallory.find(own["id"])) == (task, own)


@pytest.mark.parametrize(
    ("values", "field", "reason"),
    [
        ([], "input", "TOO_FEW"),
        ([{"id": str(uuid.UUID(int=n))} for n in range(501)], "input", "TOO_MANY"),
        ([{"id": str(uuid.UUID(int=1))}] * 2, "input.1.id", "DUPLICATE"),
        ([{"id": "x"}], "input.0.id", "INVALID_FORMAT"),
        ([{"id": str(uuid.UUID(int=1)), "title": None}], "input.0.title", "REQUIRED"),
        ([{"id": str(uuid.UUID(int=1)), "title": " "}], "input.0.title", "TOO_SHORT"),
        ([{"id": str(uuid.UUID(int=1)), "tags": [""]}], "input.0.tags.0", "TOO_SHORT"),
        ([{"id": str(uuid.UUID(int=1)), "description": "\0"}], "input.0.description", None),
        (
            [
                {
                    "id": str(uuid.UUID(int=1)),
                    "dueOn": "2026-01-31",
                    "dueAt": "2026-01-31T00:00:00Z",
                }
            ],
            "input.0.dueAt",
            "NOT_COMBINABLE",
        ),
    ],
)
def test_invalid_values_are_rejected(
    alice: Person, values: list[Any], field: str, reason: str | None
) -> None:
    document = "mutation ($input: [TaskValuesInput!]!) { setTasks(input: $input) { count } }"
    error = alice.refusal(document, input=values)
    assert (error["code"], error["field"]) == ("BAD_USER_INPUT", field)
    assert reason in (None, error["reason"])


def test_most_tasks_are_set_under_one_revision(alice: Person) -> None:
    imported(alice, str([{"title": f"task {n}"} for n in range(501)]).replace("'", '"'))
    update = """mutation {
        updateTasks(filter: {title: {neq: "task 0"}}, atMost: 500, input: {title: "same"}) {
            previous { id title expectedRevision }
        }
    }"""
    previous = alice.ask(update)["updateTasks"]["previous"]
    document = """mutation ($input: [TaskValuesInput!]!) {
        setTasks(input: $input) { revision count tasks { title revision } }
    }"""
    done = alice.ask(document, input=previous)["setTasks"]
    assert (done["revision"], done["count"]) == (3, 500)
    assert [task["title"] for task in done["tasks"]] == [one["title"] for one in previous]
    assert {task["title"] for task in done["tasks"]} == {f"task {n}" for n in range(1, 501)}
    assert {task["revision"] for task in done["tasks"]} == {3}


def test_repeated_request_with_a_key_returns_the_previous_values(alice: Person) -> None:
    given = {"id": alice.create("old")["id"], "title": "new"}
    first, again = (alice.ask(SET, input=[given], key="k")["setTasks"] for _ in range(2))
    assert first == again
    assert [one["title"] for one in first["previous"]] == ["old"]
    assert alice.revision() == 2


def test_previous_descriptions_count_in_the_result(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_results, "MAX_RESULT_BYTES", 100)
    task = alice.create(description="x" * 60)
    document = """mutation ($ids: [ID!]!, $text: String!) {
        updateTasks(ids: $ids, input: {description: $text}) {
            tasks { %s } previous { %s }
        }
    }"""
    both = document % ("description", "description")
    error = alice.refusal(both, ids=[task["id"]], text="y" * 60)
    assert error["limitName"] == "resultBytes"
    values = {"id": task["id"], "description": "y" * 60}
    assert refusal(alice, values)["limitName"] == "resultBytes"
    only = document % ("id", "description")
    done = alice.ask(only, ids=[task["id"]], text="y" * 60)["updateTasks"]
    assert [one["description"] for one in done["previous"]] == ["x" * 60]
