"""Running the application under uvicorn, in this process or in several."""

import asyncio
import gc
import logging
import socket
from collections.abc import Callable
from functools import partial

import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE

from todo_graphql.runtime.listening import drain_backlog, graphql_url, listening
from todo_graphql.runtime.preflight import check_database, check_settings, log_fatal_errors
from todo_graphql.runtime.signals import StopSignal, graceful_shutdown
from todo_graphql.runtime.supervisor import Heartbeat, Supervisor
from todo_graphql.server.app import create_app
from todo_graphql.server.observability import logs
from todo_graphql.server.observability.shared_metrics import SharedMetrics, sharing_metrics
from todo_graphql.server.protocol.http1 import HTTP1Protocol
from todo_graphql.settings.settings import Settings

logger = logging.getLogger(__name__)

GRACE = 10
"""Seconds that requests have to finish when the server is told to stop."""


class Server(uvicorn.Server):
    """Calls `when_ready` once it accepts requests, and ends in good order when it is hurried."""

    def __init__(self, config: uvicorn.Config, when_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._when_ready = when_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._when_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        doors = [listener.dup() for listener in sockets or ()]
        for listener in (*self.servers, *(sockets or ())):
            listener.close()
        await asyncio.sleep(0.01)  # uvloop lets go of them a turn later; ours are still open
        waiting = [client for door in doors for client in drain_backlog(door)]
        loop = asyncio.get_running_loop()
        for client in waiting:
            await loop.connect_accepted_socket(self._protocol, client)
        await super().shutdown(sockets)
        if self.force_exit:  # by a second Ctrl-C: uvicorn would drop the lifespan, with a traceback
            await self.lifespan.shutdown()

    def _protocol(self) -> asyncio.Protocol:
        return HTTP1Protocol(self.config, self.server_state, self.lifespan.state)


def serve_production(settings: Settings, workers: int) -> None:
    """Serve until told to stop.

    Raises ConfigurationError, or SystemExit once there is a log that says why.
    """
    check_settings(settings)
    logs.configure(settings)
    with log_fatal_errors():
        check_database(settings)
        serve(settings, workers)


def serve(settings: Settings, workers: int) -> None:
    """Until a signal comes, in this process or in several. Raises ConfigurationError."""
    with graceful_shutdown() as stop, listening(settings) as listener:

        def tell() -> None:
            logger.info("Listening on %s", graphql_url(listener))

        if workers == 1:
            run_worker(settings, listener, tell, stop)
        else:
            tell()
            serve_by_workers(settings, listener, workers, stop)


def serve_by_workers(
    settings: Settings, listener: socket.socket, workers: int, stop: StopSignal
) -> None:
    """Serve in several processes, which share the listener and the metrics."""
    with sharing_metrics(settings) as shared:
        if shared is None:
            settings = settings.model_copy(update={"metrics_port": None})
        processes = Supervisor(
            partial(run_numbered_worker, settings, listener, shared),
            workers,
            listener.close,
            on_death=None if shared is None else shared.record_death,
        )
        freeze_objects()
        stop.check()  # for signals before that: it takes care of them from there on
        processes.run()


def run_numbered_worker(
    settings: Settings,
    listener: socket.socket,
    shared: SharedMetrics | None,
    heartbeat: Heartbeat,
) -> None:
    """Serve in one of several processes."""
    with log_fatal_errors(), graceful_shutdown() as stop:
        run_worker(settings, listener, heartbeat.start, stop, shared)


def run_worker(
    settings: Settings,
    listener: socket.socket,
    when_ready: Callable[[], None],
    stop: StopSignal,
    shared: SharedMetrics | None = None,
) -> None:
    """Serve in the only process, or in one of several."""
    make = partial(create_frozen_app, settings, shared)
    run(uvicorn_config(make, settings), listener, when_ready, stop)


def create_frozen_app(settings: Settings, shared: SharedMetrics | None = None) -> FastAPI:
    """The application of a process that has no other, out of the garbage collector's sight: it
    would look through a hundred thousand objects, all of which stay, several times a second when
    there is much to do, and nobody would be answered for some 70 ms each time.

    Raises SystemExit where there can be none: the next attempt would end in the same way.
    """
    try:
        app = create_app(settings, shared=shared)
    except Exception:
        logger.critical("The server cannot start.", exc_info=True)
        raise SystemExit(STARTUP_FAILURE) from None
    freeze_objects()
    return app


def freeze_objects() -> None:
    """Exempt all objects so far from garbage collection, and enable it for those to come."""
    gc.freeze()
    gc.enable()


def uvicorn_config(
    app: FastAPI | Callable[[], FastAPI],
    settings: Settings,
    *,
    grace: int = GRACE,
) -> uvicorn.Config:
    """How uvicorn runs the application, or what makes one in each process. There are no
    WebSockets before there are subscriptions, our own log line, with the request's id, stands
    for uvicorn's. A client's address is what its connection says, unless that is a proxy which we
    have been told to believe: then it is the last one in X-Forwarded-For that is no such proxy.
    """
    proxies = settings.trusted_proxies
    return uvicorn.Config(
        app,
        factory=not isinstance(app, FastAPI),
        http=HTTP1Protocol,
        ws="none",
        lifespan="on",
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        log_config=logs.configuration(settings),
        timeout_graceful_shutdown=grace,
    )


def run(
    config: uvicorn.Config,
    listener: socket.socket,
    when_ready: Callable[[], None],
    stop: StopSignal,
) -> None:
    """Serve until a signal comes, which uvicorn takes care of; then finish what was begun."""

    def ready() -> None:
        if stop.signal is None:
            when_ready()
        else:
            server.should_exit = True

    server = Server(config, ready)
    server.run(sockets=[listener])
    logger.info("Stopped.")
