"""Texts of statements: inputs that differ in values only have the same text."""

import uuid
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from todo_graphql.store.postgres.statement_cache import (
    StatementKey,
    compile_statement,
)
from todo_graphql.store.statements import Statements
from todo_graphql.store.tasks.cursors import Listing
from todo_graphql.store.tasks.edits import Edits
from todo_graphql.store.tasks.filters import AllOf, AnyOf, Comparison, Condition, Not, TaskFilter
from todo_graphql.store.tasks.operators import OPERATORS
from todo_graphql.store.tasks.ordering import NULLABLE, OrderField, OrderKey
from todo_graphql.store.tasks.page_requests import PageRequest
from todo_graphql.store.tasks.pages import page_statement
from todo_graphql.store.tasks.repository import count_statement
from todo_graphql.store.tasks.rows import ALL, NewTask
from todo_graphql.store.tasks.selections import TaskSelection
from todo_graphql.store.tasks.single_writes import (
    insert_one_parameters,
    insert_one_statement,
    mark_one_statement,
    update_one_statement,
)
from todo_graphql.store.tasks.updates import mark_statement, purge_statement, update_statement
from todo_graphql.store.tasks.values.rows import VALUES as VALUES_READ
from todo_graphql.store.tasks.values.updates import set_values_statement
from todo_graphql.store.tasks.zoned.pages import split_halves, zoned_page_statement
from todo_graphql.store.text.search import Search

# Two sets of values. None of them may occur in the text of a statement.
WORDS = ("vermilion", "co%balt")
IDS = (uuid.UUID(int=0xABCDEF), uuid.UUID(int=0xFEDCBA))
INSTANTS = (datetime(1987, 6, 5, 4, 3, tzinfo=UTC), datetime(1876, 5, 4, 3, 2, tzinfo=UTC))
DAYS = (date(1987, 6, 5), date(1876, 5, 4))
NUMBERS = (987_654_321, 876_543_210)
SEEN = ("vermilion", "balt", "abcdef", "fedcba", "1987", "1876", "987", "876", "Tokyo", "Lima")
ZONES = ("Asia/Tokyo", "America/Lima")
VALUES: dict[tuple[str, str], tuple[Any, Any]] = {
    ("title", "eq"): WORDS,
    ("title", "contains"): WORDS,
    ("description", "starts_with"): WORDS,
    ("id", "in"): (IDS[:1], IDS),
    ("id", "nin"): (IDS, ()),
    ("tags", "any"): (WORDS[:1], WORDS),
    ("tags", "none"): (WORDS, ()),
    ("revision", "gt"): NUMBERS,
    ("priority", "lte"): NUMBERS,
    ("due_on", "neq"): DAYS,
    ("created_at", "lt"): INSTANTS,
    ("due", "before"): ((INSTANTS[0], ZONES[0]), (INSTANTS[1], ZONES[1])),
    ("due", "after"): ((INSTANTS[0], ZONES[0]), (INSTANTS[1], ZONES[1])),
    **{
        ("due", name): ((wanted, ZONES[0]), (wanted, ZONES[1]))
        for name, wanted in (("overdue", True), ("today", False), ("next_seven_days", True))
    },
    ("due", "from"): ((DAYS[0], ZONES[0]), (DAYS[1], ZONES[1])),
    ("due", "to"): ((DAYS[0], ZONES[0]), (DAYS[1], ZONES[1])),
    ("tags", "empty"): (False, False),
    ("completed_at", "null"): (True, True),
    ("due_on", "null"): (False, False),
}
PLACES: dict[OrderField, tuple[Any, Any]] = {
    OrderField.PRIORITY: NUMBERS,
    OrderField.TITLE: WORDS,
    OrderField.POSITION: WORDS,
    OrderField.RELEVANCE: (0.987, 0.876),
}
CONDITIONS = st.recursive(
    st.sampled_from(sorted(VALUES)),
    lambda inner: st.tuples(st.sampled_from((AllOf, AnyOf, Not)), st.lists(inner, max_size=3)),
    max_leaves=5,
)
KEYS = st.lists(
    st.builds(OrderKey, st.sampled_from(OrderField), st.booleans(), st.booleans()),
    min_size=1,
    max_size=3,
).map(tuple)
FILTERS = st.tuples(CONDITIONS, st.sampled_from((None, False, True)), st.booleans())
NULLS = st.none() | st.lists(st.booleans(), min_size=3, max_size=3)
PAGES = st.tuples(FILTERS, KEYS, st.sampled_from((1, 20)), st.booleans(), NULLS, NULLS)
SELECTIONS = st.tuples(st.booleans(), FILTERS, st.booleans(), st.booleans())
EDITS = st.tuples(
    st.sets(st.sampled_from(("title", "due_on", "due_at"))),
    st.booleans(),
    st.sampled_from((None, False, True)),
)


def condition_of(drawn: Any, which: int) -> Condition:
    """Fill a drawn condition with one of the two sets of values."""
    kind, inner = drawn
    if isinstance(kind, str):
        return Comparison(kind, inner, VALUES[kind, inner][which])
    conditions = tuple(condition_of(one, which) for one in inner)
    return Not(AllOf(conditions)) if kind is Not else kind(conditions)


def filter_of(drawn: Any, which: int) -> TaskFilter:
    condition, trashed, searches = drawn
    search = Search(WORDS[which]) if searches else None
    return TaskFilter(condition_of(condition, which), trashed=trashed, search=search)


def place_of(keys: tuple[OrderKey, ...], nulls: list[bool] | None, which: int) -> list[Any] | None:
    if nulls is None:
        return None
    values = [
        None if null and key.field in NULLABLE else PLACES.get(key.field, INSTANTS)[which]
        for key, null in zip(keys, nulls, strict=False)
    ]
    return [*values, IDS[which]]


def page_keys(drawn: Any, which: int) -> list[StatementKey]:
    drawn_filter, keys, size, backward, after, before = drawn
    listing = Listing(filter_of(drawn_filter, which), keys)
    places = place_of(keys, after, which), place_of(keys, before, which)
    shape, _ = PageRequest(listing, size, backward, *places).split()
    statements = [page_statement(shape, ALL), count_statement(shape.filter)]
    zone = ZONES[which]
    zoned = tuple(replace(key, zone=zone if key.field is OrderField.DUE else None) for key in keys)
    listing = Listing(listing.filter, zoned)
    if listing.is_zoned:
        halves, _ = split_halves(PageRequest(listing, size, backward, *places))
        statements.append(zoned_page_statement(*halves, ALL))
    return statements


def change_keys(drawn: Any, which: int) -> list[StatementKey]:
    (by_ids, drawn_filter, bounded, dry_run), (columns, tags, completed) = drawn
    selected = TaskSelection(
        ids=IDS[: which + 1] if by_ids else None,
        filter=filter_of(drawn_filter, which),
        at_most=NUMBERS[which] if bounded else None,
        dry_run=dry_run,
    )
    new = {"title": WORDS[which], "due_on": DAYS[which], "due_at": INSTANTS[which]}
    added = WORDS[: (which + 1) * tags]
    edits = Edits({name: new[name] for name in sorted(columns)}, added, completed=completed)
    shape, _ = selected.split()
    return [
        update_statement(shape, edits.split()[0], ALL, VALUES_READ, expects_revision=bounded),
        mark_statement(shape, "completed_at", ALL, VALUES_READ, clears=bounded, first=not bounded),
        set_values_statement(ALL, VALUES_READ, first=bounded),
        purge_statement(shape),
        update_one_statement(edits.split()[0], ALL, expects_revision=bounded),
        mark_one_statement("completed_at", ALL, clears=bounded),
        insert_one_statement(insert_one_parameters(NewTask(WORDS[which]))[0], ALL),
    ]


def text_of(key: StatementKey) -> str:
    """Build the text without the cache."""
    built = key.build(Statements.scope, *key.arguments, **dict(key.options))
    return compile_statement(built).sql


TEXTS: dict[StatementKey, str] = {}


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(drawn=st.tuples(PAGES, st.tuples(SELECTIONS, EDITS)))
def test_inputs_with_different_values_share_text(drawn: Any) -> None:
    page, change = drawn
    for keys_of, one in ((page_keys, page), (change_keys, change)):
        for first, second in zip(keys_of(one, 0), keys_of(one, 1), strict=True):
            text = text_of(first)
            assert first == second
            assert text == text_of(second) == TEXTS.setdefault(first, text)
            assert not [value for value in SEEN if value in text]


def test_every_operator_is_tested() -> None:
    tried = {operator for _, operator in VALUES}
    assert set(OPERATORS) - tried <= {"lt", "gte", "all", "eq"}
