"""GET /graphql in a browser: the page of GraphiQL."""

from functools import cached_property

from graphql import print_schema
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.types import Scope

from todo_graphql.api.schema import Schema
from todo_graphql.server.endpoints.graphiql_hosts import names_this_machine
from todo_graphql.server.endpoints.graphiql_page import content_security_policy, render_page
from todo_graphql.server.http.content_negotiation import header, prefers_html
from todo_graphql.settings.settings import Settings


class GraphiQLPage:
    """The page, which requires no token.

    A `token` signs the requests of the page in. Such a page is served only under a name of this
    machine.
    """

    def __init__(self, token: str | None, settings: Settings, schema: Schema) -> None:
        self._token = token
        self._listening_on = settings.host
        self._schema = schema if settings.introspection else None

    def is_requested(self, scope: Scope) -> bool:
        """Return whether a browser opens the URL.

        A script of another origin, which sends an `Origin`, must not read the token.
        """
        accepted = header(scope, b"accept")
        return accepted is not None and prefers_html(accepted) and header(scope, b"origin") is None

    def response(self, scope: Scope) -> Response:
        """Return the page. Raises HTTPException for a token under the name of another machine."""
        if self._token is not None:
            require_own_host(header(scope, b"host") or "", self._listening_on)
        return HTMLResponse(self._page, headers={"Content-Security-Policy": self._policy})

    @cached_property
    def _page(self) -> str:
        sdl = "" if self._schema is None else print_schema(self._schema.graphql_schema)
        return render_page(self._token, sdl)

    @cached_property
    def _policy(self) -> str:
        return content_security_policy(self._page)


def require_own_host(host: str, listening_on: str) -> None:
    """Raise HTTPException unless the `Host` of the request is a name of this machine."""
    if not names_this_machine(host, listening_on):
        raise HTTPException(
            421,
            "Unknown host: this page contains a token and requires a name of this machine. Open it "
            "at localhost or 127.0.0.1, or set HOST to the name.",
        )
