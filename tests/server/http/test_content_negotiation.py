"""Content negotiation, and the media type of a request body."""

import json
from collections.abc import Callable
from typing import NoReturn

import httpx
import pytest

from tests.support import plain_http
from tests.support.api_client import Person
from todo_graphql.errors import OUTCOME_UNKNOWN, Unavailable
from todo_graphql.server.http.content_negotiation import (
    GRAPHQL,
    JSON,
    MAX_CHARACTERS,
    MAX_PARAMETERS,
)
from todo_graphql.server.http.unsent_responses import UnsentResponses
from todo_graphql.store.tasks.repository import Tasks

CREATE = 'mutation { createTask(input: {title: "Buy milk"}) { task { id } } }'
MISSING = 'mutation { completeTask(id: "11111111-1111-4111-8111-111111111111") { task { id } } }'
FIND = '{ task(id: "11111111-1111-4111-8111-111111111111") { id } }'
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"

Send = Callable[..., httpx.Response]


@pytest.fixture
def send(url: str, alice: Person) -> Send:
    """A function that posts an operation of Alice. The given headers replace the default ones."""

    def send(*lines: tuple[str, str], query: str = CREATE, token: bool = True) -> httpx.Response:
        names = {name.lower() for name, _ in lines}
        usual = {"Content-Type": "application/json", "Authorization": f"Bearer {alice.token}"}
        left_out = set() if token else {"Authorization"}
        own = [it for it in usual.items() if it[0].lower() not in names and it[0] not in left_out]
        request = httpx.Request(
            "POST", f"{url}/graphql", content=json.dumps({"query": query}), headers=[*own, *lines]
        )
        with plain_http.Client(timeout=30) as client:
            return client.send(request)

    return send


@pytest.mark.parametrize(
    ("lines", "media_type"),
    [
        ([], JSON),
        ([("Accept", "*/*")], JSON),
        ([("Accept", "application/graphql-response+json")], GRAPHQL),
        ([("Accept", "text/html"), ("Accept", "application/graphql-response+json")], GRAPHQL),
    ],
)
@pytest.mark.parametrize(
    ("query", "status", "members"),
    [
        ("{ __typename }", 200, {"data"}),
        (MISSING, 200, {"data", "errors"}),
        ("{ nothing }", 400, {"errors"}),
        ("{", 400, {"errors"}),
        ("query ($id: ID!) { task(id: $id) { id } }", 400, {"errors"}),
    ],
)
def test_response_has_negotiated_type_and_status(
    send: Send,
    lines: list[tuple[str, str]],
    media_type: str,
    query: str,
    status: int,
    members: set[str],
) -> None:
    lines = lines or [("Accept", "")]
    response = send(*lines, query=query)
    assert (response.status_code, response.headers["content-type"]) == (status, media_type)
    assert set(response.json()) == members


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", JSON),
        ("application/graphql-response+json,application/json;q=0.9", JSON),
        ("application/graphql-response+json, application/graphql+json, application/json", JSON),
        ("application/graphql-response+json, */*;q=0.1", JSON),
        ("application/graphql-response+json", GRAPHQL),
        ("application/graphql-response+json, application/json;q=0", GRAPHQL),
    ],
)
def test_request_that_may_be_repeated_has_json(
    send: Send, monkeypatch: pytest.MonkeyPatch, accept: str, media_type: str
) -> None:
    """RetryLink repeats an error status in JSON, and takes the other type for a result."""

    def fail(*_: object, **__: object) -> NoReturn:
        raise Unavailable("The database is unavailable.")

    monkeypatch.setattr(Tasks, "find", fail)
    response = send(("Accept", accept), query=FIND)
    assert (response.status_code, response.headers["content-type"]) == (503, media_type)
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "UNAVAILABLE"
    assert response.headers["retry-after"] == "1"


def test_rejected_request_that_may_be_repeated_has_json(
    send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is not the result of an execution."""

    def fail(*_: object) -> NoReturn:
        raise Unavailable("The server is overloaded.")

    monkeypatch.setattr(UnsentResponses, "check", fail)
    accept = "application/graphql-response+json,application/json;q=0.9"
    response = send(("Accept", accept))
    assert (response.status_code, response.headers["content-type"]) == (503, JSON)


@pytest.mark.parametrize(
    "name",
    [
        "todo_graphql.store.tasks.repository.Tasks.create",
        "todo_graphql.server.endpoints.graphql.parse_graphql_request",
    ],
)
def test_write_of_unknown_outcome_has_the_preferred_type(
    send: Send, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """RetryLink does not repeat a mutation that may have been executed."""

    def fail(*_: object, **__: object) -> NoReturn:
        raise Unavailable(OUTCOME_UNKNOWN)

    monkeypatch.setattr(name, fail)
    accept = "application/graphql-response+json,application/json;q=0.9"
    response = send(("Accept", accept))
    assert (response.status_code, response.headers["content-type"]) == (503, GRAPHQL)


def test_unacceptable_media_type_is_rejected_before_execution(send: Send, alice: Person) -> None:
    response = send(("Accept", "text/html"))
    (error,) = response.json()["errors"]
    assert error["extensions"] == {
        "code": "BAD_USER_INPUT",
        "status": 406,
        "reason": "UNSUPPORTED_REQUEST",
        "problems": [{"reason": "UNSUPPORTED_REQUEST", "message": error["message"]}],
    }
    assert (response.status_code, response.headers["content-type"]) == (406, JSON)
    assert alice.revision() == 0


@pytest.mark.parametrize(
    ("accepted", "expected"), [(GRAPHQL, GRAPHQL), ("*/*", JSON), ("a/b", JSON)]
)
def test_error_response_has_preferred_media_type(
    send: Send, url: str, accepted: str, expected: str
) -> None:
    accept = ("Accept", accepted)
    responses = {
        401: send(accept, token=False),
        405: httpx.put(f"{url}/graphql", headers=dict([accept])),
    }
    if accepted != "a/b":
        responses[415] = send(accept, ("Content-Type", "text/plain"))
        responses[413] = send(accept, query="#" * 1_050_000)
    for status, response in responses.items():
        assert (response.status_code, response.headers["content-type"]) == (status, expected)


def test_internal_error_has_preferred_media_type(
    send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "todo_graphql.server.endpoints.graphql.parse_graphql_request", lambda _: 1 / 0
    )
    response = send(("Accept", GRAPHQL))
    assert (response.status_code, response.headers["content-type"]) == (500, GRAPHQL)


def test_error_of_other_endpoint_is_json(url: str) -> None:
    for path in ("/export", "/nothing"):
        response = plain_http.get(
            url + path, headers={"Accept": "application/graphql-response+json"}
        )
        assert response.headers["content-type"] == JSON


@pytest.mark.parametrize(
    "given_",
    [
        ["application/json; charset=latin-1"],
        ["application/json; charset=utf-16"],
        ["application/json; charset=utf-8; charset=latin-1"],
        ["application/json; charset"],
        ["application/json", "text/plain"],
        ["text/plain", "application/json"],
        ["application/json", "application/json"],
        ["application/json;" + ";" * MAX_CHARACTERS],
        ["application/json;" + ";" * MAX_PARAMETERS],
        ["application/json=x"],
        ["application/json; charset*=utf-16''utf-8"],
    ],
)
def test_ambiguous_content_type_is_rejected(send: Send, alice: Person, given_: list[str]) -> None:
    response = send(*(("Content-Type", value) for value in given_))
    (error,) = response.json()["errors"]
    assert error["extensions"] == {
        "code": "BAD_USER_INPUT",
        "status": 415,
        "reason": "UNSUPPORTED_REQUEST",
        "problems": [{"reason": "UNSUPPORTED_REQUEST", "message": error["message"]}],
    }
    assert response.status_code == 415
    assert alice.revision() == 0


@pytest.mark.parametrize(
    "given_",
    [
        "application/json",
        "application/json;",
        'APPLICATION/JSON ; Charset="UTF-8"',
        "application/json; charset=utf8; x=y",
    ],
)
def test_json_content_type_is_accepted(send: Send, given_: str) -> None:
    assert send(("Content-Type", given_), query="{ __typename }").status_code == 200


def test_unavailable_result_without_data_is_503(
    send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A response with data has status 200."""

    def away(*_: object) -> NoReturn:
        raise Unavailable("The database is unavailable.")

    monkeypatch.setattr(Tasks, "find", away)
    nothing = send(query=FIND)
    assert (nothing.status_code, set(nothing.json())) == (503, {"errors"})
    something = send(query=FIND.replace("{", "{ me { id }", 1))
    assert (something.status_code, set(something.json())) == (200, {"data", "errors"})
