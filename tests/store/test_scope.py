"""Statement scoping of each part of ViewerScope."""

import uuid
from typing import Any

import pytest
from sqlalchemy import literal, select, true

from todo_graphql.store.models import IDEMPOTENCY_KEYS, TASKS, TOMBSTONES, USERS
from todo_graphql.store.postgres.statement_cache import DIALECT
from todo_graphql.store.quota import Growth
from todo_graphql.store.scope import VIEWER, ViewerScope
from todo_graphql.store.tasks.inserts import insert_statement
from todo_graphql.store.tasks.rows import ALL
from todo_graphql.store.tasks.selections import SelectionShape
from todo_graphql.store.tasks.single_writes import insert_one_statement

TASK_ID = uuid.UUID("d0d0d0d0-0000-4000-8000-000000000002")
SCOPE = ViewerScope()
ONE = TASKS.c.id.in_([TASK_ID])
WRITER = SCOPE.next_revision(when=true())
GROWTH = Growth(literal(1), literal(1))
PARTS: dict[str, Any] = {
    "user": SCOPE.user(USERS.c.id),
    "delete_user": SCOPE.delete_user(),
    "tasks": SCOPE.tasks(TASKS.c.id),
    "tombstones": SCOPE.tombstones(TOMBSTONES.c.task_id),
    "oldest_tombstones": SCOPE.oldest_tombstones(beyond=literal(1)).element,
    "delete_tombstones": SCOPE.delete_tombstones(SCOPE.delete(ONE, WRITER)).element,
    "keys": SCOPE.keys(IDEMPOTENCY_KEYS.c.key),
    "next_revision": WRITER.element,
    "same_revision": SCOPE.same_revision(when=true(), growth=GROWTH, stamps=literal(1)).element,
    "storage": SCOPE.storage(),
    "counted_storage": SCOPE.counted_storage(),
    "recount_storage": SCOPE.recount_storage(),
    "update": SCOPE.update(ONE, WRITER, {"title": "x"}, [TASKS.c.id]).element,
    "delete": SCOPE.delete(ONE, WRITER).element,
    "key_usage": SCOPE.key_usage(),
    "delete_keys": SCOPE.delete_keys(true()),
    "rebalance_ranks": SCOPE.rebalance_ranks(),
}


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_every_scope_part_names_viewer(part: Any) -> None:
    assert "viewer" in part.whereclause.compile().params


def test_every_scope_part_is_tested() -> None:
    parts = {name for name in vars(ViewerScope) if not name.startswith("_")}
    predicates = {"own_user", "own_tasks", "own_tombstones", "own_keys", "within_quota"}
    written = {"insert", "insert_one", "insert_tombstones", "save_idempotency_key"}
    assert parts == {*PARTS, "end_rank", "tasks_or_tombstones"} | written | predicates


def test_saved_idempotency_key_belongs_to_viewer() -> None:
    values = {"key": "x", "digest": b"x", "answer": "x"}
    saved: Any = SCOPE.save_idempotency_key(values, max_keys=1, max_bytes=1)
    assert next(iter(saved.select.selected_columns)) is VIEWER
    assert "(user_id, key, digest, answer, created_at) SELECT" in str(
        saved.compile(dialect=DIALECT)
    )


def test_tombstone_belongs_to_writer() -> None:
    deleted = SCOPE.delete(ONE, WRITER)
    buried: Any = SCOPE.insert_tombstones(deleted, WRITER, when=true()).element
    owner, _, revision = buried.select.selected_columns
    assert (owner, revision) == (WRITER.c.id, WRITER.c.revision)


@pytest.mark.parametrize("name", ["update", "delete"])
def test_task_write_names_owner(name: str) -> None:
    where = PARTS[name].whereclause.compile()
    assert "viewer" in where.params
    assert "tasks.user_id = " in str(where)
    assert "tasks.id IN " in str(where)


def test_inserted_task_belongs_to_writer() -> None:
    source = select(TASKS.c.id, TASKS.c.title).cte()
    values = {"title": source.c.title}
    inserted: Any = SCOPE.insert(WRITER, source, true(), values, [TASKS.c.id]).element
    given = dict(zip(inserted._select_names, inserted.select.selected_columns, strict=True))
    assert given["user_id"] is WRITER.c.id
    assert given["revision"] is WRITER.c.revision


def test_single_inserted_task_belongs_to_writer() -> None:
    inserted: Any = SCOPE.insert_one(WRITER, {"title": literal("x")}, [TASKS.c.id]).element
    given = dict(zip(inserted._select_names, inserted.select.selected_columns, strict=True))
    assert given["user_id"] is WRITER.c.id
    assert given["revision"] is WRITER.c.revision


def test_write_statement_names_viewer() -> None:
    assert "%(viewer)s" in insert_statement(ALL).compile(SCOPE).sql
    assert "%(viewer)s" in insert_one_statement(("id", "title"), ALL).compile(SCOPE).sql
    assert "ids" in SelectionShape().predicates()[0].compile().params
