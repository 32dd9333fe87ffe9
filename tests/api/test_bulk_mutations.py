"""Bulk mutations."""

import uuid
from typing import Any

import pytest

from tests.support import plain_http
from tests.support.api_client import TASK, Person

BULK = (
    """
mutation ($ids: [ID!], $filter: TaskFilter, $atMost: Int! = 100, $dryRun: Boolean! = false) {
  VERB(ids: $ids, filter: $filter, atMost: $atMost, dryRun: $dryRun INPUT) {
    revision count tasks { %s }
  }
}
"""
    % TASK
)
UPDATE = BULK.replace("INPUT", ', input: {priority: HIGH, addTags: ["new"]}')
DOCUMENTS = {
    "updateTasks": UPDATE.replace("VERB", "updateTasks"),
    **{
        verb: BULK.replace("VERB", verb).replace("INPUT", "")
        for verb in ("completeTasks", "reopenTasks", "deleteTasks", "restoreTasks")
    },
}
EVERY = {"createdAt": {"null": False}}
"""A filter that matches every task."""

FIELDS = {"updateTasks": "tags", "completeTasks": "completedAt", "deleteTasks": "deletedAt"}


def bulk(who: Person, verb: str, **variables: Any) -> Any:
    return who.ask(DOCUMENTS[verb], **variables)[verb]


def ids_of(tasks: list[Any]) -> list[str]:
    return [task["id"] for task in tasks]


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_bulk_mutation_without_a_token_is_rejected(url: str, document: str) -> None:
    answer = plain_http.post(f"{url}/graphql", json={"query": document, "variables": {"ids": []}})
    assert answer.status_code == 401


@pytest.mark.parametrize("verb", FIELDS)
def test_bulk_mutation_by_ids_changes_the_tasks(alice: Person, verb: str) -> None:
    *tasks, other = alice.create_many("a", "b", "c")
    done = bulk(alice, verb, ids=ids_of(tasks))
    assert (done["revision"], done["count"], alice.revision()) == (2, 2, 2)
    assert {task["revision"] for task in done["tasks"]} == {2}
    assert all(task[FIELDS[verb]] for task in done["tasks"])
    assert sorted(done["tasks"], key=str) == sorted(
        [alice.find(task["id"]) for task in tasks], key=str
    )
    assert alice.find(other["id"]) == other


@pytest.mark.parametrize("verb", FIELDS)
def test_bulk_mutation_by_filter_changes_matching_tasks(alice: Person, verb: str) -> None:
    *_, other = alice.create_many("milk 1", "milk 2", "bread")
    done = bulk(alice, verb, filter={"title": {"startsWith": "MILK"}})
    assert (done["revision"], done["count"]) == (2, 2)
    assert sorted(task["title"] for task in done["tasks"]) == ["milk 1", "milk 2"]
    assert alice.find(other["id"]) == other


def test_delete_and_restore_tasks(alice: Person) -> None:
    tasks = alice.create_many("a", "b")
    bulk(alice, "deleteTasks", filter=EVERY)
    assert alice.titles() == []
    back = bulk(alice, "restoreTasks", filter=EVERY)
    assert (back["count"], back["revision"]) == (2, 3)
    assert sorted(alice.titles()) == ["a", "b"]
    bulk(alice, "deleteTasks", ids=ids_of(tasks))
    assert bulk(alice, "restoreTasks", ids=ids_of(tasks))["revision"] == 5
    assert bulk(alice, "restoreTasks", filter=EVERY)["count"] == 0


def test_complete_and_reopen_tasks(alice: Person) -> None:
    alice.create_many("a", "b")
    done = bulk(alice, "completeTasks", filter=EVERY)
    back = bulk(alice, "reopenTasks", ids=ids_of(done["tasks"]))
    assert (back["count"], back["revision"]) == (2, 3)
    assert {task["completedAt"] for task in back["tasks"]} == {None}


@pytest.mark.parametrize("verb", DOCUMENTS)
def test_bulk_mutation_of_a_missing_task_changes_nothing(alice: Person, verb: str) -> None:
    task, missing = alice.create(), str(uuid.uuid4())
    refusal = alice.refusal(DOCUMENTS[verb], ids=[task["id"], missing])
    assert (refusal["code"], refusal["missing"]) == ("NOT_FOUND", [missing])
    assert alice.refusal(DOCUMENTS[verb], ids=[missing])["missing"] == [missing]
    assert alice.find(task["id"]) == task
    assert alice.revision() == 1


@pytest.mark.parametrize("verb", DOCUMENTS)
def test_bulk_mutation_of_a_foreign_task_changes_nothing(
    alice: Person, mallory: Person, verb: str
) -> None:
    task, own = alice.create("hers"), mallory.create("own")
    refusal = mallory.refusal(DOCUMENTS[verb], ids=[own["id"], task["id"]])
    assert (refusal["code"], refusal["missing"]) == ("NOT_FOUND", [task["id"]])
    assert bulk(mallory, verb, filter={"id": {"eq": task["id"]}})["count"] == 0
    assert bulk(mallory, verb, filter={"title": {"eq": "hers"}})["count"] == 0
    assert alice.find(task["id"]) == task
    assert (alice.revision(), mallory.revision()) == (1, 1)


@pytest.mark.parametrize("verb", FIELDS)
def test_filter_matching_more_than_at_most_is_rejected(alice: Person, verb: str) -> None:
    alice.create_many("a", "b", "c")
    refusal = alice.refusal(DOCUMENTS[verb], filter=EVERY, atMost=2)
    assert (refusal["code"], refusal["matched"], refusal["atMost"]) == ("CONFLICT", 3, 2)
    assert alice.revision() == 1
    assert bulk(alice, verb, filter=EVERY, atMost=3)["count"] == 3


def test_at_most_counts_unchanged_tasks(alice: Person) -> None:
    alice.create_many("a", "b")
    bulk(alice, "completeTasks", filter={"title": {"eq": "a"}})
    assert alice.refusal(DOCUMENTS["completeTasks"], filter=EVERY, atMost=1)["matched"] == 2


@pytest.mark.parametrize("verb", FIELDS)
def test_dry_run_returns_tasks_and_changes_nothing(alice: Person, verb: str) -> None:
    alice.create_many(*(f"task {number}" for number in range(12)))
    dry = bulk(alice, verb, filter=EVERY, dryRun=True)
    assert (dry["revision"], dry["count"], len(dry["tasks"])) == (1, 12, 10)
    assert not any(task[FIELDS[verb]] for task in dry["tasks"])
    assert alice.revision() == 1
    assert bulk(alice, verb, filter=EVERY, dryRun=True, atMost=2) == dry


@pytest.mark.parametrize("verb", DOCUMENTS)
def test_unchanged_tasks_take_no_revision(alice: Person, verb: str) -> None:
    tasks = alice.create_many("a", "b")
    once = bulk(alice, verb, ids=ids_of(tasks))
    assert bulk(alice, verb, ids=ids_of(tasks)) == once
    nothing = bulk(alice, verb, ids=[])
    assert (nothing["count"], nothing["tasks"]) == (0, [])
    assert bulk(alice, verb, filter={"id": {"in": []}})["count"] == 0
    assert alice.revision() == once["revision"]


def test_only_changed_tasks_get_the_revision(alice: Person) -> None:
    first, second = alice.create_many("a", "b")
    alice.change("completeTask", first["id"])
    done = bulk(alice, "completeTasks", ids=ids_of([first, second, first]))
    assert done["count"] == 2
    assert {task["title"]: task["revision"] for task in done["tasks"]} == {"a": 2, "b": 3}


@pytest.mark.parametrize(
    ("variables", "field"),
    [
        ({}, "filter"),
        ({"ids": [], "filter": {}}, "filter"),
        ({"ids": ["1"]}, "ids.0"),
        ({"ids": [str(uuid.UUID(int=n)) for n in range(501)]}, "ids"),
        ({"filter": EVERY, "atMost": -1}, "atMost"),
        ({"filter": EVERY, "atMost": 501}, "atMost"),
        ({"filter": {"due": {"timeZone": "Mars"}}}, "filter.due.timeZone"),
    ],
)
@pytest.mark.parametrize("verb", DOCUMENTS)
def test_bulk_mutation_rejects_invalid_arguments(
    alice: Person, verb: str, variables: dict[str, Any], field: str
) -> None:
    alice.create()
    refusal = alice.refusal(DOCUMENTS[verb], **variables)
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", field)
    assert alice.revision() == 1


def test_bulk_limits_are_inclusive(alice: Person) -> None:
    unknown = [str(uuid.UUID(int=number)) for number in range(500)]
    assert alice.refusal(DOCUMENTS["completeTasks"], ids=unknown)["code"] == "NOT_FOUND"
    for at_most in (0, 500):
        assert bulk(alice, "completeTasks", filter=EVERY, atMost=at_most)["count"] == 0


def test_too_many_tags_of_one_task_changes_none(alice: Person) -> None:
    alice.create(tags=[f"tag {number}" for number in range(20)])
    alice.create()
    refusal = alice.refusal(DOCUMENTS["updateTasks"], filter=EVERY)
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", "input.addTags")
    assert alice.revision() == 2
    assert alice.titles(filter={"tags": {"any": ["new"]}}) == []


def test_empty_trash_deletes_only_the_trash(alice: Person) -> None:
    alice.create_many("a", "b", "c")
    bulk(alice, "deleteTasks", filter={"title": {"neq": "c"}})
    document = "mutation { emptyTrash { revision count } }"
    assert alice.ask(document)["emptyTrash"] == {"revision": 3, "count": 2}
    assert alice.ask(document)["emptyTrash"] == {"revision": 3, "count": 0}
    assert alice.titles() == ["c"]
    assert alice.titles(filter={"trashed": True}) == []


def test_dry_run_of_too_many_tags_fails_like_the_update(alice: Person) -> None:
    task = alice.create(tags=[f"{number}" for number in range(20)])
    document = (
        "mutation ($ids: [ID!], $dryRun: Boolean!) { updateTasks(ids: $ids, dryRun: $dryRun,"
        ' input: {addTags: ["new"]}) { count } }'
    )
    refusals = [alice.refusal(document, ids=[task["id"]], dryRun=dry) for dry in (True, False)]
    assert [refusal["field"] for refusal in refusals] == ["input.addTags"] * 2
