"""Who is asking: from the token of a request to the context in which it is answered."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeAlias

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection

from todo_graphql.api.context import Context
from todo_graphql.errors import InvalidToken, MissingToken
from todo_graphql.server.auth import Authenticator
from todo_graphql.server.exchanges import current
from todo_graphql.server.keys import NoKeys, UnknownKey
from todo_graphql.server.rates import Rates
from todo_graphql.store.database import Database
from todo_graphql.store.models import Viewer

bearer = HTTPBearer(auto_error=False)
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


ContextGetter: TypeAlias = Callable[
    [HTTPConnection, HTTPAuthorizationCredentials | None], Awaitable[Context]
]


def context_getter(authenticator: Authenticator, database: Database, rates: Rates) -> ContextGetter:
    """The way into every route that has to know who asks, and a dependency for FastAPI.

    It raises MissingToken or InvalidToken before anything of the body is read, and RateLimited
    for an address that sends too many such requests. A good token passes whatever its address
    has done: many people may share one, and nobody guesses a token.
    """

    async def viewer_of(connection: HTTPConnection, credentials: Credentials) -> Viewer:
        if len(connection.headers.getlist("authorization")) > 1:
            raise InvalidToken("There is more than one Authorization header.")
        if credentials is None:
            raise MissingToken("Send a token: `Authorization: Bearer <token>`.")
        try:
            return authenticator.viewer_of(credentials.credentials)
        except (NoKeys, UnknownKey):
            await authenticator.renew_keys()
            return authenticator.viewer_of(credentials.credentials)

    async def get_context(connection: HTTPConnection, credentials: Credentials) -> Context:
        try:
            viewer = await viewer_of(connection, credentials)
        except (MissingToken, InvalidToken):
            await rates.count_failure(connection.client and connection.client.host)
            raise
        exchange = current.get()
        assert exchange is not None, "Every request passes the boundary."
        own = database.connect_as(viewer)
        exchange.context = Context(viewer, own, exchange.id, rates.budget_of(viewer.id))
        return exchange.context

    return get_context
