"""The first wall, part by part: also where another part happens to say the same."""

import uuid
from typing import Any

import pytest
from sqlalchemy import literal, select, true

from todo_graphql.store.database import Viewer
from todo_graphql.store.mine import Mine
from todo_graphql.store.models import TASKS, USERS

VIEWER = Viewer(uuid.UUID("d0d0d0d0-0000-4000-8000-000000000001"))
TASK_ID = uuid.UUID("d0d0d0d0-0000-4000-8000-000000000002")
MINE = Mine(VIEWER)
TARGET = MINE.locked(TASK_ID, [TASKS.c.id], when=true())
WRITER = MINE.next_revision(TARGET)
PARTS: dict[str, Any] = {
    "user": MINE.user(USERS.c.id),
    "tasks": MINE.tasks(TASKS.c.id),
    "locked": TARGET.element,
    "next_revision": WRITER.element,
    "update": MINE.update(TASK_ID, WRITER, {"title": "x"}, [TASKS.c.id]).element,
    "delete": MINE.delete(TASK_ID, WRITER).element,
}


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_every_part_says_whose_rows_it_means(part: Any) -> None:
    assert VIEWER.id in part.whereclause.compile().params.values()


@pytest.mark.parametrize("name", ["locked", "update", "delete"])
def test_a_task_is_named_with_its_owner(name: str) -> None:
    where = PARTS[name].whereclause.compile()
    assert {VIEWER.id, TASK_ID} <= set(where.params.values())
    assert "tasks.user_id = " in str(where)
    assert "tasks.id = " in str(where)


def test_a_new_task_is_its_writers() -> None:
    """The writer is the row of the viewer, whom the statement inserts or locks."""
    nothing = select(literal(TASK_ID).label("id")).cte()
    writer = MINE.first_or_next_revision(unless=nothing)
    assert VIEWER.id in writer.compile().params.values()
    inserted: Any = MINE.insert(writer, {"title": "x"}, [TASKS.c.id]).element
    assert next(iter(inserted.select.selected_columns)).table is writer
