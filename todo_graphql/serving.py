"""Running the application under uvicorn, in this process or in several."""

import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from todo_graphql.config import ConfigurationError, Settings
from todo_graphql.errors import Problem
from todo_graphql.server import logs
from todo_graphql.server.app import create_app_from_environment
from todo_graphql.server.auth import Authenticator
from todo_graphql.store import isolation
from todo_graphql.store.database import Database
from todo_graphql.store.failures import DatabaseFailure

logger = logging.getLogger(__name__)

GRACE = 10
"""Seconds that requests have to finish when the server is told to stop."""

STARTUP_FAILED = 3
"""The exit code that uvicorn uses for it."""


class Stopped(SystemExit):
    """A signal asked this process to stop."""


class Server(uvicorn.Server):
    """Calls `when_ready` once it accepts requests."""

    def __init__(self, config: uvicorn.Config, when_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._when_ready = when_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._when_ready()


def serve_production(settings: Settings, workers: int) -> None:
    """Serve until told to stop.

    Raises ConfigurationError or UnsafeDatabase instead of starting.
    """
    logs.configure(settings)
    Authenticator(settings)
    refuse_unsafe_database(settings)
    factory = f"{create_app_from_environment.__module__}:{create_app_from_environment.__name__}"
    config = configuration(factory, settings, workers=workers)
    with stopping_in_good_order(), listening(settings) as listener:
        if workers == 1:
            run(config, listener, lambda: logger.info("Listening on %s", url_of(listener)))
        else:
            logger.info("Listening on %s", url_of(listener))
            Multiprocess(config, [listener]).run()


def refuse_unsafe_database(settings: Settings) -> None:
    """Raises UnsafeDatabase. A database that is away, or not migrated yet, may come later:
    each process asks for the proof again before it serves.
    """
    database = Database(settings)
    try:
        isolation.prove(database)
    except (Problem, DatabaseFailure) as reason:
        logger.warning("Not ready yet: %s", reason)
    finally:
        database.close()


def configuration(
    app: FastAPI | str, settings: Settings, *, workers: int = 1, grace: int = GRACE
) -> uvicorn.Config:
    """How uvicorn runs the application. There are no WebSockets before there are subscriptions,
    and our own log line, with the request's id, stands for uvicorn's.
    """
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        workers=workers,
        ws="none",
        lifespan="on",
        access_log=False,
        server_header=False,
        log_config=logs.configuration(settings),
        timeout_graceful_shutdown=grace,
    )


def run(config: uvicorn.Config, listener: socket.socket, when_ready: Callable[[], None]) -> None:
    """Serve until a signal comes; then finish what was begun."""
    server = Server(config, when_ready)
    try:
        server.run(sockets=[listener])
    except Stopped:
        logger.info("Stopped.")
    if not server.started:
        raise SystemExit(STARTUP_FAILED)


@contextmanager
def stopping_in_good_order() -> Iterator[None]:
    """Let signals unwind the stack, so that what was started is stopped. uvicorn, once it has
    finished, raises the signal that it was stopped by again.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        raise Stopped(128 + number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def listening(settings: Settings) -> Iterator[socket.socket]:
    """A socket on HOST and PORT. Raises ConfigurationError when somebody else has it."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.create_server(address, family=family)
    except OSError as error:
        raise ConfigurationError(
            f"Cannot listen on {settings.host}:{settings.port} ({error.strerror}): "
            "choose another PORT or HOST."
        ) from None
    with listener:
        listener.set_inheritable(True)
        yield listener


def url_of(listener: socket.socket) -> str:
    """Where the API is, for somebody on this machine."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/graphql"
