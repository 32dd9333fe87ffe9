"""Push of a client's edits: merges and conflicts."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.api_client import Person
from tests.support.pushes import NEW_ID, accepted, purge, push, row, state

CHANGES = """query ($since: String) {
    taskChanges(since: $since) { cursor changes { id task { id } } }
}"""


def content_of(task: Any) -> Any:
    return {name: value for name, value in task.items() if name not in ("updatedAt", "revision")}


@pytest.fixture
def task(alice: Person) -> Any:
    return alice.create("one", description="first", tags=["Home", "Work"], dueOn="2026-02-28")


def test_all_edits_of_a_push_take_one_revision(alice: Person) -> None:
    edited, trashed, restored, purged = alice.create_many("a", "b", "c", "d")
    restored = alice.change("deleteTask", restored["id"])
    cursor = alice.ask(CHANGES)["taskChanges"]["cursor"]
    new = [str(uuid.uuid4()) for _ in range(3)]
    accepted(
        alice,
        row(edited, title="A", completedAt="2026-01-31T09:30:00Z"),
        row(trashed, title="B", trashed=True),
        row(restored, trashed=False, priority="HIGH"),
        row(purged, purged=True),
        {"task": {"id": new[0], "title": "new", "tags": ["x"], "dueAt": "2026-01-01T00:00:00Z"}},
        {"assumed": None, "task": {"id": new[1], "title": "gone", "trashed": True}},
        {"task": {"id": new[2], "title": "done", "completedAt": "2026-01-31T09:30:00Z"}},
    )
    revision = alice.revision()
    ids: list[str] = [edited["id"], trashed["id"], *new]
    found = {task_id: alice.find(task_id) for task_id in ids}
    assert {one["revision"] for one in found.values()} == {revision}
    assert content_of(found[edited["id"]]) == content_of(edited) | {
        "title": "A",
        "completed": True,
        "completedAt": "2026-01-31T09:30:00.000000Z",
    }
    assert found[trashed["id"]]["title"] == "B"
    assert found[trashed["id"]]["deletedAt"] is not None
    assert content_of(alice.find(restored["id"])) == content_of(restored) | {
        "deletedAt": None,
        "priority": "HIGH",
    }
    assert alice.find(purged["id"]) is None
    assert (found[new[0]]["tags"], found[new[0]]["dueAt"]) == (["x"], "2026-01-01T00:00:00.000000Z")
    assert found[new[1]]["deletedAt"] is not None
    assert found[new[2]]["completed"]
    changes = alice.ask(CHANGES, since=cursor)["taskChanges"]["changes"]
    assert {one["id"] for one in changes} == {*found, restored["id"], purged["id"]}
    assert [one["id"] for one in changes if one["task"] is None] == [purged["id"]]
    assert alice.titles(filter={"search": "new"}) == ["new"]


def test_push_of_an_unchanged_task_is_nothing(alice: Person, task: Any) -> None:
    before = alice.revision()
    assert push(alice, row(task)) == {"revision": before, "conflicts": [], "rejected": []}
    later = alice.update(task, title="other", tags=[], dueOn=None)
    pushed = push(alice, row(task))
    conflict = {"id": task["id"], "revision": before + 1, "task": later}
    assert pushed == {"revision": before + 1, "conflicts": [conflict], "rejected": []}
    assert alice.find(task["id"]) == later


def test_repeated_push_changes_nothing(alice: Person, task: Any) -> None:
    new_id = str(uuid.uuid4())
    new = {"id": new_id, "title": "new", "tags": ["a"], "trashed": True}
    rows = [row(task, title="edited", tags=["Home", "x"]), {"task": new}]
    accepted(alice, *rows)
    before = alice.revision(), alice.find(task["id"]), alice.find(new_id)
    again = push(alice, *rows)
    assert again == {"revision": before[0], "conflicts": [], "rejected": []}
    assert (alice.revision(), alice.find(task["id"]), alice.find(new_id)) == before


def test_edits_of_different_fields_are_merged(alice: Person, task: Any) -> None:
    alice.update(task, title="theirs", priority="LOW", addTags=["Theirs"], removeTags=["home"])
    accepted(alice, row(task, description="mine", dueOn=None, tags=["Home", "mine"]))
    merged = alice.find(task["id"])
    assert [merged[name] for name in ("title", "priority", "description", "dueOn", "tags")] == [
        "theirs",
        "LOW",
        "mine",
        None,
        ["Theirs", "mine"],
    ]


def test_field_that_both_changed_is_a_conflict(alice: Person, task: Any) -> None:
    other = alice.create("other")
    alice.update(task, title="theirs")
    pushed = push(alice, row(task, title="mine", description="mine"), row(other, title="mine"))
    now = alice.find(task["id"])
    assert (now["title"], now["description"]) == ("theirs", "mine")
    assert pushed["conflicts"] == [{"id": task["id"], "revision": pushed["revision"], "task": now}]
    assert (pushed["rejected"], now["revision"]) == ([], pushed["revision"])
    assert alice.find(other["id"])["title"] == "mine"
    # The state of the conflict is the next base.
    accepted(alice, row(now, title="mine"))


def test_both_kinds_of_a_due_date_are_one_field(alice: Person, task: Any) -> None:
    alice.update(task, dueAt="2026-03-01T00:00:00Z")
    (conflict,) = push(alice, row(task, dueOn="2026-03-05"))["conflicts"]
    assert conflict["task"] == alice.find(task["id"])
    assert conflict["task"]["dueOn"] is None
    accepted(alice, row(conflict["task"], dueOn="2026-03-05", dueAt=None))
    assert alice.find(task["id"])["dueOn"] == "2026-03-05"


def test_equal_edits_are_no_conflict(alice: Person, task: Any) -> None:
    edits = {"title": "same", "dueOn": None, "tags": ["home"], "priority": "LOW"}
    alice.update(task, **edits)
    before = alice.revision()
    assert push(alice, row(task, **edits)) == {
        "revision": before,
        "conflicts": [],
        "rejected": [],
    }


def test_completion_by_others_keeps_its_time(alice: Person, task: Any) -> None:
    completed = alice.change("completeTask", task["id"])
    accepted(alice, row(task, completedAt="2020-01-01T00:00:00Z", title="edited"))
    now = alice.find(task["id"])
    assert (now["title"], now["completedAt"]) == ("edited", completed["completedAt"])


def test_client_learns_of_a_difference_that_no_change_shows(alice: Person, task: Any) -> None:
    """A client that has read a change and kept its own edits does not read it again."""
    now = alice.update(task, title="both", description="theirs", tags=["Home", "Work", "theirs"])
    for edits in ({"title": "both"}, {"tags": ["Work", "Home"]}, {}):
        pushed = push(alice, row(task, **edits))
        conflict = {"id": task["id"], "revision": now["revision"], "task": now}
        assert pushed["conflicts"] == [conflict]
        assert pushed["revision"] == now["revision"]


def test_removal_of_what_is_gone_is_fine(alice: Person, task: Any) -> None:
    trashed = alice.change("deleteTask", alice.create("trashed")["id"])
    purge(alice, task)
    before = alice.revision()
    unknown = {"id": str(uuid.uuid4()), "purged": True}
    restored = state(trashed, trashed=False)
    for rows in (
        [{"assumed": unknown | {"purged": False}, "task": unknown}, {"task": unknown | NEW_ID}],
        [row(task, purged=True), {"assumed": restored, "task": state(trashed)}],
    ):
        assert push(alice, *rows) == {"revision": before, "conflicts": [], "rejected": []}
    assert alice.find(task["id"]) is None


GIVEN: dict[str, Callable[[Any], Any]] = {
    "edited": lambda task: row(task, title="edited"),
    "created": lambda task: {"task": state(task)},
    "trashed": lambda task: row(task, trashed=True),
    "unchanged": row,
}


@pytest.mark.parametrize("case", GIVEN)
def test_purged_task_is_a_conflict_without_a_task(alice: Person, task: Any, case: str) -> None:
    purge(alice, task)
    before = alice.revision()
    given = GIVEN[case](task)
    conflict = {"id": task["id"], "revision": before, "task": None}
    assert push(alice, given) == {"revision": before, "conflicts": [conflict], "rejected": []}
    assert alice.find(task["id"]) is None


def test_edit_of_an_unknown_task_is_a_conflict_without_a_task(alice: Person) -> None:
    given = {"id": str(uuid.uuid4()), "title": "old"}
    pushed = push(alice, {"assumed": given, "task": given | {"title": "new"}})
    assert pushed["conflicts"] == [{"id": given["id"], "revision": 0, "task": None}]
    assert alice.find(given["id"]) is None


def test_create_with_the_id_of_a_task_is_compared_with_it(alice: Person, task: Any) -> None:
    before = alice.revision()
    equal = state(task)
    nothing: dict[str, Any] = {"revision": before, "conflicts": [], "rejected": []}
    assert push(alice, {"task": equal}) == nothing
    assert push(alice, {"task": {"id": task["id"], "title": "one"}}) == nothing
    different: list[Any] = [{"title": "x"}, {"description": None}, {"tags": []}, {"trashed": True}]
    for edits in different:
        pushed = push(alice, {"task": equal | edits})
        conflict = {"id": task["id"], "revision": task["revision"], "task": task}
        assert pushed == nothing | {"conflicts": [conflict]}
    assert alice.find(task["id"]) == task


def test_task_that_was_purged_by_the_client_is_created_anew(alice: Person) -> None:
    """A client that assumes a purged task assumes none."""
    given = {"id": str(uuid.uuid4()), "title": "new"}
    accepted(alice, {"assumed": given | {"purged": True}, "task": given})
    assert alice.find(given["id"])["title"] == "new"


def test_omitted_fields_stay_unchanged(alice: Person, task: Any) -> None:
    accepted(alice, {"assumed": {"id": task["id"]}, "task": {"id": task["id"], "priority": "LOW"}})
    assert content_of(alice.find(task["id"])) == content_of(task) | {"priority": "LOW"}


def test_field_that_the_base_omits_overwrites_only_an_empty_one(alice: Person, task: Any) -> None:
    """RxDB omits optional fields without a value."""
    bare = alice.create("bare")
    full = {"description": "mine", "tags": ["mine"], "priority": "LOW", "dueOn": "2026-01-01"}
    assumed = {"id": bare["id"], "title": "bare"}
    accepted(alice, {"assumed": assumed, "task": assumed | full})
    assert content_of(alice.find(bare["id"])) == content_of(bare) | full
    assumed = {"id": task["id"], "title": "one"}
    (conflict,) = push(alice, {"assumed": assumed, "task": assumed | full})["conflicts"]
    now = {"tags": ["Home", "Work", "mine"], "priority": "LOW"}
    assert content_of(conflict["task"]) == content_of(task) | now


def test_value_in_another_form_is_stored_or_a_conflict(alice: Person, task: Any) -> None:
    """The client learns the stored form by a change or by the conflict."""
    accepted(alice, row(task, title="  two "))
    stored = alice.find(task["id"])
    assert stored["title"] == "two"
    pushed = push(alice, {"assumed": state(stored), "task": state(stored, title="two ")})
    assert [one["task"] for one in pushed["conflicts"]] == [stored]
    # A client that takes what it sent for the state on the server edits it again.
    accepted(alice, {"assumed": state(task, title="  two "), "task": state(task, title="three")})


def test_task_of_another_user_is_unknown(alice: Person, mallory: Person, task: Any) -> None:
    before = alice.revision()
    edited, unknown = row(task, title="stolen"), row(task | {"id": str(uuid.uuid4())}, title="x")
    pushed = push(mallory, edited, unknown)
    assert [one["task"] for one in pushed["conflicts"]] == [None, None]
    assert push(mallory, row(task, purged=True))["conflicts"] == []
    accepted(mallory, {"task": state(task, title="own")})
    assert mallory.find(task["id"])["title"] == "own"
    assert (alice.find(task["id"]), alice.revision()) == (task, before)


def test_idempotency_key_returns_the_first_result(alice: Person, task: Any) -> None:
    alice.update(task, title="theirs")
    rows = [row(task, title="mine", description="mine"), {"task": {"id": str(uuid.uuid4())}}]
    first = push(alice, *rows, key="k")
    assert first["conflicts"][0]["task"]["description"] == "mine"
    assert first["rejected"][0]["reason"] == "REQUIRED"
    alice.update(task, title="later")
    assert push(alice, *rows, key="k") == first
