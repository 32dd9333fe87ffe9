"""Uvicorn server of the application, in one process or in several workers."""

import asyncio
import gc
import logging
import socket
import sys
from collections.abc import Callable
from functools import partial

import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE

from todo_graphql.runtime.heap import return_freed_memory
from todo_graphql.runtime.listening import drain_backlog, graphql_url, listening
from todo_graphql.runtime.preflight import check_database, log_fatal_errors
from todo_graphql.runtime.signals import StopSignal, graceful_shutdown
from todo_graphql.runtime.supervisor import Heartbeat, Supervisor
from todo_graphql.server.app import create_app
from todo_graphql.server.live.streams import END_STREAMS
from todo_graphql.server.observability import log_configuration
from todo_graphql.server.observability.shared_metrics import SharedMetrics, sharing_metrics
from todo_graphql.server.protocol.http1 import HTTP1Protocol
from todo_graphql.server.protocol.limits import MAX_MESSAGE_BYTES
from todo_graphql.server.protocol.websocket import WebSocketProtocol
from todo_graphql.settings.settings import Settings

logger = logging.getLogger(__name__)

SWITCH_SECONDS = 0.001
"""The time after which a busy thread yields the interpreter to one that waits. Python's default of
5 ms multiplies the response times of others.
"""

GRACE = 10
"""The seconds in which requests can finish after the server is asked to stop."""


class Server(uvicorn.Server):
    """Server that calls `when_ready` once it accepts requests, and drains its backlog."""

    def __init__(self, config: uvicorn.Config, when_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._when_ready = when_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._when_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        duplicates = [listener.dup() for listener in sockets or ()]
        for listener in (*self.servers, *(sockets or ())):
            listener.close()
        await asyncio.sleep(0.01)  # uvloop closes its listeners in the next iteration
        waiting = [client for duplicate in duplicates for client in drain_backlog(duplicate)]
        loop = asyncio.get_running_loop()
        for client in waiting:
            await loop.connect_accepted_socket(self._protocol, client)
        # The clients of streams subscribe again, and reach another process.
        end_streams = self.lifespan.state.get(END_STREAMS)
        if end_streams is not None:
            end_streams()
        await super().shutdown(sockets)
        if self.force_exit:  # after a second Ctrl-C uvicorn would skip the lifespan's shutdown
            await self.lifespan.shutdown()

    def _protocol(self) -> asyncio.Protocol:
        return HTTP1Protocol(self.config, self.server_state, self.lifespan.state)


def serve_production(settings: Settings, workers: int) -> None:
    """Serve with checked settings until a signal arrives. Raises SystemExit for logged failures."""
    log_configuration.configure(settings)
    with log_fatal_errors():
        check_database(settings)
        serve(settings, workers)


def serve(settings: Settings, workers: int) -> None:
    """Serve in this process or in several workers. Raises ConfigurationError."""
    with graceful_shutdown() as stop, listening(settings) as listener:

        def announce() -> None:
            logger.info("Listening on %s", graphql_url(listener))

        if workers == 1:
            run_worker(settings, listener, announce, stop)
        else:
            announce()
            serve_by_workers(settings, listener, workers, stop)


def serve_by_workers(
    settings: Settings, listener: socket.socket, workers: int, stop: StopSignal
) -> None:
    """Serve in several workers, which share the listener and the metrics."""
    with sharing_metrics(settings) as shared:
        if shared is None:
            settings = settings.model_copy(update={"metrics_port": None})
        supervisor = Supervisor(
            partial(run_numbered_worker, settings, listener, shared),
            workers,
            listener.close,
            on_death=None if shared is None else shared.record_death,
        )
        freeze_objects()
        stop.check()  # for signals that arrived before the supervisor handled them
        supervisor.run()


def run_numbered_worker(
    settings: Settings,
    listener: socket.socket,
    shared: SharedMetrics | None,
    heartbeat: Heartbeat,
) -> None:
    """Serve in one of several workers."""
    with log_fatal_errors(), graceful_shutdown() as stop:
        run_worker(settings, listener, heartbeat.start, stop, shared)


def run_worker(
    settings: Settings,
    listener: socket.socket,
    when_ready: Callable[[], None],
    stop: StopSignal,
    shared: SharedMetrics | None = None,
) -> None:
    """Serve in this process until a signal arrives."""
    return_freed_memory()
    factory = partial(create_frozen_app, settings, shared)
    run(uvicorn_config(factory, settings), listener, when_ready, stop)


def create_frozen_app(settings: Settings, shared: SharedMetrics | None = None) -> FastAPI:
    """Create the application, and exempt its objects from garbage collection (decision 0015).

    Raises SystemExit with an exit code that the supervisor does not retry.
    """
    try:
        app = create_app(settings, shared=shared)
    except Exception:
        logger.critical("The server cannot start.", exc_info=True)
        raise SystemExit(STARTUP_FAILURE) from None
    sys.setswitchinterval(SWITCH_SECONDS)
    freeze_objects()
    return app


def freeze_objects() -> None:
    """Exempt all present objects from garbage collection, and enable it for later ones."""
    gc.freeze()
    gc.enable()


def uvicorn_config(
    app: FastAPI | Callable[[], FastAPI],
    settings: Settings,
    *,
    grace: int = GRACE,
) -> uvicorn.Config:
    """Return uvicorn's configuration for an application, or for a factory of one.

    The log line of a request replaces uvicorn's access log. The address of a client is that of its
    connection. Behind trusted proxies it is the last address in X-Forwarded-For that is not theirs.
    """
    proxies = settings.trusted_proxies
    return uvicorn.Config(
        app,
        factory=not isinstance(app, FastAPI),
        http=HTTP1Protocol,
        ws=WebSocketProtocol,
        ws_max_size=min(settings.max_body_bytes, MAX_MESSAGE_BYTES),
        lifespan="on",
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        log_config=log_configuration.configuration(settings),
        timeout_graceful_shutdown=grace,
    )


def run(
    config: uvicorn.Config,
    listener: socket.socket,
    when_ready: Callable[[], None],
    stop: StopSignal,
) -> None:
    """Serve until uvicorn receives a signal, and then finish the requests in progress."""

    def ready() -> None:
        if stop.signal is None:
            when_ready()
        else:
            server.should_exit = True

    server = Server(config, ready)
    server.run(sockets=[listener])
    logger.info("Stopped.")
