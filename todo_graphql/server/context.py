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
from todo_graphql.store.database import Database

bearer = HTTPBearer(auto_error=False)
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


ContextGetter: TypeAlias = Callable[
    [HTTPConnection, HTTPAuthorizationCredentials | None], Awaitable[Context]
]


def context_getter(authenticator: Authenticator, database: Database) -> ContextGetter:
    """The way into every route that has to know who asks, and a dependency for FastAPI.

    It raises MissingToken or InvalidToken before anything of the body is read.
    """

    async def get_context(connection: HTTPConnection, credentials: Credentials) -> Context:
        if len(connection.headers.getlist("authorization")) > 1:
            raise InvalidToken("There is more than one Authorization header.")
        if credentials is None:
            raise MissingToken("Send a token: `Authorization: Bearer <token>`.")
        try:
            viewer = authenticator.viewer_of(credentials.credentials)
        except (NoKeys, UnknownKey):
            await authenticator.renew_keys()
            viewer = authenticator.viewer_of(credentials.credentials)
        exchange = current.get()
        assert exchange is not None, "Every request passes the boundary."
        exchange.context = Context(viewer, database.connect_as(viewer), exchange.id)
        return exchange.context

    return get_context
