"""One statement for one page."""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, false, func, literal, select, true, union_all

from todo_graphql.store.models import TASKS
from todo_graphql.store.postgres.statement_cache import cached_statement
from todo_graphql.store.scope import ViewerScope
from todo_graphql.store.statements import Statements
from todo_graphql.store.tasks import ordering
from todo_graphql.store.tasks.cursors import PageRequest, PageShape
from todo_graphql.store.tasks.rows import WIDTH, TaskRow, parse_task_rows, project_columns

# An answer has a TaskRow, the keys of its place, and, where there are cursors, these two flags:
# whether the list has anything on their far sides.
BEHIND, AHEAD = -2, -1


class TaskPage(NamedTuple):
    """A page in the order of the list, whichever end it was counted from. Each row has its
    place: what a cursor needs.
    """

    rows: Sequence[TaskRow]
    places: Sequence[Sequence[object]]
    has_next: bool
    has_previous: bool


_all_after = itemgetter(slice(WIDTH, None))
_all_between = itemgetter(slice(WIDTH, BEHIND))


def parse_page(answer: Sequence[Sequence[Any]], shape: PageShape) -> TaskPage:
    """The page that the statement answered."""
    behind = ahead = False
    rows = answer
    if shape.has_cursors:
        behind, ahead = answer[0][BEHIND:]
        # Where nothing is found there is a row all the same, of the flags alone.
        rows = answer if answer[0][0] is not None else answer[:0]
    more, rows = len(rows) > shape.size or ahead, rows[: shape.size]
    if shape.backward:
        rows = rows[::-1]
    return TaskPage(
        parse_task_rows(rows),
        list(map(_all_between if shape.has_cursors else _all_after, rows)),
        has_next=behind if shape.backward else more,
        has_previous=more if shape.backward else behind,
    )


def read_page(statements: Statements, request: PageRequest, columns: frozenset[str]) -> TaskPage:
    """Read the page, with nothing but these columns of its tasks."""
    shape, values = request.split()
    return parse_page(statements.read(page_statement(shape, columns), values), shape)


@cached_statement
def page_statement(scope: ViewerScope, shape: PageShape, columns: frozenset[str]) -> Select[Any]:
    """One more row than the page, to see whether there are more, with what is asked for of the
    tasks. Between cursors there are two flags beside it, which come even when the page is empty.
    """
    whole = columns | {"id"}
    if not shape.has_cursors:
        return _start(scope, shape, whole)
    page = _page(scope, shape, whole)
    flags = select(
        _any(scope, shape, *shape.behind()).label("any_behind"),
        _any(scope, shape, *shape.ahead()).label("any_ahead"),
    ).subquery("flags")
    return (
        select(*_listed(page), flags)
        .select_from(flags.outerjoin(page, true()))
        .order_by(page.c.range, page.c.place)
        .limit(shape.size + 1)
    )


def _start(scope: ViewerScope, shape: PageShape, columns: frozenset[str]) -> Select[Any]:
    """A page at either end of the list: there is nothing behind it, and nothing to stop at."""
    ranges = shape.ranges()
    if len(ranges) == 1:
        keys = ordering.place_columns(shape.keys, shape.terms)
        where = [*shape.filter.predicates(), *ranges]
        rows: Select[Any] = scope.tasks(*project_columns(columns), *keys).where(*where)
        return rows.order_by(*ordering.order_by(shape.terms)).limit(shape.size + 1)
    page = _page(scope, shape, columns)
    listed: Select[Any] = select(*_listed(page)).order_by(page.c.range, page.c.place)
    return listed.limit(shape.size + 1)


def _listed(page: Any) -> list[ColumnElement[Any]]:
    return [column for column in page.c if column.name not in ("range", "place")]


def _page(scope: ViewerScope, shape: PageShape, columns: frozenset[str]) -> Any:
    terms = shape.terms
    order = ordering.order_by(terms)
    place = func.row_number().over(order_by=order).label("place")
    keys = ordering.place_columns(shape.keys, terms)
    where = shape.predicates()
    parts = [
        scope.tasks(*project_columns(columns), *keys, literal(number).label("range"), place)
        .where(*where, within)
        .order_by(*order)
        .limit(shape.size + 1)
        for number, within in enumerate(shape.ranges())
    ]
    return (parts[0] if len(parts) == 1 else union_all(*parts)).subquery("page")


def _any(
    scope: ViewerScope, shape: PageShape, terms: ordering.Terms, place: Sequence[Any] | None
) -> ColumnElement[bool]:
    """Whether the list has a row at the place or, that way, beyond it."""
    if place is None:
        return false()
    # Not EXISTS, for which PostgreSQL ignores the order, and of many rows would rather look
    # through all than go straight to the nearest.
    where = shape.filter.predicates()
    ranges = [ordering.at(terms, place), *ordering.beyond(terms, place)]
    parts = [
        scope.tasks(TASKS.c.id).where(*where, within).order_by(*ordering.order_by(terms)).limit(1)
        for within in ranges
    ]
    nearest = select(union_all(*parts).subquery("nearest")).limit(1)
    return nearest.scalar_subquery().is_not(None)
