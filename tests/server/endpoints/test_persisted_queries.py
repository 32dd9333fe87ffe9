"""Automatic persisted queries: clients that send a hash are told to send the text."""

import json
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tests.support import plain_http
from tests.support.api_client import Person
from todo_graphql.server.http.content_negotiation import GRAPHQL, JSON

HASH = {
    "version": 1,
    "sha256Hash": "ecf4edb46db40b5132295c0291d62fb65d6759a9eedfa4d5d612dd5ec54a6b38",
}
APOLLO = "application/graphql-response+json,application/json;q=0.9"


def send(url: str, person: Person, method: str, accept: str, content: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {person.token}", "Accept": accept}
    if method == "POST":
        return plain_http.post(f"{url}/graphql", json=content, headers=headers)
    texts = {key: it if isinstance(it, str) else json.dumps(it) for key, it in content.items()}
    return plain_http.get(f"{url}/graphql?{urlencode(texts)}", headers=headers)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("accept", "media_type", "status"), [(APOLLO, GRAPHQL, 400), ("*/*", JSON, 200)]
)
def test_hash_without_text_is_not_supported(
    url: str, alice: Person, method: str, accept: str, media_type: str, status: int
) -> None:
    """Apollo Client 3 accepts any type, and its RetryLink repeats JSON with an error status."""
    content = {"operationName": "Me", "variables": {}, "extensions": {"persistedQuery": HASH}}
    response = send(url, alice, method, accept, content)
    extensions = {"code": "PERSISTED_QUERY_NOT_SUPPORTED", "status": status}
    error = {"message": "PersistedQueryNotSupported", "extensions": extensions}
    assert (response.status_code, response.json()) == (status, {"errors": [error]})
    assert response.headers["content-type"] == media_type
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("hashed", [HASH, None, {"version": 2}, "nonsense"])
def test_text_with_a_hash_is_executed(url: str, alice: Person, method: str, hashed: object) -> None:
    content = {"query": "{ me { revision } }", "extensions": {"persistedQuery": hashed}}
    response = send(url, alice, method, "*/*", content)
    assert response.json() == {"data": {"me": {"revision": 0}}}


@pytest.mark.parametrize(
    "extensions", [None, {}, {"persistedQuery": None}, {"other": HASH}], ids=str
)
def test_request_without_text_and_hash_is_bad_input(
    url: str, alice: Person, extensions: object
) -> None:
    response = send(url, alice, "POST", "*/*", {"query": None, "extensions": extensions})
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["extensions"]["field"] == "query"


def test_hash_without_text_and_token_is_unauthenticated(url: str) -> None:
    response = plain_http.post(f"{url}/graphql", json={"extensions": {"persistedQuery": HASH}})
    assert response.status_code == 401
