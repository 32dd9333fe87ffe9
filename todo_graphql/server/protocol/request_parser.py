"""The request parser: httptools, and the rules of RFC 9112 that it leaves to its caller."""

import re
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote

import httptools
from starlette.types import Scope

from todo_graphql.server.protocol.limits import (
    MAX_FRAMING_BYTES,
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    MAX_PIPELINED_REQUESTS,
    MAX_SHORT_CHUNKS,
    MAX_TARGET_BYTES,
    MIN_CHUNK_BYTES,
    PIPELINED_PIECE_BYTES,
)
from todo_graphql.server.protocol.raw_response import RawResponse, raw_error_response

if TYPE_CHECKING:
    from todo_graphql.server.protocol.http1 import HTTP1Protocol

HEAD_TOO_LARGE = raw_error_response(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    f"The request line and headers are too large: send at most {MAX_HEAD_BYTES:,} bytes and "
    f"{MAX_HEADERS} headers.",
)
TARGET_TOO_LONG = raw_error_response(
    HTTPStatus.REQUEST_URI_TOO_LONG,
    f"The path and the query are too long: send at most {MAX_TARGET_BYTES:,} bytes.",
)
MALFORMED = raw_error_response(HTTPStatus.BAD_REQUEST, "Malformed HTTP request.")
INVALID_TARGET = "The request target is invalid."
END_OF_HEAD = b"\r\n\r\n"
VERSIONS = ("1.1", "1.0")
HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+,;=-]*)(?::[0-9]*)?")
FRAMING = frozenset({b"host", b"transfer-encoding", b"expect"})


class RejectedError(Exception):
    """The input is not an acceptable request. The connection closes with this response.

    The reason is for the log. It quotes nothing of the request.
    """

    def __init__(self, response: RawResponse, reason: str) -> None:
        super().__init__(reason)
        self.response = response


class FramingError(ValueError):
    """A rule of RFC 9112 or a limit is violated. The message quotes nothing of the request."""


class RequestParser:
    """A parser that calls the connection's `on_request`, `on_body` and `on_request_complete`."""

    def __init__(self, connection: "HTTP1Protocol") -> None:
        self._connection = connection
        self._parser = httptools.HttpRequestParser(self)
        self._url, self._headers = b"", list[tuple[bytes, bytes]]()
        self.pending: bytes | memoryview = b""
        self._piece_bytes = 0
        self._unused = 0  # bytes since the last complete head, part of a body, or request
        self._missing = 0  # bytes of a body by which its chunks are shorter than MIN_CHUNK_BYTES
        self._framing = 0  # bytes of a request in chunks that are no part of its body
        self._is_chunked = self._has_chunks = False  # the request, or a request in this piece

    def receive(self, data: bytes) -> None:
        """Accept input, when none is pending.

        httptools cannot pause. Input that may contain many requests is parsed in pieces that
        contain few of them.
        """
        if data.count(END_OF_HEAD) <= MAX_PIPELINED_REQUESTS:
            self.pending, self._piece_bytes = data, len(data)
        else:
            self.pending, self._piece_bytes = memoryview(data), PIPELINED_PIECE_BYTES

    def discard(self) -> None:
        self.pending = b""

    def parse_piece(self) -> None:
        """Parse the next piece of the pending input. Raises RejectedError."""
        data = self.pending[: self._piece_bytes]
        self.pending = self.pending[self._piece_bytes :] or b""  # which refers to no buffer
        self._unused += len(data)
        self._framing += len(data)
        try:
            while data:
                data = self._feed(data)
        except httptools.HttpParserError as error:
            if self._is_head_large():
                raise RejectedError(HEAD_TOO_LARGE, "The head is too large.") from error
            if len(self._url) > MAX_TARGET_BYTES:
                raise RejectedError(TARGET_TOO_LONG, "The path and query are too long.") from error
            raise RejectedError(MALFORMED, reason_of(error)) from error
        if self._unused > MAX_HEAD_BYTES:
            raise RejectedError(HEAD_TOO_LARGE, "The head or the trailers are too large.")
        if self._has_chunks and self._framing > MAX_FRAMING_BYTES:
            raise RejectedError(MALFORMED, "The framing of the chunks is too large.")
        if not self._is_chunked:
            self._framing, self._has_chunks = 0, False

    @property
    def is_in_head_request(self) -> bool:
        """Return whether the incomplete request has the method HEAD, whose response has no body."""
        return bool(self._url) and bool(self._parser.get_method() == b"HEAD")

    def close(self) -> None:
        """Release httptools' parser, which refers to this object."""
        del self._parser

    def _feed(self, data: bytes | memoryview) -> bytes:
        """Parse the data, and return the part that remains to be parsed.

        An upgrade to a protocol other than WebSocket is ignored (RFC 9110, section 7.8). httptools
        skips the body of such a request, so its head is parsed again without the header.
        """
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            rest = bytes(data[upgrade.args[0] :])
            if self._is_websocket() and self._connection.can_upgrade():
                scope = self._handshake_scope()
                rest, self.pending = rest + bytes(self.pending), b""
                self._connection.on_upgrade(scope, rest)
                return b""
            head = self._head([pair for pair in self._headers if pair[0] != b"upgrade"])
            self._parser = httptools.HttpRequestParser(self)
            return head + rest
        return b""

    def _is_websocket(self) -> bool:
        upgrades = [value.lower() for name, value in self._headers if name == b"upgrade"]
        return upgrades == [b"websocket"] and self._parser.get_method() == b"GET"

    def _handshake_scope(self) -> Scope:
        """Return the ASGI scope of a WebSocket handshake. Raises RejectedError."""
        try:
            self._check_framing(self._parser.get_http_version())
            names = {name for name, value in self._headers if value != b"0"}
            if not names.isdisjoint((b"content-length", b"transfer-encoding")):
                raise FramingError("A WebSocket handshake has no body.")
            return self._scope()
        except (ValueError, httptools.HttpParserError) as error:
            reason = str(error) if isinstance(error, FramingError) else INVALID_TARGET
            raise RejectedError(MALFORMED, reason) from error

    def _scope(self) -> Scope:
        """Return the ASGI scope of a request. Raises ValueError or HttpParserInvalidURLError."""
        url = httptools.parse_url(self._url)
        path = url.path.decode("ascii")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": self._parser.get_http_version(),
            "method": self._parser.get_method().decode("ascii"),
            "scheme": "http",
            "root_path": "",
            "path": unquote(path) if "%" in path else path,
            "raw_path": url.path,
            "query_string": url.query or b"",
            "headers": self._headers,
        }

    def _head(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """Return the head of the request with these headers."""
        version = self._parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self._parser.get_method(), self._url, version)]
        return b"\r\n".join([*lines, *(b"%b: %b" % pair for pair in headers), b"", b""])

    def _head_bytes(self) -> int:
        return len(self._url) + sum(len(name) + len(value) + 4 for name, value in self._headers)

    def _is_head_large(self) -> bool:
        return len(self._headers) > MAX_HEADERS or self._head_bytes() > MAX_HEAD_BYTES

    def _check_framing(self, version: str) -> bool:
        """Return whether the client expects 100 Continue. Raises ValueError."""
        framing = [(name, value.lower()) for name, value in self._headers if name in FRAMING]
        hosts = [value for name, value in framing if name == b"host"]
        codings = [value for name, value in framing if name == b"transfer-encoding"]
        if version not in VERSIONS or len(hosts) > 1 or (not hosts and version == "1.1"):
            raise FramingError("Expected HTTP/1.0 or 1.1 and exactly one Host header.")
        if hosts and HOST.fullmatch(hosts[0]) is None:
            raise FramingError("Host is invalid.")
        if codings not in ([], [b"chunked"]):
            raise FramingError("Transfer-Encoding must be chunked.")
        if codings:
            self._framing -= self._head_bytes()
            self._is_chunked = self._has_chunks = True
        return version == "1.1" and (b"expect", b"100-continue") in framing

    # Callbacks of httptools

    def on_message_begin(self) -> None:
        self._connection.on_request_begin()
        self._url, self._headers, self._missing = b"", [], 0

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        parser, headers = self._parser, self._headers
        is_long = self._unused > MAX_HEAD_BYTES or len(headers) > MAX_HEADERS
        if is_long and self._is_head_large():
            raise FramingError("The head is too large.")
        if len(self._url) > MAX_TARGET_BYTES:
            raise FramingError("The path and query are too long.")
        self._unused = 0
        if parser.should_upgrade():
            if parser.get_method() == b"CONNECT":
                raise FramingError("CONNECT is not supported.")
            return
        version = parser.get_http_version()
        expects_continue = self._check_framing(version)
        scope = self._scope()
        self._headers = []  # trailers are not headers of this request
        self._connection.on_request(
            scope,
            keep_alive=version != "1.0" and parser.should_keep_alive(),
            expects_continue=expects_continue,
        )

    def on_chunk_header(self) -> None:
        self._missing += MIN_CHUNK_BYTES
        if self._missing > MIN_CHUNK_BYTES * MAX_SHORT_CHUNKS:
            raise FramingError("The chunks are too short.")

    def on_body(self, data: bytes) -> None:
        self._unused = 0
        self._missing = max(0, self._missing - len(data))
        # A byte of a body in chunks may have a byte of framing.
        self._framing -= 2 * len(data) if self._is_chunked else len(data)
        self._connection.on_body(data)

    def on_message_complete(self) -> None:
        self._unused = 0
        if self._parser.should_upgrade():
            return  # its body follows
        if self._headers and self._is_head_large():
            raise FramingError("The trailers are too large.")
        self._url, self._headers, self._is_chunked = b"", [], False
        self._connection.on_request_complete()


def reason_of(error: httptools.HttpParserError) -> str:
    """Return the reason for the log: the message of llhttp or of a FramingError."""
    cause = error.__context__
    if cause is None:
        return f"{error}."
    return str(cause) if isinstance(cause, FramingError) else INVALID_TARGET
