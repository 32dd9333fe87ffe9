"""One statement for one page."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, false, func, literal, select, true, union_all

from todo_graphql.store import orders
from todo_graphql.store.mine import Mine
from todo_graphql.store.models import TASKS
from todo_graphql.store.pagination import PageRequest
from todo_graphql.store.rows import WIRE, TaskRow

FLAGS = 2


class TaskPage(NamedTuple):
    """A page in the order of the list, whichever end it was counted from. Each row has its
    place: what a cursor needs.
    """

    rows: Sequence[TaskRow]
    places: Sequence[Sequence[object]]
    has_next: bool
    has_previous: bool


def page_of(answer: Sequence[Sequence[Any]], request: PageRequest) -> TaskPage:
    """The page that the statement answered."""
    behind, ahead = answer[0][:FLAGS]
    rows = [row for row in answer if row[FLAGS] is not None]
    more, rows = len(rows) > request.size or ahead, rows[: request.size]
    if request.backward:
        rows = rows[::-1]
    width = len(WIRE) + FLAGS
    return TaskPage(
        [TaskRow._make(row[FLAGS:width]) for row in rows],
        [tuple(row[width:]) for row in rows],
        has_next=behind if request.backward else more,
        has_previous=more if request.backward else behind,
    )


def page_statement(mine: Mine, request: PageRequest) -> Select[Any]:
    """One more row than the page, to see whether there are more, beside two flags: whether
    there are any on the other sides of its cursors. They come even when the page is empty.
    """
    page = _page(mine, request)
    flags = select(
        _any(mine, request, *request.behind()).label("any_behind"),
        _any(mine, request, *request.ahead()).label("any_ahead"),
    ).subquery("flags")
    columns = [column for column in page.c if column.name not in ("range", "place")]
    return (
        select(flags, *columns)
        .select_from(flags.outerjoin(page, true()))
        .order_by(page.c.range, page.c.place)
        .limit(request.size + 1)
    )


def _page(mine: Mine, request: PageRequest) -> Any:
    terms = request.terms
    order = orders.order_by(terms)
    place = func.row_number().over(order_by=order).label("place")
    keys = orders.place_columns(request.listing.keys, terms)
    where = [*request.listing.filter.conditions(), *request.conditions()]
    parts = [
        mine.tasks(*WIRE, *keys, literal(number).label("range"), place)
        .where(*where, within)
        .order_by(*order)
        .limit(request.size + 1)
        for number, within in enumerate(request.ranges())
    ]
    return (parts[0] if len(parts) == 1 else union_all(*parts)).subquery("page")


def _any(
    mine: Mine, request: PageRequest, terms: orders.Terms, place: Sequence[Any] | None
) -> ColumnElement[bool]:
    """Whether the list has a row at the place or, that way, beyond it."""
    if place is None:
        return false()
    # Not EXISTS, for which PostgreSQL ignores the order, and of many rows would rather look
    # through all than go straight to the nearest.
    where = request.listing.filter.conditions()
    ranges = [orders.at(terms, place), *orders.beyond(terms, place)]
    parts = [
        mine.tasks(TASKS.c.id).where(*where, within).order_by(*orders.order_by(terms)).limit(1)
        for within in ranges
    ]
    nearest = select(union_all(*parts).subquery("nearest")).limit(1)
    return nearest.scalar_subquery().is_not(None)
