"""Pages of tasks: one statement per page."""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, false, func, literal, select, true, union_all

from todo_graphql.store.models import TASKS
from todo_graphql.store.postgres.statement_cache import cached_statement
from todo_graphql.store.scope import ViewerScope
from todo_graphql.store.statements import Statements
from todo_graphql.store.tasks import ordering
from todo_graphql.store.tasks.page_requests import PageRequest, PageShape
from todo_graphql.store.tasks.rows import WIDTH, TaskRow, format_columns, parse_task_rows

# A result row has a TaskRow and the keys of its place. With cursors it also has two flags, which
# tell whether rows exist behind and ahead of the page.
BEHIND, AHEAD = -2, -1


class TaskPage(NamedTuple):
    """Page in the order of the list, with the place of each row for its cursor."""

    rows: Sequence[TaskRow]
    places: Sequence[Sequence[object]]
    has_next: bool
    has_previous: bool


_all_after = itemgetter(slice(WIDTH, None))
_all_between = itemgetter(slice(WIDTH, BEHIND))


def parse_page(result: Sequence[Sequence[Any]], shape: PageShape) -> TaskPage:
    behind = ahead = False
    rows = result
    if shape.has_cursors:
        behind, ahead = result[0][BEHIND:]
        # An empty page still has one row, with the flags only.
        rows = result if result[0][0] is not None else result[:0]
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
    """Read a page with these columns of its tasks."""
    shape, values = request.split()
    return parse_page(statements.read(page_statement(shape, columns), values), shape)


@cached_statement
def page_statement(scope: ViewerScope, shape: PageShape, columns: frozenset[str]) -> Select[Any]:
    return select_page(scope, shape, columns)


def select_page(
    scope: ViewerScope, shape: PageShape, columns: frozenset[str], *, numbered: bool = False
) -> Select[Any]:
    """Select the rows of a page and one more, which tells whether rows follow.

    With cursors, two flags are beside the rows, also if the page is empty. The rows of a page that
    is `numbered` end with their `number`.
    """
    whole = columns | {"id"}
    if not shape.has_cursors:
        rows, order = _start(scope, shape, whole)
        return _first_rows(rows, order, shape, numbered=numbered)
    page = _page(scope, shape, whole)
    flags = select(
        _any(scope, shape, *shape.behind()).label("any_behind"),
        _any(scope, shape, *shape.ahead()).label("any_ahead"),
    ).subquery("flags")
    both: Select[Any] = select(*_listed(page), flags).select_from(flags.outerjoin(page, true()))
    return _first_rows(both, [page.c.range, page.c.place], shape, numbered=numbered)


def _first_rows(
    rows: Select[Any], order: Sequence[ColumnElement[Any]], shape: PageShape, *, numbered: bool
) -> Select[Any]:
    """Order the rows, and limit them to those of a page and one more."""
    if numbered:
        rows = rows.add_columns(func.row_number().over(order_by=order).label("number"))
    return rows.order_by(*order).limit(shape.size + 1)


def _start(
    scope: ViewerScope, shape: PageShape, columns: frozenset[str]
) -> tuple[Select[Any], Sequence[ColumnElement[Any]]]:
    """Select the rows of a page at either end of the list, which needs no flags, and its order."""
    ranges = shape.ranges()
    if len(ranges) == 1:
        keys = ordering.place_columns(shape.keys, shape.terms)
        where = [*shape.filter.predicates(), *ranges]
        rows: Select[Any] = scope.tasks(*format_columns(TASKS, columns), *keys).where(*where)
        return rows, ordering.order_by(shape.terms)
    page = _page(scope, shape, columns)
    return select(*_listed(page)), [page.c.range, page.c.place]


def _listed(page: Any) -> list[ColumnElement[Any]]:
    return [column for column in page.c if column.name not in ("range", "place")]


def _page(scope: ViewerScope, shape: PageShape, columns: frozenset[str]) -> Any:
    terms = shape.terms
    order = ordering.order_by(terms)
    place = func.row_number().over(order_by=order).label("place")
    keys = ordering.place_columns(shape.keys, terms)
    where = shape.predicates()
    parts = [
        scope.tasks(*format_columns(TASKS, columns), *keys, literal(number).label("range"), place)
        .where(*where, within)
        .order_by(*order)
        .limit(shape.size + 1)
        for number, within in enumerate(shape.ranges())
    ]
    return (parts[0] if len(parts) == 1 else union_all(*parts)).subquery("page")


def _any(
    scope: ViewerScope, shape: PageShape, terms: ordering.Terms, place: Sequence[Any] | None
) -> ColumnElement[bool]:
    """Return whether the list has a row at the place or beyond it."""
    if place is None:
        return false()
    # PostgreSQL ignores the order of EXISTS, and can scan many rows instead of the nearest one.
    where = shape.filter.predicates()
    ranges = [ordering.at(terms, place), *ordering.beyond(terms, place)]
    parts = [
        scope.tasks(TASKS.c.id).where(*where, within).order_by(*ordering.order_by(terms)).limit(1)
        for within in ranges
    ]
    nearest = select(union_all(*parts).subquery("nearest")).limit(1)
    return nearest.scalar_subquery().is_not(None)
