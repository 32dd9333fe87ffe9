"""Responses whose length is not known when they begin: they need chunks (HTTP/1.1)."""

from starlette.exceptions import HTTPException
from starlette.types import Scope


def require_chunks(scope: Scope) -> None:
    """Raise HTTPException for HTTP/1.0, whose responses end with the connection.

    The client could take a part of the body for the whole.
    """
    if scope["http_version"] == "1.0":
        raise HTTPException(
            426,
            "HTTP/1.0 is not supported: send the request by HTTP/1.1. In nginx, set "
            "`proxy_http_version 1.1`.",
            {"Upgrade": "HTTP/1.1", "Connection": "Upgrade, close"},
        )
