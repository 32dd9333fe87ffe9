"""The application, put together from its settings."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp

from todo_graphql.api.limits import Limits
from todo_graphql.api.schema import Schema
from todo_graphql.config import Settings
from todo_graphql.errors import Problem
from todo_graphql.server import paths
from todo_graphql.server.auth import Authenticator
from todo_graphql.server.boundary import RATE_HEADERS, Boundary, Observer
from todo_graphql.server.context import context_getter
from todo_graphql.server.export import export_router
from todo_graphql.server.graphiql import graphiql_router
from todo_graphql.server.graphql import Endpoint, OtherMethods, Shortcut
from todo_graphql.server.health import health_router
from todo_graphql.server.imports import import_router
from todo_graphql.server.observation import Observation
from todo_graphql.server.problems import on_http_exception, on_problem
from todo_graphql.server.rates import Rates
from todo_graphql.server.readiness import Readiness
from todo_graphql.server.sources import Sources
from todo_graphql.server.workers import Shares, Workers
from todo_graphql.store import outages
from todo_graphql.store.database import Database
from todo_graphql.store.prepared import STATEMENT_CACHE

EXPOSED_HEADERS = (
    "content-disposition",
    "retry-after",
    "x-request-id",
    *RATE_HEADERS,
)
"""What pages of other origins may read, besides what they always may."""


class Parts:
    """What the application of one process consists of."""

    def __init__(self, settings: Settings, predecessors: int = 0) -> None:
        """Raises ConfigurationError when the settings do not describe a server that may start."""
        self.authenticator = Authenticator(settings)
        self.database = Database(settings)
        outages.watch(self.database.engine)
        self.workers = Workers(settings.max_connections, settings.max_waiting)
        self.shares = Shares(self.workers)
        self.readiness = Readiness(self.database)
        self.rates = Rates(settings)
        self.schema = schema_of(settings)
        self.get_context = context_getter(self.authenticator, self.database, self.rates)
        self.observation = Observation(settings, self._sources(predecessors))

    def _sources(self, predecessors: int) -> Sources:
        return Sources(
            self.database.pool,
            self.shares,
            caches={
                "documents": self.schema.documents.cache,
                "statements": STATEMENT_CACHE,
                "tokens": self.authenticator.cache,
            },
            predecessors=predecessors,
        )

    @asynccontextmanager
    async def at_work(self, _app: FastAPI) -> AsyncIterator[None]:
        """For as long as the server runs."""
        with self.observation.going_on():
            async with self.authenticator.keys_kept_fresh():
                yield
        self.workers.close()
        self.rates.close()
        self.database.close()


def create_app(
    settings: Settings, *, demo_token: str | None = None, predecessors: int = 0
) -> FastAPI:
    """The server. With a `demo_token` GraphiQL is signed in, for whoever can load it: by a name of
    this machine's. So many `predecessors` have died before this process.

    Raises ConfigurationError when the settings do not describe a server that may start.
    """
    parts = Parts(settings, predecessors)
    get_context, readiness, shares = parts.get_context, parts.readiness, parts.shares
    timeout = settings.request_timeout
    app = framework(parts.at_work)
    app.include_router(health_router(parts.authenticator, readiness, parts.workers, timeout))
    app.include_router(export_router(get_context, readiness, shares, timeout))
    app.include_router(import_router(get_context, readiness, shares, timeout))
    if settings.graphiql:
        app.include_router(graphiql_router(demo_token, settings.host))
    allowed = "GET, HEAD, POST" if settings.graphiql else "POST"
    app.router.routes.append(Route(paths.GRAPHQL, OtherMethods(allowed)))
    operations = Endpoint(settings, parts.schema, get_context, readiness, shares)
    app.add_middleware(Shortcut, endpoint=operations)
    add_middleware(app, settings, parts.observation.observers)
    return app


def schema_of(settings: Settings) -> Schema:
    """The schema as the settings want it executed."""
    return Schema(
        Limits.of(settings),
        introspection=settings.introspection,
        executor=settings.executor,
        expose_cost=settings.expose_cost,
    )


class Framework(FastAPI):
    """FastAPI, without the middleware that answers whatever nobody has caught: the boundary does
    that, and two more calls around each message would take their time.
    """

    def build_middleware_stack(self) -> ASGIApp:
        """What `add_middleware` was given, from the outermost on."""
        outermost = super().build_middleware_stack()
        assert isinstance(outermost, ServerErrorMiddleware)
        return outermost.app


def framework(lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]]) -> FastAPI:
    """FastAPI, without what nobody here asks for."""
    app = Framework(
        title="todo-graphql",
        openapi_url=None,
        lifespan=lifespan,
        # A redirect to the same path without a slash would name the host that the client named,
        # and send the token there.
        redirect_slashes=False,
        # Each request would look for somebody who takes it.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(HTTPException, on_http_exception)
    return app


def add_middleware(app: FastAPI, settings: Settings, observers: list[Observer]) -> None:
    """What stands around everything."""
    if not settings.cors_origins:
        app.add_middleware(Boundary, observers=observers)
        return
    cors = partial(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_methods=["GET", "POST"],
        allow_headers=["authorization", "content-type", "x-request-id"],
        expose_headers=EXPOSED_HEADERS,
    )
    app.add_middleware(Boundary, observers=observers, cors=cors)
