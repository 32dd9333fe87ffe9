"""The application with its dependencies: session and current user."""

import os
import uuid
from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from jose import JWTError, jwt
from sqlmodel import Session, create_engine
from strawberry.fastapi import GraphQLRouter

from benchmarks.tutorial_server.context import Context
from benchmarks.tutorial_server.schema import schema

SECRET = os.environ["BETTER_AUTH_SECRET"]

# A request keeps its connection until its response, and resolvers block the event loop: with fewer
# connections than concurrent requests it would deadlock.
engine = create_engine(
    os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg2:", 1),
    pool_size=64,
    max_overflow=0,
)


def get_session() -> Iterator[Session]:
    with Session(engine) as session:
        yield session


def current_user(
    credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())],
) -> uuid.UUID:
    try:
        claims = jwt.decode(credentials.credentials, SECRET, algorithms=["HS256"])
        return uuid.UUID(claims["sub"])
    except (JWTError, KeyError, ValueError):
        raise HTTPException(401, "The token is invalid.") from None


def get_context(
    session: Annotated[Session, Depends(get_session)],
    user_id: Annotated[uuid.UUID, Depends(current_user)],
) -> Context:
    return Context(session, user_id)


app = FastAPI()
app.include_router(GraphQLRouter(schema, context_getter=get_context), prefix="/graphql")
