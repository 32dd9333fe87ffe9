"""Large bodies: the number of values in their JSON, and the budget of memory for them."""

import asyncio
import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from tests.support import plain_http
from tests.support.api_client import Person
from tests.support.http_client import CHUNKED, HOST, connected, held_operations, post, reset, status
from tests.support.servers import serving
from todo_graphql.errors import Unavailable
from todo_graphql.server.http import body_budget
from todo_graphql.server.http.body_budget import SMALL_BODY_BYTES, BodyBudget
from todo_graphql.server.strict_json import (
    MAX_VALUES,
    count_separators,
    decode_json,
    outside_of_strings,
)
from todo_graphql.settings.settings import Settings

LIMIT = Settings.model_fields["max_body_bytes"].default
STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')


def request(value: bytes) -> bytes:
    """Return a request with a member that is ignored."""
    return b'{"query": "{ __typename }", "a": %s}' % value


def send(person: Person, url: str, body: bytes) -> httpx.Response:
    headers = {"Authorization": f"Bearer {person.token}", "Content-Type": "application/json"}
    return plain_http.post(f"{url}/graphql", content=body, headers=headers, timeout=30)


@pytest.mark.parametrize(
    "unit",
    [b"[],", b"{},", b"1,", b'"",', b'"a,b",', b'{"a":1},', rb'"\\",[],', rb'"\"",[],'],
)
def test_large_body_with_many_values_is_rejected(alice: Person, url: str, unit: bytes) -> None:
    """The decoder would let no other client in for a long time."""
    number = max(100_000 // len(unit), MAX_VALUES + 1)
    response = send(alice, url, request(b"[%snull]" % (unit * number)))
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "values" in error["message"]


@pytest.mark.parametrize("size", [90_000, LIMIT - 1_000])
@pytest.mark.parametrize("unit", ["[{,}] \\", '"', "\\", '\\"[', "🍮[", "\n", "é, "])
def test_large_body_with_separators_in_a_text_is_accepted(
    alice: Person, url: str, unit: str, size: int
) -> None:
    times = size // len(json.dumps(unit, ensure_ascii=False).encode())
    body = request(json.dumps([unit * times], ensure_ascii=False).encode())
    assert SMALL_BODY_BYTES // 4 < len(body) < LIMIT
    assert send(alice, url, body).json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("number", [b"1" * 4_000, b"1." + b"7" * 5_000, b"-0.5e-300"])
def test_large_body_with_long_numbers_is_accepted(alice: Person, url: str, number: bytes) -> None:
    numbers = b", ".join([number] * (200_000 // len(number)))
    body = request(b"[%s]" % numbers)
    assert send(alice, url, body).json() == {"data": {"__typename": "Query"}}


@given(
    st.recursive(
        st.text(alphabet='"\\,[]{}:a') | st.integers() | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet='"\\,['), inner),
    )
)
def test_values_are_counted_outside_of_strings(value: object) -> None:
    text = json.dumps(value).encode()
    assert count_separators(outside_of_strings(text)) == count_separators(STRING.sub(b"", text))
    assert decode_json(text) == value


@pytest.mark.parametrize("condition", ["title: {contains: $t}", "tags: {any: [$t]}"])
def test_long_text_in_a_filter_is_rejected(alice: Person, condition: str) -> None:
    """It could be compared many times."""
    query = "query ($t: String!) { tasks(filter: {%s}) { totalCount } }" % condition
    assert alice.ask(query, t="x" * 10_000)["tasks"] == {"totalCount": 0}
    refusal = alice.refusal(query, t="x" * 10_001)
    assert (refusal["reason"], refusal["max"]) == ("TOO_LONG", 10_000)


@pytest.fixture
def budgeted(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server with room for two bodies of 100,000 bytes, both of them of one user."""
    monkeypatch.setattr(body_budget, "MAX_LARGE_BYTES", 220_000)
    monkeypatch.setattr(body_budget, "BODIES_PER_OWNER", 2)
    with serving(settings.model_copy(update={"max_body_bytes": 110_000})) as base:
        yield base


Begin = Callable[[Person], socket.socket]


@pytest.fixture
def begin(budgeted: str) -> Iterator[Begin]:
    """A function that sends the greater part of a body, until the server has received it."""
    with ExitStack() as stack:

        def begin(person: Person) -> socket.socket:
            connection = stack.enter_context(connected(budgeted))
            connection.sendall(post(person, HOST, b"Content-Length: 105000") + b" " * 100_000)
            return connection

        yield begin


def code_of(base: str, person: Person) -> str | None:
    """Send a large body, and return the code of the error."""
    response = send(person, base, request(b'"%s"' % (b"x" * 100_000)))
    content = response.json()
    if response.status_code == 503:
        assert int(response.headers["retry-after"]) > 0
    return content["errors"][0]["extensions"]["code"] if "errors" in content else None


def until(base: str, person: Person, code: str | None) -> None:
    """Send large bodies until the outcome is this one."""
    assert any(code_of(base, person) == code for _ in range(200))


def test_third_large_body_of_a_user_is_rejected(
    budgeted: str, settings: Settings, begin: Begin
) -> None:
    alice = Person(budgeted, settings)
    begin(alice)
    assert code_of(budgeted, alice) is None
    second = begin(alice)
    until(budgeted, alice, "UNAVAILABLE")
    small = send(alice, budgeted, request(b'""'))
    assert small.json() == {"data": {"__typename": "Query"}}
    second.sendall(b" " * 5_000)
    assert status(second) == 400
    assert code_of(budgeted, alice) is None


def test_large_bodies_of_a_process_are_limited(
    budgeted: str, settings: Settings, begin: Begin
) -> None:
    one, two, three = (Person(budgeted, settings) for _ in range(3))
    begin(one)
    held = begin(two)
    until(budgeted, three, "UNAVAILABLE")
    reset(held)
    until(budgeted, three, None)


def test_large_body_that_arrives_slowly_gives_way(
    budgeted: str, settings: Settings, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, three = (Person(budgeted, settings) for _ in range(3))
    oldest, newer = begin(one), begin(two)
    until(budgeted, three, "UNAVAILABLE")
    monkeypatch.setattr(body_budget, "GRACE_SECONDS", 0.0)
    assert code_of(budgeted, three) is None
    assert status(oldest) == 503
    newer.sendall(b" " * 5_000)
    assert status(newer) == 400


def test_body_of_a_running_operation_does_not_give_way(
    budgeted: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_budget, "GRACE_SECONDS", 0.0)
    begun, released = held_operations(monkeypatch)
    alice, other = Person(budgeted, settings), Person(budgeted, settings)
    body = request(b'"%s"' % (b"x" * 105_000))
    head = post(alice, HOST, b"Content-Length: %d" % len(body))
    with connected(budgeted) as first, connected(budgeted) as second:
        for connection in (first, second):
            connection.sendall(head + body)
        assert begun.wait(30)
        until(budgeted, other, "UNAVAILABLE")
        released.set()
        assert (status(first), status(second)) == (200, 200)
        assert code_of(budgeted, other) is None


def test_body_keeps_its_share_until_its_thread_has_finished(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_budget, "BODIES_PER_OWNER", 1)
    begun, released = held_operations(monkeypatch)
    short = settings.model_copy(update={"max_body_bytes": 110_000, "request_timeout": 1.0})
    with serving(short) as base:
        alice = Person(base, settings)
        assert code_of(base, alice) == "UNAVAILABLE"  # timed out
        assert begun.is_set()
        response = send(alice, base, request(b'"%s"' % (b"x" * 100_000)))
        assert "large requests of yours" in response.json()["errors"][0]["message"]
        released.set()
        until(base, alice, None)


def test_budgets_are_bounded_for_a_large_limit() -> None:
    budget = BodyBudget(100_000_000)

    async def grow(owner: str) -> None:
        request = Request({"type": "http"})
        try:
            budget.share(request, owner).grow(100_000_000)
        except Unavailable:
            budget.release(request)

    for owner in "aabbcc":
        asyncio.run(grow(owner))
    assert [budget.held(owner) for owner in "abc"] == [100_000_000, 100_000_000, 0]


def test_chunked_large_body_takes_a_share(
    budgeted: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_budget, "BODIES_PER_OWNER", 0)
    with serving(settings) as base, connected(base) as connection:
        chunk = b"%x\r\n%b\r\n" % (100_000, b" " * 100_000)
        connection.sendall(post(Person(base, settings), HOST, CHUNKED) + chunk)
        assert status(connection) == 503
