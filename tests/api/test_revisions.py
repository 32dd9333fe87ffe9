"""Revisions of a user under concurrent writes."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.support.api_client import CREATE, UPDATE, Person

WRITERS = 16


def run_concurrently(work: Any, times: int = WRITERS) -> list[Any]:
    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(work, range(times)))


def test_concurrent_writes_of_a_user_get_consecutive_revisions(alice: Person) -> None:
    tasks = run_concurrently(lambda n: alice.create(f"task {n}"))
    assert sorted(task["revision"] for task in tasks) == list(range(1, WRITERS + 1))
    assert alice.revision() == WRITERS


def test_concurrent_identical_creates_make_one_task(alice: Person) -> None:
    task_id = str(uuid.uuid4())
    tasks = run_concurrently(lambda _: alice.create("Buy milk", id=task_id))
    assert all(task == tasks[0] for task in tasks)
    assert alice.ask("{ tasks { totalCount } }") == {"tasks": {"totalCount": 1}}


def test_concurrent_different_creates_with_one_id_conflict(alice: Person) -> None:
    task_id = str(uuid.uuid4())
    answers = run_concurrently(
        lambda n: alice.post(CREATE, input={"id": task_id, "title": f"task {n}"}).json()
    )
    won = [answer for answer in answers if "errors" not in answer]
    lost = [answer["errors"][0]["extensions"]["code"] for answer in answers if "errors" in answer]
    assert len(won) == 1
    assert lost == ["CONFLICT"] * (WRITERS - 1)


def test_concurrent_updates_at_one_revision_have_one_winner(alice: Person) -> None:
    task = alice.create()
    given = {"expectedRevision": task["revision"]}
    answers = run_concurrently(
        lambda n: alice.post(UPDATE, id=task["id"], input={"title": f"new {n}", **given}).json()
    )
    won = [answer["data"]["updateTask"]["task"] for answer in answers if "errors" not in answer]
    assert len(won) == 1
    assert alice.find(task["id"])["title"] == won[0]["title"]
    assert alice.revision() == 2


def test_concurrent_completions_make_one_change(alice: Person) -> None:
    task = alice.create()
    tasks = run_concurrently(lambda _: alice.change("completeTask", task["id"]))
    assert all(answer == tasks[0] for answer in tasks)
    assert alice.revision() == 2


def test_concurrent_purges_delete_the_task_once(alice: Person) -> None:
    task = alice.create()
    document = "mutation ($id: ID!) { purgeTask(id: $id) { taskId } }"
    answers = run_concurrently(lambda _: alice.post(document, id=task["id"]).json())
    assert sum("errors" not in answer for answer in answers) == 1
    assert alice.revision() == 2


def test_concurrent_mixed_writes_get_consecutive_revisions(alice: Person) -> None:
    """Mix updates, completions and deletions of a few tasks."""
    tasks = [alice.create(f"task {n}") for n in range(4)]

    def write(n: int) -> int:
        task = tasks[n % 4]
        if n % 3 == 0:
            answer = alice.ask(UPDATE, id=task["id"], input={"title": f"changed {n}"})
            return int(answer["updateTask"]["task"]["revision"])
        verb = "completeTask" if n % 3 == 1 else "deleteTask"
        return int(alice.change(verb, task["id"])["revision"])

    revisions = set(run_concurrently(write, 24))
    assert alice.revision() == max(revisions)
    # 8 updates to distinct titles; each task is completed and deleted once.
    assert revisions == set(range(5, 5 + 16))
