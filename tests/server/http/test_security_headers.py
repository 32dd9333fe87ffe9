"""Security headers and allowed methods of every path."""

import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256

import httpx
import pytest

from tests.support import plain_http
from tests.support.api_client import Person
from tests.support.http_client import said
from tests.support.servers import serving
from todo_graphql.server.http.security_headers import SECURITY_HEADERS, with_security_headers
from todo_graphql.server.protocol.limits import MinDataRate
from todo_graphql.settings.settings import Settings

APP = "https://app.example.com"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
ALL = {name.decode(): value.decode() for name, value in SECURITY_HEADERS}


@pytest.fixture(scope="module")
def open_(settings: Settings) -> Iterator[str]:
    """A server with GraphiQL, and with CORS for one origin."""
    given = {"cors_origins": (APP,), "graphiql": True}
    with serving(settings.model_copy(update=given)) as base:
        yield base


def assert_protected(response: httpx.Response, **other: str) -> None:
    """Assert that each security header occurs once, with its usual value or the given one."""
    names = [name.lower() for name, _ in response.headers.multi_items()]
    for name, value in {**ALL, **other}.items():
        assert names.count(name) == 1, name
        assert response.headers[name] == value


@pytest.mark.parametrize(
    ("status", "method", "path"),
    [
        (200, "GET", "/health/live"),
        (200, "GET", "/health/ready"),
        (200, "GET", "/export"),
        (200, "POST", "/graphql"),
        (200, "POST", "/import"),
        (404, "GET", "/nothing"),
        (404, "GET", "/"),
        (200, "GET", "/graphql?query={__typename}"),
        (400, "GET", "/graphql"),
        (400, "HEAD", "/graphql"),
        (405, "OPTIONS", "/graphql"),
        (405, "POST", "/health/live"),
        (401, "POST", "/graphql"),
        (401, "GET", "/export"),
    ],
)
def test_every_response_has_security_headers(
    url: str, alice: Person, status: int, method: str, path: str
) -> None:
    headers = {} if status == 401 else {"Authorization": f"Bearer {alice.token}"}
    body = {"query": "{ __typename }"} if path == "/graphql" else []
    response = plain_http.request(method, url + path, json=body, headers=headers)
    assert response.status_code == status
    assert_protected(response)


def test_internal_error_has_security_headers(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "todo_graphql.server.endpoints.graphql.parse_graphql_request", lambda _: 1 / 0
    )
    response = alice.post("{ __typename }")
    assert response.status_code == 500
    assert_protected(response)


@pytest.mark.parametrize("origin", [APP, "https://other.example.com"])
def test_preflight_response_has_security_headers(open_: str, origin: str) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    response = httpx.options(f"{open_}/graphql", headers=asked)
    assert response.status_code == (200 if origin == APP else 400)
    assert_protected(response)


@pytest.mark.parametrize(
    ("status", "sent"),
    [
        (400, b"nonsense\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\n\r\n"),
        (431, b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 70_000),
    ],
    ids=["nonsense", "no host", "endless head"],
)
def test_protocol_error_has_security_headers(url: str, status: int, sent: bytes) -> None:
    assert_whole(url, status, sent)


def test_request_timeout_has_security_headers(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "todo_graphql.server.protocol.limits.REQUEST_RATE", MinDataRate(0.3, 10_000)
    )
    monkeypatch.setattr("todo_graphql.server.protocol.limits.CHECK_SECONDS", 0.1)
    assert_whole(url, 408, b"GET / HTTP/1.1\r\n")


def assert_whole(url: str, status: int, sent: bytes) -> None:
    """Assert that these bytes get a complete error response with security headers."""
    head, _, body = said(url, sent).partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = [tuple(line.split(": ", 1)) for line in lines]
    response = httpx.Response(int(first.split()[1]), headers=headers, content=body)  # type: ignore[arg-type]
    assert response.headers["content-length"] == str(len(body))
    assert response.headers["connection"] == "close"
    (error,) = response.json()["errors"]
    assert error["extensions"] == {
        "code": "BAD_USER_INPUT",
        "status": status,
        "reason": "UNSUPPORTED_REQUEST",
        "problems": [{"reason": "UNSUPPORTED_REQUEST", "message": error["message"]}],
    }
    assert response.status_code == status
    assert_protected(response)


def test_own_header_of_response_is_kept() -> None:
    own = [(b"cache-control", b"max-age=60"), (b"content-type", b"text/plain")]
    whole = with_security_headers(own)
    others = [pair for pair in SECURITY_HEADERS if pair[0] != b"cache-control"]
    assert whole == [*own, *others]


def directives_of(page: httpx.Response) -> dict[str, list[str]]:
    """Return the directives of the Content-Security-Policy of a page."""
    parts = page.headers["content-security-policy"].split("; ")
    return {name: values for name, *values in map(str.split, parts)}


def test_graphiql_policy_allows_only_named_files(open_: str) -> None:
    page = plain_http.get(f"{open_}/graphql", headers=BROWSER)
    assert_protected(page, **{"content-security-policy": page.headers["content-security-policy"]})
    policy = directives_of(page)
    (script,) = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    digest = b64encode(sha256(script.encode()).digest()).decode()
    files = re.findall(r"https://unpkg\.com/[^\"]+\.js", page.text)
    (sheet,) = re.findall(r"https://unpkg\.com/[^\"]+\.css", page.text)
    assert policy.pop("script-src") == [f"'sha256-{digest}'", *files]
    assert policy.pop("style-src") == ["'unsafe-inline'", sheet]
    assert policy.pop("connect-src") == ["'self'"]
    assert policy.pop("font-src") == policy.pop("img-src") == ["data:"]
    names = {"default-src", "base-uri", "form-action", "frame-ancestors"}
    assert policy == {name: ["'none'"] for name in names}


def test_graphiql_has_no_inline_script_attributes(open_: str) -> None:
    """The Content-Security-Policy would block it."""
    page = plain_http.get(f"{open_}/graphql", headers=BROWSER).text
    assert re.findall(r"<[^>]*\s(on\w+|style)=", page) == []
    assert page.count("<script>") == page.count("<style>") == 1


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"])
def test_method_not_allowed_lists_all_methods(url: str, open_: str, method: str) -> None:
    for base in (url, open_):
        response = plain_http.request(method, f"{base}/graphql")
        assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD, POST")


def test_graphiql_head_response_has_no_body(open_: str) -> None:
    response = httpx.head(f"{open_}/graphql", headers=BROWSER)
    assert (response.status_code, response.content) == (200, b"")


def test_websocket_handshake_without_its_upgrade_names_the_proxy(open_: str) -> None:
    response = plain_http.get(f"{open_}/graphql", headers={"Sec-WebSocket-Version": "13"})
    (error,) = response.json()["errors"]
    assert response.status_code == 405
    assert "a proxy must pass it on" in error["message"]


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_method_override_header_is_ignored(url: str, alice: Person, name: str) -> None:
    headers = {"Authorization": f"Bearer {alice.token}", name: "POST"}
    content = b'{"query": "{ __typename }"}'
    response = plain_http.request("PUT", f"{url}/graphql", content=content, headers=headers)
    assert response.status_code == 405


def test_cors_allows_reading_of_internal_errors(
    open_: str, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "todo_graphql.server.endpoints.graphql.parse_graphql_request", lambda _: 1 / 0
    )
    headers = {"Authorization": f"Bearer {alice.token}", "Origin": APP}
    response = plain_http.post(
        f"{open_}/graphql", json={"query": "{ __typename }"}, headers=headers
    )
    assert response.status_code == 500
    assert response.headers["access-control-allow-origin"] == APP
    exposed = response.headers["access-control-expose-headers"].split(", ")
    assert {"retry-after", "ratelimit-reset", "x-request-id"} <= set(exposed)
    assert response.headers["vary"] == "Origin"
