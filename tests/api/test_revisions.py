"""One number orders a user's world, however many write at once."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.support.api_client import CREATE, UPDATE, Person

WRITERS = 16


def together(work: Any, times: int = WRITERS) -> list[Any]:
    """The answers of calls that run at the same time."""
    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(work, range(times)))


def test_writers_of_one_user_queue_up(alice: Person) -> None:
    """Each write takes a number of its own, and none is left out."""
    tasks = together(lambda n: alice.create(f"task {n}"))
    assert sorted(task["revision"] for task in tasks) == list(range(1, WRITERS + 1))
    assert alice.revision() == WRITERS


def test_the_same_create_at_once_is_one_task(alice: Person) -> None:
    task_id = str(uuid.uuid4())
    tasks = together(lambda _: alice.create("Buy milk", id=task_id))
    assert all(task == tasks[0] for task in tasks)
    assert alice.ask("{ tasks { totalCount } }") == {"tasks": {"totalCount": 1}}


def test_different_creates_at_once_under_one_id(alice: Person) -> None:
    task_id = str(uuid.uuid4())
    answers = together(
        lambda n: alice.post(CREATE, input={"id": task_id, "title": f"task {n}"}).json()
    )
    won = [answer for answer in answers if "errors" not in answer]
    lost = [answer["errors"][0]["extensions"]["code"] for answer in answers if "errors" in answer]
    assert len(won) == 1
    assert lost == ["CONFLICT"] * (WRITERS - 1)


def test_of_updates_at_one_revision_one_wins(alice: Person) -> None:
    """The others are told so, and take no number."""
    task = alice.create()
    given = {"expectedRevision": task["revision"]}
    answers = together(
        lambda n: alice.post(UPDATE, id=task["id"], input={"title": f"new {n}", **given}).json()
    )
    won = [answer["data"]["updateTask"]["task"] for answer in answers if "errors" not in answer]
    assert len(won) == 1
    assert alice.find(task["id"])["title"] == won[0]["title"]
    assert alice.revision() == 2


def test_of_completions_at_once_one_is_a_change(alice: Person) -> None:
    task = alice.create()
    tasks = together(lambda _: alice.change("completeTask", task["id"]))
    assert all(answer == tasks[0] for answer in tasks)
    assert alice.revision() == 2


def test_of_purges_at_once_one_finds_the_task(alice: Person) -> None:
    task = alice.create()
    document = "mutation ($id: ID!) { purgeTask(id: $id) { taskId } }"
    answers = together(lambda _: alice.post(document, id=task["id"]).json())
    assert sum("errors" not in answer for answer in answers) == 1
    assert alice.revision() == 2


def test_a_mixture_never_repeats_or_skips_a_number(alice: Person) -> None:
    """Updates, completions and trash of the same few tasks, all at once."""
    tasks = [alice.create(f"task {n}") for n in range(4)]

    def write(n: int) -> int:
        task = tasks[n % 4]
        if n % 3 == 0:
            answer = alice.ask(UPDATE, id=task["id"], input={"title": f"changed {n}"})
            return int(answer["updateTask"]["task"]["revision"])
        verb = "completeTask" if n % 3 == 1 else "deleteTask"
        return int(alice.change(verb, task["id"])["revision"])

    revisions = set(together(write, 24))
    assert alice.revision() == max(revisions)
    # 8 updates to titles that nobody else writes; each task completed and trashed once.
    assert revisions == set(range(5, 5 + 16))
