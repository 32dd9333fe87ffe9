"""Stamps: times of writes increase with the revisions, so a client can follow them."""

import json
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.administrators import administrator
from tests.support.api_client import Person
from tests.support.data_files import imported
from todo_graphql.settings.settings import Settings
from todo_graphql.store.tasks.transfer import imports

WRITERS = 8
WRITES = 60

TASKS = "nodes { id updatedAt revision } pageInfo { endCursor hasNextPage }"
AFTER_CURSOR = """query ($after: String) {
    tasks(first: 100, after: $after, orderBy: {field: UPDATED, direction: ASC}) { %s }
}"""
AFTER_TIME = """query ($after: DateTime!) {
    tasks(first: 100, filter: {updatedAt: {gt: $after}},
          orderBy: {field: UPDATED, direction: ASC}) { %s }
}"""
BULK = "mutation ($ids: [ID!]!) { %s(ids: $ids%s) { tasks { %s } } }"
STAMPED = "id createdAt updatedAt completedAt deletedAt revision"
AHEAD = """
UPDATE users SET written_at = now() + interval '1 hour' WHERE id = %s
RETURNING to_char(written_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
"""


def follow_cursors(who: Person) -> Callable[[], list[Any]]:
    """Return a client that returns the tasks after its last cursor."""
    after: str | None = None

    def poll() -> list[Any]:
        nonlocal after
        page = who.ask(AFTER_CURSOR % TASKS, after=after)["tasks"]
        after = page["pageInfo"]["endCursor"] or after
        return list(page["nodes"])

    return poll


def follow_times(who: Person) -> Callable[[], list[Any]]:
    """Return a client that returns the tasks that were updated after the last one it has seen."""
    after = "1970-01-01T00:00:00Z"

    def poll() -> list[Any]:
        nonlocal after
        nodes = who.ask(AFTER_TIME % TASKS, after=after)["tasks"]["nodes"]
        after = nodes[-1]["updatedAt"] if nodes else after
        return list(nodes)

    return poll


def write(who: Person, number: int) -> None:
    """Create, update and complete tasks, by single and by bulk mutations."""
    for _ in range(WRITES // 6):
        task = who.create(f"task of {number}")
        who.update(task, addTags=["Home"])
        who.change("completeTask", task["id"])
        two = who.create_many("one", "two")
        who.ask(BULK % ("completeTasks", "", "id"), ids=[one["id"] for one in two])
        who.update(two[0], title="changed")


def seen_until_the_end(poll: Callable[[], list[Any]], writes: list[Future[None]]) -> dict[str, int]:
    """Return the last revision of each task that a client sees."""
    seen: dict[str, int] = {}
    is_last = False
    while not is_last:
        is_last = all(one.done() for one in writes)
        while found := poll():
            seen |= {task["id"]: task["revision"] for task in found}
    return seen


def test_clients_that_follow_updates_see_all_concurrent_writes(alice: Person) -> None:
    with ThreadPoolExecutor(WRITERS + 2) as pool:
        writes = [pool.submit(write, alice, number) for number in range(WRITERS)]
        clients = [
            pool.submit(seen_until_the_end, follow(alice), writes)
            for follow in (follow_cursors, follow_times)
        ]
    for one in writes:
        one.result()
    current = seen_until_the_end(follow_cursors(alice), writes)
    assert len(current) == WRITERS * WRITES // 6 * 3
    assert alice.revision() == WRITERS * WRITES
    for client in clients:
        seen = client.result()
        lost = [task for task, revision in current.items() if seen.get(task) != revision]
        assert lost == []


def writes_of_every_kind(who: Person) -> Iterator[list[Any]]:
    """Run each kind of write, and yield the tasks that it has changed."""
    task = who.create()
    other = who.create(id=str(uuid.uuid4()), dueOn="2026-01-31")
    yield [task]
    yield [other]
    yield who.create_many("one", "two", "three")
    yield [who.update(task, title="changed")]
    yield [who.update(task, addTags=["Home"])]
    for verb in ("completeTask", "reopenTask", "deleteTask", "restoreTask"):
        yield [who.change(verb, task["id"])]
    move = "mutation ($id: ID!, $to: ID!) { moveTask(id: $id, after: $to) { task { %s } } }"
    yield [who.ask(move % STAMPED, id=task["id"], to=other["id"])["moveTask"]["task"]]
    both = [task["id"], other["id"]]
    for verb in ("updateTasks", "completeTasks", "reopenTasks", "deleteTasks", "restoreTasks"):
        given = ', input: {title: "x", addTags: "y"}' if verb == "updateTasks" else ""
        yield who.ask(BULK % (verb, given, STAMPED), ids=both)[verb]["tasks"]
    imported(who, json.dumps([{"title": f"imported {n}"} for n in range(5)]))
    found = who.ask('{ tasks(filter: {search: "imported"}) { nodes { %s } } }' % STAMPED)
    yield found["tasks"]["nodes"][::-1]
    yield [who.create("the last one")]


def test_stamps_of_every_write_increase_with_the_revision(
    alice: Person, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock of the database is behind the user's latest stamp."""
    monkeypatch.setattr(imports, "BATCH_TASKS", 2)
    alice.create("the first one")
    with administrator(settings) as connection, connection.cursor() as cursor:
        cursor.execute(AHEAD, (alice.id,))
        ((latest,),) = cursor.fetchall()
    revision = 1
    for tasks in writes_of_every_kind(alice):
        stamps = [task["updatedAt"] for task in tasks]
        assert min(stamps) > latest
        assert stamps == sorted(stamps)
        for task in tasks:
            is_new = task["createdAt"] > latest
            assert not is_new or task["createdAt"] == task["updatedAt"]
            assert {task["completedAt"], task["deletedAt"]} <= {None, task["updatedAt"]}
        revisions = {task["revision"] for task in tasks}
        assert min(revisions) > revision
        latest, revision = max(stamps), max(revisions)
