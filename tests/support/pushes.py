"""Rows that a client pushes, and pushes of them."""

from typing import Any

from tests.support.api_client import TASK, Person

PUSH = """mutation ($rows: [PushTaskInput!]!, $key: String) {
    pushTasks(rows: $rows, idempotencyKey: $key) {
        revision
        conflicts { id revision task { %s } }
        rejected { id code field reason message task { %s } }
    }
}""" % (TASK, TASK)
NEW_ID = {"id": "11111111-1111-4111-8111-111111111111"}
KEPT = ("id", "title", "description", "priority", "dueOn", "dueAt", "tags", "completedAt")


def push(who: Person, *rows: Any, key: str | None = None) -> Any:
    return who.ask(PUSH, rows=list(rows), key=key)["pushTasks"]


def state(task: Any, **edits: Any) -> Any:
    """Return the state that a client keeps of a task, with edits."""
    return {name: task[name] for name in KEPT} | {"trashed": task["deletedAt"] is not None} | edits


def row(task: Any, **edits: Any) -> Any:
    """Return the row of a client that has edited a task."""
    return {"assumed": state(task), "task": state(task, **edits)}


def accepted(who: Person, *rows: Any) -> None:
    """Push rows, which must be accepted without a conflict and take one revision."""
    before = who.revision()
    pushed = push(who, *rows)
    assert pushed == {"revision": before + 1, "conflicts": [], "rejected": []}


def purge(who: Person, task: Any) -> None:
    who.ask("mutation ($id: ID!) { purgeTask(id: $id) { revision } }", id=task["id"])
