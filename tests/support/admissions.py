"""Who gets in by a token, and how all others are refused, over HTTP."""

import json
from base64 import urlsafe_b64decode

import httpx

from tests.support.jwt import SUBJECT
from tests.support.servers import SECRET


def talking_to(url: str) -> httpx.Client:
    """Gives up an idle connection before uvicorn does, so that the two never cross."""
    return httpx.Client(base_url=url, timeout=30, limits=httpx.Limits(keepalive_expiry=2))


def ask(client: httpx.Client, *authorizations: str) -> httpx.Response:
    """Ask who one is, with these Authorization headers."""
    headers = [(b"Authorization", value.encode("latin-1")) for value in authorizations]
    return client.post("/graphql", json={"query": "{ me { id email } }"}, headers=headers)


def assert_unauthenticated(response: httpx.Response, message: str, challenge: str) -> None:
    """This refusal, and not a word besides."""
    extensions = {"code": "UNAUTHENTICATED", "status": 401}
    assert response.json() == {"errors": [{"message": message, "extensions": extensions}]}
    assert response.status_code == 401
    assert response.headers.get_list("www-authenticate") == [challenge]


def assert_refused(response: httpx.Response, reason: str, token: str) -> None:
    """As RFC 6750 has it for a bad token. The answer repeats nothing of it."""
    challenge = 'Bearer realm="todo-graphql", error="invalid_token", error_description="{}"'
    assert_unauthenticated(response, reason, challenge.format(reason))
    said = f"{response.headers} {response.text}"
    assert SECRET not in said
    assert not [part for part in (token, *token.split(".")) if len(part) > 8 and part in said]


def assert_missing(response: httpx.Response) -> None:
    """As RFC 6750 has it for no token: without an error code."""
    message = "Send a token: `Authorization: Bearer <token>`."
    assert_unauthenticated(response, message, 'Bearer realm="todo-graphql"')


def assert_good(response: httpx.Response, token: str) -> None:
    """The answer is for whom the token names."""
    content = token.split(".")[1]
    said = json.loads(urlsafe_b64decode(content + "=="))
    me = {"id": SUBJECT, "email": said.get("email")}
    assert (response.json(), response.status_code) == ({"data": {"me": me}}, 200)
