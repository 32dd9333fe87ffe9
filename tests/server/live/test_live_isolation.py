"""Isolation of streams, with both layers and with each of them removed."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from tests.support.api_client import Person
from tests.support.isolation import UNSCOPED, WORLDS, tear_down_wall_2
from tests.support.servers import migrated_database, serving, settings_for
from tests.support.streams import MULTIPART, SSE, streaming
from tests.support.websockets import graphql_socket
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


@pytest.fixture
def everyone_is_hinted(world: tuple[str, Settings], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list of user ids that receive each hint, also those of other users."""
    users, deliver = list[str](), Hub.deliver

    def to_all(hub: Hub, _user: str) -> None:
        for user in users:
            deliver(hub, user)

    monkeypatch.setattr(Hub, "deliver", to_all)
    return users


def ids_of(page: Any) -> list[str]:
    return [change["id"] for change in page["changes"]]


@pytest.mark.no_cover
@pytest.mark.parametrize("accept", [SSE, MULTIPART])
def test_stream_has_only_own_changes(
    world: tuple[str, Settings], accept: str, everyone_is_hinted: list[str]
) -> None:
    """A hint of another user, and a cursor of another user, reach nothing."""
    url, settings = world
    alice, mallory = Person(url, settings), Person(url, settings)
    everyone_is_hinted += [alice.id, mallory.id]
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


@pytest.mark.no_cover
def test_subscription_over_websocket_has_only_own_changes(
    world: tuple[str, Settings], everyone_is_hinted: list[str]
) -> None:
    """Each message that a user receives is about their own tasks, or is the result of a query."""
    url, settings = world
    alice, mallory = Person(url, settings), Person(url, settings)
    everyone_is_hinted += [alice.id, mallory.id]
    hers = alice.create("hers")
    cursor = alice.ask("{ taskChanges { cursor } }")["taskChanges"]["cursor"]
    with graphql_socket(url, mallory) as theirs, graphql_socket(url, alice) as own:
        theirs.subscribe("all")
        assert ids_of(theirs.page("all")) == []
        theirs.subscribe("from her cursor", since=cursor)
        assert ids_of(theirs.page("from her cursor")) == []
        own.subscribe("own", since=cursor)
        assert ids_of(own.page("own")) == []
        alice.update(hers, title="edited")
        assert ids_of(own.page("own")) == [hers["id"]]
        for _ in range(5):
            found = theirs.ask("query ($id: ID!) { task(id: $id) { id } }", id=hers["id"])
            assert found["data"] == {"task": None}
        mine = mallory.create("mine")
        pages = [theirs.receive() for _ in range(2)]
        assert {page["id"] for page in pages} == {"all", "from her cursor"}
        for page in pages:
            assert ids_of(page["payload"]["data"]["taskChanges"]) == [mine["id"]]
        for _ in range(5):
            assert own.ask("{ me { id } }")["data"] == {"me": {"id": alice.id}}
