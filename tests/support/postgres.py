"""Processes of an embedded PostgreSQL, which tests kill or suspend."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.support.servers import settings_for
from todo_graphql.dev.postgres import EmbeddedPostgres
from todo_graphql.store.postgres import migrations


@contextmanager
def migrated_server(folder: Path) -> Iterator[EmbeddedPostgres]:
    """Yield a running, migrated server, which a test may stop."""
    server = EmbeddedPostgres(folder, durable=False)
    server.start()
    try:
        migrations.upgrade(settings_for(server.url))
        yield server
    finally:
        server.stop()


def processes_of(server: EmbeddedPostgres) -> list[psutil.Process]:
    """Return the processes of a running server, the postmaster first."""
    postmaster = server.postmaster()
    assert postmaster is not None, "The server does not run."
    return [postmaster, *postmaster.children(recursive=True)]


def kill(server: EmbeddedPostgres) -> None:
    """Send SIGKILL to all processes of the server."""
    for process in processes_of(server):
        with suppress(psutil.NoSuchProcess):
            process.kill()


@contextmanager
def frozen(server: EmbeddedPostgres) -> Iterator[None]:
    """Suspend all processes of the server. Its sockets stay open."""
    processes = processes_of(server)
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()
