"""HTTP/1.1 by httptools, where uvicorn's own use of it lets through what it should not."""

from typing import cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MAX_HEAD_BYTES = 65_536
"""For the request line and all header lines."""

TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)
NOTHING = memoryview(b"")


class Protocol(HttpToolsProtocol):
    """One connection.

    Heads are bounded, each names its host, what comes after a body is no header, and whoever
    wishes for another protocol, as Java does with its first request, is answered in this one.
    """

    _unused = 0
    """Bytes that nothing has come of yet: of a head, or of a trailer, that does not end."""

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        self._unused += len(data)
        unread = memoryview(data)
        try:
            while unread:
                unread = self._feed(unread)
        except httptools.HttpParserError:
            sentence = "Invalid HTTP request received."
            self.logger.warning(sentence)
            self.send_400_response(sentence)
        else:
            if self._unused > MAX_HEAD_BYTES:
                self._refuse()

    def on_headers_complete(self) -> None:
        self._unused = 0
        if not self.parser.should_upgrade():
            self._check_host()
            super().on_headers_complete()
            self.headers = []  # for the trailers, which would be headers of this request
        elif self.parser.get_method() == b"CONNECT":
            raise ValueError("This is no proxy.")

    def on_body(self, body: bytes) -> None:
        self._unused = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unused = 0
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def _check_host(self) -> None:
        """There is exactly one in HTTP/1.1 (RFC 9112, section 3.2)."""
        hosts = [name for name, _ in self.headers].count(b"host")
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1"):
            raise ValueError("There is not one Host.")

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

    def _refuse(self) -> None:
        cycle = cast("RequestResponseCycle | None", self.cycle)  # None before the first request
        if cycle is None or cycle.response_complete:
            self.transport.write(TOO_LARGE)
        self.transport.close()
