"""Test servers: a new database on PostgreSQL, and the application under uvicorn."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import SecretStr
from sqlalchemy import create_engine, text

from tests.support.citus import create_cluster_database, drop_cluster_database, nodes_of
from tests.support.commands import PATIENCE
from todo_graphql.runtime.listening import graphql_url, listening
from todo_graphql.runtime.uvicorn_server import Server, uvicorn_config
from todo_graphql.server.app import create_app
from todo_graphql.settings.settings import Settings
from todo_graphql.store.postgres import migrations
from todo_graphql.store.postgres.engine import database_url

SECRET = "a secret of the tests, which guards nothing at all"


@contextmanager
def scratch_database(server: SecretStr) -> Iterator[SecretStr]:
    """Yield the URL of a new, empty database, and drop it afterwards."""
    name = f"todo_test_{uuid.uuid4().hex}"
    url = database_url(server)
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        nodes = nodes_of(connection)
        if nodes:
            create_cluster_database(url, name, nodes)
        else:
            connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        own = url.set(database=name, drivername="postgresql")
        yield SecretStr(own.render_as_string(hide_password=False))
    finally:
        with admin.connect() as connection:
            if nodes:
                drop_cluster_database(url, name, nodes)
            else:
                connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()


@contextmanager
def migrated_database(server: SecretStr) -> Iterator[SecretStr]:
    """Yield the URL of a new database with all migrations."""
    with scratch_database(server) as url:
        migrations.upgrade(settings_for(url))
        yield url


def migrated_to(url: SecretStr, revision: str = "head") -> None:
    """Upgrade to a revision."""
    engine = create_engine(database_url(url))
    with engine.connect() as connection:
        migrations.upgrade_on(connection, revision)
    engine.dispose()


def settings_for(url: SecretStr, **given: object) -> Settings:
    """Return settings of a server on this database.

    The limit of failures is high, because all tests share an address and many send bad tokens.
    """
    usual = {
        "database_url": url,
        "better_auth_secret": SecretStr(SECRET),
        "port": 0,
        "rate_limit_failures": "1000000/second",
    }
    return Settings.from_environment(**{**usual, **given})


def variables_for(url: SecretStr) -> dict[str, str]:
    """Return the environment variables of a server process on this database."""
    return {"DATABASE_URL": url.get_secret_value(), "BETTER_AUTH_SECRET": SECRET, "PORT": "0"}


@contextmanager
def serving(settings: Settings, *, demo_token: str | None = None, grace: int = 1) -> Iterator[str]:
    """Run the application on a thread of this process, and yield its base URL.

    It must stop in time, and at the latest after the `grace` for requests in progress.
    """
    ready = threading.Event()
    with listening(settings) as listener:
        app = create_app(settings, demo_token=demo_token)
        server = Server(uvicorn_config(app, settings, grace=grace), ready.set)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            assert ready.wait(PATIENCE), "The server did not start."
            yield graphql_url(listener).removesuffix("/graphql")
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
            assert not thread.is_alive(), "The server did not stop."
