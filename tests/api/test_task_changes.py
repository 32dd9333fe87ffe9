"""The changes of tasks since a cursor."""

import uuid
from typing import Any

import pytest

from tests.support import plain_http
from tests.support.api_client import CREATE, Person
from todo_graphql.store.tasks import repository

CHANGES = """
query ($since: String, $first: Int! = 200) {
  taskChanges(since: $since, first: $first) {
    reset cursor hasMore revision changes { id revision task { id title revision deletedAt } }
  }
}
"""


class Replica:
    """Client that keeps a copy of the tasks by their changes."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self.cursor: str | None = None
        self.tasks: dict[str, Any] = {}
        self.resets = 0

    def pull(self, first: int = 200) -> int:
        """Read all changes, and return their number."""
        number, has_more = 0, True
        while has_more:
            page = self.pull_page(first)
            number += len(page["changes"])
            has_more = page["hasMore"]
        return number

    def pull_page(self, first: int) -> Any:
        """Read a page of changes, and return it."""
        page = self._person.ask(CHANGES, since=self.cursor, first=first)["taskChanges"]
        assert len(page["changes"]) <= first
        if page["reset"]:
            self.resets += 1
            self.tasks = {}
        for change in page["changes"]:
            self._apply(change)
        self.cursor = page["cursor"]
        return page

    def _apply(self, change: dict[str, Any]) -> None:
        if change["task"] is None:
            self.tasks.pop(change["id"], None)
        else:
            assert change["task"]["id"] == change["id"]
            assert change["task"]["revision"] == change["revision"]
            self.tasks[change["id"]] = change["task"]

    def titles(self) -> list[str]:
        return sorted(task["title"] for task in self.tasks.values())


@pytest.fixture
def replica(alice: Person) -> Replica:
    return Replica(alice)


def test_changes_of_a_new_user_are_empty(alice: Person) -> None:
    page = alice.ask(CHANGES)["taskChanges"]
    assert {**page, "cursor": None} == {
        "reset": False,
        "cursor": None,
        "hasMore": False,
        "revision": 0,
        "changes": [],
    }
    alice.create("first")
    later = alice.ask(CHANGES, since=page["cursor"])["taskChanges"]
    assert (later["reset"], len(later["changes"]), later["revision"]) == (False, 1, 1)


def test_changes_without_cursor_are_all_tasks_with_the_trash(
    alice: Person, replica: Replica
) -> None:
    alice.create_many("a", "b", "c")
    gone, trashed = alice.create("gone"), alice.create("trashed")
    alice.change("deleteTask", trashed["id"])
    alice.ask("mutation ($id: ID!) { purgeTask(id: $id) { taskId } }", id=gone["id"])
    assert replica.pull() == 4  # a client without tasks needs no tombstones
    assert replica.titles() == ["a", "b", "c", "trashed"]
    assert replica.tasks[trashed["id"]]["deletedAt"] is not None
    assert replica.pull() == 0


def test_changes_after_cursor_are_writes_since_then(alice: Person, replica: Replica) -> None:
    kept, edited = alice.create("kept"), alice.create("edited")
    replica.pull()
    alice.update(edited, title="edited once")
    alice.update(edited, title="edited twice")
    new = alice.create("new")
    assert replica.pull() == 2
    assert replica.titles() == ["edited twice", "kept", "new"]
    assert set(replica.tasks) == {kept["id"], edited["id"], new["id"]}


@pytest.mark.parametrize("first", [1, 2, 3, 7])
def test_page_of_changes_ends_within_a_revision(
    alice: Person, replica: Replica, first: int
) -> None:
    alice.create_many(*(f"bulk {n}" for n in range(6)))
    alice.create_many(*(f"more {n}" for n in range(2)))
    assert replica.pull(first) == 8
    assert len(replica.tasks) == 8
    alice.ask(
        'mutation { updateTasks(filter: {title: {startsWith: "bulk"}}, '
        "input: {priority: HIGH}) { count } }"
    )
    assert replica.pull(first) == 6


def test_purge_between_pages_is_not_missed(alice: Person) -> None:
    alice.create_many("a", "b", "c")
    page = alice.ask(CHANGES, first=1)["taskChanges"]
    (seen,) = page["changes"]
    alice.ask("mutation ($id: ID!) { purgeTask(id: $id) { taskId } }", id=seen["id"])
    removed = []
    while page["hasMore"]:
        page = alice.ask(CHANGES, since=page["cursor"], first=1)["taskChanges"]
        removed += [change["id"] for change in page["changes"] if change["task"] is None]
    assert removed == [seen["id"]]


def purge(person: Person, task_id: str) -> None:
    person.ask("mutation ($id: ID!) { purgeTask(id: $id) { taskId } }", id=task_id)


def test_create_that_is_repeated_after_a_purge_is_a_conflict(alice: Person) -> None:
    """The task stays deleted, also beside others in one mutation."""
    task_id, other = str(uuid.uuid4()), str(uuid.uuid4())
    given = {"title": "Buy milk", "id": task_id}
    alice.create(**given)
    purge(alice, task_id)
    refusal = alice.refusal(CREATE, input=given)
    assert (refusal["code"], refusal["reason"]) == ("CONFLICT", "PURGED")
    assert (refusal["field"], "task" in refusal) == ("input.id", False)
    several = "mutation ($input: [CreateTaskInput!]!) { createTasks(input: $input) { count } }"
    refusal = alice.refusal(several, input=[{"title": "new", "id": other}, given])
    assert (refusal["reason"], refusal["field"]) == ("PURGED", "input.1.id")
    assert alice.find(task_id) is None
    assert alice.find(other) is None
    assert alice.revision() == 2


def test_import_of_a_purged_task_restores_it(alice: Person, replica: Replica, url: str) -> None:
    task_id = str(uuid.uuid4())
    alice.create("Buy milk", id=task_id)
    replica.pull()
    purge(alice, task_id)
    replica.pull()
    response = plain_http.post(
        f"{url}/import",
        json=[{"id": task_id, "title": "Buy milk again"}],
        headers={"Authorization": f"Bearer {alice.token}"},
    )
    assert response.json()["created"] == 1
    assert replica.pull() == 1
    assert replica.titles() == ["Buy milk again"]
    purge(alice, task_id)
    assert replica.pull() == 1
    assert replica.titles() == []


def test_tombstones_of_a_user_are_bounded(
    alice: Person, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that needs a deleted tombstone starts anew."""
    monkeypatch.setattr(repository, "MAX_TOMBSTONES", 3)
    tasks = alice.create_many(*(f"task {n}" for n in range(8)))
    replica.pull()
    for task in tasks[:3]:
        purge(alice, task["id"])
    assert (replica.pull(), replica.resets) == (3, 0)
    behind = Replica(alice)
    behind.cursor, behind.tasks = replica.cursor, dict(replica.tasks)
    for task in tasks[3:6]:
        purge(alice, task["id"])
    assert (replica.pull(), replica.resets) == (3, 0)
    purge(alice, tasks[6]["id"])
    assert (replica.pull(), replica.resets) == (1, 0)
    behind.pull()
    assert (behind.resets, behind.titles()) == (1, ["task 7"])


def test_tombstones_of_a_revision_can_be_deleted_in_part(
    alice: Person, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that has read a part of the revision starts anew."""
    monkeypatch.setattr(repository, "MAX_TOMBSTONES", 3)
    tasks = alice.create_many("a", "b", "c", "d", "e")
    replica.pull()
    for task in tasks[:3]:
        alice.change("deleteTask", task["id"])
    replica.pull()
    alice.ask("mutation { emptyTrash { count } }")
    assert replica.pull_page(1)["hasMore"]
    for task in tasks[3:]:
        purge(alice, task["id"])
    replica.pull()
    assert (replica.resets, replica.titles()) == (1, [])


def test_emptied_trash_leaves_tombstones(alice: Person, replica: Replica) -> None:
    tasks = alice.create_many("a", "b", "c")
    replica.pull()
    for task in tasks[:2]:
        alice.change("deleteTask", task["id"])
    alice.ask("mutation { emptyTrash { count } }")
    assert replica.pull() == 2
    assert replica.titles() == ["c"]


def test_deleted_account_resets_the_changes(alice: Person, replica: Replica) -> None:
    alice.create("old life")
    replica.pull()
    alice.ask("mutation ($id: String!) { deleteAccount(confirm: $id) { userId } }", id=alice.id)
    replica.pull()
    assert (replica.resets, replica.tasks) == (1, {})
    alice.create("new life")
    replica.pull()
    assert replica.titles() == ["new life"]


def test_cursor_of_deleted_account_resets_in_the_next_life(alice: Person, replica: Replica) -> None:
    alice.create("old life")
    replica.pull()
    alice.ask("mutation ($id: String!) { deleteAccount(confirm: $id) { userId } }", id=alice.id)
    for number in range(3):
        alice.create(f"new life {number}")
    assert replica.pull() == 3
    assert replica.resets == 1


def test_another_users_changes_are_not_seen(alice: Person, mallory: Person) -> None:
    secret = alice.create("secret")
    cursor = alice.ask(CHANGES)["taskChanges"]["cursor"]
    assert mallory.ask(CHANGES)["taskChanges"]["changes"] == []
    page = mallory.ask(CHANGES, since=cursor)["taskChanges"]
    assert (page["reset"], page["changes"], page["revision"]) == (True, [], 0)
    alice.ask("mutation ($id: ID!) { purgeTask(id: $id) { taskId } }", id=secret["id"])
    assert mallory.ask(CHANGES, since=page["cursor"])["taskChanges"]["changes"] == []


@pytest.mark.parametrize(
    "since",
    [
        "",
        "x",
        "WzFd",
        "é",
        "A" * 401,
        "bnVsbA",
        "WzEsMSwxLDEsMSwxXQ",
        "11111111-1111-4111-8111-111111111111",
    ],
)
def test_invalid_cursor_is_rejected(alice: Person, since: str) -> None:
    refusal = alice.refusal(CHANGES, since=since)
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", "since")
    assert refusal["reason"] == "INVALID_FORMAT"


@pytest.mark.parametrize("first", [0, -1, 501])
def test_number_of_changes_is_bounded(alice: Person, first: int) -> None:
    refusal = alice.refusal(CHANGES, first=first)
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", "first")


def test_page_of_long_descriptions_is_shorter(alice: Person, replica: Replica) -> None:
    for _ in range(32):
        alice.create_many(*(f"task {n}" for n in range(5)), description="x" * 10_000)
    document = "{ taskChanges(first: 500) { hasMore changes { task { description } } } }"
    page = alice.ask(document)["taskChanges"]
    assert page["hasMore"]
    assert 100 < len(page["changes"]) < 160
    assert replica.pull(500) == 160
