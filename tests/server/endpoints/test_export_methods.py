"""HEAD /export, and /export over HTTP/1.0."""

from typing import NoReturn

import httpx
import pytest

from tests.support import plain_http
from tests.support.api_client import Person
from tests.support.data_files import ask_for_export
from tests.support.http_client import answers, connected, head, own
from tests.support.servers import serving
from todo_graphql.settings.settings import Settings
from todo_graphql.store.tasks.repository import Tasks


def send_head(person: Person, base: str, query: str = "", **headers: str) -> httpx.Response:
    given = {"Authorization": f"Bearer {person.token}", **headers}
    return plain_http.request("HEAD", f"{base}/export{query}", headers=given, timeout=30)


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_head_has_the_headers_of_the_file(
    url: str, alice: Person, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice.create()
    of_get = ask_for_export(alice, format=kind)

    def read(*_: object) -> NoReturn:
        pytest.fail("HEAD reads no task.")

    monkeypatch.setattr(Tasks, "iter_all", read)
    of_head = send_head(alice, url, f"?format={kind}")
    assert (of_head.status_code, of_head.content) == (200, b"")
    own_names = {"date", "x-request-id", "transfer-encoding"}
    names = {*of_get.headers, *of_head.headers} - own_names
    names -= {name for name in names if name.startswith("ratelimit")}  # of a charge before the file
    assert {name: of_head.headers.get(name) for name in names} == {
        name: of_get.headers[name] for name in names
    }
    assert "content-disposition" in names
    assert "content-length" not in of_head.headers


@pytest.mark.parametrize(
    ("query", "status"), [("?userId=%s", 403), ("?format=xml", 400), ("?userId=a&userId=b", 400)]
)
def test_head_is_rejected_as_get_is(
    url: str, alice: Person, mallory: Person, query: str, status: int
) -> None:
    query = query.replace("%s", mallory.id)
    response = send_head(alice, url, query)
    assert (response.status_code, response.content) == (status, b"")
    of_get = plain_http.get(
        f"{url}/export{query}", headers={"Authorization": f"Bearer {alice.token}"}
    )
    assert response.headers["content-length"] == of_get.headers["content-length"]


def test_head_without_token_is_rejected(url: str, alice: Person) -> None:
    assert send_head(alice, url, Authorization="Bearer x").status_code == 401


def test_head_takes_no_slot_and_costs_only_its_time(settings: Settings) -> None:
    """A whole page, of which an export is charged before, costs more."""
    with serving(settings.model_copy(update={"rate_limit": "4000/hour"})) as base:
        person = Person(base, settings)
        statuses = [send_head(person, base).status_code for _ in range(3)]
        assert statuses == [200] * 3
        headers = {"Authorization": f"Bearer {person.token}"}
        assert plain_http.get(f"{base}/export", headers=headers).status_code == 429


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_export_over_http_1_0_is_rejected(url: str, alice: Person, method: bytes) -> None:
    """The client could not tell a part of the file from the whole."""
    with connected(url) as connection:
        connection.sendall(head(method + b" /export HTTP/1.0", *own(alice)))
        answer = answers(connection)
    first, _, rest = answer.partition(b"\r\n")
    assert first == b"HTTP/1.1 426 Upgrade Required"
    assert b"\r\nupgrade: HTTP/1.1\r\n" in rest
    assert b"\r\nconnection: Upgrade, close\r\n" in rest
    assert b"chunked" not in rest
    assert (b'"status":426' in rest) is (method == b"GET")


def test_operation_over_http_1_0_is_executed(url: str, alice: Person) -> None:
    with connected(url) as connection:
        target = b"GET /graphql?query={__typename} HTTP/1.0"
        connection.sendall(head(target, *own(alice)))
        answer = answers(connection)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b'\r\n\r\n{"data":{"__typename":"Query"}}')
    assert b"chunked" not in answer
