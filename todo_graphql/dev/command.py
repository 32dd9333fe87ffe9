"""The command `dev`: the server with an embedded PostgreSQL, a secret and a demo user."""

import json
import sys
import textwrap
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

import click

from todo_graphql.dev.postgres_binaries import NOT_INSTALLED, EmbeddedPostgresError
from todo_graphql.dev.workspace import FOLDER, settings_with_secret, workspace
from todo_graphql.runtime.listening import graphql_url, listening
from todo_graphql.runtime.preflight import check_database, check_telemetry
from todo_graphql.runtime.signals import graceful_shutdown
from todo_graphql.runtime.uvicorn_server import run, uvicorn_config
from todo_graphql.server.app import create_app
from todo_graphql.server.auth.tokens import sign
from todo_graphql.server.observability import logs
from todo_graphql.settings.settings import Settings
from todo_graphql.store.maintenance.seed import sample_users, seed
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres import migrations
from todo_graphql.store.postgres.engine import Database

if TYPE_CHECKING:
    from todo_graphql.dev.postgres import EmbeddedPostgres

DEMO_USER = Viewer(uuid.UUID("d0d0d0d0-0000-4000-8000-000000000001"), "demo@example.com")
DEMO_TOKEN_DAYS = 7
WATCH_INTERVAL_SECONDS = 0.5
"""The time between two checks of the embedded PostgreSQL."""

GRACE_SECONDS = 3
"""The time in which requests can finish after Ctrl-C. Short, because a developer is waiting."""


def run_dev(settings: Settings) -> None:
    """Serve until a signal arrives, and then stop the embedded PostgreSQL."""
    with (
        graceful_shutdown() as stop,
        listening(settings) as listener,
        workspace(FOLDER),
    ):
        settings = settings_with_secret(development_defaults(settings), generate=True)
        settings.required_key()
        check_telemetry(settings)
        with postgresql(settings) as settings:
            stop.check()
            logs.configure(settings)
            migrations.upgrade(settings)
            check_database(settings)
            stop.check()
            token = demo_token(settings)
            app = create_app(settings, demo_token=token)
            config = uvicorn_config(app, settings, grace=GRACE_SECONDS)
            run(config, listener, lambda: click.echo(welcome(graphql_url(listener), token)), stop)


def development_defaults(settings: Settings) -> Settings:
    """Return the settings with defaults for developers where the environment sets nothing."""
    defaults = {
        "graphiql": True,
        "introspection": True,
        "expose_cost": True,
        "log_format": "text",
    }
    given = settings.model_fields_set
    update = {name: value for name, value in defaults.items() if name not in given}
    return settings.model_copy(update=update)


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
    if settings.database_url is not None:
        yield settings
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
            yield settings.model_copy(
                update={"database_url": server.url, "database_url_unpooled": server.url}
            )
    finally:
        server.stop()


def with_database_of_dev(settings: Settings) -> Settings:
    """Return the settings with a database: their own, or that of a `dev` running in this folder."""
    if settings.migration_url is not None:
        return settings
    server = embedded_postgres()
    if not server.is_running():
        return settings
    return settings.model_copy(update={"database_url": server.url})


@contextmanager
def database_here(settings: Settings) -> Iterator[Settings]:
    """Yield the settings with a migrated database.

    It is their own, or that of a `dev` running in this folder, or the one that `dev` would start.
    """
    settings = with_database_of_dev(settings)
    with ExitStack() as stack:
        if settings.database_url is None:
            stack.enter_context(workspace(FOLDER))
        settings = stack.enter_context(postgresql(settings))
        migrations.upgrade(settings)
        yield settings


def populate(settings: Settings, users: int, tasks: int) -> None:
    """Generate users and tasks. The first user is the demo user."""
    with database_here(settings) as here:
        check_database(here)
        database = Database(here)
        viewers = [DEMO_USER, *sample_users(users - 1)]
        try:
            with click.progressbar(length=tasks, label="Generating tasks", file=sys.stderr) as bar:
                for number in seed(database, viewers, tasks):
                    bar.update(number)
        finally:
            database.close()


@contextmanager
def restart_on_exit(server: "EmbeddedPostgres") -> Iterator[None]:
    """Restart the server whenever it has ended."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(WATCH_INTERVAL_SECONDS):
            if not server.is_running():
                click.echo("PostgreSQL has ended. Restarting it …")
                with suppress(EmbeddedPostgresError):  # the next check is the next attempt
                    server.start()

    watcher = threading.Thread(target=watch, name="postgresql")
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def token_for(viewer: Viewer, settings: Settings, seconds: int) -> str:
    """Return a token like those of Better Auth."""
    now = int(time.time())
    claims: dict[str, object] = {"sub": str(viewer.id), "iat": now, "exp": now + seconds}
    if viewer.email is not None:
        claims["email"] = viewer.email
    return sign(settings, claims)


def demo_token(settings: Settings) -> str | None:
    """Return a token for GraphiQL, or None if an issuer signs the tokens."""
    if settings.auth_jwks_url is not None:
        return None
    return token_for(DEMO_USER, settings, DEMO_TOKEN_DAYS * 86_400)


def welcome(url: str, token: str | None) -> str:
    """Return the message that the command prints once the server is ready."""
    if token is None:
        return f"GraphiQL, for tokens of AUTH_JWKS_URL's issuer: {url}\nCtrl-C stops the server."
    mutation = 'mutation { createTask(input: {title: "Buy milk"}) { task { id title } } }'
    return textwrap.dedent(
        f"""
        todo-graphql is ready.

          GraphiQL, signed in:  {url}
          You are:              {DEMO_USER.email} ({DEMO_USER.id})
          Your token, valid for {DEMO_TOKEN_DAYS} days:

        {token}

          Try it from another terminal:

        curl {url} \\
          -H 'Authorization: Bearer {token}' \\
          -H 'Content-Type: application/json' \\
          -d '{json.dumps({"query": mutation})}'

          `todo-graphql token --user-id <UUID>` prints a token of another user.
          Ctrl-C stops the server and its PostgreSQL; the data stays in .todo-graphql/.
        """
    )
