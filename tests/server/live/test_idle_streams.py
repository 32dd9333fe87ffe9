"""Idle streams: heartbeats, checks, and an outage of the database."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.api_client import Person
from tests.support.commands import until
from tests.support.postgres import frozen, migrated_server
from tests.support.servers import serving, settings_for
from tests.support.streams import MULTIPART, SSE, streaming
from todo_graphql.dev.postgres import EmbeddedPostgres
from todo_graphql.errors import Unavailable
from todo_graphql.server.live import limits
from todo_graphql.server.live.event_reader import EventReader
from todo_graphql.server.live.http_streams import HTTPSink
from todo_graphql.server.live.hub import Hub
from todo_graphql.server.observability.live_statistics import LiveStatistics
from todo_graphql.settings.settings import Settings
from todo_graphql.store.postgres.connection import ViewerConnection


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows with each read statement."""
    numbers, read = list[int](), ViewerConnection.read

    def counted(*given: Any) -> Any:
        numbers.append(0)
        return read(*given)

    monkeypatch.setattr(ViewerConnection, "read", counted)
    return numbers


@pytest.mark.parametrize("accept", [SSE, MULTIPART])
def test_idle_stream_sends_heartbeats_and_no_statements(
    url: str, alice: Person, reads: list[int], monkeypatch: pytest.MonkeyPatch, accept: str
) -> None:
    monkeypatch.setattr(limits, "HEARTBEAT_SECONDS", 0.05)
    with streaming(url, alice, accept=accept) as stream:
        stream.page()
        reads.clear()
        for _ in range(10):
            stream.await_heartbeat()
        assert reads == []


def test_check_finds_a_change_whose_hint_was_lost(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CHECK_SECONDS", 0.2)
    monkeypatch.setattr(Hub, "deliver", lambda *_: None)
    with streaming(url, alice) as stream:
        stream.page()
        alice.create("lost")
        assert [change["task"]["title"] for change in stream.page()["changes"]] == ["lost"]


def test_check_that_finds_nothing_sends_nothing(
    own_url: str,
    settings: Settings,
    statistics: LiveStatistics,
    reads: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "CHECK_SECONDS", 0.02)
    monkeypatch.setattr(limits, "HEARTBEAT_SECONDS", 0.5)
    with streaming(own_url, Person(own_url, settings)) as stream:
        stream.page()
        stream.await_heartbeat()
        until(lambda: statistics.empty_reads > 5, "checks")
        stream.await_heartbeat()
    assert statistics.events == 1
    assert len(reads) > statistics.empty_reads


@pytest.fixture(scope="module")
def fragile() -> Iterator[EmbeddedPostgres]:
    """Yield a migrated PostgreSQL server, which a test suspends."""
    with (
        tempfile.TemporaryDirectory(prefix="todo-", ignore_cleanup_errors=True) as folder,
        migrated_server(Path(folder) / "pg") as server,
    ):
        yield server


def test_outage_of_the_database_is_silence_and_heartbeats(
    fragile: EmbeddedPostgres, statistics: LiveStatistics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The streams go on after it."""
    monkeypatch.setattr(limits, "CHECK_SECONDS", 0.1)
    monkeypatch.setattr(limits, "HEARTBEAT_SECONDS", 0.2)
    monkeypatch.setattr(limits, "MIN_PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(limits, "MAX_PAUSE_SECONDS", 0.5)
    failures, heartbeats = list[str](), list[int]()
    read, send_heartbeat = EventReader.read, HTTPSink.send_heartbeat

    async def read_or_count(reader: EventReader, *given: Any) -> Any:
        try:
            return await read(reader, *given)
        except Unavailable:
            failures.append(given[1].viewer.key)
            raise

    async def count(sink: HTTPSink) -> None:
        heartbeats.append(0)
        await send_heartbeat(sink)

    monkeypatch.setattr(EventReader, "read", read_or_count)
    monkeypatch.setattr(HTTPSink, "send_heartbeat", count)
    settings = settings_for(fragile.url, request_timeout=0.5, database_connect_timeout=2)
    with serving(settings) as url:
        alice, mallory = Person(url, settings), Person(url, settings)
        with streaming(url, alice) as stream, streaming(url, mallory, accept=MULTIPART) as other:
            stream.page(), other.page()
            with frozen(fragile):
                until(lambda: {*failures} == {alice.id, mallory.id}, "failed reads")
                before = len(heartbeats)
                until(lambda: len(heartbeats) > before + 10, "heartbeats")
                assert (statistics.streams, statistics.events) == (2, 2)
            until(lambda: alice.post("{ me { id } }").status_code == 200, "the database")
            alice.create("after")
            assert [change["task"]["title"] for change in stream.page()["changes"]] == ["after"]
            mallory.create("also")
            assert [change["task"]["title"] for change in other.page()["changes"]] == ["also"]
    assert statistics.events == 4
