"""The composition of the HTTP application from its settings."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Route, WebSocketRoute

from todo_graphql.api.documents.limits import Limits
from todo_graphql.api.schema import Schema
from todo_graphql.errors import Problem
from todo_graphql.server import routes
from todo_graphql.server.auth.dependency import ContextGetter
from todo_graphql.server.auth.tokens import Authenticator
from todo_graphql.server.endpoints.export_tasks import export_router
from todo_graphql.server.endpoints.graphiql import GraphiQLPage
from todo_graphql.server.endpoints.graphql import GraphQLEndpoint
from todo_graphql.server.endpoints.graphql_websocket import WebSocketEndpoint
from todo_graphql.server.endpoints.health import health_router
from todo_graphql.server.endpoints.import_tasks import import_router
from todo_graphql.server.fair_queue import FairQueue
from todo_graphql.server.http.cors import CORS, AllowedOrigins
from todo_graphql.server.http.error_responses import on_http_exception, on_problem
from todo_graphql.server.http.middleware import RequestMiddleware
from todo_graphql.server.http.unsent_responses import UnsentResponses
from todo_graphql.server.live.channels import create_channel
from todo_graphql.server.live.event_reader import EventReader
from todo_graphql.server.live.hub import Hub
from todo_graphql.server.live.streams import END_STREAMS, LiveStreams
from todo_graphql.server.live.websocket_services import SocketServices, require_socket_slot
from todo_graphql.server.observability.live_statistics import LiveStatistics
from todo_graphql.server.observability.request_record import Observer
from todo_graphql.server.observability.setup import Observability
from todo_graphql.server.observability.shared_metrics import SharedMetrics
from todo_graphql.server.observability.sources import Sources
from todo_graphql.server.operation_runner import OperationRunner
from todo_graphql.server.rate_limits.limiter import RateLimiter
from todo_graphql.server.readiness import Readiness
from todo_graphql.server.slots import Slots
from todo_graphql.server.thread_pool import ThreadPool
from todo_graphql.settings.settings import Settings
from todo_graphql.store.postgres import outages
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.postgres.statement_cache import STATEMENT_CACHE


class Components:
    """The long-lived objects of one process."""

    def __init__(self, settings: Settings, shared: SharedMetrics | None = None) -> None:
        self.authenticator = Authenticator(settings)
        self.statistics = LiveStatistics()
        self.hub = Hub(create_channel(settings), self.statistics)
        self.database = Database(settings, self.hub.publish)
        outages.watch(self.database.engine)
        self.thread_pool = ThreadPool(settings.max_connections, settings.max_waiting)
        self.queue = FairQueue(self.thread_pool)
        self.readiness = Readiness(self.database)
        self.rate_limiter = RateLimiter(settings)
        self.schema = create_schema(settings)
        self.get_context = ContextGetter(self.authenticator, self.database, self.rate_limiter)
        self.runner = OperationRunner(
            self.schema, self.readiness, self.queue, settings.request_timeout
        )
        reader = EventReader(self.runner, max_reads=self.queue.max_per_owner)
        self.streams = LiveStreams(self.hub, reader, self.statistics)
        self.observability = Observability(settings, self._sources(), shared)

    def _sources(self) -> Sources:
        return Sources(
            self.database.pool,
            self.queue,
            caches={
                "documents": self.schema.documents.cache,
                "statements": STATEMENT_CACHE,
                "tokens": self.authenticator.cache,
            },
            live=self.statistics,
        )

    @asynccontextmanager
    async def lifespan(self, _app: FastAPI) -> AsyncIterator[dict[str, Callable[[], None]]]:
        """Run the background work of the server, and close all components at shutdown.

        Yields the state of the lifespan: the server ends the streams before it waits for requests.
        """
        with self.observability.running():
            async with self.authenticator.keys_kept_fresh(), self.streams.running():
                yield {END_STREAMS: self.streams.close}
        self.thread_pool.close()
        self.rate_limiter.close()
        self.database.close()


def create_app(
    settings: Settings, *, demo_token: str | None = None, shared: SharedMetrics | None = None
) -> FastAPI:
    """Return the application.

    A `demo_token` signs GraphiQL in. `shared` are the metrics of several processes. Raises
    ConfigurationError for invalid settings.
    """
    components = Components(settings, shared)
    get_context, readiness = components.get_context, components.readiness
    queue, timeout = components.queue, settings.request_timeout
    app = FastAPI(
        title="todo-graphql",
        openapi_url=None,
        lifespan=components.lifespan,
        # A redirect would name the host of the request's Host header, and send the token there.
        redirect_slashes=False,
        # The record of a request is the source of traces and metrics.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        exception_handlers={Problem: on_problem, HTTPException: on_http_exception},
    )
    page = GraphiQLPage(demo_token, settings, components.schema) if settings.graphiql else None
    app.router.routes += graphql_routes(settings, components, page)
    app.include_router(export_router(get_context, readiness, queue, timeout))
    app.include_router(import_router(get_context, readiness, queue, timeout))
    app.include_router(
        health_router(components.authenticator, readiness, components.thread_pool, timeout)
    )
    add_middleware(app, settings, components.observability.observers)
    return app


def graphql_routes(
    settings: Settings, components: Components, page: GraphiQLPage | None
) -> list[BaseRoute]:
    """Return the routes of /graphql over HTTP and over WebSocket."""
    unsent = UnsentResponses(settings.max_response_bytes)
    get_context, streams = components.get_context, components.streams
    runner = components.runner
    endpoint = GraphQLEndpoint(settings, runner, get_context, streams, unsent, page)
    services = SocketServices(
        runner,
        get_context,
        streams,
        unsent,
        Slots(require_socket_slot),
        components.observability.observers,
    )
    websocket = WebSocketEndpoint(services, AllowedOrigins(settings.cors_origins))
    return [Route(routes.GRAPHQL, endpoint), WebSocketRoute(routes.GRAPHQL, websocket.serve)]


def create_schema(settings: Settings) -> Schema:
    return Schema(
        Limits.from_settings(settings),
        introspection=settings.introspection,
        executor=settings.executor,
        expose_cost=settings.expose_cost,
    )


def add_middleware(app: FastAPI, settings: Settings, observers: list[Observer]) -> None:
    if not settings.cors_origins:
        app.add_middleware(RequestMiddleware, observers=observers)
        return
    cors = partial(CORS, allowed=AllowedOrigins(settings.cors_origins))
    app.add_middleware(RequestMiddleware, observers=observers, cors=cors)
