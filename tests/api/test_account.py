"""The `deleteAccount` mutation."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from tests.support import plain_http
from tests.support.administrators import administering
from tests.support.api_client import Person
from todo_graphql.dev.demo_user import token_for
from todo_graphql.settings.settings import Settings
from todo_graphql.store.models import Viewer

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
    """Return the number of rows of a user, bypassing row-level security."""
    with administering(settings.required_database_url()) as connection:
        return int(connection.execute(text(LEFT), {"id": who.id}).scalar_one())


def create_data(who: Person) -> None:
    """Create rows in all tables."""
    tasks = who.create_many("a", "b", tags=["x"])
    who.change("deleteTask", tasks[0]["id"])
    document = 'mutation { createTask(input: {title: "c"}, idempotencyKey: "k") { revision } }'
    who.ask(document)


def test_delete_account_without_a_token_is_rejected(url: str) -> None:
    answer = plain_http.post(
        f"{url}/graphql", json={"query": DELETE, "variables": {"confirm": "x"}}
    )
    assert answer.status_code == 401


@pytest.mark.parametrize("by", ["id", "ID", "email", " EMAIL "])
@pytest.mark.parametrize("key", [None, "k2"])
def test_delete_account_removes_all_rows(
    settings: Settings, alice: Person, by: str, key: str | None
) -> None:
    create_data(alice)
    own = {"id": alice.id, "email": str(alice.viewer.email)}[by.strip().lower()]
    confirm = own.upper() if by.strip().isupper() else own
    assert rows_left(settings, alice) == 5
    for _ in range(2):
        answer = alice.ask(DELETE, confirm=f" {confirm} " if by != by.strip() else confirm, key=key)
        assert answer == {"deleteAccount": {"userId": alice.id}}
        # The key protects later data from a repeated deletion.
        assert rows_left(settings, alice) == (0 if key is None else 1)


def test_user_starts_anew_after_delete_account(alice: Person) -> None:
    create_data(alice)
    alice.ask(DELETE, confirm=alice.id)
    assert alice.ask("{ me { revision createdAt tags { tag } tasks { totalCount } } }") == {
        "me": {"revision": 0, "createdAt": None, "tags": [], "tasks": {"totalCount": 0}}
    }
    assert alice.create()["revision"] == 1


def test_delete_account_rejects_other_confirmations(
    settings: Settings, alice: Person, mallory: Person
) -> None:
    for who in (alice, mallory):
        create_data(who)
    for confirm in (alice.id, str(uuid.uuid4()), "", "yes", "someone@example.org"):
        refusal = mallory.refusal(DELETE, confirm=confirm)
        assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", "confirm")
    assert rows_left(settings, mallory) == 5
    mallory.ask(DELETE, confirm=mallory.id)
    assert rows_left(settings, alice) == 5


@pytest.mark.parametrize("confirm", ["", " ", "null", "None"])
def test_account_without_an_email_is_not_deleted_by_a_blank_confirmation(
    settings: Settings, alice: Person, confirm: str
) -> None:
    create_data(alice)
    alice.token = token_for(Viewer(alice.viewer.id), settings, 3_600)
    refusal = alice.refusal(DELETE, confirm=confirm)
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", "confirm")
    assert rows_left(settings, alice) == 5
    alice.ask(DELETE, confirm=alice.id)
    assert rows_left(settings, alice) == 0


def test_repeated_delete_account_with_a_key_keeps_new_tasks(alice: Person) -> None:
    create_data(alice)
    alice.ask(DELETE, confirm=alice.id, key="last")
    assert alice.ask("{ me { createdAt } }") == {"me": {"createdAt": None}}
    alice.create("new life")
    assert alice.ask(DELETE, confirm=alice.id, key="last") == {
        "deleteAccount": {"userId": alice.id}
    }
    assert alice.titles() == ["new life"]
    other = alice.refusal(DELETE, confirm=str(alice.viewer.email), key="last")
    assert other["code"] == "CONFLICT"


def test_replayed_delete_account_creates_no_user(alice: Person) -> None:
    for _ in range(2):
        alice.ask(DELETE, confirm=alice.id, key="k")
    assert alice.ask("{ me { createdAt } }") == {"me": {"createdAt": None}}


def test_creates_during_delete_account_are_consistent(alice: Person) -> None:
    """Each create happens entirely before or after a deletion."""
    create = """mutation ($key: String) {
        createTask(input: {title: "x"}, idempotencyKey: $key) { revision task { revision } }
    }"""

    def write(number: int) -> int:
        if number % 5 == 0:
            alice.ask(DELETE, confirm=alice.id)
            return 0
        key = str(number) if number % 2 else None
        made = alice.ask(create, key=key)["createTask"]
        assert made["revision"] == made["task"]["revision"] > 0
        return int(made["revision"])

    with ThreadPoolExecutor(10) as pool:
        revisions = list(pool.map(write, range(100)))
    left = alice.ask("{ me { revision tasks { totalCount } } }")["me"]
    assert left["revision"] == left["tasks"]["totalCount"] <= max(revisions)
