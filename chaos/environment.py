"""Where it all happens: a PostgreSQL that loses nothing, and real servers in front of it."""

import os
import secrets
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
from pydantic import SecretStr

from chaos.servers import Server
from tests.support.administrators import administrator
from tests.support.ports import free_port
from todo_graphql.dev.command import token_for
from todo_graphql.dev.postgres import EmbeddedPostgres
from todo_graphql.settings.settings import Settings
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres import migrations

TOKEN_SECONDS = 86_400
SERVE = ("-m", "todo_graphql", "serve")


class Home:
    """One PostgreSQL for all experiments, and a way to start servers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.postgres = EmbeddedPostgres(folder / "pg", durable=True)
        self._secret = secrets.token_urlsafe(48)

    def settings(self, url: SecretStr | None = None) -> Settings:
        """Those of the servers, by the environment."""
        return Settings.from_environment(
            database_url=url or self.postgres.url,
            database_url_unpooled=self.postgres.url,
            better_auth_secret=SecretStr(self._secret),
        )

    def environment(self, url: SecretStr, given: dict[str, str]) -> dict[str, str]:
        """Nothing of what is set outside."""
        ours = {name.upper() for name in Settings.model_fields}
        outside = {name: value for name, value in os.environ.items() if name not in ours}
        own = {"DATABASE_URL": url.get_secret_value(), "BETTER_AUTH_SECRET": self._secret}
        # A few users ask here for what thousands would.
        return {**outside, **own, "LOG_LEVEL": "WARNING", "RATE_LIMIT": "none", **given}

    @contextmanager
    def serving(
        self,
        *options: str,
        url: SecretStr | None = None,
        command: Sequence[str] = SERVE,
        **given: str,
    ) -> Iterator[Server]:
        """A server that is ready, until the end of this. `given` are settings of its own."""
        environment = self.environment(url or self.postgres.url, given)
        log = self.folder / "server.log"
        server = Server([*command, *options], environment, log, free_port())
        try:
            server.start()
            server.await_ready()
            yield server
        finally:
            server.stop()

    def administrator(self) -> AbstractContextManager[Connection]:
        """A connection that sees everybody's rows, and whose statements commit one by one."""
        return administrator(self.settings())

    def query(self, sql: str, *values: object, **named: object) -> list[tuple[Any, ...]]:
        """The rows that an administrator gets."""
        with self.administrator() as connection, connection.cursor() as cursor:
            cursor.execute(sql, named or values)
            return cursor.fetchall() if cursor.description else []

    def people(self, number: int, name: str = "someone") -> list["Person"]:
        """Users whom nobody has seen before."""
        settings = self.settings()
        viewers = [Viewer(uuid.uuid4(), f"{name}-{n}@example.com") for n in range(number)]
        return [Person(str(v.id), token_for(v, settings, TOKEN_SECONDS)) for v in viewers]


class Person:
    """A user, and the token that says so."""

    def __init__(self, own_id: str, token: str) -> None:
        self.id = own_id
        self.token = token


@contextmanager
def home() -> Iterator[Home]:
    """A new one, until the end of this. Nothing of it is left."""
    with tempfile.TemporaryDirectory(prefix="todo-chaos-", ignore_cleanup_errors=True) as folder:
        own = Home(Path(folder))
        try:
            own.postgres.start()
            migrations.upgrade(own.settings())
            yield own
        finally:
            own.postgres.stop()
