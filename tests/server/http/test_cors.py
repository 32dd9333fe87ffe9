"""Cross-origin requests: preflights as browsers send them, and the origins that are allowed."""

import logging
from collections.abc import Iterator

import httpx
import pytest

from tests.support import plain_http
from tests.support.api_client import Person
from tests.support.http_client import said
from tests.support.servers import serving
from todo_graphql.dev.command import LOCAL_ORIGINS, development_defaults
from todo_graphql.server.routes import METHODS
from todo_graphql.settings.settings import Settings

APP = "https://app.example.com"
DEV = "http://localhost:5173"

CLIENT_HEADERS = (
    "apollographql-client-name,apollographql-client-version,authorization,baggage,content-type,"
    "sentry-trace,traceparent,tracestate,x-anything-at-all"
)
"""Headers that Apollo Client, OpenTelemetry and Sentry add, as a browser lists them."""


@pytest.fixture(scope="module")
def shared(settings: Settings) -> Iterator[str]:
    """A server with CORS for one origin and for the subdomains of another host."""
    given = {"cors_origins": (APP, "https://*.example.org", "https://*.example.net:8443")}
    with serving(settings.model_copy(update=given)) as base:
        yield base


@pytest.fixture(scope="module")
def dev(settings: Settings) -> Iterator[str]:
    """A server with the defaults of `dev`, and with CORS for one origin."""
    given = development_defaults(settings.model_copy(update={"cors_origins": (APP,)}))
    with serving(given) as base:
        yield base


def preflight(
    base: str, origin: str, path: str = "/graphql", method: str = "POST", **headers: str
) -> httpx.Response:
    """Send the preflight request for a request of a page of this origin."""
    request_headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": CLIENT_HEADERS,
        **headers,
    }
    return httpx.options(base + path, headers=request_headers)


def post(base: str, person: Person | None, **headers: str) -> httpx.Response:
    """Send an operation, with the token of a person if one is given."""
    own = {} if person is None else {"Authorization": f"Bearer {person.token}"}
    content = {"query": "{ __typename }"}
    return plain_http.post(f"{base}/graphql", json=content, headers={**own, **headers})


def is_allowed(base: str, origin: str) -> bool:
    """Return whether a page of the origin may send requests, and read their responses."""
    preflighted, response = preflight(base, origin), post(base, None, Origin=origin)
    allowed = {one.headers.get("access-control-allow-origin") for one in (preflighted, response)}
    assert allowed in ({origin}, {None})
    assert preflighted.status_code == (200 if allowed == {origin} else 400)
    return allowed == {origin}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", ["/graphql?query={__typename}", "/export", "/import"])
def test_preflight_of_an_allowed_origin_allows_all_headers(
    shared: str, method: str, path: str
) -> None:
    response = preflight(shared, APP, path, method)
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == APP
    assert response.headers["access-control-allow-headers"] == CLIENT_HEADERS
    assert method in response.headers["access-control-allow-methods"].split(", ")
    assert response.headers["access-control-max-age"] == "7200"
    assert "access-control-allow-credentials" not in response.headers
    assert "Origin" in response.headers["vary"]


def test_request_with_client_headers_is_executed(shared: str, alice: Person) -> None:
    names = dict.fromkeys(CLIENT_HEADERS.split(","), "a=b")
    headers = {**names, "content-type": "application/json"}
    headers["authorization"] = f"Bearer {alice.token}"
    response = post(shared, None, Origin=APP, **headers)
    assert response.json() == {"data": {"__typename": "Query"}}
    assert response.headers["access-control-allow-origin"] == APP


def test_preflight_from_public_to_private_network_is_allowed(shared: str) -> None:
    response = preflight(shared, APP, **{"Access-Control-Request-Private-Network": "true"})
    assert response.status_code == 200
    assert response.headers["access-control-allow-private-network"] == "true"


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (APP, True),
        ("https://a.example.org", True),
        ("https://a-1.b_2.c.example.org", True),
        ("https://a.example.net:8443", True),
        ("https://example.org", False),
        ("https://.example.org", False),
        ("https://a..example.org", False),
        ("https://a.example.org.evil.example", False),
        ("https://evilexample.org", False),
        ("https://evil.example/.example.org", False),
        ("https://evil.example?.example.org", False),
        ("https://evil.example@a.example.org", False),
        ("https://a.exampleXorg", False),
        ("https://a.example.org\n", False),
        ("http://a.example.org", False),
        ("https://a.example.org:8443", False),
        ("https://a.example.net", False),
        ("https://other.example.com", False),
        ("http://app.example.com", False),
        (f"{APP}.example.com", False),
        (f"{APP}:443", False),
        ("https://a.example.org, https://b.example.org", False),
        ("http://localhost:5173", False),
        ("null", False),
        ("", False),
    ],
)
def test_only_configured_origins_are_allowed(shared: str, origin: str, *, expected: bool) -> None:
    if "\n" in origin:  # httpx sends no such header
        assert said(shared, f"GET / HTTP/1.1\r\nOrigin: {origin}\r\n\r\n".encode())
    else:
        assert is_allowed(shared, origin) is expected


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (APP, True),
        (DEV, True),
        ("http://localhost", True),
        ("https://localhost:3000", True),
        ("http://127.0.0.1:8080", True),
        ("http://[::1]:5173", True),
        ("http://localhost.evil.example", False),
        ("http://localhost:5173.evil.example", False),
        ("http://localhost:123456", False),
        ("http://localhost:", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://127x0.0.1", False),
        ("http://evil.example:5173", False),
        ("null", False),
    ],
)
def test_pages_of_this_machine_are_allowed_in_dev(dev: str, origin: str, *, expected: bool) -> None:
    assert is_allowed(dev, origin) is expected


def test_local_origins_are_valid_settings() -> None:
    given = Settings.from_environment(cors_origins=LOCAL_ORIGINS)
    assert development_defaults(given).cors_origins == (*LOCAL_ORIGINS, *LOCAL_ORIGINS)


def test_any_origin_is_allowed_by_an_asterisk(settings: Settings) -> None:
    with serving(settings.model_copy(update={"cors_origins": ("*",)})) as base:
        for origin in (APP, "null"):
            response = preflight(base, origin)
            assert response.headers["access-control-allow-origin"] == "*"
            # `*` would not cover Authorization.
            assert response.headers["access-control-allow-headers"] == CLIENT_HEADERS


def test_rejected_preflight_is_logged(dev: str, caplog: pytest.LogCaptureFixture) -> None:
    own = "todo_graphql.server.http.cors"
    with caplog.at_level(logging.INFO, own):
        for origin in (DEV, "https://evil.example\t[-] x", "https://" + "x" * 1_000):
            preflight(dev, origin)
    first, second = [one.getMessage() for one in caplog.records if one.name == own]
    assert first == (
        "Rejected the preflight request of a page of 'https://evil.example\\t[-] x'. To allow its "
        "requests, add the origin to CORS_ORIGINS."
    )
    assert len(second) < 300


@pytest.mark.parametrize(
    ("status", "method", "path", "headers"),
    [
        (400, "GET", "/graphql", {}),
        (401, "GET", "/graphql?query={me{id}}", {"Authorization": "Bearer x"}),
        (401, "POST", "/import", {"Authorization": ""}),
        (404, "GET", "/nothing", {}),
        (405, "PUT", "/graphql", {}),
        (405, "DELETE", "/export", {}),
        (406, "POST", "/graphql", {"Accept": "text/plain"}),
        (413, "POST", "/graphql", {}),
        (415, "POST", "/graphql", {"Content-Type": "text/plain"}),
    ],
)
def test_error_responses_can_be_read_by_pages(
    shared: str, alice: Person, status: int, method: str, path: str, headers: dict[str, str]
) -> None:
    usual = {"Authorization": f"Bearer {alice.token}", "Content-Type": "application/json"}
    sent = {**usual, "Origin": APP, **headers}
    body = b" " * 2_000_000 if status == 413 else b""
    response = plain_http.request(method, shared + path, content=body, headers=sent)
    assert response.status_code == status
    assert response.headers["access-control-allow-origin"] == APP
    exposed = set(response.headers["access-control-expose-headers"].split(", "))
    safelisted = {"cache-control", "content-length", "content-type"}
    internal = {"date", "connection", "vary", "content-security-policy", "referrer-policy"}
    internal |= {"cross-origin-resource-policy", "x-content-type-options"}
    others = {name for name in response.headers if not name.startswith("access-control")}
    assert others - safelisted - internal <= exposed


@pytest.mark.parametrize(
    ("status", "sent"),
    [
        (400, b"GET / HTTP/1.1\r\n\r\n"),
        (414, b"GET /graphql?query=%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"x" * 10_000)),
        (431, b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 70_000),
    ],
    ids=["no host", "long URL", "endless head"],
)
def test_protocol_errors_can_be_read_by_pages(url: str, status: int, sent: bytes) -> None:
    """They contain no data. The connection does not know the origin."""
    response = said(url, sent)
    assert response.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\naccess-control-allow-origin: *\r\n" in response
