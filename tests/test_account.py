"""Deleting one's account: anonymous, works, someone else's; then what is its own."""

import uuid

import httpx
import pytest
from sqlalchemy import text

from tests.administrators import administering
from tests.people import Person
from todo_graphql.config import Settings

DELETE = """
mutation ($confirm: String!, $key: String) {
  deleteAccount(confirm: $confirm, idempotencyKey: $key) { userId }
}
"""
LEFT = """
SELECT (SELECT count(*) FROM users WHERE id = :id)
    + (SELECT count(*) FROM tasks WHERE user_id = :id)
    + (SELECT count(*) FROM idempotency_keys WHERE user_id = :id)
"""


def rows_left(settings: Settings, who: Person) -> int:
    """How much the database has of somebody, past all walls."""
    with administering(settings.required_database_url()) as connection:
        return int(connection.execute(text(LEFT), {"id": who.id}).scalar_one())


def live(who: Person) -> None:
    """Leave something everywhere."""
    tasks = who.create_many("a", "b", tags=["x"])
    who.change("deleteTask", tasks[0]["id"])
    document = 'mutation { createTask(input: {title: "c"}, idempotencyKey: "k") { revision } }'
    who.ask(document)


def test_anonymous(url: str) -> None:
    answer = httpx.post(f"{url}/graphql", json={"query": DELETE, "variables": {"confirm": "x"}})
    assert answer.status_code == 401


@pytest.mark.parametrize("by", ["id", "ID", "email", " EMAIL "])
@pytest.mark.parametrize("key", [None, "k2"])
def test_works(settings: Settings, alice: Person, by: str, key: str | None) -> None:
    live(alice)
    own = {"id": alice.id, "email": str(alice.viewer.email)}[by.strip().lower()]
    confirm = own.upper() if by.strip().isupper() else own
    assert rows_left(settings, alice) == 5
    for _ in range(2):
        answer = alice.ask(DELETE, confirm=f" {confirm} " if by != by.strip() else confirm, key=key)
        assert answer == {"deleteAccount": {"userId": alice.id}}
        assert rows_left(settings, alice) == 0


def test_begins_anew(alice: Person) -> None:
    live(alice)
    alice.ask(DELETE, confirm=alice.id)
    assert alice.ask("{ me { revision createdAt tags { tag } tasks { totalCount } } }") == {
        "me": {"revision": 0, "createdAt": None, "tags": [], "tasks": {"totalCount": 0}}
    }
    assert alice.create()["revision"] == 1


def test_someone_elses(settings: Settings, alice: Person, mallory: Person) -> None:
    for who in (alice, mallory):
        live(who)
    for confirm in (alice.id, str(uuid.uuid4()), "", "yes", "someone@example.org"):
        refusal = mallory.refusal(DELETE, confirm=confirm)
        assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", "confirm")
    assert rows_left(settings, mallory) == 5
    mallory.ask(DELETE, confirm=mallory.id)
    assert rows_left(settings, alice) == 5
