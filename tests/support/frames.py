"""WebSocket frames, valid or not, over a plain socket."""

import socket
import struct
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.commands import PATIENCE

CONTINUATION, TEXT, CLOSE, PING, PONG = 0, 1, 8, 9, 10
FIN = 0x80

HANDSHAKE = {
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": b64encode(bytes(16)).decode(),
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "graphql-transport-ws",
}


def frame(
    opcode: int, content: bytes = b"", *, fin: bool = True, length: int | None = None
) -> bytes:
    """Return a frame of a client, whose mask is zero."""
    first = opcode | (FIN if fin else 0)
    size = len(content) if length is None else length
    if size < 126:
        head = struct.pack("!BB", first, 0x80 | size)
    elif size < 65_536:
        head = struct.pack("!BBH", first, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, size)
    return head + bytes(4) + content


class RawSocket:
    """A client that sends any bytes and reads frames."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._file = connection.makefile("rb")

    def close(self) -> None:
        """Close the connection, which its file would keep open."""
        self._file.close()
        self.connection.close()

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def head(self) -> bytes:
        """Read the head of the response to the handshake."""
        lines = []
        while (line := self._file.readline()) not in (b"\r\n", b""):
            lines.append(line)
        return b"".join(lines)

    def rest(self) -> bytes:
        """Read until the end of the connection."""
        return self._file.read()

    def read(self) -> tuple[int, bytes] | None:
        """Return the opcode and the content of the next frame, or None at the end."""
        head = self._file.read(2)
        if len(head) < 2:
            return None
        size = head[1]
        if size == 126:
            (size,) = struct.unpack("!H", self._file.read(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self._file.read(8))
        return head[0] & 0x0F, self._file.read(size)

    def await_close(self) -> tuple[int, str] | None:
        """Return the code and reason of the close frame, or None without one."""
        try:
            while (received := self.read()) is not None:
                if received[0] == CLOSE:
                    return struct.unpack("!H", received[1][:2])[0], received[1][2:].decode()
        except ConnectionError:
            pass
        return None


@contextmanager
def raw_socket(url: str, room: int | None = None, **headers: str | None) -> Iterator[RawSocket]:
    """Send a handshake with changed headers, and yield before its response is read."""
    host, port = url.removeprefix("http://").split(":")
    changed = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = {**HANDSHAKE, **changed}
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
    with socket.socket() as connection:
        if room is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        connection.settimeout(PATIENCE)
        connection.connect((host, int(port)))
        connection.sendall(f"GET /graphql HTTP/1.1\r\n{text}\r\n".encode())
        raw = RawSocket(connection)
        try:
            yield raw
        finally:
            raw.close()


@contextmanager
def open_raw_socket(
    url: str, token: str | None = None, room: int | None = None
) -> Iterator[RawSocket]:
    """Complete the handshake and, with a token, the initialisation."""
    with raw_socket(url, room) as raw:
        assert raw.head().startswith(b"HTTP/1.1 101 ")
        if token is not None:
            init = '{"type":"connection_init","payload":{"Authorization":"Bearer %s"}}' % token
            raw.send(frame(TEXT, init.encode()))
            assert raw.read() == (TEXT, b'{"type":"connection_ack"}')
        yield raw
