"""One statement for what is created, be it one task or a thousand."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    Row,
    Select,
    SmallInteger,
    Text,
    Uuid,
    and_,
    cast,
    column,
    exists,
    func,
    literal,
    select,
    text,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSON

from todo_graphql.errors import Conflict
from todo_graphql.store.changes import HEAD, Written, count_of, head
from todo_graphql.store.mine import Mine
from todo_graphql.store.models import TASKS
from todo_graphql.store.rows import WIRE, NewTask, TaskRow, wire_of

CREATE_MAX = 100

RECORD = (
    column("place", Integer),
    column("id", Uuid),
    column("title", Text),
    column("description", Text),
    column("priority", SmallInteger),
    column("due_on", Date),
    column("due_at", DateTime(timezone=True)),
    column("tags", ARRAY(Text)),
    column("completed_at", DateTime(timezone=True)),
    column("created_at", DateTime(timezone=True)),
    column("deleted_at", DateTime(timezone=True)),
    column("creation_digest", LargeBinary),
)
AS_GIVEN = (
    "id",
    "title",
    "description",
    "priority",
    "due_on",
    "due_at",
    "tags",
    "completed_at",
    "deleted_at",
    "creation_digest",
)


def creation(mine: Mine, tasks: Sequence[NewTask]) -> Select[Any]:
    """Create all of them, or none when an id is in use by another task.

    Answers each in its place, be it new or there since the same create was sent before, with
    `clashes`: whether it is another one.
    """
    given, existing = _given_and_existing(mine, tasks)
    differs = existing.c.creation_digest.is_distinct_from(given.c.creation_digest)
    clash = exists(select(given.c.id).join(existing, existing.c.key == given.c.id).where(differs))
    fresh = _fresh(given, existing)
    writer = mine.next_revision(when=and_(exists(fresh), ~clash))
    inserted = _inserted(mine, writer, fresh, given)
    there = union_all(
        select(inserted), select(*(existing.c[column.name] for column in inserted.c))
    ).subquery("there")
    summary = head(mine, writer, count_of(given), count_of(inserted)).subquery("summary")
    clashes = there.c.creation_digest.is_distinct_from(given.c.creation_digest).label("clashes")
    return (
        select(summary, *wire_of(there), given.c.place, clashes)
        .select_from(summary.join(given, true()).outerjoin(there, there.c.key == given.c.id))
        .order_by(given.c.place)
    )


def recreation(
    mine: Mine, tasks: Sequence[NewTask], *, first: bool, offset: int = 0
) -> Select[Any]:
    """Create those whose id is not in use, and leave the others as they are.

    Of several such statements in one transaction only the `first` that creates something takes
    a revision; `offset` is how many tasks the others before it had, which these come after in
    the manual order. Answers how many are new.
    """
    given, existing = _given_and_existing(mine, tasks, offset)
    fresh = _fresh(given, existing)
    writer = mine.next_revision(when=exists(fresh)) if first else mine.same_revision()
    inserted = _inserted(mine, writer, fresh, given)
    return head(mine, writer, count_of(given), count_of(inserted))


def created_by(answer: Sequence[Row[Any]], fields: Sequence[str]) -> Written:
    """What `creation` answered. Raises Conflict with the field of the first task whose id is in
    use by another one; then nothing was created.
    """
    for row in answer:
        if row.clashes and row.id is not None:
            field = f"{fields[row.place - 1]}.id"
            raise Conflict("This id is in use by another task of yours.", field=field)
    rows = [TaskRow._make(row[HEAD : HEAD + len(WIRE)]) for row in answer]
    first = answer[0]
    return Written(first.user_revision, first.number, first.changed, rows)


def _given_and_existing(mine: Mine, tasks: Sequence[NewTask], offset: int = 0) -> tuple[CTE, CTE]:
    records = [task.record(place) for place, task in enumerate(tasks, offset + 1)]
    content = cast(literal(json.dumps(records, ensure_ascii=False), Text), JSON)
    table = func.json_to_recordset(content).table_valued(*RECORD).render_derived(with_types=True)
    given = select(table).cte("given")
    existing = mine.tasks(TASKS.c.id.label("key"), TASKS.c.creation_digest, *WIRE).where(
        TASKS.c.id.in_(select(given.c.id))
    )
    return given, existing.cte("existing")


def _fresh(given: CTE, existing: CTE) -> Select[Any]:
    return select(given.c.id).where(given.c.id.not_in(select(existing.c.key)))


def _inserted(mine: Mine, writer: CTE, fresh: Select[Any], given: CTE) -> CTE:
    # At the end of the manual order, one after the other.
    number = func.lpad(cast(given.c.place, Text), 6, "0")
    end = func.concat(func.todo_rank(writer.c.revision), number, "1")
    values: dict[str, Any] = {name: given.c[name] for name in AS_GIVEN}
    # One after the other as well, so that the newest comes first in this order, too.
    now = func.now() + (given.c.place - 1) * text("interval '1 microsecond'")
    created = func.coalesce(given.c.created_at, now)
    values |= {"created_at": created, "updated_at": now, "rank": end}
    returning = [TASKS.c.id.label("key"), TASKS.c.creation_digest, *WIRE]
    return mine.insert(writer, given, given.c.id.in_(fresh), values, returning)
