"""Pages of an export: tasks in the manual order, bounded in number and in bytes (decision 0018)."""

import uuid
from collections.abc import Sequence
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    func,
    or_,
    select,
    tuple_,
)

from todo_graphql.store.models import TAG_MAX_LENGTH, TASKS
from todo_graphql.store.postgres.statement_cache import cached_statement
from todo_graphql.store.scope import ViewerScope
from todo_graphql.store.statements import Statements
from todo_graphql.store.tasks.rows import WIDTH, TaskRow, format_columns, parse_task_rows

EXPORT_PAGE_SIZE = 500
"""The most tasks of a page."""

EXPORT_PAGE_BYTES = 524_288
"""The most bytes of texts in a page, as `_size` counts them. One task always fits."""

MAX_TAG_BYTES = 4 * TAG_MAX_LENGTH

Place: TypeAlias = tuple[str, uuid.UUID]
"""The rank and the id of a task, which place it in the manual order."""

RAW_COLUMNS = tuple(TASKS.c[name] for name in TaskRow._fields if name in TASKS.c)

AFTER = tuple_(bindparam("after_rank", type_=Text()), bindparam("after_id", type_=Uuid()))
SINCE = bindparam("since", type_=BigInteger())
MAX_TASKS = bindparam("max_tasks", type_=Integer())
MAX_BYTES = bindparam("max_bytes", type_=Integer())


class ExportPage(NamedTuple):
    """Page of an export. `place` is the place of its last task."""

    rows: list[TaskRow]
    place: Place | None
    has_next: bool


def read_export_page(statements: Statements, since: int, place: Place | None) -> ExportPage:
    """Read the tasks after a place that have changed since a revision."""
    values: dict[str, Any] = {
        "since": since,
        "max_tasks": EXPORT_PAGE_SIZE,
        "max_bytes": EXPORT_PAGE_BYTES,
    }
    if place is not None:
        values |= {"after_rank": place[0], "after_id": str(place[1])}
    return parse_export_page(statements.read(export_statement(is_first=place is None), values))


_rank_and_number = itemgetter(WIDTH, WIDTH + 1)


def parse_export_page(result: Sequence[Sequence[Any]]) -> ExportPage:
    if not result:
        return ExportPage([], None, has_next=False)
    rows = parse_task_rows(result)
    rank, candidates = _rank_and_number(result[-1])
    return ExportPage(rows, (rank, uuid.UUID(rows[-1].id)), has_next=candidates > len(rows))


@cached_statement
def export_statement(scope: ViewerScope, *, is_first: bool) -> Select[Any]:
    """Select the first tasks after a place, as many as fit into a page.

    A row also has its rank and the number of candidates, which exceeds the number of rows if
    tasks follow.
    """
    order = (TASKS.c.rank, TASKS.c.id)
    where = [TASKS.c.revision > SINCE]
    if not is_first:
        where.append(tuple_(*order) > AFTER)
    candidates = (
        scope.tasks(*RAW_COLUMNS, TASKS.c.rank, _size().label("size"))
        .where(*where)
        .order_by(*order)
        .limit(MAX_TASKS + 1)
        .subquery("candidate")
    )
    place = [candidates.c.rank, candidates.c.id]
    page = select(
        *candidates.c,
        func.count().over().label("candidates"),
        func.row_number().over(order_by=place).label("number"),
        func.sum(candidates.c.size).over(order_by=place).label("total"),
    ).subquery("page")
    fits = and_(page.c.number <= MAX_TASKS, or_(page.c.total <= MAX_BYTES, page.c.number == 1))
    # Values are formatted last. PostgreSQL would format those of all tasks before it sorts them.
    rows: Select[Any] = select(*format_columns(page), page.c.rank, page.c.candidates).where(fits)
    return rows.order_by(page.c.number)


def _size() -> ColumnElement[int]:
    """Return the size of the texts of a row. PostgreSQL knows it without reading long texts.

    The rank counts too. Tags count with their maximum size, because they are short.
    """
    texts = (TASKS.c.title, TASKS.c.description, TASKS.c.rank)
    size: ColumnElement[int] = func.cardinality(TASKS.c.tags) * MAX_TAG_BYTES
    for text in texts:
        size += func.coalesce(func.octet_length(text), 0)
    return size
