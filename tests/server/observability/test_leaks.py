"""Logs contain no task content, token or secret, and responses no token or secret."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import NoReturn
from urllib.parse import urlencode

import httpx
import pytest

from tests.support import plain_http
from tests.support.api_client import CREATE, Person
from tests.support.http_client import said, statuses
from tests.support.servers import SECRET, serving
from tests.support.verbose_log import Log
from todo_graphql.settings.settings import Settings

TITLE = "Zwiebelkuchen"
DESCRIPTION = "Geheimrezept"
FIND = '{ task(id: "11111111-1111-4111-8111-111111111111") { id } }'
GIVEN = {"title": TITLE, "description": DESCRIPTION}

Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def base(settings: Settings) -> Iterator[str]:
    """A server with the most verbose log."""
    with serving(settings.model_copy(update={"log_level": "DEBUG", "graphiql": True})) as base:
        yield base


@pytest.fixture
def log(base: str) -> Iterator[Log]:
    """The log of this process during the test."""
    assert base
    log, root = Log(), logging.getLogger()
    root.addHandler(log)
    yield log
    root.removeHandler(log)


@pytest.fixture
def ask(base: str, settings: Settings, log: Log) -> Iterator[Ask]:
    """A function that sends a user's request. The log must contain nothing private at the end."""
    person = Person(base, settings)
    secrets = [TITLE, DESCRIPTION, SECRET, *person.token.split(".")]

    def ask(method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Authorization": f"Bearer {person.token}", "Content-Type": "application/json"}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        path = path.replace("TOKEN", person.token)
        sent = {k: v.replace("TOKEN", person.token) for k, v in {**sent, **names}.items()}
        answer = plain_http.request(method, base + path, content=content, headers=sent, timeout=30)
        whole = answer.text + repr(answer.headers)
        assert [secret for secret in (SECRET, person.token) if secret in whole] == []
        return answer

    yield ask
    plain_http.get(f"{base}/health/live", headers={"X-Request-ID": "the-end"})
    logged = log.until("the-end")
    assert [secret for secret in secrets if secret in logged] == []
    assert '"message":"GET /health/live 200"' in logged


def operation(query: str, **variables: object) -> dict[str, object]:
    return {"query": query, "variables": variables}


WORDS = f'"{TITLE} {DESCRIPTION}"'

REFUSED = {
    "no JSON": f'{{"query": "{CREATE}", "variables": {{"title": {WORDS}'.encode(),
    "no object": [TITLE],
    "no query": {"query": [TITLE], "variables": TITLE, "operationName": DESCRIPTION},
    "no name": {"query": "{ __typename }", "operationName": TITLE},
    "no variables": {"query": "{ __typename }", "variables": [TITLE]},
    "no extensions": {"query": "{ __typename }", "extensions": TITLE},
    "no UTF-8": f'{{"query": "{TITLE}'.encode("utf-16"),
    "a list for a title": operation(CREATE, input={"title": [TITLE], "description": {"a": TITLE}}),
    "an object for a title": operation(CREATE, input={"title": {TITLE: DESCRIPTION}}),
    "a title for an input": operation(CREATE, input=TITLE),
    "a title for a list": operation(CREATE, input={**GIVEN, "tags": {TITLE: TITLE}}),
    "a title for a date": operation(CREATE, input={**GIVEN, "dueOn": TITLE}),
    "a title for an instant": operation(CREATE, input={**GIVEN, "dueAt": TITLE}),
    "a title for a priority": operation(CREATE, input={**GIVEN, "priority": TITLE}),
    "a title for an id": operation(CREATE, input={**GIVEN, "id": TITLE}),
    "a title for a member": operation(CREATE, input={**GIVEN, TITLE: DESCRIPTION}),
    "a title for a key": operation(CREATE.replace("input: $", f'k: "{TITLE}", input: $')),
    "a title without end": operation(f'mutation {{ createTask(input: {{title: "{TITLE}'),
    "a title without marks": operation(f"mutation {{ createTask(input: {{title: {TITLE}}}) }}"),
    "a title for an enum": operation(
        f"{{ tasks(orderBy: [{{field: {TITLE}}}]) {{ totalCount }} }}"
    ),
    "a title for a number": operation(f"{{ tasks(first: {WORDS}) {{ totalCount }} }}"),
    "a title for a field": operation(f"{{ {TITLE} }}"),
    "a title for a cursor": operation(f"{{ tasks(after: {WORDS}) {{ totalCount }} }}"),
    "a title for a zone": operation(f"{{ overview(timeZone: {WORDS}) {{ open }} }}"),
    "a title for a user": operation(f"{{ tasks(userId: {WORDS}) {{ totalCount }} }}"),
    "a title of NUL": operation(CREATE, input={"title": f"{TITLE}\0{DESCRIPTION}"}),
    "half of a pair": operation(CREATE, input={"title": f"{TITLE}\ud800"}),
    "too long a title": operation(CREATE, input={"title": TITLE * 200}),
    "too long a description": operation(
        CREATE, input={**GIVEN, "description": DESCRIPTION * 4_000}
    ),
    "too many tags": operation(CREATE, input={**GIVEN, "tags": [f"{TITLE}{n}" for n in range(99)]}),
    "two dates": operation(
        CREATE, input={**GIVEN, "dueOn": "2026-12-01", "dueAt": "2026-12-01T00:00:00Z"}
    ),
    "too large": operation(CREATE, input={**GIVEN, "description": DESCRIPTION * 10_000}),
    "too complex": operation(
        "{ " + f'tasks(filter: {{search: "{TITLE}"}}) {{ totalCount }} ' * 999
    ),
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_content_of_rejected_operation_is_not_logged(ask: Ask, body: object) -> None:
    assert "errors" in ask("POST", "/graphql", body).json()


def test_content_of_executed_operation_is_not_logged(ask: Ask) -> None:
    given = {**GIVEN, "id": "11111111-1111-4111-8111-111111111111"}
    assert "errors" not in ask("POST", "/graphql", operation(CREATE, input=given)).json()
    create = operation(CREATE, input={**given, "title": f"{TITLE}!"})
    (conflict,) = ask("POST", "/graphql", create).json()["errors"]
    assert conflict["extensions"]["code"] == "CONFLICT"
    search = operation(f'{{ tasks(filter: {{search: "{TITLE}"}}) {{ nodes {{ description }} }} }}')
    assert DESCRIPTION in ask("POST", "/graphql", search).text
    assert TITLE in ask("GET", "/export").text


def test_content_of_malformed_row_is_not_logged(ask: Ask) -> None:
    document = """mutation ($rows: [PushTaskInput!]!) {
        pushTasks(rows: $rows) { rejected { field message } }
    }"""
    task = {"id": TITLE, "title": [TITLE], "dueOn": TITLE, "priority": TITLE, TITLE: DESCRIPTION}
    rows = [{"task": {"id": TITLE, name: value}} for name, value in task.items()]
    response = ask("POST", "/graphql", operation(document, rows=[TITLE, *rows])).json()
    assert len(response["data"]["pushTasks"]["rejected"]) == 6


SEARCH = f'{{ tasks(filter: {{search: "{TITLE}"}}) {{ totalCount }} }}'


@pytest.mark.parametrize(
    ("status", "parameters"),
    [
        (200, {"query": SEARCH}),
        (200, {"query": FIND, "extensions": json.dumps({"a": TITLE})}),
        (400, {"query": f"{{ {TITLE} }}"}),
        (400, {"query": SEARCH, "variables": TITLE}),
        (400, {"query": SEARCH, "operationName": TITLE}),
        (400, {"query": SEARCH, TITLE: DESCRIPTION}),
        (405, {"query": CREATE, "variables": json.dumps({"input": GIVEN})}),
        (414, {"query": TITLE * 1_000}),
    ],
)
def test_content_of_query_string_is_not_logged(
    ask: Ask, status: int, parameters: dict[str, str]
) -> None:
    assert ask("GET", f"/graphql?{urlencode(parameters)}").status_code == status


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/csv", f"title,dueOn\n{TITLE},{DESCRIPTION}\n".encode()),
        ("text/csv", f'{TITLE},{DESCRIPTION}\n"{TITLE}'.encode()),
        ("application/json", json.dumps([{"title": TITLE, "dueOn": DESCRIPTION}]).encode()),
        ("application/json", f'[{{"title": "{TITLE}'.encode()),
    ],
)
def test_content_of_rejected_file_is_not_logged(ask: Ask, content_type: str, body: bytes) -> None:
    assert ask("POST", "/import", body, Content_Type=content_type).status_code == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/graphql?query={me{id}}&access_token=TOKEN"),
        ("POST", f"/graphql?token=TOKEN&title={TITLE}"),
        ("PUT", "/graphql?TOKEN"),
        ("GET", f"/export?format={TITLE}&token=TOKEN"),
        ("GET", "/TOKEN"),
        ("GET", "/graphql/TOKEN"),
        ("GET", "/health/live/TOKEN/"),
        ("DELETE", f"/tasks/{TITLE}"),
        ("GET", f"/tasks/my%20{TITLE}%0A{DESCRIPTION}"),
    ],
)
def test_query_string_and_unknown_path_are_not_logged(ask: Ask, method: str, path: str) -> None:
    assert ask(method, path, operation("{ nothing }")).status_code in (400, 404, 405)


@pytest.mark.parametrize(
    "authorization",
    [
        "TOKEN",
        "Basic TOKEN",
        "Bearer TOKEN.TOKEN",
        "Bearer TOKEN TOKEN",
        "Bearer x TOKEN",
        "Bearer",
    ],
)
def test_invalid_token_is_not_logged(ask: Ask, authorization: str) -> None:
    answer = ask("POST", "/graphql", operation("{ me { id } }"), Authorization=authorization)
    assert answer.status_code == 401


LATER_TRACEPARENT = f"01-{'1' * 32}-{'1' * 16}-01"
"""A header of a later version, which may have further parts."""


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("X_Request_ID", "TOKEN", 200),
        ("X_Request_ID", f"{TITLE} TOKEN", 200),
        ("Traceparent", "TOKEN", 200),
        ("Traceparent", f"{LATER_TRACEPARENT}-TOKEN-{TITLE}", 200),
        ("Cookie", f"session=TOKEN; last={TITLE}", 200),
        ("User_Agent", f"TOKEN {TITLE}", 200),
        ("Referer", f"http://localhost/TOKEN/{TITLE}", 200),
        ("Origin", "TOKEN", 200),
        ("Accept", f"TOKEN/{TITLE}", 406),
    ],
)
def test_token_in_another_header_is_not_logged(
    ask: Ask, name: str, value: str, status: int
) -> None:
    answer = ask("POST", "/graphql", operation("{ me { id } }"), **{name: value})
    assert answer.status_code == status
    assert TITLE not in answer.text + repr(answer.headers)


def raise_from_int() -> None:
    int(TITLE)


def raise_from_key() -> None:
    GIVEN[DESCRIPTION]


def raise_with_cause() -> None:
    try:
        raise_from_int()
    except ValueError as error:
        raise RuntimeError(DESCRIPTION) from error


def raise_with_context() -> None:
    try:
        raise_from_int()
    finally:
        raise_from_key()


@pytest.mark.parametrize(
    ("bug", "names"),
    [
        (raise_from_int, ["ValueError"]),
        (raise_from_key, ["KeyError"]),
        (raise_with_cause, ["ValueError", "RuntimeError"]),
        (raise_with_context, ["ValueError", "KeyError"]),
    ],
)
@pytest.mark.parametrize(
    "place",
    [
        "todo_graphql.store.tasks.repository.Tasks.find",
        "todo_graphql.server.endpoints.graphql.parse_graphql_request",
    ],
)
def test_unexpected_exception_is_logged_without_its_message(
    ask: Ask,
    log: Log,
    monkeypatch: pytest.MonkeyPatch,
    bug: Callable[[], NoReturn],
    names: list[str],
    place: str,
) -> None:
    monkeypatch.setattr(place, lambda *_: bug())
    answer = ask("POST", "/graphql", operation(FIND))
    assert answer.json()["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    logged = log.until("Traceback")
    assert [name for name in names if name not in logged] == []
    assert "int(TITLE)" in logged or "GIVEN[DESCRIPTION]" in logged  # lines of the program
    assert [word for word in (TITLE, DESCRIPTION) if word in logged] == []


def test_content_of_malformed_http_request_is_not_logged(ask: Ask, base: str, log: Log) -> None:
    token = ask("GET", "/health/live").request.headers["authorization"]
    for raw in (f"{TITLE} {token}\r\n\r\n", f"GET / HTTP/1.1\r\n{token}\0\r\n\r\n"):
        assert statuses(said(base, raw.encode())) == [400]
    line = log.until("Rejected an HTTP request with status 400.")
    assert token.split()[1] not in line
