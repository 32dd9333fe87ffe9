"""The wait of a first read for its turn: fair, and bounded in time and by the client."""

import json
import threading
import weakref
from contextlib import ExitStack
from http.client import HTTPConnection
from typing import Any

import pytest

from tests.server.live.test_streams import titles_of
from tests.server.live.test_websocket_ends import ME
from tests.support.api_client import Person
from tests.support.commands import until
from tests.support.servers import serving
from tests.support.streams import SSE, SUBSCRIPTION, streaming
from tests.support.websockets import graphql_socket
from todo_graphql.api.schema import GraphQLRequest, Schema
from todo_graphql.server import app
from todo_graphql.server.endpoints import graphql
from todo_graphql.server.fair_semaphore import FairSemaphore
from todo_graphql.server.http.body_budget import SMALL_BODY_BYTES, BodyBudget
from todo_graphql.server.live import websocket_operations
from todo_graphql.server.live.event_reader import EventReader
from todo_graphql.server.live.websocket_messages import may_be_subscription
from todo_graphql.settings.settings import Settings


def held_by(monkeypatch: pytest.MonkeyPatch, document: str) -> threading.Event:
    """Hold the operations of a document. Return the event that releases them."""
    released, run = threading.Event(), Schema.run

    def hold(schema: Schema, request: GraphQLRequest, *given: Any) -> Any:
        if request.query == document:
            assert released.wait(30)
        return run(schema, request, *given)

    monkeypatch.setattr(Schema, "run", hold)
    return released


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the users whose reads wait for a turn."""
    users, wait = list[str](), FairSemaphore._wait

    async def note(semaphore: FairSemaphore, owner: Any) -> None:
        users.append(owner)
        try:
            await wait(semaphore, owner)
        finally:
            users.remove(owner)

    monkeypatch.setattr(FairSemaphore, "_wait", note)
    return users


def test_slow_operations_of_a_user_do_not_delay_the_reads_of_another(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, waiting: list[str]
) -> None:
    """Each of them could be a subscription by its `Accept`."""
    slow = "query Slow { me { revision } }"
    with serving(settings.model_copy(update={"request_timeout": 30})) as url, ExitStack() as stack:
        alice, mallory = Person(url, settings), Person(url, settings)
        released = held_by(monkeypatch, slow)
        threads = list[threading.Thread]()
        for _ in range(20):
            threads.append(threading.Thread(target=read_all, args=(url, mallory, slow)))
            threads[-1].start()
        for thread in threads:
            stack.callback(thread.join)
        stack.callback(released.set)
        until(lambda: waiting.count(mallory.id) > 10, "operations that wait")
        with streaming(url, alice) as stream, graphql_socket(url, alice) as socket:
            stream.page()
            socket.subscribe()
            socket.page()
            alice.create("new")
            assert titles_of(stream.page()) == titles_of(socket.page()) == ["new"]
        assert waiting.count(mallory.id) > 10


def read_all(url: str, person: Person, document: str) -> None:
    with streaming(url, person, document, SSE) as stream:
        stream.next()


def test_wait_for_a_turn_counts_to_the_request_timeout(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "EventReader", lambda runner, max_reads: EventReader(runner, 0))
    with serving(settings.model_copy(update={"request_timeout": 0.5})) as url:
        alice = Person(url, settings)
        with streaming(url, alice) as stream:
            assert stream.status == 503
        assert alice.post(ME).status_code == 200


def test_wait_for_a_turn_ends_with_the_client(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, waiting: list[str]
) -> None:
    given = {"database_pool_size": 3, "database_max_overflow": 0, "request_timeout": 60}
    with serving(settings.model_copy(update=given)) as url:
        alice = Person(url, settings)
        released = held_by(monkeypatch, SUBSCRIPTION)
        with graphql_socket(url, alice) as socket:
            for operation_id in ("1", "2"):
                socket.subscribe(operation_id)
            until(lambda: len(waiting) == 1, "a subscription that waits")
            request = threading.Thread(target=give_up, args=(url, alice, waiting))
            request.start()
            request.join()
            until(lambda: len(waiting) == 1, "the end of a wait over HTTP")
            # The socket is read meanwhile, and its queries do not wait.
            socket.complete("2")
            until(lambda: not waiting, "the end of a wait over WebSocket")
            assert socket.ask(ME)["data"]
            released.set()
            socket.page("1")


def give_up(url: str, person: Person, waiting: list[str]) -> None:
    """Disconnect while a subscription waits."""
    connection = HTTPConnection(url.removeprefix("http://"))
    headers = {
        "Authorization": f"Bearer {person.token}",
        "Content-Type": "application/json",
        "Accept": SSE,
    }
    connection.request("POST", "/graphql", json.dumps({"query": SUBSCRIPTION}), headers)
    until(lambda: len(waiting) == 2, "a subscription that waits")
    connection.close()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("subscription { taskChanges { cursor } }", True),
        ("\ufeff \n subscription S { taskChanges { cursor } }", True),
        ("# a comment\n  # another\nsubscription { taskChanges { cursor } }", True),
        ("fragment F on Task { id }\nsubscription { taskChanges { cursor } }", True),
        ("fragment F on Task { id }subscription { taskChanges { cursor } }", True),
        ("{ me { id } } # no subscription", False),
        ('mutation { createTask(input: {title: "subscription"}) { revision } }', False),
        ("subscriptions { id }", False),
        (None, False),
        (1, False),
    ],
)
def test_subscription_is_recognized_before_it_is_parsed(query: object, expected: bool) -> None:
    assert may_be_subscription(query) is expected


@pytest.mark.parametrize("text", ["}" + " " * 500_000, "} #" * 200_000, "#}\n" * 200_000])
def test_long_text_is_searched_in_linear_time(text: str) -> None:
    """A quadratic search would take hours."""
    assert not may_be_subscription(text)


class Large:
    """A value that only the garbage collector knows."""


@pytest.mark.parametrize("is_websocket", [False, True])
def test_open_stream_keeps_neither_the_body_nor_unknown_variables(
    own_url: str, settings: Settings, monkeypatch: pytest.MonkeyPatch, is_websocket: bool
) -> None:
    page: Any
    budgets, values = list[BodyBudget](), list[weakref.ref[Large]]()
    create, module = BodyBudget.__init__, websocket_operations if is_websocket else graphql
    name = "to_graphql_request" if is_websocket else "parse_graphql_request"
    parse = getattr(module, name)

    def note(budget: BodyBudget, *given: Any) -> None:
        create(budget, *given)
        budgets.append(budget)

    def parse_with_value(content: Any) -> GraphQLRequest:
        request: GraphQLRequest = parse(content)
        value = Large()
        values.append(weakref.ref(value))
        assert request.variables is not None
        request.variables["unknown"] = value
        if is_websocket:
            content["variables"]["unknown"] = value
        return request

    monkeypatch.setattr(BodyBudget, "__init__", note)
    monkeypatch.setattr(module, name, parse_with_value)
    with serving(settings) as url:
        person = Person(url, settings)
        junk = "x" * (SMALL_BODY_BYTES // 2 if is_websocket else SMALL_BODY_BYTES)
        with ExitStack() as stack:
            if is_websocket:
                socket = stack.enter_context(graphql_socket(url, person))
                socket.subscribe(first=5, junk=junk)
                page = socket.page
            else:
                stream = stack.enter_context(streaming(url, person, first=5, junk=junk))
                page = stream.page
            assert page()["changes"] == []
            until(lambda: [each() for each in values] == [None], "the memory of a variable")
            assert [budget.held() for budget in budgets] == [0]
            person.create_many(*["x"] * 7)
            assert [len(page()["changes"]) for _ in range(2)] == [5, 2]
