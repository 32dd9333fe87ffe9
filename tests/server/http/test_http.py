"""What HTTP sees of the API, besides bodies: paths, methods, origins and request ids."""

import socket
from collections.abc import Iterator

import httpx
import pytest

from tests.support.api_client import Person
from tests.support.servers import serving
from todo_graphql.runtime.listening import listening
from todo_graphql.settings.settings import Settings

APP = "https://app.example.com"
CREATE = 'mutation { createTask(input: {title: "Buy milk"}) { task { id } } }'
INTROSPECTION = ["{ __schema { queryType { name } } }", '{ __type(name: "Task") { name } }']


@pytest.fixture(scope="module")
def shared(settings: Settings) -> Iterator[str]:
    """A server whose API may be called by pages of one origin. It hides its schema."""
    given = {"cors_origins": (APP,), "graphiql": True, "introspection": False}
    with serving(settings.model_copy(update=given)) as base:
        yield base


def post(base: str, person: Person | None, query: str, **headers: str) -> httpx.Response:
    """Send an operation, as whoever it is."""
    authorization = {} if person is None else {"Authorization": f"Bearer {person.token}"}
    return httpx.post(
        f"{base}/graphql", json={"query": query}, headers={**authorization, **headers}
    )


def preflight(base: str, origin: str, **headers: str) -> httpx.Response:
    """What a browser asks before it lets a page of this origin send an operation."""
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
        **headers,
    }
    return httpx.options(f"{base}/graphql", headers=asked)


def error_of(response: httpx.Response) -> tuple[str, int]:
    """The code and the status of an answer that is nothing but errors, all of one kind."""
    answer = response.json()
    assert set(answer) == {"errors"}
    assert all(error["message"] for error in answer["errors"])
    kinds = {(it["extensions"]["code"], it["extensions"]["status"]) for it in answer["errors"]}
    (kind,) = kinds
    assert kind[1] == response.status_code
    return kind


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("document", ["{ me { id } }", CREATE])
def test_operations_come_by_post_only(url: str, alice: Person, method: str, document: str) -> None:
    headers = {"Authorization": f"Bearer {alice.token}"}
    response = httpx.request(method, f"{url}/graphql", params={"query": document}, headers=headers)
    assert error_of(response) == ("BAD_USER_INPUT", 405)
    assert response.headers["allow"] == "POST"
    assert alice.revision() == 0


def test_a_query_by_get_is_refused_also_where_graphiql_is(shared: str, alice: Person) -> None:
    headers = {"Authorization": f"Bearer {alice.token}", "Accept": "application/json"}
    response = httpx.get(f"{shared}/graphql", params={"query": "{ me { id } }"}, headers=headers)
    assert error_of(response) == ("BAD_USER_INPUT", 405)
    assert response.headers["allow"] == "POST"


def test_an_operation_in_the_address_is_not_read(url: str, alice: Person) -> None:
    response = httpx.post(
        f"{url}/graphql",
        params={"query": CREATE},
        json={"query": "{ __typename }"},
        headers={"Authorization": f"Bearer {alice.token}"},
    )
    assert response.json() == {"data": {"__typename": "Query"}}
    assert alice.revision() == 0


def test_head_is_answered_without_a_body(url: str) -> None:
    response = httpx.head(f"{url}/graphql")
    assert (response.status_code, response.content) == (405, b"")


def test_web_sockets_are_refused(url: str, alice: Person) -> None:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": "graphql-transport-ws",
        "Authorization": f"Bearer {alice.token}",
    }
    assert error_of(httpx.get(f"{url}/graphql", headers=upgrade)) == ("BAD_USER_INPUT", 405)


@pytest.mark.parametrize(
    "path",
    ["/", "/nothing", "/graphql/", "/graphql/nothing", "/health", "/docs", "/openapi.json", "/%00"],
)
def test_an_unknown_path_is_not_found(url: str, path: str) -> None:
    assert error_of(httpx.get(url + path)) == ("NOT_FOUND", 404)


def test_a_client_may_prefer_the_media_type_of_graphql(url: str, alice: Person) -> None:
    accept = "application/graphql-response+json, application/json;q=0.9"
    response = post(url, alice, "{ __typename }", Accept=accept)
    assert response.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("query", INTROSPECTION)
def test_introspection_is_refused_where_it_is_off(shared: str, alice: Person, query: str) -> None:
    assert error_of(post(shared, alice, query)) == ("GRAPHQL_VALIDATION_FAILED", 400)
    assert post(shared, alice, "{ __typename }").json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("query", INTROSPECTION)
def test_introspection_is_answered_where_it_is_on(url: str, alice: Person, query: str) -> None:
    assert post(url, alice, query).status_code == 200


def test_pages_of_other_origins_may_call_nothing_by_default(url: str, alice: Person) -> None:
    assert error_of(preflight(url, APP)) == ("BAD_USER_INPUT", 405)
    answer = post(url, alice, "{ __typename }", Origin=APP)
    asked = preflight(url, APP)
    assert not [name for name in (*answer.headers, *asked.headers) if "access-control" in name]


def test_pages_of_a_configured_origin_may_call_the_api(shared: str, alice: Person) -> None:
    asked = preflight(shared, APP)
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == APP
    assert "POST" in asked.headers["access-control-allow-methods"]
    answer = post(shared, alice, "{ __typename }", Origin=APP)
    assert answer.headers["access-control-allow-origin"] == APP
    assert "x-request-id" in answer.headers["access-control-expose-headers"]


@pytest.mark.parametrize(
    "origin",
    ["https://other.example.com", "http://app.example.com", f"{APP}.example.com", "null"],
)
def test_pages_of_any_other_origin_may_not(shared: str, alice: Person, origin: str) -> None:
    asked = preflight(shared, origin)
    assert asked.status_code == 400
    answer = post(shared, alice, "{ __typename }", Origin=origin)
    for response in (asked, answer):
        assert "access-control-allow-origin" not in response.headers


def test_pages_may_send_no_other_method_and_no_cookies(shared: str) -> None:
    asked = preflight(shared, APP, **{"Access-Control-Request-Method": "DELETE"})
    assert asked.status_code == 400
    assert "access-control-allow-credentials" not in preflight(shared, APP).headers


def test_pages_may_read_why_they_were_refused(shared: str) -> None:
    answer = post(shared, None, "{ __typename }", Origin=APP)
    assert error_of(answer) == ("UNAUTHENTICATED", 401)
    assert answer.headers["access-control-allow-origin"] == APP


@pytest.mark.parametrize(
    ("status", "method", "path", "body"),
    [
        (200, "GET", "/health/live", b""),
        (200, "POST", "/graphql", b'{"query": "{ __typename }"}'),
        (400, "POST", "/graphql", b"[]"),
        (401, "POST", "/graphql", b""),
        (404, "GET", "/nothing", b""),
        (405, "PUT", "/graphql", b""),
        (413, "POST", "/graphql", b" " * 70_000),
    ],
)
def test_every_answer_has_the_id_of_its_request(
    url: str, alice: Person, status: int, method: str, path: str, body: bytes
) -> None:
    token = {} if status == 401 else {"Authorization": f"Bearer {alice.token}"}
    headers = {"Content-Type": "application/json", **token}
    ids = set()
    for _ in range(2):
        response = httpx.request(method, url + path, content=body, headers=headers)
        assert response.status_code == status
        ids.add(response.headers["x-request-id"])
    assert len(ids) == 2
    chosen = {**headers, "X-Request-ID": "Chosen-by_the.client-1"}
    response = httpx.request(method, url + path, content=body, headers=chosen)
    assert response.headers["x-request-id"] == "Chosen-by_the.client-1"


@pytest.mark.parametrize(
    "chosen",
    ["", "two words", "a\ttab", "x" * 65, "[-] INFO", "naïve", "a,b", 'quo"te', "%0a", "<b>"],
)
def test_an_id_that_could_do_harm_is_replaced(url: str, chosen: str) -> None:
    headers = [(b"X-Request-ID", chosen.encode())]
    answered = httpx.get(f"{url}/health/live", headers=headers).headers["x-request-id"]
    assert answered != chosen
    assert answered.isalnum()


def test_an_answer_waits_for_no_acknowledgement(settings: Settings) -> None:
    """Connections inherit this from the socket that they come to."""
    with listening(settings) as listener:
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
