"""The data: one PostgreSQL with made-up users and tasks, kept for the next time."""

import fcntl
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
from pydantic import SecretStr

from benchmarks.workloads import CREATED_TITLE, People, Person
from tests.support.administrators import administrator
from todo_graphql.dev.command import token_for
from todo_graphql.dev.postgres import EmbeddedPostgres
from todo_graphql.settings.settings import ConfigurationError, Settings
from todo_graphql.store.maintenance.seed import sample_users, seed
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres import migrations
from todo_graphql.store.postgres.engine import Database

CACHE = Path(__file__).parent / ".cache"
READERS = 16
WRITERS = 64
"""As many as there are connections at most: writers of one user wait for each other."""

TASKS_OF_A_PERSON = 15
TOKEN_SECONDS = 86_400

AT_REST = """
ALTER TABLE tasks SET (autovacuum_enabled = off);
ALTER TABLE users SET (autovacuum_enabled = off)
"""
TIDY = ("DELETE FROM tasks WHERE title = %s", "VACUUM (ANALYZE) tasks", "VACUUM (ANALYZE) users")


@dataclass(frozen=True, slots=True)
class World:
    """Where the data is, and who is in it."""

    settings: Settings
    people: People
    folder: Path

    @property
    def postmaster(self) -> int:
        """PostgreSQL's process id."""
        return int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])

    def tidy(self) -> None:
        """Remove what the benchmark created, and leave nothing to do behind its back."""
        with administrator(self.settings) as connection, connection.cursor() as cursor:
            cursor.execute(TIDY[0], (CREATED_TITLE,))
            for statement in TIDY[1:]:
                cursor.execute(statement)


@contextmanager
def world(users: int, tasks: int) -> Iterator[World]:
    """PostgreSQL with so many users and tasks, which are made the first time."""
    folder = CACHE / f"postgres-{users}-{tasks}"
    CACHE.mkdir(exist_ok=True)
    with alone():
        server = EmbeddedPostgres(folder, durable=False)
        try:
            server.start()
            secret = SecretStr(secrets.token_urlsafe(48))
            settings = Settings.from_environment(
                database_url=server.url, database_url_unpooled=server.url, better_auth_secret=secret
            )
            populate(settings, folder / "seeded", users, tasks)
            here = World(settings, people(settings, users), folder)
            here.tidy()
            yield here
        finally:
            server.stop()


@contextmanager
def alone() -> Iterator[None]:
    """Two at once would measure each other."""
    with (CACHE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigurationError("Another benchmark is running: wait for its end.") from None
        yield


def populate(settings: Settings, done: Path, users: int, tasks: int) -> None:
    """Migrate, and make users and tasks up unless that was done to the end before."""
    migrations.upgrade(settings)
    if done.exists():
        return
    database = Database(settings)
    try:
        with click.progressbar(length=tasks, label=f"Making {tasks:,} tasks up, once") as bar:
            for number in seed(database, sample_users(users), tasks):
                bar.update(number)
    finally:
        database.close()
    with administrator(settings) as connection, connection.cursor() as cursor:
        cursor.execute(AT_REST)
    done.touch()


def people(settings: Settings, users: int) -> People:
    """Readers and writers, all with the same number of tasks: the first user has more."""
    viewers = sample_users(users)[1 : 1 + READERS + WRITERS]
    with administrator(settings) as connection:
        persons = [person(settings, connection, viewer) for viewer in viewers]
    return People(persons[:READERS], persons[READERS:])


def person(settings: Settings, connection: Connection, viewer: Viewer) -> Person:
    """Somebody with a token, and the first tasks of theirs."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id::text FROM tasks WHERE user_id = %s AND deleted_at IS NULL AND title <> %s"
            " ORDER BY id LIMIT %s",
            (str(viewer.id), CREATED_TITLE, TASKS_OF_A_PERSON),
        )
        tasks = [row[0] for row in cursor.fetchall()]
    return Person(str(viewer.id), token_for(viewer, settings, TOKEN_SECONDS), tasks)
