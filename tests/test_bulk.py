"""Changing many tasks at once: anonymous, works, missing, someone else's; then what is its own."""

import uuid
from typing import Any

import httpx
import pytest

from tests.people import TASK, Person

CREATE = (
    """
mutation ($input: [CreateTaskInput!]!) {
  createTasks(input: $input) { revision count tasks { %s } }
}
"""
    % TASK
)
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
FIELDS = {"updateTasks": "tags", "completeTasks": "completedAt", "deleteTasks": "deletedAt"}


def bulk(who: Person, verb: str, **variables: Any) -> Any:
    return who.ask(DOCUMENTS[verb], **variables)[verb]


def ids_of(tasks: list[Any]) -> list[str]:
    return [task["id"] for task in tasks]


@pytest.mark.parametrize("document", [*DOCUMENTS.values(), CREATE], ids=[*DOCUMENTS, "create"])
def test_anonymous(url: str, document: str) -> None:
    variables: Any = {"ids": [], "input": [{"title": "x"}]}
    answer = httpx.post(f"{url}/graphql", json={"query": document, "variables": variables})
    assert answer.status_code == 401


@pytest.mark.parametrize("verb", FIELDS)
def test_works_by_ids(alice: Person, verb: str) -> None:
    """All of them under one revision; a task that is not named stays as it is."""
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
def test_works_by_filter(alice: Person, verb: str) -> None:
    *_, other = alice.create_many("milk 1", "milk 2", "bread")
    done = bulk(alice, verb, filter={"title": {"startsWith": "MILK"}})
    assert (done["revision"], done["count"]) == (2, 2)
    assert sorted(task["title"] for task in done["tasks"]) == ["milk 1", "milk 2"]
    assert alice.find(other["id"]) == other


def test_there_and_back(alice: Person) -> None:
    tasks = alice.create_many("a", "b")
    bulk(alice, "deleteTasks", filter={})
    assert alice.titles() == []
    back = bulk(alice, "restoreTasks", filter={})
    assert (back["count"], back["revision"]) == (2, 3)
    assert sorted(alice.titles()) == ["a", "b"]
    bulk(alice, "deleteTasks", ids=ids_of(tasks))
    assert bulk(alice, "restoreTasks", ids=ids_of(tasks))["revision"] == 5
    assert bulk(alice, "restoreTasks", filter={})["count"] == 0


def test_completed_and_back(alice: Person) -> None:
    alice.create_many("a", "b")
    done = bulk(alice, "completeTasks", filter={})
    back = bulk(alice, "reopenTasks", ids=ids_of(done["tasks"]))
    assert (back["count"], back["revision"]) == (2, 3)
    assert {task["completedAt"] for task in back["tasks"]} == {None}


@pytest.mark.parametrize("verb", DOCUMENTS)
def test_missing(alice: Person, verb: str) -> None:
    """One that is missing keeps all from changing, and the error says which."""
    task, missing = alice.create(), str(uuid.uuid4())
    refusal = alice.refusal(DOCUMENTS[verb], ids=[task["id"], missing])
    assert (refusal["code"], refusal["missing"]) == ("NOT_FOUND", [missing])
    assert alice.refusal(DOCUMENTS[verb], ids=[missing])["missing"] == [missing]
    assert alice.find(task["id"]) == task
    assert alice.revision() == 1


@pytest.mark.parametrize("verb", DOCUMENTS)
def test_someone_elses(alice: Person, mallory: Person, verb: str) -> None:
    task, own = alice.create("hers"), mallory.create("own")
    refusal = mallory.refusal(DOCUMENTS[verb], ids=[own["id"], task["id"]])
    assert (refusal["code"], refusal["missing"]) == ("NOT_FOUND", [task["id"]])
    assert bulk(mallory, verb, filter={"id": {"eq": task["id"]}})["count"] == 0
    assert bulk(mallory, verb, filter={"title": {"eq": "hers"}})["count"] == 0
    assert alice.find(task["id"]) == task
    assert (alice.revision(), mallory.revision()) == (1, 1)


@pytest.mark.parametrize("verb", FIELDS)
def test_more_than_at_most_changes_nothing(alice: Person, verb: str) -> None:
    alice.create_many("a", "b", "c")
    refusal = alice.refusal(DOCUMENTS[verb], filter={}, atMost=2)
    assert (refusal["code"], refusal["matched"], refusal["atMost"]) == ("CONFLICT", 3, 2)
    assert alice.revision() == 1
    assert bulk(alice, verb, filter={}, atMost=3)["count"] == 3


def test_at_most_counts_what_the_filter_finds_also_what_would_not_change(alice: Person) -> None:
    alice.create_many("a", "b")
    bulk(alice, "completeTasks", filter={"title": {"eq": "a"}})
    assert alice.refusal(DOCUMENTS["completeTasks"], filter={}, atMost=1)["matched"] == 2


@pytest.mark.parametrize("verb", FIELDS)
def test_a_dry_run_says_what_and_changes_nothing(alice: Person, verb: str) -> None:
    alice.create_many(*(f"task {number}" for number in range(12)))
    dry = bulk(alice, verb, filter={}, dryRun=True)
    assert (dry["revision"], dry["count"], len(dry["tasks"])) == (1, 12, 10)
    assert not any(task[FIELDS[verb]] for task in dry["tasks"])
    assert alice.revision() == 1
    assert bulk(alice, verb, filter={}, dryRun=True, atMost=2) == dry


@pytest.mark.parametrize("verb", DOCUMENTS)
def test_what_does_not_change_takes_no_revision(alice: Person, verb: str) -> None:
    tasks = alice.create_many("a", "b")
    once = bulk(alice, verb, ids=ids_of(tasks))
    assert bulk(alice, verb, ids=ids_of(tasks)) == once
    nothing = bulk(alice, verb, ids=[])
    assert (nothing["count"], nothing["tasks"]) == (0, [])
    assert bulk(alice, verb, filter={"id": {"in": []}})["count"] == 0
    assert alice.revision() == once["revision"]


def test_only_what_changes_gets_the_revision(alice: Person) -> None:
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
        ({"filter": {}, "atMost": -1}, "atMost"),
        ({"filter": {}, "atMost": 501}, "atMost"),
        ({"filter": {"due": {"timeZone": "Mars"}}}, "filter.due.timeZone"),
    ],
)
@pytest.mark.parametrize("verb", DOCUMENTS)
def test_refuses(alice: Person, verb: str, variables: dict[str, Any], field: str) -> None:
    alice.create()
    refusal = alice.refusal(DOCUMENTS[verb], **variables)
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", field)
    assert alice.revision() == 1


def test_too_many_tags_for_one_of_them_changes_none(alice: Person) -> None:
    alice.create(tags=[f"tag {number}" for number in range(20)])
    alice.create()
    refusal = alice.refusal(DOCUMENTS["updateTasks"], filter={})
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", "input.addTags")
    assert alice.revision() == 2
    assert alice.titles(filter={"tags": {"any": ["new"]}}) == []


def test_create_works(alice: Person) -> None:
    new = [{"title": f"task {number}", "priority": "LOW"} for number in range(100)]
    made = alice.ask(CREATE, input=new)["createTasks"]
    assert (made["revision"], made["count"]) == (1, 100)
    assert [task["title"] for task in made["tasks"]] == [task["title"] for task in new]
    assert {task["revision"] for task in made["tasks"]} == {1}
    assert alice.titles(orderBy={"field": "POSITION"}) == [task["title"] for task in new]


def test_create_again_answers_what_is_there(alice: Person) -> None:
    new = [{"title": "a", "id": str(uuid.uuid4())}, {"title": "b", "id": str(uuid.uuid4())}]
    made = alice.ask(CREATE, input=new)["createTasks"]
    assert alice.ask(CREATE, input=new)["createTasks"] == made
    longer = alice.ask(CREATE, input=[*new, {"title": "c"}])["createTasks"]
    assert longer["tasks"][:2] == made["tasks"]
    assert (longer["revision"], longer["tasks"][2]["revision"]) == (2, 2)


def test_create_is_all_or_nothing(alice: Person) -> None:
    taken = alice.create("taken")
    refusal = alice.refusal(CREATE, input=[{"title": "a"}, {"title": "b", "id": taken["id"]}])
    assert (refusal["code"], refusal["field"]) == ("CONFLICT", "input.1.id")
    assert alice.titles() == ["taken"]
    assert alice.revision() == 1


@pytest.mark.parametrize(
    ("new", "field"),
    [
        ([], "input"),
        ([{"title": "x"}] * 101, "input"),
        ([{"title": "x"}, {"title": " "}], "input.1.title"),
        ([{"title": "x"}] * 3 + [{"title": "x", "tags": ["a", ""]}], "input.3.tags.1"),
        ([{"title": "x", "id": "1"}], "input.0.id"),
        ([{"title": "x", "dueOn": "2026-01-31", "dueAt": "2026-01-31T00:00:00Z"}], "input.0.dueAt"),
        ([{"title": "x", "id": str(uuid.UUID(int=1))}] * 2, "input.1.id"),
    ],
)
def test_create_refuses(alice: Person, new: list[Any], field: str) -> None:
    refusal = alice.refusal(CREATE, input=new)
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", field)
    assert alice.revision() == 0


def test_empty_trash_works(alice: Person) -> None:
    alice.create_many("a", "b", "c")
    bulk(alice, "deleteTasks", filter={"title": {"neq": "c"}})
    document = "mutation { emptyTrash { revision count } }"
    assert alice.ask(document)["emptyTrash"] == {"revision": 3, "count": 2}
    assert alice.ask(document)["emptyTrash"] == {"revision": 3, "count": 0}
    assert alice.titles() == ["c"]
    assert alice.titles(filter={"trashed": True}) == []


@pytest.mark.parametrize(
    ("variable", "field"),
    [
        ([{"title": "a"}, {"title": "b", "dueOn": "soon"}], "input.1.dueOn"),
        ([{"title": "a", "tags": ["x", 5]}], "input.0.tags.1"),
        ([{"title": "a"}, None], "input.1"),
    ],
)
def test_a_value_of_a_wrong_type_is_named_by_its_argument(
    alice: Person, variable: list[Any], field: str
) -> None:
    """Whatever the client calls its variable."""
    document = """mutation ($some: [CreateTaskInput!]!) {
        createTasks(input: $some) { revision }
    }"""
    refusal = alice.refusal(document, some=variable)
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", field)


def test_a_value_of_a_wrong_type_inside_of_a_literal_is_named_by_its_path(alice: Person) -> None:
    document = """query ($some: Date) {
        tasks(filter: {and: [{}, {dueOn: {in: ["2026-01-31", $some]}}]}) { totalCount }
    }"""
    document = document.replace("Date)", "Date!)")
    refusal = alice.refusal(document, some="soon")
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", "filter.and.1.dueOn.in.1")
