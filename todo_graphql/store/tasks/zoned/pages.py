"""Pages of lists in the order DUE in a time zone: one statement, whose two halves are merged."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import CompoundSelect, literal, select, union_all

from todo_graphql.store.postgres.statement_cache import cached_statement
from todo_graphql.store.scope import ViewerScope
from todo_graphql.store.statements import Statements
from todo_graphql.store.tasks.cursors import Listing, Place
from todo_graphql.store.tasks.filters import AllOf, Comparison
from todo_graphql.store.tasks.ordering import OrderKey
from todo_graphql.store.tasks.page_requests import PageRequest, PageShape
from todo_graphql.store.tasks.pages import TaskPage, parse_page, select_page
from todo_graphql.store.tasks.rows import TaskRow
from todo_graphql.store.tasks.zoned.due_places import (
    instant_of,
    place_among_days,
    place_among_others,
)

DAYS, OTHERS = 0, 1
"""The halves of a list: tasks that are due on a day, and all others."""

DAY_LENGTH = len("2026-01-31")


class Entry(NamedTuple):
    """Task with its place in the list."""

    row: TaskRow
    place: list[Any]


def read_zoned_page(
    statements: Statements, request: PageRequest, columns: frozenset[str]
) -> TaskPage:
    """Read a page of a list in a time zone with these columns of its tasks."""
    shapes, values = split_halves(request)
    result = statements.read(zoned_page_statement(*shapes, columns), values)
    halves = [
        parse_page([row[1:-1] for row in result if row[0] == half], shape)
        for half, shape in enumerate(shapes)
    ]
    return merge_pages(request, *halves)


def split_halves(request: PageRequest) -> tuple[tuple[PageShape, PageShape], dict[str, Any]]:
    """Return the shapes of both halves and the values of their parameters."""
    days, day_values = _half(request, DAYS).split("day_")
    others, other_values = _half(request, OTHERS).split("other_")
    return (days, others), day_values | other_values


def _half(request: PageRequest, half: int) -> PageRequest:
    """Return the request for one half, with its places converted to places there."""
    listing = request.listing
    of_half = Comparison("due_on", "null", half == OTHERS)
    which = replace(listing.filter, condition=AllOf((listing.filter.condition, of_half)))
    keys = [replace(key, zone=None, is_set=bool(key.zone) and half == DAYS) for key in listing.keys]
    convert = place_among_days if half == DAYS else place_among_others

    def place(given: Place | None) -> Place | None:
        if given is None:
            return None
        pairs = zip(listing.keys, given, strict=False)
        values = [convert(value, key) if key.zone else value for key, value in pairs]
        return [*values, given[-1]]

    return replace(
        request,
        listing=Listing(which, tuple(keys)),
        after=place(request.after),
        before=place(request.before),
    )


@cached_statement
def zoned_page_statement(
    scope: ViewerScope, days: PageShape, others: PageShape, columns: frozenset[str]
) -> CompoundSelect[Any]:
    """Select a page of each half, in the order of the half."""
    halves = (
        (DAYS, select_page(scope, days, columns, numbered=True).subquery("days")),
        (OTHERS, select_page(scope, others, columns, numbered=True).subquery("others")),
    )
    both = [select(literal(number).label("half"), half) for number, half in halves]
    return union_all(*both).order_by("half", "number")


def merge_pages(request: PageRequest, days: TaskPage, others: TaskPage) -> TaskPage:
    """Return the page of the list from the pages of its halves."""
    keys = request.listing.keys
    entries = _entries(days)
    for entry in entries:
        for number, key in enumerate(keys):
            if key.zone is not None:
                entry.place[number] = entry.place[number][:DAY_LENGTH]
    entries += _entries(others)
    _sort(entries, keys)
    start = max(0, len(entries) - request.size) if request.backward else 0
    page = entries[start : start + request.size]
    more = len(entries) > request.size
    return TaskPage(
        [entry.row for entry in page],
        [entry.place for entry in page],
        has_next=days.has_next or others.has_next or (more and not request.backward),
        has_previous=days.has_previous or others.has_previous or (more and request.backward),
    )


def _entries(page: TaskPage) -> list[Entry]:
    return [Entry(row, list(place)) for row, place in zip(page.rows, page.places, strict=True)]


def _sort(entries: list[Entry], keys: Sequence[OrderKey]) -> None:
    """Sort as PostgreSQL does, by the last key first. Texts compare by code points."""
    entries.sort(key=lambda entry: entry.row.id, reverse=keys[-1].descending)
    for number, key in reversed(list(enumerate(keys))):
        entries.sort(key=_sort_value(number, key), reverse=key.descending)


def _sort_value(number: int, key: OrderKey) -> Callable[[Entry], tuple[Any, ...]]:
    def value_of(entry: Entry) -> tuple[Any, ...]:
        value = entry.place[number]
        is_last = ((value is None) != key.nulls_first) != key.descending
        if value is None:
            return (is_last,)
        return is_last, value if key.zone is None else _instant(value, key.zone)

    return value_of


def _instant(value: str, zone: str) -> datetime:
    is_day = len(value) == DAY_LENGTH
    return instant_of(date.fromisoformat(value) if is_day else datetime.fromisoformat(value), zone)
