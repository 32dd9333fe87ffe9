"""Validity of a sync cursor: each bound alone makes it invalid."""

import pytest

from todo_graphql.store.sync.cursor import FIRST_ID, LAST_ID, SyncCursor

BOUNDS = {"history": "h", "life": "l", "revision": 5, "forgotten": 3}
CURSOR = SyncCursor("h", "l", 5, LAST_ID, 5)


@pytest.mark.parametrize(
    ("cursor", "changed"),
    [
        (CURSOR, {"history": "restored"}),
        (CURSOR, {"life": "another"}),
        (CURSOR, {"life": None}),
        (CURSOR, {"revision": 4}),
        (CURSOR, {"forgotten": 6}),
        (CURSOR._replace(revision=2, base=2), {}),
        (CURSOR._replace(revision=3, task_id=FIRST_ID, base=2), {}),
        (SyncCursor("h", None, 0, LAST_ID, 0), {"history": "restored"}),
    ],
)
def test_cursor_beyond_a_bound_is_invalid(cursor: SyncCursor, changed: dict[str, object]) -> None:
    assert not cursor.is_valid_in(**{**BOUNDS, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "cursor",
    [
        CURSOR,
        CURSOR._replace(revision=3, base=2),
        CURSOR._replace(revision=4, task_id=FIRST_ID, base=2),
        CURSOR._replace(revision=1),
        SyncCursor("h", None, 0, LAST_ID, 0),
    ],
)
def test_cursor_within_the_bounds_is_valid(cursor: SyncCursor) -> None:
    assert cursor.is_valid_in(**BOUNDS)  # type: ignore[arg-type]
