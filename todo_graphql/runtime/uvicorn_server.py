"""Running the application under uvicorn, in this process or in several."""

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType

import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE

from todo_graphql.runtime.preflight import refuse_unsafe_database, refuse_unusable, told_by_the_log
from todo_graphql.runtime.supervisor import Heartbeat, Processes, Seat
from todo_graphql.server import routes
from todo_graphql.server.app import create_app
from todo_graphql.server.observability import logs
from todo_graphql.server.protocol.http1 import HTTP1Protocol
from todo_graphql.server.sockets import authority, listener_at, reason_of
from todo_graphql.settings.settings import ConfigurationError, Settings

logger = logging.getLogger(__name__)

GRACE = 10
"""Seconds that requests have to finish when the server is told to stop."""


class Stop:
    """Remembers the signal that asked this process to stop.

    A handler that raises would get lost now and then: in a destructor, or while psycopg2 is
    imported. What has been started is stopped by whoever looks here before the next step.
    """

    def __init__(self) -> None:
        self.signal: int | None = None

    def check(self) -> None:
        """Raises SystemExit, with the code that shells use for it, once there was a signal."""
        if self.signal is not None:
            raise SystemExit(128 + self.signal)


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


def waiting_at(listener: socket.socket) -> list[socket.socket]:
    """Close the socket, and answer the clients that have connected and that nobody has taken yet.
    The system would reset their connections with its end, whatever they have sent.
    """
    listener.settimeout(0)
    clients = []
    with listener, suppress(OSError):  # there is no other one
        while True:
            clients.append(listener.accept()[0])
    for client in clients:
        client.settimeout(0)
    return clients


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


@contextmanager
def stopping_in_good_order() -> Iterator[Stop]:
    """Note the signals that stop us, but for those that uvicorn takes care of meanwhile."""
    stop = Stop()

    def note(number: int, _frame: FrameType | None) -> None:
        stop.signal = number

    def hang_up(number: int, frame: FrameType | None) -> None:
        if signal.getsignal(signal.SIGTERM) is note:
            note(number, frame)
        else:
            signal.raise_signal(signal.SIGTERM)  # which uvicorn knows, and SIGHUP it does not

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as it is under `nohup`
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, hang_up)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def listening(settings: Settings) -> Iterator[socket.socket]:
    """A socket on HOST and PORT. Raises ConfigurationError when somebody else has it."""
    try:
        listener = listener_at(settings.host, settings.port)
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(
            f"Cannot listen on {authority(settings.host, settings.port)} ({reason_of(error)}): "
            "choose another PORT or HOST."
        ) from None
    with listener:
        # asyncio sets this only on sockets that say they are TCP, and Python's do not. Without
        # it each answer waits for the client's delayed acknowledgement: some 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.set_inheritable(True)
        yield listener


def url_of(listener: socket.socket) -> str:
    """Where the API is, for somebody on this machine."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound
    return f"http://{authority(host, port)}{routes.GRAPHQL}"
