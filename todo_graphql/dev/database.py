"""The database of the commands: the configured one, or the embedded PostgreSQL of this folder."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import click
from pydantic import SecretStr

from todo_graphql.dev.postgres_binaries import NOT_INSTALLED, EmbeddedPostgresError
from todo_graphql.dev.workspace import FOLDER, workspace
from todo_graphql.errors import ExpectedError
from todo_graphql.settings.settings import Settings
from todo_graphql.store.postgres import migrations

if TYPE_CHECKING:
    from todo_graphql.dev.postgres import EmbeddedPostgres

WATCH_INTERVAL_SECONDS = 0.5
"""The time between two checks of the embedded PostgreSQL."""


def embedded_postgres() -> "EmbeddedPostgres":
    """Return the PostgreSQL of this folder, which may not exist yet.

    Raises EmbeddedPostgresError if the extra is not installed.
    """
    try:
        from todo_graphql.dev.postgres import EmbeddedPostgres  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise EmbeddedPostgresError(NOT_INSTALLED) from None
    return EmbeddedPostgres(FOLDER / "postgres")


@contextmanager
def postgresql(settings: Settings) -> Iterator[Settings]:
    """Yield the settings with a database: their own, or an embedded one that runs meanwhile."""
    own = with_own_database(settings)
    if own is not None:
        yield own
        return
    server = embedded_postgres()
    first_time = not server.folder.exists()
    click.echo("Creating PostgreSQL in .todo-graphql/ …" if first_time else "Starting PostgreSQL …")
    try:
        try:
            server.start()
        finally:
            for notice in server.access.notices():
                click.echo(notice)
        with restart_on_exit(server):
            yield with_url(settings, server.url)
    finally:
        server.stop()


def with_own_database(settings: Settings) -> Settings | None:
    """Return the settings with DATABASE_URL, or None without a database.

    DATABASE_URL_UNPOOLED is used if DATABASE_URL is missing.
    """
    if settings.database_url is not None:
        return settings
    url = settings.database_url_unpooled
    return None if url is None else with_url(settings, url)


def with_url(settings: Settings, url: SecretStr) -> Settings:
    return settings.model_copy(update={"database_url": url, "database_url_unpooled": url})


def with_database_of_dev(settings: Settings) -> Settings:
    """Return the settings with a database: their own, or that of a `dev` running in this folder."""
    own = with_own_database(settings)
    if own is not None:
        return own
    server = embedded_postgres()
    return with_url(settings, server.url) if server.is_running() else settings


@contextmanager
def database_here(settings: Settings) -> Iterator[Settings]:
    """Yield the settings with a migrated database.

    It is their own, or that of a `dev` running in this folder, or the one that `dev` would start.
    """
    settings = with_database_of_dev(settings)
    starts = settings.database_url is None
    with ExitStack() as stack:
        if starts:
            stack.enter_context(workspace(FOLDER))
        settings = stack.enter_context(postgresql(settings))
        migrations.upgrade(settings, finish=starts)
        yield settings


@contextmanager
def restart_on_exit(server: "EmbeddedPostgres") -> Iterator[None]:
    """Restart the server whenever it has ended."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(WATCH_INTERVAL_SECONDS):
            if not server.is_running():
                click.echo("PostgreSQL has ended. Restarting it …")
                try:
                    server.start()
                except (ExpectedError, OSError) as error:  # the next check is the next attempt
                    click.echo(f"PostgreSQL cannot start: {error}")

    watcher = threading.Thread(target=watch, name="postgresql")
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
