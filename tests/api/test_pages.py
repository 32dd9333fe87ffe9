"""Pagination: every row once, in order, from either end, under concurrent changes."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from tests.support.api_client import Person
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.tasks.cursors import CURSOR_VERSION, Listing

PAGE = """
query ($first: Int, $after: String, $last: Int, $before: String) {
  tasks(first: $first, after: $after, last: $last, before: $before) {
    edges { cursor node { id } }
    nodes { id }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""
PURGE = "mutation ($id: ID!) { purgeTask(id: $id) { taskId } }"
# Two instants for seven tasks, so that the id orders most of them.
PLANT = """
INSERT INTO tasks
    (user_id, title, revision, created_at, rank, title_key, title_order, tag_keys, words)
SELECT current_setting('app.user_id')::uuid, 'task ' || n, 1,
       timestamptz '2026-01-01 00:00:00.000001Z' + (n / 5) * interval '1 microsecond',
       n, 'task ' || n, 'task ' || n, '{}', ''
FROM generate_series(1, 7) AS n RETURNING id
"""


@pytest.fixture
def seven(alice: Person, database: Database) -> list[str]:
    """Create seven tasks and return their ids in list order."""
    with database.connect_as(alice.viewer) as connection:
        connection.write(
            text("INSERT INTO users SELECT current_setting('app.user_id')::uuid RETURNING id")
        )
        connection.write(text(PLANT))
        rows = connection.read(text("SELECT id::text FROM tasks ORDER BY created_at DESC, id DESC"))
    return [row[0] for row in rows]


def page(who: Person, **arguments: Any) -> Any:
    tasks = who.ask(PAGE, **arguments)["tasks"]
    assert tasks["nodes"] == [edge["node"] for edge in tasks["edges"]]
    cursors = [edge["cursor"] for edge in tasks["edges"]]
    ends = (cursors[0], cursors[-1]) if cursors else (None, None)
    assert (tasks["pageInfo"]["startCursor"], tasks["pageInfo"]["endCursor"]) == ends
    return tasks


def ids(tasks: Any) -> list[str]:
    return [node["id"] for node in tasks["nodes"]]


def forward(who: Person, size: int) -> Iterator[Any]:
    cursor = None
    while True:
        tasks = page(who, first=size, after=cursor)
        yield tasks
        cursor = tasks["pageInfo"]["endCursor"]
        if not tasks["pageInfo"]["hasNextPage"]:
            return


def backward(who: Person, size: int) -> Iterator[Any]:
    cursor = None
    while True:
        tasks = page(who, last=size, before=cursor)
        yield tasks
        cursor = tasks["pageInfo"]["startCursor"]
        if not tasks["pageInfo"]["hasPreviousPage"]:
            return


@pytest.mark.parametrize("size", range(1, 9))
def test_forward_pages_contain_every_row_once(alice: Person, seven: list[str], size: int) -> None:
    pages = list(forward(alice, size))
    assert [task_id for tasks in pages for task_id in ids(tasks)] == seven
    assert [tasks["pageInfo"]["hasPreviousPage"] for tasks in pages] == [False] + [True] * (
        len(pages) - 1
    )
    assert len(pages) == -(-7 // size)


@pytest.mark.parametrize("size", range(1, 9))
def test_backward_pages_contain_every_row_once(alice: Person, seven: list[str], size: int) -> None:
    pages = list(backward(alice, size))
    assert [task_id for tasks in reversed(pages) for task_id in ids(tasks)] == seven
    assert [tasks["pageInfo"]["hasNextPage"] for tasks in pages] == [False] + [True] * (
        len(pages) - 1
    )


def test_page_between_two_cursors(alice: Person, seven: list[str]) -> None:
    cursors = [edge["cursor"] for edge in page(alice)["edges"]]
    between = {"after": cursors[1], "before": cursors[5]}
    assert ids(page(alice, **between)) == seven[2:5]
    for arguments, expected, more in (
        ({"first": 2}, seven[2:4], "hasNextPage"),
        ({"last": 2}, seven[3:5], "hasPreviousPage"),
    ):
        tasks = page(alice, **between, **arguments)
        assert ids(tasks) == expected
        assert tasks["pageInfo"][more] is True
    assert ids(page(alice, after=cursors[5], before=cursors[1])) == []


def test_concurrent_changes_neither_repeat_nor_hide_rows(alice: Person, seven: list[str]) -> None:
    first = page(alice, first=3)
    alice.create("newer than all")
    alice.ask(PURGE, id=seven[2])  # the task of the cursor
    alice.change("deleteTask", seven[4])
    rest = page(alice, first=50, after=first["pageInfo"]["endCursor"])
    assert ids(rest) == [seven[3], *seven[5:]]


def test_empty_page_reports_adjacent_pages(alice: Person, seven: list[str]) -> None:
    everything = page(alice)["pageInfo"]
    after = page(alice, first=5, after=everything["endCursor"])
    assert ids(after) == []
    assert after["pageInfo"]["hasPreviousPage"] is True
    assert after["pageInfo"]["hasNextPage"] is False
    before = page(alice, last=5, before=everything["startCursor"])
    assert ids(before) == []
    assert before["pageInfo"]["hasNextPage"] is True
    for task_id in seven:
        alice.change("deleteTask", task_id)
    gone = page(alice, first=5, after=everything["endCursor"])
    assert gone["pageInfo"]["hasPreviousPage"] is False


def test_default_page_size_is_fifty(alice: Person, database: Database) -> None:
    alice.create()
    with database.connect_as(alice.viewer) as connection:
        connection.write(text(PLANT.replace("(1, 7)", "(1, 100)")))
    assert len(ids(page(alice))) == 50
    assert len(ids(page(alice, first=100))) == len(ids(page(alice, last=100))) == 100


def test_pages_below_me(alice: Person, seven: list[str]) -> None:
    document = "{ me { tasks(last: 2) { nodes { id } pageInfo { hasPreviousPage } } } }"
    tasks = alice.ask(document)["me"]["tasks"]
    assert (ids(tasks), tasks["pageInfo"]["hasPreviousPage"]) == (seven[-2:], True)


def forged(*place: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


TIME = "2026-01-01T00:00:00.000000Z"
VALID_CURSOR = (
    CURSOR_VERSION,
    Listing().fingerprint,
    [TIME],
    "d0d0d0d0-0000-4000-8000-000000000001",
)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        "\0",
        "\ud800",
        "=" * 8,
        "A" * 10_000,
        forged(*VALID_CURSOR[:3]),
        forged(*VALID_CURSOR, 1),
        forged(1, "CREATED:DESC", TIME, VALID_CURSOR[3]),
        forged(str(CURSOR_VERSION), *VALID_CURSOR[1:]),
        forged(CURSOR_VERSION, "0" * 16, *VALID_CURSOR[2:]),
        *(
            forged(*VALID_CURSOR[:2], values, VALID_CURSOR[3])
            for values in (
                TIME,
                [],
                [TIME, TIME],
                [None],
                ["now"],
                ["0000-01-01T00:00:00.000000Z"],
                ["2026-02-30T00:00:00.000000Z"],
                [5],
            )
        ),
        forged(*VALID_CURSOR[:3], "1' OR true --"),
        forged(*VALID_CURSOR[:3], None),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
        base64.urlsafe_b64encode(b"[" * 120).decode(),
        base64.urlsafe_b64encode(b"null").decode(),
        base64.urlsafe_b64encode(b'{"a":1}').decode(),
    ],
)
@pytest.mark.parametrize("side", ["after", "before"])
def test_invalid_cursor_is_rejected(alice: Person, side: str, cursor: str) -> None:
    refusal = alice.refusal(PAGE, **{side: cursor})
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", side)
    assert "filter, order and time zone" in refusal["message"]


def test_cursor_of_another_user_grants_no_access(alice: Person, mallory: Person) -> None:
    for title in "abc":
        alice.create(title)
    cursor = page(alice, first=1)["pageInfo"]["endCursor"]
    assert ids(page(mallory, after=cursor)) == []
    assert page(mallory, after=cursor)["pageInfo"]["hasPreviousPage"] is False


def test_valid_forged_cursor_is_accepted(alice: Person) -> None:
    """The invalid cursors above differ from this cursor."""
    assert ids(page(alice, after=forged(*VALID_CURSOR))) == []


@pytest.mark.parametrize("size", [0, -1, 101, 2**31 - 1])
@pytest.mark.parametrize("side", ["first", "last"])
def test_page_size_out_of_bounds_is_rejected(alice: Person, side: str, size: int) -> None:
    refusal = alice.refusal(PAGE, **{side: size})
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", side)


def test_first_with_last_is_rejected(alice: Person) -> None:
    refusal = alice.refusal(PAGE, first=1, last=1)
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", "last")
