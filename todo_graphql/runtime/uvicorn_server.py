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

from todo_graphql.runtime.listening import listening, url_of, waiting_at
from todo_graphql.runtime.preflight import refuse_unsafe_database, refuse_unusable, told_by_the_log
from todo_graphql.runtime.signals import Stop, stopping_in_good_order
from todo_graphql.runtime.supervisor import Heartbeat, Processes, Seat
from todo_graphql.server.app import create_app
from todo_graphql.server.observability import logs
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
        waiting = [client for door in doors for client in waiting_at(door)]
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
    refuse_unusable(settings, workers)
    logs.configure(settings)
    with told_by_the_log():
        refuse_unsafe_database(settings)
        serve(settings, workers)


def serve(settings: Settings, workers: int) -> None:
    """Until a signal comes, in this process or in several. Raises ConfigurationError."""
    with stopping_in_good_order() as stop, listening(settings) as listener:

        def tell() -> None:
            logger.info("Listening on %s", url_of(listener))

        if workers == 1:
            work(settings, listener, tell, stop)
        else:
            tell()
            several = Processes(partial(work_beside, settings, listener), workers, listener.close)
            keep_what_exists()
            stop.check()  # for signals before that: it takes care of them from there on
            several.run()


def work_beside(
    settings: Settings, listener: socket.socket, seat: Seat, heartbeat: Heartbeat
) -> None:
    """What one of several processes does. Its metrics are where its predecessor's were."""
    if settings.metrics_port is not None:
        own = {"metrics_port": settings.metrics_port + seat.number}
        settings = settings.model_copy(update=own)
    with told_by_the_log(), stopping_in_good_order() as stop:
        work(settings, listener, heartbeat.start, stop, seat.deaths)


def work(
    settings: Settings,
    listener: socket.socket,
    when_ready: Callable[[], None],
    stop: Stop,
    predecessors: int = 0,
) -> None:
    """What the only process does that serves, or one of several."""
    make = partial(create_lasting_app, settings, predecessors)
    run(configuration(make, settings), listener, when_ready, stop)


def create_lasting_app(settings: Settings, predecessors: int = 0) -> FastAPI:
    """The application of a process that has no other, out of the garbage collector's sight: it
    would look through a hundred thousand objects, all of which stay, several times a second when
    there is much to do, and nobody would be answered for some 70 ms each time.

    Raises SystemExit where there can be none: the next attempt would end in the same way.
    """
    try:
        app = create_app(settings, predecessors=predecessors)
    except Exception:
        logger.critical("The server cannot start.", exc_info=True)
        raise SystemExit(STARTUP_FAILURE) from None
    keep_what_exists()
    return app


def keep_what_exists() -> None:
    """Exempt all objects so far from garbage collection, and enable it for those to come."""
    gc.freeze()
    gc.enable()


def configuration(
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
    config: uvicorn.Config, listener: socket.socket, when_ready: Callable[[], None], stop: Stop
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
