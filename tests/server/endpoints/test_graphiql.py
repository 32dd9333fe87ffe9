"""The page of GraphiQL: its token, its hosts, and its example operations."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest

from tests.support import plain_http
from tests.support.api_client import Person
from tests.support.servers import serving
from tests.support.streams import streaming
from todo_graphql.server.endpoints.graphiql_hosts import names_this_machine
from todo_graphql.server.endpoints.graphiql_page import FILES, render_page
from todo_graphql.settings.settings import Settings

ACCEPTED_BY_BROWSERS = (
    "text/html",
    "text/html, */*",
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "text/html,application/xhtml+xml,image/avif,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
)
CONFIGURATION = re.compile(r"const configuration = (.*);\n")


@pytest.fixture(scope="module")
def base(settings: Settings) -> Iterator[str]:
    """A server with GraphiQL, without a token."""
    with serving(settings.model_copy(update={"graphiql": True})) as base:
        yield base


@pytest.fixture(scope="module")
def signed_in(settings: Settings) -> Iterator[str]:
    """A server with GraphiQL, with a token as in `dev`."""
    opened = settings.model_copy(update={"graphiql": True})
    with serving(opened, demo_token="a.b.c") as base:
        yield base


def configuration(page: str) -> Any:
    """Return the configuration of the page's script."""
    (line,) = CONFIGURATION.findall(page)
    return json.loads(line)


def test_graphiql_is_served_when_enabled(base: str) -> None:
    response = plain_http.get(f"{base}/graphql", headers={"Accept": "text/html"})
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert "React.createElement(GraphiQL" in response.text


def test_graphiql_is_disabled_by_default(url: str) -> None:
    """Without the page, the URL requires a token."""
    response = plain_http.get(f"{url}/graphql", headers={"Accept": "text/html"})
    assert (response.status_code, response.headers["content-type"]) == (401, "application/json")


@pytest.mark.parametrize("accepted", ACCEPTED_BY_BROWSERS)
@pytest.mark.parametrize("query", ["", "?query={me{id}}", "?query="])
def test_graphiql_is_served_to_browsers(signed_in: str, accepted: str, query: str) -> None:
    response = plain_http.get(f"{signed_in}/graphql{query}", headers={"Accept": accepted})
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.status_code == 200


@pytest.mark.parametrize(
    "accepted",
    [
        "*/*",
        "",
        "application/json",
        "application/json, text/plain, */*",
        "application/json, text/html",
        "application/graphql-response+json, text/html",
        "application/json;q=0.5, text/html;q=0.4",
        "text/html;q=0",
        "text/*",
        "text/html-sandboxed",
        "text/html," * 200,
    ],
)
def test_graphiql_is_served_only_to_clients_that_prefer_html(signed_in: str, accepted: str) -> None:
    response = plain_http.get(f"{signed_in}/graphql", headers={"Accept": accepted})
    assert response.status_code == 401
    assert "a.b.c" not in response.text


def test_graphiql_with_token_is_not_served_to_scripts(settings: Settings) -> None:
    """A page of another origin could read the token."""
    given = {"graphiql": True, "cors_origins": ("*",)}
    with serving(settings.model_copy(update=given), demo_token="a.b.c") as base:
        headers = {"Accept": "text/html", "Origin": "http://localhost:3000"}
        response = plain_http.get(f"{base}/graphql", headers=headers)
    assert response.status_code == 401
    assert "a.b.c" not in response.text


def test_graphiql_without_token_sends_no_authorization(base: str) -> None:
    page = plain_http.get(f"{base}/graphql", headers={"Accept": "text/html"})
    assert configuration(page.text)["headers"] == {}
    assert '"Bearer ' not in render_page(None, "")


def test_graphiql_with_token_sends_authorization() -> None:
    headers = configuration(render_page("a.b-c.d_e", ""))["headers"]
    assert headers == {"Authorization": "Bearer a.b-c.d_e"}


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example"])
def test_graphiql_with_token_rejects_foreign_host(signed_in: str, method: str, host: str) -> None:
    """DNS rebinding is prevented. Operations require a token under every name."""
    headers = {"Host": host, "Accept": "text/html"}
    response = plain_http.request(method, f"{signed_in}/graphql", headers=headers)
    assert response.status_code == (401 if method == "POST" else 421)
    assert "a.b.c" not in response.text
    if method == "GET":
        (error,) = response.json()["errors"]
        assert error["extensions"] == {
            "code": "BAD_USER_INPUT",
            "status": 421,
            "reason": "UNSUPPORTED_REQUEST",
            "problems": [{"reason": "UNSUPPORTED_REQUEST", "message": error["message"]}],
        }
        assert "Open it at localhost" in error["message"]


def test_graphiql_with_token_is_served_under_own_names(signed_in: str, base: str) -> None:
    for host in ("localhost", "localhost:3000", "127.0.0.1", "[::1]:8000"):
        headers = {"Host": host, "Accept": "text/html"}
        page = plain_http.get(f"{signed_in}/graphql", headers=headers).text
        assert configuration(page)["headers"] == {"Authorization": "Bearer a.b.c"}
    # A page without a token is served under every name.
    foreign = {"Host": "evil.example", "Accept": "text/html"}
    assert plain_http.get(f"{base}/graphql", headers=foreign).status_code == 200


@pytest.mark.parametrize(
    ("host", "listening_on", "expected"),
    [
        ("LOCALHOST:1", "127.0.0.1", True),
        ("127.8.9.10", "127.0.0.1", True),
        ("[0:0::1]", "127.0.0.1", True),
        ("box.local:8000", "Box.local", True),
        ("192.0.2.1:8000", "192.0.2.1", True),
        ("[2001:db8:0::1]", "2001:db8::1", True),
        ("192.0.2.1", "0.0.0.0", True),  # noqa: S104 - compared, not bound
        ("[2001:db8::1]:8000", "::", True),
        ("evil.example", "0.0.0.0", False),  # noqa: S104 - compared, not bound
        ("evil.example", "::", False),
        ("192.0.2.1", "127.0.0.1", False),
        ("192.0.2.1", "box.local", False),
        ("localhost.evil.example", "127.0.0.1", False),
        ("evil.example@localhost", "127.0.0.1", False),
        ("localhost:80:evil.example", "127.0.0.1", False),
        ("[::1].evil.example", "127.0.0.1", False),
        ("[localhost]", "127.0.0.1", False),
        ("", "", False),
    ],
)
def test_names_of_this_machine_are_recognized(
    host: str, listening_on: str, *, expected: bool
) -> None:
    assert names_this_machine(host, listening_on) is expected


@pytest.mark.parametrize(
    "token",
    [
        "</script><script>alert(1)</script>",
        "<!--<script>",
        '"; alert(1); "',
        "'\\'; alert(1)//",
        "\n\r\u2028\u2029",
        "{/* configuration */}",
        "\\u003c/script>",
    ],
)
def test_graphiql_configuration_cannot_end_its_script(token: str) -> None:
    page = render_page(token, "")
    assert configuration(page)["headers"]["Authorization"] == f"Bearer {token}"
    harmless = render_page("harmless", "")
    for sign in ("<", "</script", "<!--", "\n", "\u2028"):
        assert page.count(sign) == harmless.count(sign)


def test_graphiql_files_are_pinned_with_integrity() -> None:
    for file in FILES:
        assert re.fullmatch(r"sha384-[A-Za-z0-9+/]{64}", file["integrity"])
        assert re.search(r"@\d+\.\d+\.\d+/", file["url"])


def test_graphiql_page_runs_only_its_script_and_its_files(base: str) -> None:
    response = plain_http.get(f"{base}/graphql", headers={"Accept": "text/html"})
    (script,) = re.findall(r"<script>(.*?)</script>", response.text, re.DOTALL)
    digest = b64encode(sha256(script.encode()).digest()).decode()
    directives = response.headers["content-security-policy"].split("; ")
    scripts = [file["url"] for file in FILES if file["kind"] == "script"]
    assert directives[:2] == [
        "default-src 'none'",
        f"script-src 'sha256-{digest}' {' '.join(scripts)}",
    ]
    # No element of the page itself waits for the CDN.
    assert not re.search(r"<(?:script|link)\b[^>]*(?:src|href)=", response.text)


def test_graphiql_page_has_the_schema_only_with_introspection(
    base: str, settings: Settings
) -> None:
    page = plain_http.get(f"{base}/graphql", headers={"Accept": "text/html"}).text
    assert "type Mutation" in configuration(page)["schema"]
    hidden = settings.model_copy(update={"graphiql": True, "introspection": False})
    with serving(hidden) as hidden_base:
        page = plain_http.get(f"{hidden_base}/graphql", headers={"Accept": "text/html"}).text
    assert configuration(page)["schema"] == ""


def test_graphiql_example_operations_succeed(alice: Person, base: str) -> None:
    create, page, complete, changes = configuration(render_page(alice.token, ""))["tabs"]
    # GraphiQL opens the first tab without its variables.
    assert json.loads(create["variables"]) == {}
    task = alice.ask(create["query"])["createTask"]["task"]
    listed = alice.ask(page["query"], **json.loads(page["variables"]))["tasks"]
    assert [node["id"] for node in listed["nodes"]] == [task["id"]]
    variables = {**json.loads(complete["variables"]), "id": task["id"]}
    done = alice.ask(complete["query"], **variables)["completeTask"]["task"]
    assert done["completedAt"] is not None
    listed = alice.ask(page["query"], after=listed["pageInfo"]["endCursor"])["tasks"]
    assert listed["nodes"] == []
    with streaming(base, alice, changes["query"]) as stream:
        (change,) = stream.page()["changes"]
        assert (change["id"], change["task"]["completed"]) == (task["id"], True)
