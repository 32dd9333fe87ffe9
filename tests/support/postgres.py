"""An embedded PostgreSQL as processes, which can be ended, or made to stand still."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.support.servers import settings_for
from todo_graphql.dev.postgres import EmbeddedPostgres
from todo_graphql.store.postgres import migrations


@contextmanager
def migrated_server(folder: Path) -> Iterator[EmbeddedPostgres]:
    """One that runs, migrated, which a test may stop."""
    server = EmbeddedPostgres(folder, durable=False)
    server.start()
    try:
        migrations.upgrade(settings_for(server.url))
        yield server
    finally:
        server.stop()


def processes_of(server: EmbeddedPostgres) -> list[psutil.Process]:
    """All of one that runs, the first one first."""
    postmaster = server.postmaster()
    assert postmaster is not None, "It does not run."
    return [postmaster, *postmaster.children(recursive=True)]


def kill(server: EmbeddedPostgres) -> None:
    """End it in the middle of whatever it is doing."""
    for process in processes_of(server):
        with suppress(psutil.NoSuchProcess):
            process.kill()


@contextmanager
def frozen(server: EmbeddedPostgres) -> Iterator[None]:
    """None of its processes does anything. Its sockets stay open."""
    processes = processes_of(server)
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()
