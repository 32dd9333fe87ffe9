"""Isolation of streams, with both layers and with each of them removed."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from tests.support.api_client import Person
from tests.support.isolation import UNSCOPED, WORLDS, tear_down_wall_2
from tests.support.servers import migrated_database, serving, settings_for
from tests.support.streams import MULTIPART, SSE, streaming
from todo_graphql.server.live import limits
from todo_graphql.server.live.hub import Hub
from todo_graphql.server.readiness import Readiness
from todo_graphql.settings.settings import Settings
from todo_graphql.store.statements import Statements


@pytest.fixture(params=WORLDS)
def world(
    request: pytest.FixtureRequest, postgresql: SecretStr, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, Settings]]:
    """Yield the URL and the settings of a server whose streams also check all the time."""
    monkeypatch.setattr(limits, "CHECK_SECONDS", 0.02)
    monkeypatch.setattr(limits, "HEARTBEAT_SECONDS", 0.2)
    with migrated_database(postgresql) as database:
        if request.param == "only the statement":
            tear_down_wall_2(database)
            monkeypatch.setattr(Readiness, "require_rls_check", lambda _: None)
        if request.param == "only the database":
            monkeypatch.setattr(Statements, "scope", UNSCOPED)
        settings = settings_for(database)
        with serving(settings) as url:
            yield url, settings


def ids_of(page: Any) -> list[str]:
    return [change["id"] for change in page["changes"]]


@pytest.mark.no_cover
@pytest.mark.parametrize("accept", [SSE, MULTIPART])
def test_stream_has_only_own_changes(
    world: tuple[str, Settings], accept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hint of another user, and a cursor of another user, reach nothing."""
    url, settings = world
    alice, mallory = Person(url, settings), Person(url, settings)
    deliver = Hub.deliver

    def to_all(hub: Hub, _user: str) -> None:
        for person in (alice, mallory):
            deliver(hub, person.id)

    monkeypatch.setattr(Hub, "deliver", to_all)
    hers = alice.create("hers")
    cursor = alice.ask("{ taskChanges { cursor } }")["taskChanges"]["cursor"]
    with (
        streaming(url, mallory, accept=accept) as stream,
        streaming(url, mallory, accept=accept, since=cursor) as other,
        streaming(url, alice, accept=accept, since=cursor) as own,
    ):
        assert (ids_of(stream.page()), ids_of(other.page()), ids_of(own.page())) == ([], [], [])
        alice.update(hers, title="edited")
        assert ids_of(own.page()) == [hers["id"]]
        for one in (stream, other):
            one.await_heartbeat()
            one.await_heartbeat()
        mine = mallory.create("mine")
        assert ids_of(stream.page()) == ids_of(other.page()) == [mine["id"]]
        own.await_heartbeat()
