"""Quotas: mutations and imports at a limit, and the fields and errors that report them."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support import plain_http
from tests.support.api_client import UPDATE, Person
from tests.support.quotas import SMALL
from tests.support.servers import serving
from todo_graphql.settings.settings import Settings
from todo_graphql.store.tasks.transfer import imports

STORAGE = "{ me { revision storage { tasks tasksLimit bytes bytesLimit } } }"
CREATE = """mutation ($input: CreateTaskInput!, $key: String) {
    createTask(input: $input, idempotencyKey: $key) { revision task { id title } }
}"""
CREATE_MANY = """mutation ($input: [CreateTaskInput!]!) {
    createTasks(input: $input) { revision tasks { title } }
}"""
UPDATE_MANY = """mutation ($input: UpdateTasksInput!, $dryRun: Boolean! = false) {
    updateTasks(filter: {createdAt: {null: false}}, input: $input, dryRun: $dryRun) {
        revision count
    }
}"""


@pytest.fixture(scope="module")
def small(settings: Settings) -> Iterator[tuple[str, Settings]]:
    """Yield a server with a small quota on the shared database, and its settings."""
    own = settings.model_copy(
        update={"max_tasks_per_user": SMALL.tasks, "max_bytes_per_user": SMALL.bytes}
    )
    with serving(own) as base:
        yield base, own


@pytest.fixture
def carol(small: tuple[str, Settings]) -> Person:
    """Return a user of that server."""
    return Person(*small)


@pytest.fixture
def full(carol: Person) -> Person:
    """Return a user with as many tasks as allowed, of one byte each."""
    carol.create_many(*"abcde")
    return carol


@pytest.fixture
def heavy(alice: Person, small: tuple[str, Settings]) -> Person:
    """Return a user with more tasks and bytes than allowed, who stored them before."""
    alice.create_many(*(letter * 50 for letter in "abcdef"))
    carol = Person(*small)
    carol.viewer, carol.id, carol.token = alice.viewer, alice.id, alice.token
    return carol


def storage(who: Person) -> list[int]:
    """Return the revision, the number of tasks and the number of bytes."""
    me = who.ask(STORAGE)["me"]
    assert (me["storage"]["tasksLimit"], me["storage"]["bytesLimit"]) == SMALL
    return [me["revision"], me["storage"]["tasks"], me["storage"]["bytes"]]


def refused(who: Person, document: str, **variables: Any) -> tuple[Any, ...]:
    """Assert that a mutation exceeds the quota and changes nothing. Return the error's details."""
    before = storage(who), who.titles()
    refusal = who.refusal(document, **variables)
    assert (refusal["code"], refusal["status"]) == ("QUOTA_EXCEEDED", 403), refusal
    assert refusal["message"].startswith("Quota exceeded: ")
    assert (storage(who), who.titles()) == before
    return tuple(refusal[name] for name in ("limitName", "limit", "used", "requested"))


def test_storage_counts_utf_8_of_all_tasks(carol: Person) -> None:
    assert storage(carol) == [0, 0, 0]
    task = carol.create("Käse", description="🧀", tags=["a", "bc"])
    assert storage(carol) == [1, 1, 12]
    carol.change("deleteTask", task["id"])
    assert storage(carol) == [2, 1, 12]
    carol.ask("mutation { emptyTrash { count } }")
    assert storage(carol) == [3, 0, 0]


def test_storage_is_read_again_after_write(carol: Person) -> None:
    document = """mutation {
        a: createTask(input: {title: "a"}) { task { user { storage { tasks } } } }
        b: createTask(input: {title: "b"}) { task { user { storage { tasks } } } }
    }"""
    answer = carol.ask(document)
    assert [answer[name]["task"]["user"]["storage"]["tasks"] for name in "ab"] == [1, 2]


def test_create_beyond_task_limit_is_refused(full: Person) -> None:
    assert refused(full, CREATE, input={"title": "f"}) == ("tasks", 5, 5, 1)
    assert full.ask("{ tasks { totalCount } }")["tasks"]["totalCount"] == 5


def test_create_beyond_byte_limit_is_refused(carol: Person) -> None:
    carol.create("a" * 60)
    assert refused(carol, CREATE, input={"title": "b" * 41}) == ("bytes", 100, 60, 41)
    assert carol.create("b" * 40)["revision"] == 2


def test_create_of_several_tasks_is_refused_as_a_whole(carol: Person) -> None:
    carol.create_many("a", "b", "c")
    new = [{"title": title} for title in "def"]
    assert refused(carol, CREATE_MANY, input=new) == ("tasks", 5, 3, 3)
    carol.ask(CREATE_MANY, input=new[:2])
    assert storage(carol) == [2, 5, 5]


def test_repeated_create_at_limit_returns_task(full: Person) -> None:
    (first, *_) = full.ask("{ tasks(last: 1) { nodes { id } } }")["tasks"]["nodes"]
    full.ask("mutation ($id: ID!) { purgeTask(id: $id) { revision } }", id=first["id"])
    given = {"title": "new", "id": str(uuid.uuid4())}
    created = full.ask(CREATE, input=given)
    assert full.ask(CREATE, input=given) == created
    assert full.ask(CREATE_MANY, input=[given])["createTasks"]["tasks"] == [{"title": "new"}]
    conflict = full.refusal(CREATE, input={**given, "title": "other"})
    assert conflict["code"] == "CONFLICT"
    both = [given, {"title": "more", "id": str(uuid.uuid4())}]
    assert refused(full, CREATE_MANY, input=both) == ("tasks", 5, 5, 1)


def test_refused_create_does_not_use_up_its_key(full: Person) -> None:
    new = {"title": "f"}
    assert refused(full, CREATE, input=new, key="k") == ("tasks", 5, 5, 1)
    (first, *_) = full.ask("{ tasks { nodes { id } } }")["tasks"]["nodes"]
    full.ask("mutation ($id: ID!) { purgeTask(id: $id) { revision } }", id=first["id"])
    created = full.ask(CREATE, input=new, key="k")
    assert full.ask(CREATE, input=new, key="k") == created
    assert storage(full)[1:] == [5, 5]


@pytest.mark.parametrize(
    "change",
    [{"title": "a" * 98}, {"description": "ä" * 49}, {"tags": ["a" * 49, "b" * 49]}],
    ids=lambda change: next(iter(change)),
)
def test_update_beyond_byte_limit_is_refused(carol: Person, change: dict[str, Any]) -> None:
    task = carol.create_many("a", "bcd")[0]
    (name, value), added = next(iter(change.items())), 97 if "title" in change else 98
    assert refused(carol, UPDATE, id=task["id"], input=change) == ("bytes", 100, 4, added)
    fits = value[:-1] if name != "tags" else [value[0], value[1][2:]]
    assert carol.update(task, **{name: fits})[name] == fits


def test_bulk_update_beyond_byte_limit_is_refused_as_a_whole(full: Person) -> None:
    tags = {"addTags": ["x" * 20]}
    for dry_run in (True, False):
        assert refused(full, UPDATE_MANY, input=tags, dryRun=dry_run) == ("bytes", 100, 5, 100)
    fits = {"addTags": ["x" * 19]}
    for dry_run in (True, False):
        assert full.ask(UPDATE_MANY, input=fits, dryRun=dry_run)["updateTasks"]["count"] == 5
    assert storage(full) == [2, 5, 100]


def test_stale_update_at_limit_is_a_conflict(carol: Person) -> None:
    task = carol.create("a" * 100)
    refusal = carol.refusal(
        UPDATE, id=task["id"], input={"title": "b" * 101, "expectedRevision": 7}
    )
    assert refusal["code"] == "CONFLICT"


def test_writes_that_do_not_grow_pass_beyond_limit(heavy: Person) -> None:
    assert storage(heavy) == [1, 6, 300]
    tasks = heavy.ask("{ tasks { nodes { id } } }")["tasks"]["nodes"]
    for verb in ("completeTask", "reopenTask", "deleteTask", "restoreTask"):
        heavy.change(verb, tasks[0]["id"])
    heavy.ask("mutation ($id: ID!) { moveTask(id: $id) { revision } }", id=tasks[1]["id"])
    heavy.update(tasks[0], title="g" * 50, priority="HIGH")
    heavy.update(tasks[1], title="g" * 49, description="g")
    heavy.update(tasks[2], title="short")
    assert heavy.ask(UPDATE_MANY, input={"dueOn": "2026-01-31"})["updateTasks"]["count"] == 6
    assert storage(heavy)[1:] == [6, 255]
    grown = {"title": "longer"}
    assert refused(heavy, UPDATE, id=tasks[2]["id"], input=grown) == ("bytes", 100, 255, 1)
    for task in tasks[:5]:
        heavy.ask("mutation ($id: ID!) { purgeTask(id: $id) { revision } }", id=task["id"])
    assert storage(heavy)[1:] == [1, 50]
    heavy.create("fits")


def test_account_starts_anew_with_whole_quota(full: Person) -> None:
    full.ask("mutation ($id: String!) { deleteAccount(confirm: $id) { userId } }", id=full.id)
    assert storage(full) == [0, 0, 0]
    full.create_many(*"abcde")
    assert storage(full) == [1, 5, 5]


def imported(url: str, who: Person, tasks: list[dict[str, Any]]) -> httpx.Response:
    headers = {"Authorization": f"Bearer {who.token}", "Content-Type": "application/json"}
    return plain_http.post(f"{url}/import", content=json.dumps(tasks), headers=headers, timeout=30)


@pytest.mark.parametrize("batch", [500, 2])
def test_import_beyond_limit_is_refused_as_a_whole(
    small: tuple[str, Settings], carol: Person, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "BATCH_TASKS", batch)
    carol.create("a")
    tasks = [{"title": title, "id": str(uuid.uuid4())} for title in "bcdef"]
    response = imported(small[0], carol, tasks)
    (error,) = response.json()["errors"]
    assert response.status_code == 403
    assert (error["extensions"]["code"], error["extensions"]["limitName"]) == (
        "QUOTA_EXCEEDED",
        "tasks",
    )
    assert storage(carol) == [1, 1, 1]
    for _ in range(2):
        assert imported(small[0], carol, tasks[:4]).status_code == 200
        assert storage(carol) == [2, 5, 5]


PUSH = """mutation ($rows: [PushTaskInput!]!) {
    pushTasks(rows: $rows) { revision conflicts { id } rejected { id code reason field message } }
}"""


def test_push_rejects_only_rows_beyond_the_quota(full: Person) -> None:
    """What the push releases is free for its rows, and a small row follows a large one."""
    first, second, third = full.ask("{ tasks { nodes { id title } } }")["tasks"]["nodes"][:3]
    new = {"id": str(uuid.uuid4()), "title": "new"}
    beyond = {"id": str(uuid.uuid4()), "title": "x"}
    pushed = full.ask(
        PUSH,
        rows=[
            {"task": new},
            {"task": beyond},
            {"assumed": second, "task": {**second, "title": "x" * 200}},
            {"assumed": third, "task": {**third, "title": "x" * 20}},
            {"task": {"id": first["id"], "purged": True}},
        ],
    )["pushTasks"]
    found = {one["id"]: one for one in pushed["rejected"]}
    assert found.keys() == {beyond["id"], second["id"]}
    for one in found.values():
        assert (one["code"], one["reason"], one["field"]) == ("QUOTA_EXCEEDED", None, None)
    assert "`tasks` is 5 of 5" in found[beyond["id"]]["message"]
    assert "`bytes` is 7 of 100" in found[second["id"]]["message"]
    assert full.find(new["id"])["title"] == "new"
    assert full.find(third["id"])["title"] == "x" * 20
    assert full.find(second["id"])["title"] == second["title"]
    assert full.revision() == pushed["revision"] == 2


def test_user_beyond_the_quota_can_push_smaller_tasks(heavy: Person) -> None:
    first, second = heavy.ask("{ tasks { nodes { id title } } }")["tasks"]["nodes"][:2]
    rows = [
        {"assumed": first, "task": {**first, "title": "x"}},
        {"assumed": second, "task": {**second, "title": second["title"] + "x"}},
    ]
    pushed = heavy.ask(PUSH, rows=rows)["pushTasks"]
    assert [one["id"] for one in pushed["rejected"]] == [second["id"]]
    assert heavy.find(first["id"])["title"] == "x"
