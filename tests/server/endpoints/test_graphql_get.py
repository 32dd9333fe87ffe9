"""Queries by GET and HEAD /graphql, as urql and Apollo Client send them."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tests.support import plain_http
from tests.support.api_client import CREATE, Person
from tests.support.http_client import connected, head, own, said
from tests.support.servers import serving
from todo_graphql.server.protocol.limits import MAX_TARGET_BYTES
from todo_graphql.settings.settings import Settings

FIND = "query Find($id: ID!) { task(id: $id) { id title } }"
WRITE = 'mutation Write { createTask(input: {title: "Buy milk"}) { task { id } } }'
READ_AND_WRITE = "query Read { me { revision } } " + WRITE

# The exact Accept headers of @urql/core 6 and @apollo/client 4.
URQL = (
    "application/graphql-response+json, application/graphql+json, application/json, "
    "text/event-stream, multipart/mixed"
)
APOLLO = "application/graphql-response+json,application/json;q=0.9"

Get = Callable[..., httpx.Response]


@pytest.fixture
def get(url: str, alice: Person) -> Get:
    """A function that sends parameters by GET, or a whole query string."""

    def get(query_string: str | None = None, method: str = "GET", **parameters: str) -> Any:
        sent = urlencode(parameters) if query_string is None else query_string
        headers = {"Authorization": f"Bearer {alice.token}"}
        return plain_http.request(method, f"{url}/graphql?{sent}", headers=headers, timeout=30)

    return get


def extensions_of(response: httpx.Response) -> dict[str, Any]:
    """Return the extensions of the only error of a response without data."""
    content = response.json()
    assert set(content) == {"errors"}
    (error,) = content["errors"]
    assert error["extensions"]["status"] == response.status_code
    extensions: dict[str, Any] = error["extensions"]
    return extensions


@pytest.mark.parametrize("accept", [URQL, APOLLO, "*/*", "application/json"])
def test_query_by_get_is_executed(url: str, alice: Person, accept: str) -> None:
    task = alice.create("Crème brûlée & 100 % + 🍮")
    parameters = {
        "query": FIND,
        "operationName": "Find",
        "variables": json.dumps({"id": task["id"]}),
        "extensions": json.dumps({"clientLibrary": {"name": "@apollo/client", "version": "4"}}),
    }
    headers = {"Authorization": f"Bearer {alice.token}", "Accept": accept}
    response = plain_http.get(f"{url}/graphql", params=parameters, headers=headers)
    found = {"id": task["id"], "title": "Crème brûlée & 100 % + 🍮"}
    assert (response.status_code, response.json()) == (200, {"data": {"task": found}})
    expected = "graphql-response" in accept
    assert ("graphql-response" in response.headers["content-type"]) is expected
    assert response.headers["cache-control"] == "no-store"
    assert int(response.headers["ratelimit-remaining"]) < int(response.headers["ratelimit-limit"])


def test_empty_parameters_are_absent(get: Get) -> None:
    response = get("operationName=&variables=&query={__typename}&extensions=")
    assert response.json() == {"data": {"__typename": "Query"}}


def test_null_parameters_are_absent(get: Get) -> None:
    response = get("variables=null&query={__typename}&extensions=null")
    assert response.json() == {"data": {"__typename": "Query"}}


def test_head_has_the_headers_of_get_and_no_body(url: str, alice: Person, get: Get) -> None:
    of_get = get(query="{ me { revision } }")
    of_head = get(method="HEAD", query="{ me { revision } }")
    assert (of_head.status_code, of_head.content) == (200, b"")
    for name in ("content-type", "content-length", "cache-control"):
        assert of_head.headers[name] == of_get.headers[name]
    with connected(url) as connection:
        lines = head(
            b"HEAD /graphql?query={__typename} HTTP/1.1",
            b"Host: x",
            *own(alice),
            b"Connection: close",
        )
        connection.sendall(lines)
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "parameters",
    [
        {"query": WRITE},
        {"query": READ_AND_WRITE, "operationName": "Write"},
        {"query": CREATE, "variables": json.dumps({"input": {"title": "Buy milk"}})},
        # Neither the variables nor the cost matter.
        {"query": CREATE, "variables": json.dumps({"input": 1})},
        {"query": 'mutation { deleteTasks(filter: {search: ""}) { count } }'},
    ],
    ids=["alone", "selected", "with variables", "with bad variables", "missing values"],
)
def test_mutation_by_get_is_rejected(
    get: Get, alice: Person, method: str, parameters: dict[str, str]
) -> None:
    response = get(method=method, **parameters)
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    if method == "GET":
        assert extensions_of(response)["code"] == "BAD_USER_INPUT"
        assert extensions_of(response)["reason"] == "UNSUPPORTED_REQUEST"
    assert alice.revision() == 0


def test_query_beside_a_mutation_is_executed_by_get(get: Get, alice: Person) -> None:
    response = get(query=READ_AND_WRITE, operationName="Read")
    assert response.json() == {"data": {"me": {"revision": 0}}}
    assert extensions_of(get(query=READ_AND_WRITE))["field"] == "operationName"
    assert alice.revision() == 0


def test_mutation_by_post_is_executed_with_parameters_in_the_url(url: str, alice: Person) -> None:
    response = plain_http.post(
        f"{url}/graphql?query={{__typename}}&anything=1",
        json={"query": WRITE},
        headers={"Authorization": f"Bearer {alice.token}"},
    )
    assert response.status_code == 200
    assert alice.revision() == 1


@pytest.mark.parametrize(
    ("query_string", "field", "reason"),
    [
        ("", "query", None),
        ("query=", "query", None),
        ("variables={}", "query", None),
        ("query={__typename}&query={__typename}", "query", "DUPLICATE"),
        ("query={__typename}&variables={}&variables={}", "variables", "DUPLICATE"),
        ("query={__typename}&variables=&variables={}", "variables", "DUPLICATE"),
        ("query={__typename}&variable={}", "variable", "UNKNOWN_FIELD"),
        ("query={__typename}&Variables={}", "Variables", "UNKNOWN_FIELD"),
        ("query={__typename}&" + "x" * 1_000, "x" * 100, "UNKNOWN_FIELD"),
        ("query={__typename}&variables={", "variables", "INVALID_FORMAT"),
        ("query={__typename}&variables=NaN", "variables", "INVALID_FORMAT"),
        ("query={__typename}&variables={'a':1}", "variables", "INVALID_FORMAT"),
        ('query={__typename}&variables={"a":Infinity}', "variables", "INVALID_FORMAT"),
        ("query={__typename}&variables=" + "[" * 2_000, "variables", "INVALID_FORMAT"),
        (
            "query={__typename}&variables={" + '"a":{' * 200 + "}" * 201,
            "variables",
            "INVALID_FORMAT",
        ),
        ("query={__typename}&variables=" + "9" * 5_000, "variables", "INVALID_FORMAT"),
        ("query={__typename}&variables=[]", "variables", None),
        ("query={__typename}&variables=1", "variables", None),
        ('query={__typename}&extensions="x"', "extensions", None),
        ("query={__typename}&extensions={", "extensions", "INVALID_FORMAT"),
        ("query=%FF", None, "INVALID_FORMAT"),
        ("query=%ed%a0%80", None, "INVALID_FORMAT"),
        ("&".join(f"a{number}" for number in range(50)), None, "INVALID_FORMAT"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_invalid_parameters_are_rejected(
    get: Get, query_string: str, field: str | None, reason: str | None
) -> None:
    response = get(query_string.replace('"', "%22").replace("'", "%27"))
    extensions = extensions_of(response)
    assert (response.status_code, extensions["code"]) == (400, "BAD_USER_INPUT")
    assert extensions.get("field") == field
    if reason is not None:
        assert extensions["reason"] == reason


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("{" + "a " * 2_001 + "}", "QUERY_TOO_COMPLEX"),
    ],
)
def test_invalid_document_by_get_is_rejected(get: Get, query: str, code: str) -> None:
    assert extensions_of(get(query=query))["code"] == code


def test_get_requires_a_token(url: str) -> None:
    response = plain_http.get(f"{url}/graphql", params={"query": "{ __typename }"})
    assert extensions_of(response)["code"] == "UNAUTHENTICATED"
    # The token is verified before anything else.
    assert plain_http.get(f"{url}/graphql?nonsense").status_code == 401


def test_get_of_an_unacceptable_type_is_rejected(url: str, alice: Person) -> None:
    headers = {"Authorization": f"Bearer {alice.token}", "Accept": "text/html"}
    response = plain_http.get(f"{url}/graphql?query={{__typename}}", headers=headers)
    assert response.status_code == 406


def test_url_over_maximum_size_is_rejected(url: str, alice: Person) -> None:
    target = b"/graphql?query={__typename}%23" + b"x" * MAX_TARGET_BYTES
    assert b" 414 " in said(url, head(b"GET %b HTTP/1.1" % target, b"Host: x", *own(alice)))


def test_body_of_get_is_ignored(url: str, alice: Person) -> None:
    response = plain_http.request(
        "GET",
        f"{url}/graphql?query={{__typename}}",
        json={"query": WRITE},
        headers={"Authorization": f"Bearer {alice.token}"},
    )
    assert response.json() == {"data": {"__typename": "Query"}}
    assert alice.revision() == 0


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_get_is_charged_and_rate_limited(settings: Settings, method: str) -> None:
    with serving(settings.model_copy(update={"rate_limit": "2000/hour"})) as base:
        person = Person(base, settings)
        headers = {"Authorization": f"Bearer {person.token}"}
        for _ in range(100):
            response = plain_http.request(
                method, f"{base}/graphql?query={{me{{id}}}}", headers=headers
            )
            if response.status_code == 429:
                break
    assert response.status_code == 429
    assert int(response.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    "query_string", ["nonsense", "query=%FF", "extensions={%22persistedQuery%22:{}}"]
)
def test_rejected_get_is_charged(settings: Settings, query_string: str) -> None:
    with serving(settings.model_copy(update={"rate_limit": "100000/hour"})) as base:
        headers = {"Authorization": f"Bearer {Person(base, settings).token}"}
        response = plain_http.get(f"{base}/graphql?{query_string}", headers=headers)
    assert response.json()["errors"]
    assert int(response.headers["ratelimit-remaining"]) <= 100_000 - 400
