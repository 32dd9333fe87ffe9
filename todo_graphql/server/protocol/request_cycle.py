"""One request and its response: the ASGI side of an HTTP/1.1 connection."""

import asyncio
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Scope

from todo_graphql.server.observability.request_record import request_record

if TYPE_CHECKING:
    from todo_graphql.server.protocol.http1 import HTTP1Protocol

logger = logging.getLogger(__name__)

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
STATUS_LINES = {it.value: f"HTTP/1.1 {it.value} {it.phrase}".encode() for it in HTTPStatus}
BUSY = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
WITHOUT_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


class RequestCycle:
    """A request, from its head to the end of its response."""

    def __init__(
        self, connection: "HTTP1Protocol", scope: Scope, *, keep_alive: bool, expects_continue: bool
    ) -> None:
        self.keep_alive = keep_alive
        self.body = bytearray()
        self.is_started = False
        self._connection = connection
        self._scope = scope
        self._expects_continue = expects_continue
        self._is_received = self._is_delivered = False
        self._is_abandoned = self._is_over = False  # abandoned or answered
        self._changed: asyncio.Event | None = None  # created when `receive` waits
        self._has_body = scope["method"] != "HEAD"
        self._remaining: int | None = None
        self._head = b""  # sent with the first part of the body

    def add_body(self, data: bytes) -> None:
        """Buffer a part of the request's body, unless the response is complete."""
        if not self._is_over:
            self.body += data
            self._wake()

    def end_body(self) -> None:
        self._is_received = True
        self._wake()

    def abandon(self, status: int) -> None:
        """Report a disconnect to the application.

        The rest of the response is discarded, and `status` is logged.
        """
        request_record(self._scope).abandon(status)
        self._is_abandoned = self._is_over = True
        self._wake()

    def _wake(self) -> None:
        """Let `receive` look again, if it waits."""
        if self._changed is not None:
            self._changed.set()

    async def run(self, app: ASGIApp) -> None:
        """Run the application. The connection closes after an incomplete response."""
        try:
            await app(self._scope, self.receive, self.send)
        except BaseException:
            logger.exception("The application raised an unhandled exception.")
        else:
            if not self._is_over and request_record(self._scope).final_status is None:
                logger.error("The application sent an incomplete response.")
        if not self._is_over:
            self._connection.transport.write(self._head)
            self._connection.transport.close()

    async def receive(self) -> Message:
        """Return the next part of the body, or the disconnect (ASGI)."""
        if self._expects_continue and not self._is_over:
            self._connection.transport.write(CONTINUE)
            self._expects_continue = False
        while not self._is_over and not self.body and (not self._is_received or self._is_delivered):
            self._changed = changed = self._changed or asyncio.Event()
            await changed.wait()
            changed.clear()
        if self._is_over:
            return {"type": "http.disconnect"}
        body, self.body = bytes(self.body), bytearray()
        self._is_delivered = self._is_received
        self._connection.resume()
        return {"type": "http.request", "body": body, "more_body": not self._is_delivered}

    async def send(self, message: Message) -> None:
        """Send the head or a part of the body of the response (ASGI)."""
        if not self._connection.writable.is_set():
            await self._connection.writable.wait()
        if self._is_abandoned:
            return
        expected = "http.response.body" if self.is_started else "http.response.start"
        if self._is_over or message["type"] != expected:
            raise RuntimeError(f"The application sent {message['type']} out of order.")
        if self.is_started:
            self._send_body(message.get("body", b""), is_last=not message.get("more_body", False))
        else:
            self._send_head(message["status"], [*message.get("headers", ())])

    def _send_head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        headers = [*self._connection.server_state.default_headers, *headers]
        fields = dict(headers)  # ASGI: names are in lower case
        self._has_body = self._has_body and status not in WITHOUT_BODY
        if b"content-length" in fields:
            self._remaining = int(fields[b"content-length"])
        elif self._has_body:
            headers.append((b"transfer-encoding", b"chunked"))
        if b"close" in fields.get(b"connection", b"").lower():
            self.keep_alive = False
        else:
            if not self._is_received and (self._expects_continue or status in BUSY):
                # The client may send either the body or a new request. A busy server reads neither.
                self.keep_alive = False
            if not self.keep_alive:
                headers.append((b"connection", b"close"))
        head = b"\r\n".join([STATUS_LINES[status], *map(b": ".join, headers), b"\r\n"])
        lines = len(headers) + 2
        if head.count(b"\n") != lines or head.count(b"\r") != lines or b"\0" in head:
            raise RuntimeError("A response header contains CR, LF or NUL.")
        self._expects_continue, self.is_started = False, True
        self._head = head

    def _send_body(self, data: bytes, *, is_last: bool) -> None:
        if not self._has_body:
            data = b""
        elif self._remaining is None:
            data = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
            if is_last:
                data += b"0\r\n\r\n"
        else:
            self._remaining -= len(data)
            if self._remaining < 0 or (is_last and self._remaining):
                raise RuntimeError("The response body does not match its Content-Length.")
        if self._head or data:
            self._connection.transport.write(self._head + data)
            self._head = b""
        if is_last:
            self._is_over = True
            self._wake()
            self._connection.on_response_complete(self)
