"""Streams of one process after writes by another one."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.api_client import Person
from tests.support.redis import redis
from tests.support.servers import serving
from tests.support.streams import Streaming, streaming
from todo_graphql.server.live import limits
from todo_graphql.settings.settings import Settings

PAUSE_SECONDS = 0.1


@pytest.fixture(params=["postgresql", "redis"])
def live_settings(
    request: pytest.FixtureRequest,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Settings]:
    """Settings with LIVE_URL, for servers whose streams do not check."""
    monkeypatch.setattr(limits, "CHECK_SECONDS", 3_600.0)
    if request.param == "postgresql":
        yield settings.model_copy(update={"live_url": settings.required_database_url()})
        return
    with redis("stand-in", tmp_path) as server:
        yield settings.model_copy(update={"live_url": server.url})


def write_until_event(person: Person, stream: Streaming) -> None:
    """Write until an event arrives: the channel of the processes connects in the background."""
    has_arrived = threading.Event()

    def write() -> None:
        while not has_arrived.wait(PAUSE_SECONDS):
            person.create()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        stream.page()
    finally:
        has_arrived.set()
        writer.join()


def test_write_by_another_process_is_an_event(live_settings: Settings) -> None:
    with serving(live_settings) as one, serving(live_settings) as other:
        here, there = Person(one, live_settings), Person(other, live_settings)
        there.viewer, there.id, there.token = here.viewer, here.id, here.token
        with streaming(one, here) as stream:
            stream.page()
            write_until_event(there, stream)
            seen: set[str] = set()
            task_id = there.create("the last one")["id"]
            while task_id not in seen:
                seen |= {change["id"] for change in stream.page()["changes"]}
