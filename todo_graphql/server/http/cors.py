"""Cross-origin requests (CORS) of pages of the configured origins, by Starlette's middleware.

No cookies are used, so a page can only send a token that it holds. It may send any request header,
such as `traceparent`, or those that Apollo Client adds.
"""

import logging
import re
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from todo_graphql.server import routes
from todo_graphql.server.http.middleware import RATE_HEADERS

logger = logging.getLogger(__name__)

EXPOSED_HEADERS = (
    "allow",
    "content-disposition",
    "retry-after",
    "www-authenticate",
    "x-request-id",
    *RATE_HEADERS,
)
"""The response headers that pages of other origins can read, besides the CORS-safelisted ones."""

PREFLIGHT_SECONDS = 7_200
"""The time for which a browser keeps the response to a preflight: the maximum of Chromium."""

MAX_ORIGIN_CHARACTERS = 100
"""The part of a rejected origin that is logged."""

WILDCARDS = {r"//\*\.": r"//(?:[a-z0-9_-]+\.)+", r":\*": r"(?::[0-9]{1,5})?"}
"""The expressions for `*.` before a host, and for the port `*`, by their escaped forms."""


class AllowedOrigins:
    """The origins of CORS_ORIGINS, which may have wildcards (settings/types.py)."""

    def __init__(self, origins: Iterable[str]) -> None:
        origins = tuple(origins)
        self.exact = [origin for origin in origins if "*" not in origin or origin == "*"]
        self.expression = expression_of(origins)

    def __contains__(self, origin: str) -> bool:
        if "*" in self.exact or origin in self.exact:
            return True
        return self.expression is not None and bool(re.fullmatch(self.expression, origin))


class CORS(CORSMiddleware):
    """Middleware that also logs the origin of a rejected preflight."""

    def __init__(self, app: ASGIApp, allowed: AllowedOrigins) -> None:
        self._allowed = allowed
        super().__init__(
            app,
            allow_origins=allowed.exact,
            allow_origin_regex=allowed.expression,
            allow_methods=routes.METHODS,
            allow_headers=["*"],
            allow_private_network=True,
            expose_headers=EXPOSED_HEADERS,
            max_age=PREFLIGHT_SECONDS,
        )

    def is_allowed_origin(self, origin: str) -> bool:
        return origin in self._allowed

    def preflight_response(self, request_headers: Headers) -> Response:
        """Return the response to a preflight, and log an origin that is not allowed."""
        origin = request_headers["origin"]
        if not self.is_allowed_origin(origin):
            logger.info(
                "Rejected the preflight request of a page of %r. To allow its requests, add the "
                "origin to CORS_ORIGINS.",
                origin[:MAX_ORIGIN_CHARACTERS],
            )
        return super().preflight_response(request_headers)


def expression_of(origins: Iterable[str]) -> str | None:
    """Return the regular expression for the origins with a wildcard, or None without any."""
    escaped = [re.escape(origin) for origin in origins if "*" in origin and origin != "*"]
    for wildcard, expression in WILDCARDS.items():
        escaped = [one.replace(wildcard, expression) for one in escaped]
    return "|".join(escaped) or None
