"""HTTP/1.1 by httptools, where uvicorn's own use of it lets through what it should not."""

import asyncio
import re
from http import HTTPStatus
from typing import cast

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from todo_graphql.server.endings import Ending
from todo_graphql.server.farewells import MOST_BYTES, Outflow, Unread
from todo_graphql.server.last_words import last_words

MAX_HEAD_BYTES = 65_536
"""For the request line and all header lines."""

PATIENCE = 8.0
"""Seconds that a request may take to come in, and a new connection to say its first word; a body
has a second more for each MIN_RATE bytes that have come.
"""

MIN_RATE = 10_000
"""Bytes a second, below which a client is not slow but an attacker, or gone."""

CHECK = 1.0
"""Seconds between two looks at whether a connection is in time. One look at each of them now and
then costs less than a timer for each request.
"""

LINGER = 0.5
"""Seconds for which an idle connection takes one more request when the server stops: it may be on
its way already, and hanging up at once would cut it off.
"""

TOO_LARGE = last_words(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    f"The request line and the headers have more than {MAX_HEAD_BYTES:,} bytes.",
)
TOO_SLOW = last_words(HTTPStatus.REQUEST_TIMEOUT, "The request did not come in in time.")
NO_HTTP = last_words(HTTPStatus.BAD_REQUEST, "This is no proper HTTP request.")
NOTHING = memoryview(b"")
VERSIONS = ("1.1", "1.0")
AUTHORITY = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+,;=-]*)(?::[0-9]*)?")


class HeadTooLarge(Exception):  # noqa: N818 - it says what to answer
    """A head that has come in one piece is longer than MAX_HEAD_BYTES."""


class Protocol(Ending):
    """One connection.

    Heads are bounded, and each names its host; a request comes in within a time, or nobody waits
    for it; what comes after a body is no header; and whoever wishes for another protocol, as Java
    does with its first request, is answered in this one.
    """

    _unused = 0
    """Bytes that nothing has come of yet: of a head, or of a trailer, that does not end."""

    _received = 0
    """Bytes that have come of a request."""

    _host = b""
    """The last one that was named. Nearly always the next one is the same."""

    _is_leaving = False
    """Whether the next answer is the last."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._outflow = Outflow()
        self._began = self.loop.time()
        self._look_later()

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        self._begin()
        self._received += len(data)
        self._unused += len(data)
        unread = memoryview(data)
        try:
            while unread:
                unread = self._feed(unread)
        except httptools.HttpParserError as error:
            if isinstance(error.__context__, HeadTooLarge):
                self._refuse(TOO_LARGE)
                return
            self.logger.warning("Invalid HTTP request received.")
            self._refuse(NO_HTTP)
        else:
            if self._unused > MAX_HEAD_BYTES:
                self._refuse(TOO_LARGE)
            elif self._began is not None:
                self._wait_for_more()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begin()  # what came with it may have ended the request before

    def on_headers_complete(self) -> None:
        if self._unused > MAX_HEAD_BYTES and self._head_bytes() > MAX_HEAD_BYTES:
            raise HeadTooLarge
        self._unused = 0
        if not self.parser.should_upgrade():
            self._check_host()
            self._check_coding()
            if self.expect_100_continue:
                self.expect_100_continue = self.parser.get_http_version() != "1.0"
            super().on_headers_complete()
            self.cycle.keep_alive = self.cycle.keep_alive and not self._is_leaving
            self.headers = []  # for the trailers, which would be headers of this request
        elif self.parser.get_method() == b"CONNECT":
            raise ValueError("This is no proxy.")

    def on_body(self, body: bytes) -> None:
        self._unused = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unused = 0
        if not self.parser.should_upgrade():  # else the body is still to come
            self._began = None
            super().on_message_complete()
            self.cycle.more_body = False  # also where it was answered before

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def shutdown(self) -> None:
        if self._is_idle():
            self._is_leaving = True
            self.loop.call_later(LINGER, self._close_if_idle)
        else:
            super().shutdown()

    def _begin(self) -> None:
        """Something comes in: from now on it has its time."""
        if self._began is None:
            self._began, self._received = self.loop.time(), 0

    def _head_bytes(self) -> int:
        """Of a head that has come in one piece with what follows it."""
        lines = sum(len(name) + len(value) + len(b": \r\n") for name, value in self.headers)
        return len(self.url) + lines

    def _check_host(self) -> None:
        """There is exactly one in HTTP/1.1, and it is one (RFC 9112, section 3.2)."""
        version = self.parser.get_http_version()
        hosts = [value for name, value in self.headers if name == b"host"]
        if version not in VERSIONS or len(hosts) > 1 or (not hosts and version == "1.1"):
            raise ValueError("There is not one Host, or another version.")
        if hosts and hosts[0] != self._host:
            if AUTHORITY.fullmatch(hosts[0]) is None:
                raise ValueError("There is no such Host.")
            self._host = hosts[0]

    def _check_coding(self) -> None:
        """Chunks are the one way to send a body in pieces that is known here."""
        codings = [value.lower() for name, value in self.headers if name == b"transfer-encoding"]
        if codings not in ([], [b"chunked"]):
            raise ValueError("There is another Transfer-Encoding.")

    def _feed(self, data: memoryview) -> memoryview:
        """Parse, and answer what must be parsed after all: the parser leaves what follows a wish
        to upgrade to the other protocol, although it is a body.
        """
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._repeat_head_without_upgrade()
            return data[upgrade.args[0] :]
        return NOTHING

    def _repeat_head_without_upgrade(self) -> None:
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        lines += [b"%b: %b" % pair for pair in self.headers if pair[0] != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.feed_data(b"\r\n".join([*lines, b"", b""]))

    def _wait_for_more(self) -> None:
        """Of a body, whose request may be answered before it is there."""
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is None or not cycle.more_body:
            return
        if cycle.response_complete:
            if self._received > MOST_BYTES:
                self._part(b"", None)
        elif cycle.transport is self.transport:
            cycle.transport = cast("asyncio.Transport", Unread(self.transport, self._hang_up))
            if self.expect_100_continue:  # who is not told to go on may send something else
                cycle.keep_alive = False

    def _look_later(self) -> None:
        self._look = self.loop.call_later(CHECK, self._look_after_it)

    def _look_after_it(self) -> None:
        """Hang up on whoever takes too long."""
        now = self.loop.time()
        is_over = self._farewell is not None and self._farewell.is_over(now)
        if is_over or self._outflow.stands_still(self.transport.get_write_buffer_size(), now):
            self.transport.abort()
            return
        if self._began is not None:
            self._refuse_if_too_slow(self._began, now)
        elif self._is_half_closed:
            self._leave_if_nobody_is_there()
        self._look_later()

    def _refuse_if_too_slow(self, began: float, now: float) -> None:
        if self.flow.read_paused:
            self._began = now  # it is not the client who is slow
        elif now - began > PATIENCE + self._received / MIN_RATE:
            self._refuse(TOO_SLOW)
