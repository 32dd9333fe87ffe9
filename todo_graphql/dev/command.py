"""`dev`: everything that a newcomer would have to set up, set up."""

import fcntl
import json
import secrets
import sys
import textwrap
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
from pydantic import SecretStr

from todo_graphql.dev.postgres_binaries import NOT_INSTALLED, EmbeddedPostgresError
from todo_graphql.runtime.listening import graphql_url, listening
from todo_graphql.runtime.preflight import check_database, check_telemetry
from todo_graphql.runtime.signals import graceful_shutdown
from todo_graphql.runtime.uvicorn_server import run, uvicorn_config
from todo_graphql.server.app import create_app
from todo_graphql.server.auth.tokens import sign
from todo_graphql.server.observability import logs
from todo_graphql.settings.settings import ConfigurationError, Settings
from todo_graphql.store.maintenance.seed import sample_users, seed
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres import migrations
from todo_graphql.store.postgres.engine import Database

if TYPE_CHECKING:
    from todo_graphql.dev.postgres import EmbeddedPostgres

FOLDER = Path(".todo-graphql")
DEMO_USER = Viewer(uuid.UUID("d0d0d0d0-0000-4000-8000-000000000001"), "demo@example.com")
DEMO_TOKEN_DAYS = 7
WATCH_INTERVAL = 0.5
"""Seconds between two looks at the embedded PostgreSQL."""

GRACE = 3
"""Seconds that requests have to finish: a developer is waiting."""


def run_dev(settings: Settings) -> None:
    """Serve until told to stop; then stop the embedded PostgreSQL, too."""
    with (
        graceful_shutdown() as stop,
        listening(settings) as listener,
        workspace(FOLDER),
    ):
        settings = settings_with_secret(development_defaults(settings), make=True)
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
            config = uvicorn_config(app, settings, grace=GRACE)
            run(config, listener, lambda: click.echo(welcome(graphql_url(listener), token)), stop)


def development_defaults(settings: Settings) -> Settings:
    """What is closed in production, or meant for machines, and open here for people, unless the
    environment says otherwise.
    """
    said = settings.model_fields_set
    defaults = {
        "graphiql": True,
        "introspection": True,
        "expose_cost": True,
        "log_format": "text",
    }
    update = {name: value for name, value in defaults.items() if name not in said}
    return settings.model_copy(update=update)


@contextmanager
def workspace(folder: Path) -> Iterator[None]:
    """The folder with all that `dev` keeps, for one `dev` at a time."""
    here = folder.resolve().parent
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / ".gitignore").write_text("*\n")
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise ConfigurationError(
            f"Cannot keep data in {here / folder.name} ({error.strerror}): "
            "start where you may write."
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigurationError(
                f"Another `todo-graphql dev` is running in {here}: stop it first."
            ) from None
        yield


def settings_with_secret(settings: Settings, *, make: bool = False) -> Settings:
    """The settings; without a secret, with the one that `dev` keeps, or with a new one."""
    if settings.better_auth_secret is not None:
        return settings
    file = FOLDER / "secret"
    try:
        secret = kept_secret(file, make=make)
    except OSError as error:
        raise ConfigurationError(
            f"Cannot use {file} ({error.strerror}): set BETTER_AUTH_SECRET."
        ) from None
    return settings.model_copy(update={"better_auth_secret": secret})


def kept_secret(file: Path, *, make: bool) -> SecretStr | None:
    """What the file holds. It has its name only when it is complete."""
    if not file.exists():
        if not make:
            return None
        unfinished = file.with_name("secret.unfinished")
        unfinished.unlink(missing_ok=True)
        unfinished.touch(mode=0o600)
        unfinished.write_text(secrets.token_urlsafe(48))
        unfinished.rename(file)
    return SecretStr(file.read_text().strip())


def embedded_postgres() -> "EmbeddedPostgres":
    """Return the PostgreSQL of this folder, which may not exist yet.

    Raises EmbeddedPostgresError where none is installed.
    """
    try:
        from todo_graphql.dev.postgres import EmbeddedPostgres  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise EmbeddedPostgresError(NOT_INSTALLED) from None
    return EmbeddedPostgres(FOLDER / "postgres")


@contextmanager
def postgresql(settings: Settings) -> Iterator[Settings]:
    """The settings with a database: the one that they name, or an embedded one."""
    if settings.database_url is not None:
        yield settings
        return
    server = embedded_postgres()
    first_time = not server.folder.exists()
    click.echo("Making a PostgreSQL in .todo-graphql/ …" if first_time else "Starting PostgreSQL …")
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
    """The settings; without a database, with that of a `dev` which runs in this folder."""
    if settings.migration_url is not None:
        return settings
    server = embedded_postgres()
    if not server.is_running():
        return settings
    return settings.model_copy(update={"database_url": server.url})


@contextmanager
def database_here(settings: Settings) -> Iterator[Settings]:
    """The settings with a database: the one that they name, or that of a `dev` which runs in this
    folder, or the one that `dev` would start.
    """
    settings = with_database_of_dev(settings)
    with ExitStack() as stack:
        if settings.database_url is None:
            stack.enter_context(workspace(FOLDER))
        settings = stack.enter_context(postgresql(settings))
        migrations.upgrade(settings)
        yield settings


def populate(settings: Settings, users: int, tasks: int) -> None:
    """Make users and tasks up. The first one is the demo user."""
    with database_here(settings) as here:
        check_database(here)
        database = Database(here)
        viewers = [DEMO_USER, *sample_users(users - 1)]
        try:
            with click.progressbar(length=tasks, label="Making tasks up", file=sys.stderr) as bar:
                for number in seed(database, viewers, tasks):
                    bar.update(number)
        finally:
            database.close()


@contextmanager
def restart_on_exit(server: "EmbeddedPostgres") -> Iterator[None]:
    """Start the server again when it ends by itself, or by somebody's hand."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(WATCH_INTERVAL):
            if not server.is_running():
                click.echo("PostgreSQL has ended. Starting it again …")
                with suppress(EmbeddedPostgresError):  # the next look is the next attempt
                    server.start()

    watcher = threading.Thread(target=watch, name="postgresql")
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def token_for(viewer: Viewer, settings: Settings, seconds: int) -> str:
    """A token such as Better Auth would issue."""
    now = int(time.time())
    claims: dict[str, object] = {"sub": str(viewer.id), "iat": now, "exp": now + seconds}
    if viewer.email is not None:
        claims["email"] = viewer.email
    return sign(settings, claims)


def demo_token(settings: Settings) -> str | None:
    """For GraphiQL, where this server's tokens are not made by somebody else."""
    if settings.auth_jwks_url is not None:
        return None
    return token_for(DEMO_USER, settings, DEMO_TOKEN_DAYS * 86_400)


def welcome(url: str, token: str | None) -> str:
    """What to do next."""
    if token is None:
        return f"GraphiQL, for tokens of AUTH_JWKS_URL's issuer: {url}\nCtrl-C stops the server."
    mutation = 'mutation { createTask(input: {title: "Buy milk"}) { task { id title } } }'
    return textwrap.dedent(
        f"""
        todo-graphql is ready.

          GraphiQL, signed in:  {url}
          You are:              {DEMO_USER.email} ({DEMO_USER.id})
          Your token, good for {DEMO_TOKEN_DAYS} days:

        {token}

          Try it from another terminal:

        curl {url} \\
          -H 'Authorization: Bearer {token}' \\
          -H 'Content-Type: application/json' \\
          -d '{json.dumps({"query": mutation})}'

          `todo-graphql token --help` makes tokens of other users.
          Ctrl-C stops the server and its PostgreSQL; the data stays in .todo-graphql/.
        """
    )
