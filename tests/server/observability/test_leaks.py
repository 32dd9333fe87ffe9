"""No title, description, token or secret is in a log, and no token or secret in an answer."""

import json
import logging
import queue
import threading
from collections.abc import Callable, Iterator
from typing import NoReturn

import httpx
import pytest

from tests.support.api_client import CREATE, Person
from tests.support.http_client import said, statuses
from tests.support.servers import SECRET, serving
from todo_graphql.server.observability.formatters import JsonLines, TextLines
from todo_graphql.settings.settings import Settings

TITLE = "Zwiebelkuchen"
DESCRIPTION = "Geheimrezept"
FIND = '{ task(id: "11111111-1111-4111-8111-111111111111") { id } }'
GIVEN = {"title": TITLE, "description": DESCRIPTION}

Ask = Callable[..., httpx.Response]


class Log(logging.Handler):
    """All that any logger says, as both kinds of lines write it."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._kinds = (JsonLines(), TextLines())
        self._lock = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        with self._lock:
            self.lines.put("\n".join(kind.format(record) for kind in self._kinds))

    def until(self, end: str) -> str:
        """What was said until somebody said this."""
        said: list[str] = []
        while end not in "".join(said[-1:]):
            said.append(self.lines.get(timeout=30))
        return "\n".join(said)


@pytest.fixture(scope="module")
def base(settings: Settings) -> Iterator[str]:
    """A server that says as much as it can."""
    with serving(settings.model_copy(update={"log_level": "DEBUG", "graphiql": True})) as base:
        yield base


@pytest.fixture
def log(base: str) -> Iterator[Log]:
    """The log of everybody in this process, from now on."""
    assert base
    log, root = Log(), logging.getLogger()
    root.addHandler(log)
    yield log
    root.removeHandler(log)


@pytest.fixture
def ask(base: str, settings: Settings, log: Log) -> Iterator[Ask]:
    """Sends a request of somebody's. In the end nothing of theirs is in the log."""
    person = Person(base, settings)
    secrets = [TITLE, DESCRIPTION, SECRET, *person.token.split(".")]

    def ask(method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Authorization": f"Bearer {person.token}", "Content-Type": "application/json"}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        path = path.replace("TOKEN", person.token)
        sent = {k: v.replace("TOKEN", person.token) for k, v in {**sent, **names}.items()}
        answer = httpx.request(method, base + path, content=content, headers=sent, timeout=30)
        whole = answer.text + repr(answer.headers)
        assert [secret for secret in (SECRET, person.token) if secret in whole] == []
        return answer

    yield ask
    httpx.get(f"{base}/health/live", headers={"X-Request-ID": "the-end"})
    said = log.until("the-end")
    assert [secret for secret in secrets if secret in said] == []
    assert '"message":"GET /health/live 200"' in said


def operation(query: str, **variables: object) -> dict[str, object]:
    """A body."""
    return {"query": query, "variables": variables}


QUOTED = f'"{TITLE} {DESCRIPTION}"'

REFUSED = {
    "no JSON": f'{{"query": "{CREATE}", "variables": {{"title": {QUOTED}'.encode(),
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
    "a title for a number": operation(f"{{ tasks(first: {QUOTED}) {{ totalCount }} }}"),
    "a title for a field": operation(f"{{ {TITLE} }}"),
    "a title for a cursor": operation(f"{{ tasks(after: {QUOTED}) {{ totalCount }} }}"),
    "a title for a zone": operation(f"{{ overview(timeZone: {QUOTED}) {{ open }} }}"),
    "a title for a user": operation(f"{{ tasks(userId: {QUOTED}) {{ totalCount }} }}"),
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
def test_a_refused_operation_is_not_quoted(ask: Ask, body: object) -> None:
    assert "errors" in ask("POST", "/graphql", body).json()


def test_what_is_done_is_not_quoted(ask: Ask) -> None:
    given = {**GIVEN, "id": "11111111-1111-4111-8111-111111111111"}
    assert "errors" not in ask("POST", "/graphql", operation(CREATE, input=given)).json()
    create = operation(CREATE, input={**given, "title": f"{TITLE}!"})
    (conflict,) = ask("POST", "/graphql", create).json()["errors"]
    assert conflict["extensions"]["code"] == "CONFLICT"
    search = operation(f'{{ tasks(filter: {{search: "{TITLE}"}}) {{ nodes {{ description }} }} }}')
    assert DESCRIPTION in ask("POST", "/graphql", search).text
    assert TITLE in ask("GET", "/export").text


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/csv", f"title,dueOn\n{TITLE},{DESCRIPTION}\n".encode()),
        ("text/csv", f'{TITLE},{DESCRIPTION}\n"{TITLE}'.encode()),
        ("application/json", json.dumps([{"title": TITLE, "dueOn": DESCRIPTION}]).encode()),
        ("application/json", f'[{{"title": "{TITLE}'.encode()),
    ],
)
def test_a_refused_file_is_not_quoted(ask: Ask, content_type: str, body: bytes) -> None:
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
def test_an_address_is_not_quoted(ask: Ask, method: str, path: str) -> None:
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
def test_a_bad_token_is_not_quoted(ask: Ask, authorization: str) -> None:
    answer = ask("POST", "/graphql", operation("{ me { id } }"), Authorization=authorization)
    assert answer.status_code == 401


LATER_TRACEPARENT = f"01-{'1' * 32}-{'1' * 16}-01"
"""A header of a later version, which may have more parts than are known here."""


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
def test_token_in_another_header_is_not_quoted(
    ask: Ask, name: str, value: str, status: int
) -> None:
    answer = ask("POST", "/graphql", operation("{ me { id } }"), **{name: value})
    assert answer.status_code == status
    assert TITLE not in answer.text + repr(answer.headers)


def of_int() -> None:
    int(TITLE)


def of_a_key() -> None:
    GIVEN[DESCRIPTION]


def of_a_cause() -> None:
    try:
        of_int()
    except ValueError as error:
        raise RuntimeError(DESCRIPTION) from error


def of_a_context() -> None:
    try:
        of_int()
    finally:
        of_a_key()


@pytest.mark.parametrize(
    ("bug", "names"),
    [
        (of_int, ["ValueError"]),
        (of_a_key, ["KeyError"]),
        (of_a_cause, ["ValueError", "RuntimeError"]),
        (of_a_context, ["ValueError", "KeyError"]),
    ],
)
@pytest.mark.parametrize(
    "place",
    [
        "todo_graphql.store.tasks.repository.Tasks.find",
        "todo_graphql.server.endpoints.graphql.parse_graphql_request",
    ],
)
def test_a_bug_is_told_of_without_its_words(
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
    said = log.until("Traceback")
    assert [name for name in names if name not in said] == []
    assert "int(TITLE)" in said or "GIVEN[DESCRIPTION]" in said  # the lines of the program
    assert [word for word in (TITLE, DESCRIPTION) if word in said] == []


def test_what_is_no_http_is_not_quoted(ask: Ask, base: str, log: Log) -> None:
    token = ask("GET", "/health/live").request.headers["authorization"]
    for raw in (f"{TITLE} {token}\r\n\r\n", f"GET / HTTP/1.1\r\n{token}\0\r\n\r\n"):
        assert statuses(said(base, raw.encode())) == [400]
    line = log.until("Invalid HTTP request received.")
    assert token.split()[1] not in line
