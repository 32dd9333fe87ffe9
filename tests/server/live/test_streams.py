"""Streams of changes over HTTP."""

import asyncio
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.api_client import Person
from tests.support.data_files import imported
from tests.support.streams import (
    APOLLO,
    COMPLETED,
    MULTIPART,
    SSE,
    LiveReplica,
    streaming,
)
from todo_graphql.server.live import limits
from todo_graphql.server.live.event_reader import Event, EventReader
from todo_graphql.server.live.http_streams import HTTPSink
from todo_graphql.server.live.hub import Hub

ALL = "{ tasks(first: 100, filter: {}) { nodes { id title } } }"
PURGE = "mutation ($id: ID!) { purgeTask(id: $id) { taskId } }"
DELETE_ACCOUNT = "mutation ($me: String!) { deleteAccount(confirm: $me) { userId } }"
ACCEPTS = pytest.mark.parametrize("accept", [SSE, MULTIPART, APOLLO])


@ACCEPTS
def test_first_event_tells_where_the_stream_stands(url: str, alice: Person, accept: str) -> None:
    with streaming(url, alice, accept=accept) as stream:
        page = stream.page()
        assert stream.status == 200
        assert {**page, "cursor": None} == {
            "reset": False,
            "cursor": None,
            "hasMore": False,
            "revision": 0,
            "changes": [],
        }
    alice.create("one")
    with streaming(url, alice, accept=accept, since=page["cursor"]) as stream:
        later = stream.page()
        assert [change["task"]["title"] for change in later["changes"]] == ["one"]
    with streaming(url, alice, accept=accept, since=later["cursor"]) as stream:
        assert stream.page() == {**later, "changes": []}


@ACCEPTS
def test_each_write_is_an_event(url: str, alice: Person, accept: str) -> None:
    with streaming(url, alice, accept=accept) as stream:
        stream.page()
        task = alice.create("new")
        assert titles_of(stream.page()) == ["new"]
        alice.update(task, title="edited")
        assert titles_of(stream.page()) == ["edited"]
        alice.ask(PURGE, id=task["id"])
        (removed,) = stream.page()["changes"]
        assert removed == {"id": task["id"], "revision": 3, "task": None}
        imported(alice, '[{"title": "imported"}]')
        assert titles_of(stream.page()) == ["imported"]


def titles_of(page: Any) -> list[str]:
    return sorted(change["task"]["title"] for change in page["changes"])


def test_stream_has_the_headers_that_proxies_need(url: str, alice: Person) -> None:
    with streaming(url, alice) as stream:
        assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert stream.headers["cache-control"] == "no-store, no-transform"
        assert stream.headers["x-accel-buffering"] == "no"
        assert "content-encoding" not in stream.headers
    with streaming(url, alice, accept=MULTIPART) as stream:
        expected = "multipart/mixed; boundary=graphql; subscriptionSpec=1.0"
        assert stream.headers["content-type"] == expected


def test_write_of_a_request_that_fails_later_is_an_event(url: str, alice: Person) -> None:
    document = """mutation {
        createTask(input: {title: "kept"}) { task { id } }
        completeTask(id: "d0d0d0d0-0000-4000-8000-00000000dead") { task { id } }
    }"""
    with streaming(url, alice) as stream:
        stream.page()
        assert alice.refusal(document)["code"] == "NOT_FOUND"
        assert titles_of(stream.page()) == ["kept"]


def test_mutation_over_a_stream_is_an_event(url: str, alice: Person) -> None:
    document = 'mutation { createTask(input: {title: "x"}) { revision } }'
    with streaming(url, alice) as stream, streaming(url, alice, document) as other:
        stream.page()
        assert other.next() == {"data": {"createTask": {"revision": 1}}}
        assert other.await_end() == COMPLETED
        assert titles_of(stream.page()) == ["x"]


def test_deleted_account_resets_the_stream(url: str, alice: Person) -> None:
    alice.create("old")
    with streaming(url, alice) as stream:
        assert titles_of(stream.page()) == ["old"]
        alice.ask(DELETE_ACCOUNT, me=alice.id)
        gone = stream.page()
        assert (gone["reset"], gone["changes"], gone["revision"]) == (True, [], 0)
        alice.create("new")
        page = stream.page()
        assert (page["reset"], titles_of(page), page["revision"]) == (False, ["new"], 1)


def test_pages_follow_each_other(url: str, alice: Person) -> None:
    alice.create_many(*"abcde")
    with streaming(url, alice, first=2) as stream:
        pages = [stream.page() for _ in range(3)]
    assert [page["hasMore"] for page in pages] == [True, True, False]
    assert sorted(title for page in pages for title in titles_of(page)) == [*"abcde"]


def test_stream_of_another_user_receives_nothing(
    url: str, alice: Person, mallory: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(limits, "HEARTBEAT_SECONDS", 0.2)
    cursor = alice.ask("{ taskChanges { cursor } }")["taskChanges"]["cursor"]
    with streaming(url, mallory) as stream, streaming(url, mallory, since=cursor) as other:
        stream.page(), other.page()
        alice.create("hers")
        stream.await_heartbeat()
        other.await_heartbeat()
        mallory.create("own")
        assert titles_of(stream.page()) == titles_of(other.page()) == ["own"]


def test_writes_within_the_pause_are_one_event(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "EVENT_SECONDS", 1.0)
    with streaming(url, alice) as stream:
        stream.page()
        for number in range(10):
            alice.create(f"{number}")
        pages = [titles_of(stream.page())]
        while sum(map(len, pages)) < 10:
            pages.append(titles_of(stream.page()))
    assert sorted(title for page in pages for title in page) == [*"0123456789"]
    assert len(pages) < 10


@pytest.mark.parametrize("loses_hints", [False, True])
def test_no_change_is_missed_under_concurrent_writes(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch, loses_hints: bool
) -> None:
    """Hints of the process alone suffice. Lost, doubled and late hints do with the check."""
    deliver, chance = Hub.deliver, random.Random(7)  # noqa: S311

    def unreliable(hub: Hub, user: str) -> None:
        for _ in range(chance.choice((0, 0, 1, 2))):
            threading.Timer(chance.random() / 20, deliver, (hub, user)).start()

    monkeypatch.setattr(limits, "EVENT_SECONDS", 0.01)
    monkeypatch.setattr(limits, "CHECK_SECONDS", 0.2 if loses_hints else 3_600.0)
    if loses_hints:
        monkeypatch.setattr(Hub, "deliver", unreliable)
    with (
        streaming(url, alice, first=5) as stream,
        streaming(url, alice, accept=MULTIPART) as other,
        ThreadPoolExecutor(6) as threads,
    ):
        writers = [threads.submit(write_at_random, alice, number) for number in range(4)]
        replicas = [threads.submit(replicate, one, alice) for one in (stream, other)]
        for writer in writers:
            writer.result()
        alice.create("the end")
        there = {task["id"]: task["title"] for task in alice.ask(ALL)["tasks"]["nodes"]}
        assert len(there) > 20
        for replica in replicas:
            assert replica.result().titles == there


def write_at_random(person: Person, seed: int) -> None:
    chance, own = random.Random(seed), []  # noqa: S311
    for number in range(20):
        what = chance.choice(("create", "create", "bulk", "update", "purge"))
        if what == "bulk":
            own += person.create_many(*(f"{seed}/{number}/{each}" for each in range(3)))
        elif what == "create" or not own:
            own.append(person.create(f"{seed}/{number}"))
        elif what == "update":
            person.update(chance.choice(own), title=f"edited {seed}/{number}")
        else:
            person.ask(PURGE, id=own.pop()["id"])


def replicate(stream: Any, _person: Person) -> LiveReplica:
    """Apply the events up to the task "the end"."""
    replica = LiveReplica()
    while "the end" not in replica.titles.values():
        page = stream.page()
        assert page["revision"] >= replica.revision
        replica.apply(page)
    return replica


def test_write_during_a_read_leads_to_another_read(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flag is cleared before the read, and not after it."""
    monkeypatch.setattr(limits, "CHECK_SECONDS", 3_600.0)
    read, titles = EventReader.read, ["during"]

    async def write_behind(reader: EventReader, *given: Any) -> Event:
        event = await read(reader, *given)
        if titles:
            await asyncio.to_thread(alice.create, titles.pop())
        return event

    monkeypatch.setattr(EventReader, "read", write_behind)
    with streaming(url, alice) as stream:
        stream.page()
        alice.create("before")
        assert titles_of(stream.page()) == ["before"]
        assert titles_of(stream.page()) == ["during"]


def test_write_before_the_first_event_is_sent_is_an_event(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flag of a stream precedes its first read."""
    monkeypatch.setattr(limits, "CHECK_SECONDS", 3_600.0)
    open_response = HTTPSink.open

    async def write_and_open(sink: HTTPSink) -> None:
        await asyncio.to_thread(alice.create, "between")
        await open_response(sink)

    monkeypatch.setattr(HTTPSink, "open", write_and_open)
    with streaming(url, alice) as stream:
        assert titles_of(stream.page()) == []
        assert titles_of(stream.page()) == ["between"]
