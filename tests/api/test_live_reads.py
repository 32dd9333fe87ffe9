"""Subscriptions: each event is one execution of the operation."""

import uuid
from dataclasses import replace
from typing import Any

import pytest

from tests.support.documents import LIMITS
from todo_graphql.api.context import Context
from todo_graphql.api.schema import GraphQLRequest, Schema
from todo_graphql.api.sync.live_reads import LiveRead
from todo_graphql.settings.environment_variables import ExecutorName
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres.engine import Database

DOCUMENT = """
subscription ($since: String, $first: Int! = 200) {
  changes: taskChanges(since: $since, first: $first) {
    reset cursor hasMore revision changes { ...Change }
  }
}
fragment Change on TaskChange { id task { title user { revision } } }
"""
CREATE = """
mutation ($input: [CreateTaskInput!]!) { createTasks(input: $input) { revision } }
"""


class Reader:
    """The reads of a stream, without its transport."""

    def __init__(self, database: Database, executor: ExecutorName) -> None:
        self._database = database
        self._schema = Schema(replace(LIMITS), introspection=True, executor=executor)
        self._viewer = Viewer(uuid.uuid4(), None)

    def run(self, document: str, read: LiveRead | None, **variables: Any) -> Context:
        with self._database.connect_as(self._viewer) as connection:
            context = Context(self._viewer, connection, "-")
            context.live_read = read
            self.result = self._schema.run(GraphQLRequest(document, variables), context)
        return context

    def create(self, *titles: str) -> None:
        self.run(CREATE, None, input=[{"title": title} for title in titles])

    def titles(self, read: LiveRead, **variables: Any) -> list[str]:
        self.run(DOCUMENT, read, **variables)
        assert self.result.errors is None
        assert read.page is not None
        return sorted(str(change.task and change.task.title) for change in read.page.changes)


@pytest.fixture(params=["projection", "reference"])
def reader(request: pytest.FixtureRequest, database: Database) -> Reader:
    return Reader(database, request.param)


def test_event_reads_from_the_cursor_of_its_stream(reader: Reader) -> None:
    """The cursor has precedence over `since`, with which clients subscribe again."""
    reader.create("a", "b")
    first = LiveRead()
    assert reader.titles(first) == ["a", "b"]
    assert first.page is not None
    reader.create("c")
    later = LiveRead(first.page.cursor)
    assert reader.titles(later, since=None) == ["c"]
    assert later.page is not None
    empty = LiveRead(later.page.cursor)
    assert reader.titles(empty, since=first.page.cursor) == []
    assert (first.has_found, later.has_found, empty.has_found) == (True, True, False)


def test_cost_of_missing_changes_is_refunded(database: Database) -> None:
    reader = Reader(database, "projection")
    reader.create("a", "b")
    first = LiveRead()
    context = reader.run(DOCUMENT, first)
    assert context.cost is not None
    assert context.cost > 500
    assert 0 < context.cost - context.refundable < 50
    assert first.page is not None
    context = reader.run(DOCUMENT, LiveRead(first.page.cursor))
    assert context.cost is not None
    assert 0 < context.cost - context.refundable < 20


def test_failed_read_has_no_page(reader: Reader) -> None:
    read = LiveRead()
    reader.run(DOCUMENT, read, first=0)
    assert reader.result.data is None
    assert (read.page, read.has_found) == (None, False)


def test_response_that_is_too_large_has_no_page(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cursor must not advance behind changes that were not sent."""
    reader.create(*["x" * 200] * 20)
    monkeypatch.setattr(reader._schema, "_limits", replace(LIMITS, response_bytes=1_000))
    read = LiveRead()
    reader.run(DOCUMENT, read)
    assert reader.result.data is None
    assert read.page is None


def test_subscription_without_a_stream_is_rejected(reader: Reader) -> None:
    context = reader.run(DOCUMENT, None)
    assert reader.result.errors is not None
    (error,) = reader.result.errors
    assert error.extensions is not None
    assert (error.extensions["code"], error.extensions["status"]) == ("BAD_USER_INPUT", 406)
    assert context.statements == 0
