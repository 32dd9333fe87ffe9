"""POST /import: round trips, existing tasks, formats, and rollback."""

import json
import uuid
from typing import Any

import pytest

from tests.support.api_client import Person
from tests.support.data_files import (
    HEADER,
    csv_of,
    export,
    exported,
    forget,
    imported,
    refusal,
    titles,
)
from todo_graphql.server.endpoints import import_tasks as server_imports
from todo_graphql.store.postgres.connection import ViewerConnection
from todo_graphql.store.tasks.transfer import imports

ID = "d0d0d0d0-0000-4000-8000-000000000001"
MOVE = "mutation ($id: ID!, $to: ID!) { moveTask(id: $id, before: $to) { task { id } } }"


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "BATCH_TASKS", 2)


def whole_life(who: Person) -> None:
    """Create tasks of all kinds, in an order that differs from that of their creation."""
    first = who.create('=HYPERLINK("x")', description='\'=1\r\n"quoted", 2\n\n', tags=["=a", "b,c"])
    who.create("Käse 🧀 für Ömer", priority="URGENT", dueOn="2026-02-28", description=" ")
    third = who.create("'s ist", dueAt="0001-01-01T00:00:00Z", tags=['"', "'", "\ufeffx", "a;b"])
    fourth = who.create("null", id=str(uuid.uuid4()), description="\u2028\x1f\x85\ufeff")
    who.change("completeTask", first["id"])
    who.change("deleteTask", third["id"])
    who.change("completeTask", fourth["id"])
    who.change("deleteTask", fourth["id"])
    who.ask(MOVE, id=fourth["id"], to=first["id"])


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("kind", ["json", "csv"])
def test_export_and_import_preserve_all_fields(alice: Person, kind: str) -> None:
    whole_life(alice)
    files = export(alice, "json"), export(alice, "csv")
    forget(alice)
    assert exported(alice) == []
    done = imported(alice, export_of(files, kind), kind)
    assert done == {"created": 4, "existing": 0, "inTrash": 0, "revision": 1}
    assert (export(alice, "json"), export(alice, "csv")) == files


def export_of(files: tuple[bytes, bytes], kind: str) -> bytes:
    return files[["json", "csv"].index(kind)]


def test_only_json_preserves_empty_description(alice: Person) -> None:
    alice.create(description="")
    files = export(alice, "json"), export(alice, "csv")
    for kind, expected in (("json", ""), ("csv", None)):
        forget(alice)
        imported(alice, export_of(files, kind), kind)
        assert exported(alice)[0]["description"] == expected
        assert export(alice, "csv") == files[1]


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("kind", ["json", "csv"])
def test_repeated_import_changes_nothing(alice: Person, kind: str) -> None:
    whole_life(alice)
    content = export(alice, kind)
    forget(alice)
    imported(alice, content, kind)
    again = imported(alice, content, kind)
    assert again == {"created": 0, "existing": 4, "inTrash": 2, "revision": 1}
    assert (export(alice, kind), alice.revision()) == (content, 1)


@pytest.mark.usefixtures("small_batches")
def test_import_keeps_existing_tasks(alice: Person) -> None:
    """New tasks follow in the order of the file, with one revision."""
    there = alice.create("there", id=ID)
    names = [*"abcd", "changed", *"efg"]
    tasks = [{"title": name} | ({"id": ID} if name == "changed" else {}) for name in names]
    done = imported(alice, json.dumps(tasks))
    assert done == {"created": 7, "existing": 1, "inTrash": 0, "revision": 2}
    assert alice.find(ID) == there
    assert titles(alice) == ["there", *"abcdefg"]
    page = alice.ask("{ tasks(first: 100) { nodes { revision title } } }")["tasks"]["nodes"]
    assert {task["revision"] for task in page if task["title"] != "there"} == {2}


@pytest.mark.usefixtures("small_batches")
def test_import_with_existing_first_batch_creates_the_rest(alice: Person) -> None:
    alice.create_many("a", "b")
    content = export(alice)
    tasks = [*json.loads(content)["tasks"], {"title": "c"}, {"title": "d"}, {"title": "e"}]
    assert imported(alice, json.dumps(tasks)) == {
        "created": 3,
        "existing": 2,
        "inTrash": 0,
        "revision": 2,
    }
    assert titles(alice) == [*"abcde"]
    assert alice.create("f")["revision"] == 3
    assert titles(alice) == [*"abcdef"]


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("json", "[]"),
        ("json", '{"tasks": [], "version": 1}'),
        ("csv", HEADER),
        ("csv", "title\r\n\r\n"),
    ],
)
def test_import_without_tasks_changes_nothing(alice: Person, kind: str, content: str) -> None:
    assert imported(alice, content, kind) == {
        "created": 0,
        "existing": 0,
        "inTrash": 0,
        "revision": 0,
    }
    assert alice.ask("{ me { createdAt } }") == {"me": {"createdAt": None}}
    alice.create()
    assert imported(alice, content, kind) == {
        "created": 0,
        "existing": 0,
        "inTrash": 0,
        "revision": 1,
    }


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("json", f'[{{"id": "{ID}", "title": "Mine"}}]'),
        ("csv", f"id,title\n{ID},Mine\n"),
    ],
)
def test_import_with_id_of_another_user_creates_own_task(
    alice: Person, mallory: Person, kind: str, content: str
) -> None:
    task_id = str(uuid.uuid4())
    theirs = alice.create("Theirs", id=task_id), alice.revision()
    done = imported(mallory, content.replace(ID, task_id), kind)
    assert done == {"created": 1, "existing": 0, "inTrash": 0, "revision": 1}
    assert mallory.find(task_id)["title"] == "Mine"
    assert (alice.find(task_id), alice.revision()) == theirs


@pytest.mark.usefixtures("small_batches")
def test_import_counts_existing_tasks_in_the_trash(alice: Person) -> None:
    ids = [task["id"] for task in alice.create_many(*"abcde")]
    for task_id in ids[1:4]:
        alice.change("deleteTask", task_id)
    content = json.dumps([{"title": "x"}, *({"title": "x", "id": one} for one in ids)])
    done = imported(alice, content)
    assert done == {"created": 1, "existing": 5, "inTrash": 3, "revision": 5}


@pytest.mark.parametrize(
    ("kind", "content"),
    [("json", '[{"title": "a"},\n{"title": "b", "id": "%s"}]'), ("csv", "id,title\n%s,b\n")],
)
def test_import_with_id_of_the_user_is_rejected(alice: Person, kind: str, content: str) -> None:
    error = refusal(alice, content % alice.id.upper(), kind)
    assert (error["line"], error["field"], error["reason"]) == (2, "id", "DUPLICATE")


def test_import_requires_only_a_title(alice: Person) -> None:
    imported(alice, b"\xef\xbb\xbf" + b'[{"title": " a ", "id": null, "tags": null}]')
    imported(alice, "title\nb", "csv")
    for task, title in zip(exported(alice), "ab", strict=True):
        assert (task["title"], task["priority"], task["tags"]) == (title, "NONE", [])
        assert task["description"] is task["dueOn"] is task["dueAt"] is None
        assert task["completedAt"] is task["deletedAt"] is None
        assert task["createdAt"] == alice.find(task["id"])["updatedAt"]


def test_csv_columns_can_have_any_order(alice: Person) -> None:
    content = csv_of(
        {
            "tags": 'a, "b,c"',
            "priority": "LOW",
            "title": "'=1",
            "dueAt": "2026-01-31T10:30:00+01:00",
        }
    )
    imported(alice, content, "csv")
    (task,) = exported(alice)
    assert (task["tags"], task["priority"], task["title"]) == (["a", "b,c"], "LOW", "=1")
    assert task["dueAt"] == "2026-01-31T09:30:00.000000Z"


@pytest.mark.parametrize(
    "content",
    [
        "title;priority;tags\na;LOW;Home\nb\n",
        "title\tpriority\ttags\na\tLOW\tHome\nb\n",
        ";;;\nTITLE ; Priority;Tags;;\na;LOW;Home;;\n;;;;\nb;;;;\n;;;\n",
        '"title","PRIORITY", tags \r\n"a","LOW",Home\r\nb,,\r\n',
    ],
)
def test_csv_is_read_as_spreadsheets_save_it(alice: Person, content: str) -> None:
    imported(alice, content, "csv")
    found = [(task["title"], task["priority"], task["tags"]) for task in exported(alice)]
    assert found == [("a", "LOW", ["Home"]), ("b", "NONE", [])]


@pytest.mark.parametrize(
    "content",
    [
        '\n{\t"tasks"\r\n:[{"title":"x"}\n,{"title":"y"}\n]\n,"version":1}\n \n',
        '[{"title":"x"},{"title":"y"}]',
        '{"version": 1, "tasks": [{"title": "x"}, {"title": "y"}]}',
    ],
)
def test_json_layout_is_free(alice: Person, content: str) -> None:
    imported(alice, content)
    assert titles(alice) == ["x", "y"]


@pytest.mark.parametrize("kind", ["json", "csv"])
@pytest.mark.usefixtures("small_batches")
def test_invalid_line_rolls_back_the_import(alice: Person, kind: str) -> None:
    alice.create("there")
    tasks = [{"title": name} for name in [*"abcdef", " "]]
    content = csv_of(*tasks) if kind == "csv" else json.dumps(tasks, indent=1)
    error = refusal(alice, content, kind)
    assert error["line"] == (8 if kind == "csv" else 20)
    assert titles(alice) == ["there"]
    assert alice.create("next")["revision"] == 2


def test_rejected_import_does_not_create_the_user(alice: Person) -> None:
    refusal(alice, '[{"title": "a"}, {"title": ""}]')
    assert alice.ask("{ me { createdAt revision } }") == {"me": {"createdAt": None, "revision": 0}}


def test_import_over_task_limit_is_rejected(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_imports, "MAX_IMPORT_TASKS", 3)
    error = refusal(alice, "title\na\nb\nc\nd\n", "csv")
    assert error["message"] == "Line 5: A file can contain at most 3 tasks."
    assert imported(alice, "title\na\nb\nc\n", "csv")["created"] == 3


def test_import_is_split_into_batches(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    writes = 0
    run = ViewerConnection.write

    def counted(connection: ViewerConnection, *given: Any, **named: Any) -> Any:
        nonlocal writes
        writes += 1
        return run(connection, *given, **named)

    monkeypatch.setattr(ViewerConnection, "write", counted)
    imported(alice, "title\n" + "a\n" * 1_001, "csv")
    assert writes == 3
    long = [{"title": "x", "description": "x" * 10_000}] * 60
    imported(alice, json.dumps(long))
    assert writes == 3 + 12
