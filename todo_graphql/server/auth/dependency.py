"""The context getter: authenticates a request by its bearer token, and creates the context."""

from collections.abc import Callable
from typing import NamedTuple

from fastapi.security import HTTPBearer
from starlette.requests import HTTPConnection

from todo_graphql.api.context import Context
from todo_graphql.errors import InvalidToken, MissingToken
from todo_graphql.server.auth.keys import NoKeys, UnfetchedKey, UnknownKey
from todo_graphql.server.auth.tokens import Authenticator
from todo_graphql.server.observability.request_record import request_record
from todo_graphql.server.rate_limits.limiter import RateLimiter, client_network
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres.engine import Database


class Session(NamedTuple):
    """The session of a client whose operations go on, such as the events of a stream.

    `create_context` verifies the token again, and returns the context of one operation.
    """

    expires_at: float
    create_context: Callable[[], Context]


class ContextGetter:
    """The dependency of every route that needs a viewer.

    FastAPI's routes declare it with `Depends`. The GraphQL endpoint is an ASGI application and
    calls it directly.
    """

    def __init__(
        self, authenticator: Authenticator, database: Database, rate_limiter: RateLimiter
    ) -> None:
        self._bearer = HTTPBearer(auto_error=False)
        self._authenticator = authenticator
        self._database = database
        self._rate_limiter = rate_limiter

    async def __call__(self, connection: HTTPConnection) -> Context:
        """Return the context of a request with a valid token, before the body is read.

        Raises MissingToken, InvalidToken or UnfetchedKey, or RateLimited for an address with too
        many of these failures. A valid token passes in any case, because many users may share an
        address.
        """
        viewer, _ = await self._verified(connection, None)
        return self._context_of(viewer, request_record(connection.scope).id)

    async def open_session(self, connection: HTTPConnection, token: str | None) -> Session:
        """Return the session of a token, or of the one in the header if it is None.

        The token is verified like that of a request.
        """
        _, token = await self._verified(connection, token)
        return self.session_of(token, request_record(connection.scope).id)

    async def session(self, connection: HTTPConnection) -> Session:
        """Return the session of a request whose context was returned before."""
        token, record = await self._token_of(connection), request_record(connection.scope)
        return self.session_of(token, record.id)

    def session_of(self, token: str, request_id: str) -> Session:
        """Return the session of a valid token.

        Raises InvalidToken, also from the methods of the session once the token is no longer valid.
        """
        _, expires_at = self._authenticator.verify(token)

        def create_context() -> Context:
            return self._context_of(self._authenticator.viewer_of(token), request_id)

        return Session(expires_at, create_context)

    def _context_of(self, viewer: Viewer, request_id: str) -> Context:
        own = self._database.connect_as(viewer)
        return Context(viewer, own, request_id, self._rate_limiter.budget_of(viewer.key))

    async def _verified(self, connection: HTTPConnection, token: str | None) -> tuple[Viewer, str]:
        """Return the viewer and the token, and count a failure for the address."""
        try:
            if token is None:
                token = await self._token_of(connection)
            return await self._viewer_of(token, host_of(connection)), token
        except (MissingToken, InvalidToken, UnfetchedKey):
            await self._rate_limiter.count_failure(host_of(connection))
            raise

    async def _viewer_of(self, token: str, host: str | None) -> Viewer:
        try:
            return self._authenticator.viewer_of(token)
        except (NoKeys, UnknownKey):
            await self._authenticator.refresh_keys(client_network(host))
            return self._authenticator.viewer_of(token)

    async def _token_of(self, connection: HTTPConnection) -> str:
        names = [name for name, _ in connection.scope["headers"]]
        if names.count(b"authorization") > 1:
            raise InvalidToken("There is more than one Authorization header: send exactly one.")
        credentials = await self._bearer(connection)
        if credentials is None:
            raise MissingToken("Send a token: `Authorization: Bearer <token>`.")
        token: str = credentials.credentials
        return token


def host_of(connection: HTTPConnection) -> str | None:
    return None if connection.client is None else connection.client.host
