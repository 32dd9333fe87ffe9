"""The ASGI scope of a WebSocket handshake."""

import asyncio
from typing import Any
from urllib.parse import unquote

from starlette.types import Scope
from websockets.http11 import Request


def scope_of(request: Request, transport: asyncio.Transport, app_state: dict[str, Any]) -> Scope:
    """Return the scope of a handshake that `websockets` has parsed."""
    client, server = map(transport.get_extra_info, ("peername", "sockname"))
    path, _, query = request.path.partition("?")
    return {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "ws",
        "client": client and client[:2],
        "server": server and server[:2],
        "root_path": "",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [
            (name.lower().encode(), value.encode("latin-1"))
            for name, value in request.headers.raw_items()
        ],
        "subprotocols": [
            name.strip()
            for value in request.headers.get_all("Sec-WebSocket-Protocol")
            for name in value.split(",")
        ],
        "state": app_state.copy(),
    }
