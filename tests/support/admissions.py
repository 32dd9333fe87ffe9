"""Authentication over HTTP: requests with a token, and assertions on the responses."""

import json
from base64 import urlsafe_b64decode

import httpx

from tests.support import plain_http
from tests.support.jwt import SUBJECT
from tests.support.servers import SECRET


def talking_to(url: str) -> httpx.Client:
    """Return a client that closes idle connections earlier than uvicorn does."""
    return plain_http.Client(base_url=url, timeout=30, limits=httpx.Limits(keepalive_expiry=2))


def ask(client: httpx.Client, *authorizations: str) -> httpx.Response:
    """Query `me` with these Authorization headers."""
    headers = [(b"Authorization", value.encode("latin-1")) for value in authorizations]
    return client.post("/graphql", json={"query": "{ me { id email } }"}, headers=headers)


def assert_unauthenticated(response: httpx.Response, message: str, challenge: str) -> None:
    """Assert that the response is exactly this 401."""
    extensions = {"code": "UNAUTHENTICATED", "status": 401}
    assert response.json() == {"errors": [{"message": message, "extensions": extensions}]}
    assert response.status_code == 401
    assert response.headers.get_list("www-authenticate") == [challenge]


def assert_refused(response: httpx.Response, reason: str, token: str) -> None:
    """Assert RFC 6750's `invalid_token` response, which must not contain parts of the token."""
    challenge = 'Bearer realm="todo-graphql", error="invalid_token", error_description="{}"'
    assert_unauthenticated(response, reason, challenge.format(reason))
    said = f"{response.headers} {response.text}"
    assert SECRET not in said
    assert not [part for part in (token, *token.split(".")) if len(part) > 8 and part in said]


def assert_missing(response: httpx.Response) -> None:
    """Assert RFC 6750's response to a request without a token, which has no error code."""
    message = "Send a token: `Authorization: Bearer <token>`."
    assert_unauthenticated(response, message, 'Bearer realm="todo-graphql"')


def assert_good(response: httpx.Response, token: str) -> None:
    """Assert that the response is about the user that the token names."""
    content = token.split(".")[1]
    said = json.loads(urlsafe_b64decode(content + "=="))
    me = {"id": SUBJECT, "email": said.get("email")}
    assert (response.json(), response.status_code) == ({"data": {"me": me}}, 200)
