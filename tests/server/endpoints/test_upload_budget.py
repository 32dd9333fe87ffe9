"""POST /import: the memory of uploads, slow senders, charges, and disconnects."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.api_client import Person
from tests.support.commands import until
from tests.support.data_files import error_of, imported, send
from tests.support.http_client import HOST, answers, connected, post
from tests.support.servers import serving
from todo_graphql.api import processor_time
from todo_graphql.api.context import Context
from todo_graphql.server.data_files.records import task_of
from todo_graphql.server.endpoints import import_tasks, upload_budget
from todo_graphql.server.endpoints.import_body import CHARGED_BYTES, MAX_IMPORT_BYTES
from todo_graphql.server.endpoints.import_tasks import BYTES_PER_COST
from todo_graphql.server.endpoints.upload_budget import (
    ALREADY_RUNNING,
    TOO_MANY,
    TOO_SLOW,
    UploadBudget,
)
from todo_graphql.server.fair_queue import FairQueue
from todo_graphql.settings.settings import Settings
from todo_graphql.store.tasks.rows import NewTask

FILE = b'[{"title": "x"}]'
LENGTH = b"Content-Length: %d" % MAX_IMPORT_BYTES
SLOW_BYTES = 90_000
LIMIT = 10_000_000


@pytest.fixture
def budgets(monkeypatch: pytest.MonkeyPatch) -> list[UploadBudget]:
    """Return the budgets of new servers, with room for two slow uploads and a small file."""
    made: list[UploadBudget] = []

    class Noted(UploadBudget):
        def __init__(self, *given: int) -> None:
            super().__init__(*given)
            made.append(self)

    monkeypatch.setattr(import_tasks, "UploadBudget", Noted)
    monkeypatch.setattr(import_tasks, "MAX_BUFFERED_BYTES", 2 * SLOW_BYTES + 1_000)
    monkeypatch.setattr(import_tasks, "MAX_UPLOADS", 3)
    return made


@contextmanager
def slow(who: Person) -> Iterator[Any]:
    """Send a part of an import, and yield its connection."""
    with connected(who.url) as connection:
        connection.sendall(post(who, HOST, LENGTH, path=b"/import") + b"[" + b" " * SLOW_BYTES)
        yield connection


def padded(size: int) -> bytes:
    return FILE + b" " * (size - len(FILE))


def test_slow_uploads_make_way_for_a_quick_one(
    settings: Settings, budgets: list[UploadBudget], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_budget, "MIN_RATED_SECONDS", 0.0)
    with serving(settings) as url:
        with slow(Person(url, settings)) as first, slow(Person(url, settings)) as second:
            until(lambda: budgets[0].size > 2 * SLOW_BYTES, "two slow uploads")
            assert imported(Person(url, settings), padded(500))["created"] == 1
            assert budgets[0].number == 2
            assert imported(Person(url, settings), padded(SLOW_BYTES))["created"] == 1
            assert budgets[0].number == 1
            assert imported(Person(url, settings), padded(2 * SLOW_BYTES))["created"] == 1
            for connection in (first, second):
                response = answers_until_response(connection)
                assert response.startswith(b"HTTP/1.1 503 ")
                assert b"\r\nretry-after: 5\r\n" in response
                assert b"\r\nconnection: close\r\n" in response
                assert TOO_SLOW.encode() in response
        until(lambda: budgets[0].number == budgets[0].size == 0, "free memory")


def answers_until_response(connection: Any) -> bytes:
    """Read the head and the body of an error response."""
    response = b""
    while not response.endswith(b"]}"):
        part = connection.recv(65_536)
        assert part, response
        response += part
    return response


def test_upload_without_room_is_rejected_while_others_are_quick(
    settings: Settings, budgets: list[UploadBudget], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_budget, "MIN_RATED_SECONDS", 60.0)
    with serving(settings) as url, slow(Person(url, settings)), slow(Person(url, settings)):
        until(lambda: budgets[0].size > 2 * SLOW_BYTES, "two uploads")
        response = send(Person(url, settings), padded(SLOW_BYTES))
        assert (response.status_code, error_of(response)["message"]) == (503, TOO_MANY)
        assert imported(Person(url, settings), FILE)["created"] == 1


def test_number_of_uploads_is_bounded(
    settings: Settings, budgets: list[UploadBudget], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_tasks, "MAX_UPLOADS", 1)
    monkeypatch.setattr(upload_budget, "MIN_RATED_SECONDS", 60.0)
    with serving(settings) as url, slow(Person(url, settings)) as connection:
        until(lambda: budgets[0].size > SLOW_BYTES, "an upload")
        assert error_of(send(Person(url, settings), FILE))["message"] == TOO_MANY
        monkeypatch.setattr(upload_budget, "MIN_RATED_SECONDS", 0.0)
        assert imported(Person(url, settings), FILE)["created"] == 1
        assert TOO_SLOW.encode() in answers_until_response(connection)


@pytest.fixture
def limited(settings: Settings) -> Settings:
    return settings.model_copy(update={"rate_limit": f"{LIMIT}/hour"})


def remaining(who: Person) -> int:
    return int(who.post("{ __typename }").headers["ratelimit-remaining"])


def cost_of(size: int) -> int:
    return size // BYTES_PER_COST + 1


def test_interrupted_upload_is_charged(limited: Settings) -> None:
    with serving(limited) as url:
        alice = Person(url, limited)
        before = remaining(alice)
        with slow(alice):
            until(lambda: remaining(alice) < before - cost_of(CHARGED_BYTES), "the charge")
        until(lambda: send(alice, "[]").status_code == 200, "the end of the upload")


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_blank_file_is_charged_by_its_length(limited: Settings, kind: str) -> None:
    with serving(limited) as url:
        alice = Person(url, limited)
        before = remaining(alice)
        content = "[" + " " * 200_000 + "]" if kind == "json" else "title" + "\n" * 200_000
        imported(alice, content, kind)
        assert remaining(alice) <= before - cost_of(len(content))


def test_import_costs_the_greater_of_bytes_and_time(
    limited: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes of a file of blanks cost more than its processor time."""
    monkeypatch.setattr(processor_time, "USUAL_SQL_SECONDS", 1_000.0)
    with serving(limited) as url:
        alice = Person(url, limited)
        size = 5_000_000
        response = send(alice, padded(size))
        assert response.status_code == 200
        spent = LIMIT - int(response.headers["ratelimit-remaining"])
        steps = size // CHARGED_BYTES + 1
        assert cost_of(size) <= spent <= cost_of(size) + steps


@pytest.mark.parametrize("size", [30, 100_000])
def test_chunked_upload_is_charged_by_the_received_bytes(
    limited: Settings, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    charged: list[int] = []
    charge = Context.charge

    def noting(context: Context, cost: int) -> None:
        charged.append(cost)
        charge(context, cost)

    monkeypatch.setattr(Context, "charge", noting)
    with serving(limited) as url:
        assert send(Person(url, limited), iter([padded(size)])).status_code == 200
    assert cost_of(size) <= sum(charged) <= cost_of(size) + 2


def test_charge_in_memory_takes_no_thread(
    limited: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Any] = []
    run = FairQueue.run

    async def noting(queue: FairQueue, owner: Any, function: Any, *given: Any, **named: Any) -> Any:
        calls.append(function)
        return await run(queue, owner, function, *given, **named)

    monkeypatch.setattr(FairQueue, "run", noting)
    with serving(limited) as url:
        assert imported(Person(url, limited), padded(3 * CHARGED_BYTES))["created"] == 1
    assert [call.__name__ for call in calls] == ["_check_before_upload"]


def test_upload_beyond_the_budget_is_rejected_before_its_body(limited: Settings) -> None:
    few = limited.model_copy(update={"rate_limit": f"{cost_of(MAX_IMPORT_BYTES)}/hour"})
    with serving(few) as url, connected(url) as connection:
        alice = Person(url, few)
        remaining(alice)
        lines = HOST, LENGTH, b"Expect: 100-continue", b"Connection: close"
        connection.sendall(post(alice, *lines, path=b"/import"))
        assert answers(connection).startswith(b"HTTP/1.1 429 ")


def test_disconnect_while_parsing_holds_the_slot_until_the_next_task(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    entered, go_on, parsed = threading.Event(), threading.Event(), list[str]()

    def wait_and_parse(record: Any) -> NewTask:
        parsed.append(record["title"])
        entered.set()
        assert go_on.wait(60)
        return task_of(record)

    content = b'[{"title": "a"}, {"title": "b"}]'
    with monkeypatch.context() as patch:
        patch.setattr(import_tasks, "task_of", wait_and_parse)
        with connected(url) as connection:
            length = b"Content-Length: %d" % len(content)
            connection.sendall(post(alice, HOST, length, path=b"/import") + content)
            assert entered.wait(60)
        try:
            until(lambda: "POST /import 499" in caplog.text, "the disconnect")
            assert error_of(send(alice, FILE))["message"] == ALREADY_RUNNING
        finally:
            go_on.set()
        until(lambda: send(alice, "[]").status_code == 200, "the end of the import")
    assert parsed == ["a"]
    assert alice.titles() == []
