"""Changes of a user's tasks since a cursor: one statement per page.

A short statement precedes it for a cursor behind a whole revision, because there are usually no
changes.

A write takes its revision under a lock that it holds until it is visible. So a snapshot with a
revision has all earlier ones, and a client that has read up to a revision has missed no change.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Integer,
    Select,
    Uuid,
    any_,
    bindparam,
    collate,
    false,
    func,
    null,
    select,
    true,
    tuple_,
    union_all,
)

from todo_graphql.store.formats import format_instant, format_uuid
from todo_graphql.store.models import DATABASE_HISTORY, TASKS, TOMBSTONES, USERS
from todo_graphql.store.postgres.statement_cache import cached_statement
from todo_graphql.store.scope import ViewerScope
from todo_graphql.store.statements import Statements
from todo_graphql.store.sync.cursor import FIRST_ID, LARGEST_BIGINT, LAST_ID, SyncCursor
from todo_graphql.store.tasks.rows import (
    ALWAYS_READ,
    WIDTH,
    TaskRow,
    format_columns,
    parse_task_rows,
    stored_columns,
)
from todo_graphql.store.tasks.selections import IS_NAMED

DEFAULT_CHANGES = 200
MAX_CHANGES = 500

MAX_PAGE_CHARACTERS = 1_048_576
"""The characters of descriptions behind which a page ends. A response in JSON takes at most six
bytes for each.
"""

AFTER_REVISION = bindparam("after_revision", type_=BigInteger())
AFTER_ID = bindparam("after_id", type_=Uuid(as_uuid=False))
BASE = bindparam("base", type_=BigInteger())

# Behind the columns of a task, a result row has these.
CHANGE_ID, CHANGE_REVISION, IS_REMOVED = WIDTH, WIDTH + 1, WIDTH + 2
STATE = slice(WIDTH + 3, None)


class Change(NamedTuple):
    """State of a task after a change; no task if it was deleted permanently."""

    id: str
    revision: int
    task: TaskRow | None


class Changes(NamedTuple):
    """Page of changes in the order of their revisions, with the cursor behind it."""

    reset: bool
    changes: list[Change]
    cursor: str
    has_more: bool
    revision: int


class State(NamedTuple):
    """State of the user in the snapshot of a page: 0 and None before the first write."""

    revision: int | None
    life: str | None
    forgotten: int | None
    history: str

    @property
    def bounds(self) -> tuple[str, str | None, int, int]:
        """Return the arguments of `SyncCursor.is_valid_in`."""
        return self.history, self.life, self.revision or 0, self.forgotten or 0


def read_changes(
    statements: Statements,
    since: SyncCursor | None,
    size: int,
    columns: frozenset[str],
    *,
    expects_changes: bool = False,
) -> Changes:
    """Read up to `size` changes behind a cursor, from the start without one.

    A cursor that is no longer valid starts anew, with `reset`. A reader that `expects_changes`
    saves the short statement.
    """
    if since is not None and since.task_id == LAST_ID and not expects_changes:
        state = State._make(statements.read(state_statement())[0])
        if since.revision == (state.revision or 0) and since.is_valid_in(*state.bounds):
            return _parse_page([], state, since, size, is_reset=False)
    result = _read(statements, since, size, columns)
    state = State._make(result[0][STATE])
    is_reset = since is not None and not since.is_valid_in(*state.bounds)
    if is_reset:
        since = None
        result = _read(statements, None, size, columns)
        state = State._make(result[0][STATE])
    return _parse_page(result, state, since, size, is_reset=is_reset)


def _read(
    statements: Statements, since: SyncCursor | None, size: int, columns: frozenset[str]
) -> Sequence[Sequence[Any]]:
    values = {
        "after_revision": 0 if since is None else since.revision,
        "after_id": FIRST_ID if since is None else since.task_id,
        # A client without tasks needs no tombstones.
        "base": LARGEST_BIGINT if since is None else since.base,
        "change_limit": size + 1,
    }
    return statements.read(changes_statement(columns), values)


def _select_state(scope: ViewerScope) -> Select[Any]:
    history = select(format_uuid(DATABASE_HISTORY.c.id)).scalar_subquery()
    return scope.user(
        func.max(USERS.c.revision).label("user_revision"),
        format_instant(func.max(USERS.c.created_at)).label("life"),
        func.max(USERS.c.forgotten_revision).label("forgotten"),
        history.label("history"),
    )


@cached_statement
def state_statement(scope: ViewerScope) -> Select[Any]:
    """Select the state of the user."""
    return _select_state(scope)


@cached_statement
def changes_statement(scope: ViewerScope, columns: frozenset[str]) -> Select[Any]:
    """Select the state of the user, and the changes behind a place beside it."""
    limit = bindparam("change_limit", type_=Integer())
    place = tuple_(AFTER_REVISION, AFTER_ID)
    tasks = (
        scope.tasks(
            *format_columns(TASKS, columns),
            format_uuid(TASKS.c.id).label("change_id"),
            TASKS.c.revision.label("change_revision"),
            false().label("is_removed"),
        )
        .where(tuple_(TASKS.c.revision, TASKS.c.id) > place)
        .order_by(TASKS.c.revision, TASKS.c.id)
        .limit(limit)
    )
    tombstones = (
        scope.tombstones(
            *(null().label(name) for name in TaskRow._fields),
            format_uuid(TOMBSTONES.c.task_id),
            TOMBSTONES.c.revision,
            true(),
        )
        .where(
            tuple_(TOMBSTONES.c.revision, TOMBSTONES.c.task_id) > place,
            TOMBSTONES.c.revision > BASE,
        )
        .order_by(TOMBSTONES.c.revision, TOMBSTONES.c.task_id)
        .limit(limit)
    )
    changes = union_all(tasks, tombstones).subquery("changes")
    state = _select_state(scope).subquery("state")
    return (
        select(changes, state)
        .select_from(state.outerjoin(changes, true()))
        .order_by(changes.c.change_revision, collate(changes.c.change_id, "C"))
        .limit(limit)
    )


def find_changes(
    statements: Statements, ids: Sequence[str], columns: frozenset[str]
) -> dict[str, Change]:
    """Return the last change of each of these tasks that exists or has a tombstone, by its id."""
    if not ids:
        return {}
    rows = statements.read(find_changes_statement(columns), {"ids": ids})
    found = [
        Change(row.id, row.revision, row if row.created_at else None)
        for row in parse_task_rows(rows)
    ]
    return {change.id: change for change in found}


@cached_statement
def find_changes_statement(scope: ViewerScope, columns: frozenset[str]) -> Select[Any]:
    """Select the tasks and the tombstones with these ids."""
    columns |= ALWAYS_READ
    has_tombstone = TOMBSTONES.c.task_id == any_(bindparam("ids", type_=ARRAY(Uuid())))
    found = scope.tasks_or_tombstones(IS_NAMED, has_tombstone, stored_columns(columns)).subquery()
    return select(*format_columns(found, columns))


def _parse_page(
    result: Sequence[Sequence[Any]],
    state: State,
    since: SyncCursor | None,
    size: int,
    *,
    is_reset: bool,
) -> Changes:
    found = [row for row in result if row[CHANGE_ID] is not None]
    rows = _within_characters(found[:size])
    tasks = parse_task_rows(rows)
    changes = [
        Change(row[CHANGE_ID], row[CHANGE_REVISION], None if row[IS_REMOVED] else task)
        for row, task in zip(rows, tasks, strict=True)
    ]
    revision, has_more = state.revision or 0, len(rows) < len(found)
    base = revision if since is None else since.base
    if has_more:
        cursor = SyncCursor(state.history, state.life, changes[-1].revision, changes[-1].id, base)
    else:
        cursor = SyncCursor(state.history, state.life, revision, LAST_ID, revision)
    return Changes(is_reset, changes, cursor.encode(), has_more, revision)


def _within_characters(rows: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
    """Return the first rows: at least one, and not many more than MAX_PAGE_CHARACTERS."""
    place, characters = TaskRow._fields.index("description"), 0
    for number, row in enumerate(rows, 1):
        characters += len(row[place] or "")
        if characters > MAX_PAGE_CHARACTERS:
            return rows[:number]
    return rows
