"""Paths, methods, CORS and request ids of the API."""

import socket
from collections.abc import Iterator

import httpx
import pytest

from tests.support import plain_http
from tests.support.api_client import Person
from tests.support.servers import serving
from todo_graphql.runtime.listening import listening
from todo_graphql.settings.settings import Settings

APP = "https://app.example.com"
CREATE = 'mutation { createTask(input: {title: "Buy milk"}) { task { id } } }'
INTROSPECTION = ["{ __schema { queryType { name } } }", '{ __type(name: "Task") { name } }']


@pytest.fixture(scope="module")
def shared(settings: Settings) -> Iterator[str]:
    """A server with GraphiQL, with CORS for one origin, and without introspection."""
    given = {"cors_origins": (APP,), "graphiql": True, "introspection": False}
    with serving(settings.model_copy(update=given)) as base:
        yield base


def post(base: str, person: Person | None, query: str, **headers: str) -> httpx.Response:
    """Send an operation, with the token of a person if one is given."""
    authorization = {} if person is None else {"Authorization": f"Bearer {person.token}"}
    return plain_http.post(
        f"{base}/graphql", json={"query": query}, headers={**authorization, **headers}
    )


def preflight(base: str, origin: str, **headers: str) -> httpx.Response:
    """Send the preflight request for an operation of a page of this origin."""
    request_headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
        **headers,
    }
    return httpx.options(f"{base}/graphql", headers=request_headers)


def error_of(response: httpx.Response) -> tuple[str, int]:
    """Return the code and status of a response that has only errors, all of one kind."""
    content = response.json()
    assert set(content) == {"errors"}
    assert all(error["message"] for error in content["errors"])
    kinds = {(it["extensions"]["code"], it["extensions"]["status"]) for it in content["errors"]}
    (kind,) = kinds
    assert kind[1] == response.status_code
    return kind


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("document", ["{ me { id } }", CREATE])
def test_operation_by_other_method_is_rejected(
    url: str, alice: Person, method: str, document: str
) -> None:
    headers = {"Authorization": f"Bearer {alice.token}"}
    response = plain_http.request(
        method, f"{url}/graphql", params={"query": document}, headers=headers
    )
    assert error_of(response) == ("BAD_USER_INPUT", 405)
    assert response.headers["allow"] == "GET, HEAD, POST"
    assert alice.revision() == 0


def test_operation_in_url_is_ignored(url: str, alice: Person) -> None:
    response = plain_http.post(
        f"{url}/graphql",
        params={"query": CREATE},
        json={"query": "{ __typename }"},
        headers={"Authorization": f"Bearer {alice.token}"},
    )
    assert response.json() == {"data": {"__typename": "Query"}}
    assert alice.revision() == 0


def test_head_response_has_no_body(url: str) -> None:
    response = httpx.head(f"{url}/graphql")
    assert (response.status_code, response.content) == (401, b"")


@pytest.mark.parametrize(
    "path",
    ["/", "/nothing", "/graphql/", "/graphql/nothing", "/health", "/docs", "/openapi.json", "/%00"],
)
def test_unknown_path_is_not_found(url: str, path: str) -> None:
    assert error_of(plain_http.get(url + path)) == ("NOT_FOUND", 404)


def test_graphql_response_media_type_is_accepted(url: str, alice: Person) -> None:
    accept = "application/graphql-response+json, application/json;q=0.9"
    response = post(url, alice, "{ __typename }", Accept=accept)
    assert response.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("query", INTROSPECTION)
def test_introspection_is_rejected_when_disabled(shared: str, alice: Person, query: str) -> None:
    assert error_of(post(shared, alice, query)) == ("GRAPHQL_VALIDATION_FAILED", 400)
    assert post(shared, alice, "{ __typename }").json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("query", INTROSPECTION)
def test_introspection_is_executed_when_enabled(url: str, alice: Person, query: str) -> None:
    assert post(url, alice, query).status_code == 200


def test_cors_is_disabled_by_default(url: str, alice: Person) -> None:
    assert error_of(preflight(url, APP)) == ("BAD_USER_INPUT", 405)
    response = post(url, alice, "{ __typename }", Origin=APP)
    preflighted = preflight(url, APP)
    assert not [
        name for name in (*response.headers, *preflighted.headers) if "access-control" in name
    ]


def test_cors_allows_configured_origin(shared: str, alice: Person) -> None:
    preflighted = preflight(shared, APP)
    assert preflighted.status_code == 200
    assert preflighted.headers["access-control-allow-origin"] == APP
    assert "POST" in preflighted.headers["access-control-allow-methods"]
    response = post(shared, alice, "{ __typename }", Origin=APP)
    assert response.headers["access-control-allow-origin"] == APP
    assert "x-request-id" in response.headers["access-control-expose-headers"]


@pytest.mark.parametrize(
    "origin",
    ["https://other.example.com", "http://app.example.com", f"{APP}.example.com", "null"],
)
def test_cors_rejects_other_origins(shared: str, alice: Person, origin: str) -> None:
    preflighted = preflight(shared, origin)
    assert preflighted.status_code == 400
    response = post(shared, alice, "{ __typename }", Origin=origin)
    for one in (preflighted, response):
        assert "access-control-allow-origin" not in one.headers


def test_cors_rejects_other_methods_and_credentials(shared: str) -> None:
    preflighted = preflight(shared, APP, **{"Access-Control-Request-Method": "DELETE"})
    assert preflighted.status_code == 400
    assert "access-control-allow-credentials" not in preflight(shared, APP).headers


def test_cors_allows_reading_of_error_responses(shared: str) -> None:
    response = post(shared, None, "{ __typename }", Origin=APP)
    assert error_of(response) == ("UNAUTHENTICATED", 401)
    assert response.headers["access-control-allow-origin"] == APP


@pytest.mark.parametrize(
    ("status", "method", "path", "body"),
    [
        (200, "GET", "/health/live", b""),
        (200, "POST", "/graphql", b'{"query": "{ __typename }"}'),
        (400, "POST", "/graphql", b"[]"),
        (401, "POST", "/graphql", b""),
        (404, "GET", "/nothing", b""),
        (405, "PUT", "/graphql", b""),
        (413, "POST", "/graphql", b" " * 1_050_000),
    ],
)
def test_every_response_has_a_request_id(
    url: str, alice: Person, status: int, method: str, path: str, body: bytes
) -> None:
    token = {} if status == 401 else {"Authorization": f"Bearer {alice.token}"}
    headers = {"Content-Type": "application/json", **token}
    ids = set()
    for _ in range(2):
        response = plain_http.request(method, url + path, content=body, headers=headers)
        assert response.status_code == status
        ids.add(response.headers["x-request-id"])
    assert len(ids) == 2
    chosen = {**headers, "X-Request-ID": "Chosen-by_the.client-1"}
    response = plain_http.request(method, url + path, content=body, headers=chosen)
    assert response.headers["x-request-id"] == "Chosen-by_the.client-1"


@pytest.mark.parametrize(
    "chosen",
    ["", "two words", "a\ttab", "x" * 65, "[-] INFO", "naïve", "a,b", 'quo"te', "%0a", "<b>"],
)
def test_invalid_request_id_is_replaced(url: str, chosen: str) -> None:
    headers = [(b"X-Request-ID", chosen.encode())]
    request_id = plain_http.get(f"{url}/health/live", headers=headers).headers["x-request-id"]
    assert request_id != chosen
    assert request_id.isalnum()


def test_listener_sets_tcp_nodelay(settings: Settings) -> None:
    """Connections inherit the option from the listening socket."""
    with listening(settings) as listener:
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
