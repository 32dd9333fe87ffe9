"""Statement that sets the values of several tasks, each to its own."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    ColumnElement,
    Date,
    DateTime,
    FromClause,
    Integer,
    Select,
    SmallInteger,
    Text,
    Uuid,
    and_,
    any_,
    case,
    false,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.types import TypeEngine

from todo_graphql.errors import Conflict, ConflictReason
from todo_graphql.store.models import TASKS
from todo_graphql.store.postgres.statement_cache import cached_statement
from todo_graphql.store.quota import BYTES, Growth, count_bytes
from todo_graphql.store.scope import ViewerScope
from todo_graphql.store.tasks.derived import Weights, due_instant, replace_other_words
from todo_graphql.store.tasks.edits import DERIVED
from todo_graphql.store.tasks.json_records import ids_of, select_records
from todo_graphql.store.tasks.rows import ALWAYS_READ, format_columns, stored_columns
from todo_graphql.store.tasks.selections import AT_MOST, TaskSelection
from todo_graphql.store.tasks.updates import MAX_BYTES, count_targets, tasks_now
from todo_graphql.store.tasks.values.rows import EDITABLE, columns_before, format_values
from todo_graphql.store.tasks.write_results import (
    WriteResult,
    count_rows,
    description_size,
    parse_write_result,
)
from todo_graphql.store.write_summary import Summary, summarize_write

RECORD: Mapping[str, TypeEngine[Any]] = MappingProxyType(
    {
        "place": Integer(),
        "id": Uuid(),
        "expected_revision": BigInteger(),
        "fields": ARRAY(Text),
        "title": Text(),
        "description": Text(),
        "priority": SmallInteger(),
        "due_on": Date(),
        "due_at": DateTime(timezone=True),
        "tags": ARRAY(Text),
        "completed_at": DateTime(timezone=True),
        "title_key": Text(),
        "title_order": Text(),
        "description_key": Text(),
        "tag_keys": ARRAY(Text),
        "words": Text(),
        "kept": Weights(),
    }
)
"""The columns that PostgreSQL reads from the JSON record of new values."""

STALE = -len(Summary._fields) - 1
"""The place, in a row of the statement, of the flag that the task has another revision."""


@cached_statement
def set_values_statement(
    scope: ViewerScope, columns: frozenset[str], previous: frozenset[str], *, first: bool
) -> Select[Any]:
    """Set the values of the tasks in `records`. Returns them in this order.

    Nothing changes if a task is missing or stale, or if the descriptions of the result are too
    large. Of several statements in one transaction, only the `first` that changes tasks takes a
    revision.
    """
    columns |= ALWAYS_READ
    read = stored_columns(columns)
    given = select_records("records", RECORD).cte("given")
    new = _new_values(given)
    target = _target(scope, given, new, previous, description_size(new, columns, previous))
    totals = count_targets(target)
    is_small = totals.c.size <= MAX_BYTES
    growth = Growth(None, totals.c.bytes)
    allowed = and_(_allows_change(target, totals), is_small)
    take_revision = scope.next_revision if first else scope.same_revision
    writer = take_revision(when=and_(allowed, scope.within_quota(growth)), growth=growth)
    changing = select(target.c.id).where(target.c.changes).subquery("changing")
    which = and_(_is_one_of(changing), _is_given(given))
    updated = scope.update(which, writer, _expressions(given, new), read)
    tasks = tasks_now(scope, updated, _is_one_of(target), read)
    counts = (totals.c.number, count_rows(updated), growth)
    about = summarize_write(scope, writer, *counts).subquery("summary")
    before = format_values(target, tasks.c.revision, previous)
    return (
        select(
            *format_columns(tasks, columns),
            totals.c.size,
            target.c.changes,
            *before,
            target.c.stale,
            about,
        )
        .select_from(
            about.join(totals, true())
            .outerjoin(target, is_small)
            .outerjoin(tasks, tasks.c.id == target.c.id)
        )
        .order_by(target.c.place)
    )


def _allows_change(target: CTE, totals: CTE) -> ColumnElement[bool]:
    """Return whether no task is missing or stale, and any would change."""
    stale = select(func.coalesce(func.bool_or(target.c.stale), false())).scalar_subquery()
    return and_(totals.c.number == AT_MOST, totals.c.changing > 0, ~stale)


def parse_set_values(result: Sequence[Sequence[Any]], selected: TaskSelection) -> WriteResult:
    """Parse the result of `set_values_statement`.

    Raises NotFound with the missing ids, and Conflict with those of stale tasks, and the first of
    these tasks.
    """
    written = selected.check(parse_write_result(result))
    stale = [row for row, found in zip(written.rows, result, strict=True) if found[STALE]]
    if stale:
        raise Conflict(
            "Some tasks have changed since their `expectedRevision`.",
            reason=ConflictReason.STALE,
            task=stale[0],
            stale=[row.id for row in stale],
        )
    return written


def _is_given(given: CTE) -> ColumnElement[bool]:
    return TASKS.c.id == given.c.id


def _is_one_of(tasks: FromClause) -> ColumnElement[bool]:
    return TASKS.c.id == any_(ids_of(tasks))


def _new_values(given: CTE) -> dict[str, ColumnElement[Any]]:
    """Return the new value of each column that is not derived, and of the keys of the texts."""
    return {
        name: case(
            (literal(field, Text) == any_(given.c.fields), given.c[name]), else_=TASKS.c[name]
        )
        for field in EDITABLE
        for name in (field, *DERIVED.get(field, ()))
    }


def _expressions(
    given: CTE, new: Mapping[str, ColumnElement[Any]]
) -> dict[str, ColumnElement[Any]]:
    """Return the new value of each column."""
    return {
        **new,
        "due": due_instant(new["due_on"], new["due_at"]),
        "words": replace_other_words(given.c.kept, given.c.words),
    }


def _target(
    scope: ViewerScope,
    given: CTE,
    new: Mapping[str, ColumnElement[Any]],
    previous: frozenset[str],
    size: ColumnElement[int],
) -> CTE:
    """Select the tasks of the records, and whether each changes or is stale."""
    expected = given.c.expected_revision
    chosen = [
        *columns_before(previous),
        given.c.place,
        or_(*(TASKS.c[name].is_distinct_from(new[name]) for name in EDITABLE)).label("changes"),
        (count_bytes(new) - count_bytes({name: TASKS.c[name] for name in BYTES})).label("added"),
        size.label("size"),
        and_(expected.is_not(None), TASKS.c.revision != expected).label("stale"),
    ]
    which = _is_one_of(given), _is_given(given)
    return scope.tasks(TASKS.c.id, *chosen).where(*which).cte("target")
