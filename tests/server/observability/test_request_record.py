"""The record of a request, from which logs, metrics and traces are made."""

import asyncio

import pytest
from fastapi import FastAPI
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from todo_graphql.server.app import create_app
from todo_graphql.server.http.middleware import RequestMiddleware
from todo_graphql.server.observability.formatters import request_id
from todo_graphql.server.observability.request_record import RequestRecord, request_record
from todo_graphql.settings.settings import Settings


def new_scope() -> Scope:
    return {
        "type": "http",
        "method": "GET",
        "path": "/export",
        "headers": [(b"x-request-id", b"one"), (b"x-request-id", b"two")],
        "client": ("192.0.2.1", 50_000),
    }


def observed(app: ASGIApp, scope: Scope) -> tuple[RequestRecord, list[Message]]:
    """Run the application. Return the record for observers, and the sent messages."""
    records, sent = list[RequestRecord](), list[Message]()

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(RequestMiddleware(app, [records.append])(scope, receive, send))
    (record,) = records
    return record, sent


ok = PlainTextResponse("ok", 200)


async def disconnected(scope: Scope, receive: Receive, send: Send) -> None:
    raise ClientDisconnect


async def disconnected_late(scope: Scope, receive: Receive, send: Send) -> None:
    await ok(scope, receive, send)
    raise ClientDisconnect


async def failing(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError


@pytest.mark.parametrize(
    ("app", "status"), [(ok, 200), (disconnected, 499), (disconnected_late, 499), (failing, 500)]
)
def test_record_of_finished_request_has_status(app: ASGIApp, status: int) -> None:
    assert observed(app, new_scope())[0].status == status


@pytest.mark.parametrize("app", [ok, disconnected, disconnected_late, failing])
def test_record_of_request_abandoned_before_application_keeps_first_status(app: ASGIApp) -> None:
    scope = new_scope()
    request_record(scope).abandon(408)
    request_record(scope).abandon(400)
    record, _ = observed(app, scope)
    assert record is request_record(scope)
    assert (record.id, record.status) == ("one", 408)


def test_record_of_request_abandoned_while_response_is_sent_has_final_status() -> None:
    async def abandoned(scope: Scope, receive: Receive, send: Send) -> None:
        await ok(scope, receive, send)
        request_record(scope).abandon(499)

    record, sent = observed(abandoned, new_scope())
    assert (record.status, record.outcome, sent[0]["status"]) == (499, "499", 200)


def test_request_id_of_log_lines_is_set_during_request() -> None:
    seen: list[str | None] = []

    async def look(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(request_id.get())
        await ok(scope, receive, send)

    observed(look, new_scope())
    assert (seen, request_id.get()) == (["one"], None)


@pytest.mark.parametrize("graphiql", [False, True])
def test_application_is_an_ordinary_fastapi_application(
    settings: Settings, *, graphiql: bool
) -> None:
    app = create_app(settings.model_copy(update={"graphiql": graphiql}))
    assert type(app) is FastAPI
    assert len(app.user_middleware) == 1
