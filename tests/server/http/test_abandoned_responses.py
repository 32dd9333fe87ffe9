"""The access log of responses that the client abandons."""

import threading
from typing import Any

import pytest

from tests.support.api_client import Person
from tests.support.commands import until
from tests.support.http_client import (
    END,
    LENGTH,
    QUERY,
    answers,
    asked_by,
    connected,
    held_operations,
    reset,
    statuses,
)
from todo_graphql.store.tasks.transfer import export_pages, exports
from todo_graphql.store.tasks.transfer.export_pages import read_export_page


def abandon(url: str, request: bytes, begun: threading.Event, gone: threading.Event) -> None:
    """Send a request, and reset the connection when its execution has begun."""
    with connected(url) as connection:
        connection.sendall(request)
        assert begun.wait(30)
        reset(connection)
    with connected(url) as connection:
        connection.sendall(END)
        assert statuses(answers(connection)) == [200]
    gone.set()


def test_export_abandoned_by_client_is_logged_as_499(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The response has begun with status 200."""
    begun, gone, pages = threading.Event(), threading.Event(), list[int]()

    def read(*given: Any) -> Any:
        pages.append(len(pages))
        if len(pages) == 2:
            begun.set()
            assert gone.wait(30)
        return read_export_page(*given)

    alice.create_many(*"abc")
    monkeypatch.setattr(export_pages, "EXPORT_PAGE_SIZE", 2)
    monkeypatch.setattr(exports, "read_export_page", read)
    abandon(url, asked_by(alice, b"GET /export"), begun, gone)
    until(lambda: "GET /export 499" in caplog.text, "the end of an export")
    assert "GET /export 200" not in caplog.text


def test_operation_abandoned_by_client_is_logged_as_499(
    url: str, alice: Person, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    begun, gone = held_operations(monkeypatch)
    abandon(url, asked_by(alice, b"POST /graphql", LENGTH) + QUERY, begun, gone)
    until(lambda: "POST /graphql 499" in caplog.text, "the end of an operation")


def test_export_closed_after_last_byte_is_logged_as_200(
    url: str, alice: Person, caplog: pytest.LogCaptureFixture
) -> None:
    with connected(url) as connection:
        connection.sendall(asked_by(alice, b"GET /export"))
        response = b""
        while not response.endswith(b"\r\n0\r\n\r\n"):
            response += connection.recv(10_000)
        reset(connection)
    until(lambda: "GET /export 200" in caplog.text, "the end of an export")
