"""Insert statements: one statement creates any number of tasks."""

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    Select,
    SmallInteger,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    cast,
    func,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.types import TypeEngine

from todo_graphql.store.models import TASKS, TOMBSTONES
from todo_graphql.store.postgres.statement_cache import cached_statement
from todo_graphql.store.quota import BYTES, Growth, count_bytes
from todo_graphql.store.ranks import rank_of
from todo_graphql.store.scope import ViewerScope
from todo_graphql.store.stamps import earlier_stamp
from todo_graphql.store.tasks.derived import due_instant
from todo_graphql.store.tasks.json_records import ids_of, select_records
from todo_graphql.store.tasks.rows import (
    ALWAYS_READ,
    WIDTH,
    NewTask,
    format_columns,
    parse_task_rows,
    stored_columns,
)
from todo_graphql.store.tasks.write_results import WriteResult, count_rows, id_conflict
from todo_graphql.store.write_summary import parse_summary, summarize_write, summary_columns

CREATE_MAX = 100

RECORD: Mapping[str, TypeEngine[Any]] = MappingProxyType(
    {
        "place": Integer(),
        "id": Uuid(),
        "title": Text(),
        "description": Text(),
        "priority": SmallInteger(),
        "due_on": Date(),
        "due_at": DateTime(timezone=True),
        "tags": ARRAY(Text),
        "completed": Boolean(),
        "completed_at": DateTime(timezone=True),
        "created_at": DateTime(timezone=True),
        "deleted_at": DateTime(timezone=True),
        "creation_digest": LargeBinary(),
        "title_key": Text(),
        "title_order": Text(),
        "description_key": Text(),
        "tag_keys": ARRAY(Text),
        "words": TSVECTOR(),
    }
)
"""The columns that PostgreSQL reads from the JSON record of a NewTask."""

COMPUTED = ("place", "completed", "completed_at", "created_at")
AS_GIVEN = tuple(name for name in RECORD if name not in COMPUTED)

# Behind the columns of a task, `insert_statement` returns these.
PLACE, CLASHES = WIDTH, WIDTH + 1

NUMBER = bindparam("number", type_=Integer())
LAST_PLACE = bindparam("last_place", type_=Integer())


def insert_parameters(tasks: Sequence[NewTask], offset: int = 0) -> dict[str, Any]:
    """Return the values of the parameters. `offset` is the number of preceding tasks."""
    content = [{"place": place, **task.stored()} for place, task in enumerate(tasks, offset + 1)]
    return {
        "records": json.dumps(content, ensure_ascii=False),
        "number": len(tasks),
        "last_place": offset + len(tasks),
    }


@cached_statement
def insert_statement(scope: ViewerScope, columns: frozenset[str]) -> Select[Any]:
    """Insert all `records`, or none if an id belongs to a different task.

    Returns the tasks in the order of the records. A repeated create returns the existing task;
    `clashes` marks a different one, and one that was purged, of which the id alone is returned.
    """
    columns |= ALWAYS_READ
    read = stored_columns(columns)
    given, ids = _given()
    is_purged = TOMBSTONES.c.task_id == any_(ids)
    existing = scope.tasks_or_tombstones(
        TASKS.c.id == any_(ids), is_purged, [*read, TASKS.c.creation_digest]
    ).cte("existing")
    fresh = given.c.id.not_in(select(existing.c.id))
    added = _added(given, existing)
    growth = Growth(added.c.tasks, added.c.bytes)
    writer = scope.next_revision(
        when=and_(added.c.tasks > 0, ~added.c.clashes, scope.within_quota(growth)),
        growth=growth,
        stamps=NUMBER,
    )
    inserted = _inserted(scope, writer, fresh, given, read)
    there = union_all(select(inserted), select(existing)).subquery("there")
    about = summarize_write(
        scope, writer, count_rows(given), count_rows(inserted), growth
    ).subquery("summary")
    clashes = there.c.creation_digest.is_distinct_from(given.c.creation_digest).label("clashes")
    return (
        select(*format_columns(there, columns), given.c.place, clashes, about)
        .select_from(about.join(given, true()).outerjoin(there, there.c.id == given.c.id))
        .order_by(given.c.place)
    )


@cached_statement
def insert_missing_statement(scope: ViewerScope, *, first: bool) -> Select[Any]:
    """Insert the `records` with new ids, also of purged tasks, and skip the others.

    Return how many of the skipped tasks are in the trash, and the summary. Of several statements in
    one transaction, only the `first` that inserts takes a revision.
    """
    given, ids = _given()
    columns = [TASKS.c.id, TASKS.c.deleted_at, TASKS.c.creation_digest]
    existing = scope.tasks(*columns).where(TASKS.c.id == any_(ids)).cte("existing")
    fresh = given.c.id.not_in(select(existing.c.id))
    added = _added(given, existing)
    growth = Growth(added.c.tasks, added.c.bytes)
    take_revision = scope.next_revision if first else scope.same_revision
    writer = take_revision(
        when=and_(added.c.tasks > 0, scope.within_quota(growth)), growth=growth, stamps=NUMBER
    )
    inserted = _inserted(scope, writer, fresh, given, [TASKS.c.id])
    in_trash = select(func.count(existing.c.deleted_at)).scalar_subquery().label("in_trash")
    about = summary_columns(scope, writer, count_rows(given), count_rows(inserted), growth)
    return select(in_trash, *about).add_cte(scope.delete_tombstones(inserted))


def parse_insert_result(result: Sequence[Sequence[Any]], fields: Sequence[str]) -> WriteResult:
    """Parse the result of `insert_statement`.

    Raises Conflict if ids belong to different tasks.
    """
    clashing = [row for row in result if row[CLASHES] and row[0] is not None]
    if clashing:
        places = [f"{fields[row[PLACE] - 1]}.id" for row in clashing]
        raise id_conflict(dict(zip(places, parse_task_rows(clashing), strict=True)))
    summary = parse_summary(result[0])
    return WriteResult(summary.revision, summary.number, summary.changed, parse_task_rows(result))


def _given() -> tuple[CTE, ColumnElement[Any]]:
    """Return the records, and their ids as an array."""
    given = select_records("records", RECORD).cte("given")
    return given, ids_of(given)


def _added(given: CTE, existing: CTE) -> CTE:
    """Count the new tasks and their bytes, and tell whether an id belongs to a different task."""
    is_new = existing.c.id.is_(None)
    size = func.sum(count_bytes({name: given.c[name] for name in BYTES})).filter(is_new)
    differs = existing.c.creation_digest.is_distinct_from(given.c.creation_digest)
    columns = [
        func.count().filter(is_new).label("tasks"),
        func.coalesce(size, 0).label("bytes"),
        func.bool_or(and_(~is_new, differs)).label("clashes"),
    ]
    both = given.outerjoin(existing, existing.c.id == given.c.id)
    return select(*columns).select_from(both).cte("added")


def _inserted(
    scope: ViewerScope,
    writer: CTE,
    fresh: ColumnElement[bool],
    given: CTE,
    read: Sequence[ColumnElement[Any]],
) -> CTE:
    # The tasks go to the end of the manual order, in the order of the records.
    number = func.lpad(cast(given.c.place, Text), 6, "0")
    end = func.concat(rank_of(writer.c.revision), number, "1")
    values: dict[str, Any] = {name: given.c[name] for name in AS_GIVEN}
    # Stamps increase by record, so that the order by creation is the order of the records.
    stamp = earlier_stamp(LAST_PLACE - given.c.place)
    values |= {
        "created_at": func.coalesce(given.c.created_at, stamp),
        "updated_at": stamp,
        "completed_at": case((given.c.completed, stamp), else_=given.c.completed_at),
        "rank": end,
        "due": due_instant(given.c.due_on, given.c.due_at),
    }
    return scope.insert(writer, given, fresh, values, [*read, TASKS.c.creation_digest])
