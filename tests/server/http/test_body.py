"""Request bodies: accepted and rejected ones, and the encoding of responses."""

import json
from collections.abc import Callable, Iterator

import httpx
import msgspec
import pytest

from tests.support import plain_http
from tests.support.api_client import Person
from tests.support.http_client import CHUNKED, HOST, connected, post, status
from todo_graphql.server.http.body import encode
from todo_graphql.server.strict_json import MAX_NESTING
from todo_graphql.settings.settings import Settings

LIMIT = Settings.model_fields["max_body_bytes"].default
QUERY = b'{"query": "{ __typename }"}'
TOO_DEEP = 5_000
TOO_LONG_A_NUMBER = b"9" * 5_000

REASONS = {
    400: {"INVALID_FORMAT", "INVALID_TYPE", "REQUIRED"},
    413: {"TOO_LARGE"},
    415: {"UNSUPPORTED_REQUEST"},
}
"""The possible reasons by status."""

Send = Callable[..., httpx.Response]


@pytest.fixture
def send(url: str, alice: Person) -> Send:
    """A function that posts bytes as a body: as a whole, or in chunks from an iterator."""

    def send(content: bytes | Iterator[bytes], **headers: str | None) -> httpx.Response:
        given = {
            "Authorization": f"Bearer {alice.token}",
            "Content-Type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        kept = {name: value for name, value in given.items() if value is not None}
        return plain_http.post(f"{url}/graphql", content=content, headers=kept, timeout=30)

    return send


def assert_rejected(response: httpx.Response, status: int, field: str | None = None) -> None:
    """Assert that the response has one error in the format of GraphQL, and no data."""
    content = response.json()
    assert set(content) == {"errors"}
    (error,) = content["errors"]
    assert error["message"]
    reason = error["extensions"]["reason"]
    assert reason in REASONS[status]
    problem = {"reason": reason, **({"max": LIMIT} if status == 413 else {})}
    if field is not None:
        problem["field"] = field
    assert error["extensions"] == {
        "code": "BAD_USER_INPUT",
        "status": status,
        **problem,
        "problems": [{**problem, "message": error["message"]}],
    }
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"


def padded(size: int) -> bytes:
    """Return a valid body of this size."""
    return QUERY + b" " * (size - len(QUERY))


def nested(levels: int) -> bytes:
    """Return nested arrays and objects."""
    value: object = []
    for level in range(levels - 1):
        value = [value] if level % 2 else {"a": value}
    return json.dumps(value).encode()


def in_chunks(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 1_000):
        yield body[start : start + 1_000]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"1",
        b'"x"',
        b"true",
        b"[]",
        b"{",
        b"query",
        b"{} {}",
        b"query=%7B__typename%7D",
        b'{"query": "\xff"}',
        b'{"query": "{ nonsense }", "query": "{ __typename }"}',
        b'{"query": "{ __typename }", "variables": {"a": {"b": 1, "b": 2}}}',
        b"\xef\xbb\xbf" + QUERY,
        QUERY.decode().encode("utf-16"),
        b'{"query": "{ __typename }", "variables": {"a": NaN}}',
        b'{"query": "{ __typename }", "variables": {"a": -Infinity}}',
        b'{"query": "{ __typename }", "variables": {"a": %s}}' % TOO_LONG_A_NUMBER,
        b'{"query": "{ __typename }", "extensions": %s}' % TOO_LONG_A_NUMBER,
        b"[" * TOO_DEEP + b"]" * TOO_DEEP,
        b'{"query": "{ __typename }", "a": %s1%s}' % (b"[" * TOO_DEEP, b"]" * TOO_DEEP),
        b'{"a":' * TOO_DEEP + b"1" + b"}" * TOO_DEEP,
        b'{"query": "{ __typename }", "a": %s}' % nested(MAX_NESTING),
    ],
    ids=lambda body: repr(body[:40]),
)
def test_body_without_json_object_is_rejected(send: Send, body: bytes) -> None:
    assert_rejected(send(body), 400)


def test_body_with_maximum_nesting_is_accepted(send: Send) -> None:
    """The body itself is the first level. Adjacent brackets do not nest."""
    body = b'{"query": "{ __typename }", "a": %s, "b": [%s[]]}'
    response = send(body % (nested(MAX_NESTING - 1), b"[], " * MAX_NESTING))
    assert response.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize(
    "body", [[], [{"query": "{ __typename }"}], [{"query": "{ me { id } }"}] * 2]
)
def test_batched_operations_are_rejected(send: Send, body: list[object]) -> None:
    assert_rejected(send(json.dumps(body).encode()), 400)


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({}, "query"),
        ({"query": None}, "query"),
        ({"query": 1}, "query"),
        ({"query": ["{ __typename }"]}, "query"),
        ({"Query": "{ __typename }"}, "query"),
        ({"query": "{ __typename }", "variables": []}, "variables"),
        ({"query": "{ __typename }", "variables": "{}"}, "variables"),
        ({"query": "{ __typename }", "variables": False}, "variables"),
        ({"query": "{ __typename }", "operationName": 1}, "operationName"),
        ({"query": "{ __typename }", "operationName": {}}, "operationName"),
    ],
)
def test_member_of_wrong_type_is_rejected_by_name(
    send: Send, members: dict[str, object], field: str
) -> None:
    assert_rejected(send(json.dumps(members).encode()), 400, field)


@pytest.mark.parametrize(
    "body",
    [
        QUERY,
        b'\n {"query": "{ __typename }", "variables": null, "operationName": null}\t',
        b'{"query": "{ __typename }", "extensions": {"persisted": 1}, "unknown": [1, 2]}',
        b'{"query": "query Q { __typename }", "operationName": "Q", "variables": {"unused": 1}}',
        b'{"query": "{ __typename }", "\\ud800": "\\u0000"}',
        b'{"query": "{ __typename }", "variables": {"a": 1e999}}',
    ],
)
def test_body_with_query_is_executed(send: Send, body: bytes) -> None:
    response = send(body)
    assert (response.status_code, response.json()) == (200, {"data": {"__typename": "Query"}})


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/graphql",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "text/plain; application/json",
    ],
)
def test_unsupported_content_type_is_rejected(send: Send, content_type: str | None) -> None:
    # Pages of other sites can send some of these without a preflight request (CORS).
    assert_rejected(send(QUERY, Content_Type=content_type), 415)


@pytest.mark.parametrize(
    "content_type",
    ["application/json; charset=utf-8", "Application/JSON", "application/json ;charset=utf-8"],
)
def test_json_content_type_variants_are_accepted(send: Send, content_type: str) -> None:
    assert send(QUERY, Content_Type=content_type).status_code == 200


def test_chunked_body_is_accepted(send: Send) -> None:
    assert send(in_chunks(padded(10_000))).json() == {"data": {"__typename": "Query"}}
    assert_rejected(send(in_chunks(b"x" * 10_000)), 400)


def test_body_of_maximum_size_is_accepted(send: Send) -> None:
    assert send(padded(LIMIT)).status_code == 200
    assert send(in_chunks(padded(LIMIT))).status_code == 200


def test_body_over_maximum_size_is_rejected(send: Send) -> None:
    assert_rejected(send(padded(LIMIT + 1)), 413)
    assert_rejected(send(in_chunks(padded(LIMIT + 1))), 413)


@pytest.mark.parametrize(
    ("header", "begun"),
    [
        (b"Content-Length: 10000000000", b"{"),
        (CHUNKED, b"%x\r\n%b\r\n" % (LIMIT + 1, padded(LIMIT + 1))),
    ],
    ids=["declared", "received"],
)
def test_body_over_maximum_size_is_rejected_before_its_end(
    url: str, alice: Person, header: bytes, begun: bytes
) -> None:
    with connected(url) as connection:
        connection.sendall(post(alice, HOST, header) + begun)
        assert status(connection) == 413


def test_hundred_creates_with_descriptions_fit(alice: Person) -> None:
    document = "mutation ($i: [CreateTaskInput!]!) { createTasks(input: $i) { count } }"
    tasks = [{"title": f"Task {number}", "description": "é, " * 333} for number in range(100)]
    response = alice.post(document, i=tasks)
    assert len(response.request.content) > 100_000
    assert response.json() == {"data": {"createTasks": {"count": 100}}}


@pytest.mark.parametrize(
    "text", ["{ __typename }" + " " * 65_536, "x" * (LIMIT - 100), "{" * 70_000]
)
def test_document_has_a_limit_of_its_own(alice: Person, text: str) -> None:
    refusal = alice.refusal(text)
    assert (refusal["code"], refusal["limitName"]) == ("QUERY_TOO_COMPLEX", "characters")
    assert refusal["limit"] == 65_536


def test_response_is_compact_json_in_utf_8(alice: Person) -> None:
    title = "Crème brûlée 🍮 </script>"
    document = "mutation ($i: CreateTaskInput!) { createTask(input: $i) { task { title tags } } }"
    expected = '{"data":{"createTask":{"task":{"title":"%s","tags":[]}}}}' % title
    assert alice.post(document, i={"title": title}).content == expected.encode()


def test_lone_surrogate_in_response_is_escaped(alice: Person) -> None:
    """An error quotes the lone surrogate of the request."""
    response = alice.post(
        "query ($f: TaskFilter) { tasks(filter: $f) { totalCount } }", f={"\ud800é": 1}
    )
    assert response.status_code == 400
    assert "\\ud800é".encode() in response.content


def test_lone_surrogate_is_escaped_beside_encoded_data() -> None:
    data = {"tasks": msgspec.Raw(b'{"title":"\xf0\x9f\x8d\xae"}')}
    encoded = encode({"errors": [{"message": 'a "\ud800" and 🍮'}], "data": data})
    expected = '{"errors":[{"message":"a \\"\\ud800\\" and 🍮"}],"data":{"tasks":{"title":"🍮"}}}'
    assert encoded == expected.encode()


def test_struct_is_encoded_as_object() -> None:
    class Task(msgspec.Struct):
        title: str

    for title in ("x", "\ud800"):
        encoded = encode({"data": {"tasks": [Task(title)]}})
        assert json.loads(encoded) == {"data": {"tasks": [{"title": title}]}}


def test_body_without_token_is_not_read(send: Send) -> None:
    assert send(b"not JSON", Authorization=None, Content_Type=None).status_code == 401
