"""The dataset: a PostgreSQL with sample users and tasks, which is kept between runs."""

import fcntl
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import click
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
from pydantic import SecretStr

from benchmarks.workloads import CREATED_TITLE, DELTAS, User, Users
from tests.support.administrators import administrator
from todo_graphql.dev.demo_user import token_for
from todo_graphql.dev.postgres import EmbeddedPostgres
from todo_graphql.settings.settings import ConfigurationError, Settings
from todo_graphql.store.maintenance.seed import sample_users, seed
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres import migrations
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.sync.changes import MAX_CHANGES
from todo_graphql.store.sync.cursor import FIRST_ID, SyncCursor
from todo_graphql.store.tasks.repository import Tasks

CACHE = Path(__file__).parent / ".cache"
READERS = 16
WRITERS = 64
"""The maximum of connections: writes of one user wait for each other."""

TASKS_PER_USER = 15
TOKEN_SECONDS = 86_400

DISABLE_AUTOVACUUM = """
ALTER TABLE tasks SET (autovacuum_enabled = off);
ALTER TABLE users SET (autovacuum_enabled = off)
"""
RESET = ("DELETE FROM tasks WHERE title = %s", "VACUUM (ANALYZE) tasks", "VACUUM (ANALYZE) users")


@dataclass(frozen=True, slots=True)
class Dataset:
    """A running PostgreSQL with users and tasks."""

    settings: Settings
    users: Users
    folder: Path

    @property
    def postmaster(self) -> int:
        """The process id of PostgreSQL."""
        return int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])

    def reset(self) -> None:
        """Delete tasks that the benchmark created, and vacuum the tables."""
        with administrator(self.settings) as connection, connection.cursor() as cursor:
            cursor.execute(RESET[0], (CREATED_TITLE,))
            for statement in RESET[1:]:
                cursor.execute(statement)


@contextmanager
def dataset(users: int, tasks: int) -> Iterator[Dataset]:
    """Run a PostgreSQL with these numbers of users and tasks, which the first run creates."""
    folder = CACHE / f"postgres-{users}-{tasks}"
    CACHE.mkdir(exist_ok=True)
    with exclusive_lock():
        server = EmbeddedPostgres(folder, durable=False)
        try:
            server.start()
            secret = SecretStr(secrets.token_urlsafe(48))
            settings = Settings.from_environment(
                database_url=server.url, database_url_unpooled=server.url, better_auth_secret=secret
            )
            populate(settings, folder / "seeded", users, tasks)
            data = Dataset(settings, find_users(settings, users), folder)
            data.reset()
            yield data
        finally:
            server.stop()


@contextmanager
def exclusive_lock() -> Iterator[None]:
    """Lock out other benchmarks on this checkout, which would disturb the measurement."""
    with (CACHE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigurationError("Another benchmark is running: wait until it ends.") from None
        yield


def populate(settings: Settings, done: Path, users: int, tasks: int) -> None:
    """Migrate, and create users and tasks unless an earlier run has completed that."""
    migrations.upgrade(settings, finish=True)
    if done.exists():
        return
    database = Database(settings)
    try:
        with click.progressbar(length=tasks, label=f"Creating {tasks:,} tasks, once") as bar:
            for number in seed(database, sample_users(users), tasks):
                bar.update(number)
    finally:
        database.close()
    with administrator(settings) as connection, connection.cursor() as cursor:
        cursor.execute(DISABLE_AUTOVACUUM)
    done.touch()


def find_users(settings: Settings, users: int) -> Users:
    """Return readers and writers with equally many tasks, unlike the first user."""
    viewers = sample_users(users)[1 : 1 + READERS + WRITERS]
    database = Database(settings)
    try:
        with administrator(settings) as connection:
            found = [find_user(settings, connection, viewer) for viewer in viewers]
        readers = [
            replace(user, cursors=find_cursors(database, viewer))
            for user, viewer in zip(found[:READERS], viewers, strict=False)
        ]
    finally:
        database.close()
    return Users(readers, found[READERS:])


def find_cursors(database: Database, viewer: Viewer) -> dict[int, str]:
    """Return the cursors before the last changes of a user, by the number of these changes."""
    places, has_more, cursor = list[SyncCursor](), True, None
    with database.connect_as(viewer) as connection:
        while has_more:
            page = Tasks(connection).changes(cursor, MAX_CHANGES)
            cursor, has_more = SyncCursor.decode(page.cursor, "since"), page.has_more
            places += [
                cursor._replace(revision=change.revision, task_id=change.id)
                for change in page.changes
            ]
    assert cursor is not None
    places = [cursor._replace(revision=0, task_id=FIRST_ID), *places[:-1], cursor]
    return {size: places[max(0, len(places) - 1 - size)].encode() for size in DELTAS}


def find_user(settings: Settings, connection: Connection, viewer: Viewer) -> User:
    """Return a user with a token and the ids of its first tasks."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id::text FROM tasks WHERE user_id = %s AND deleted_at IS NULL AND title <> %s"
            " ORDER BY id LIMIT %s",
            (str(viewer.id), CREATED_TITLE, TASKS_PER_USER),
        )
        tasks = [row[0] for row in cursor.fetchall()]
    return User(str(viewer.id), token_for(viewer, settings, TOKEN_SECONDS), tasks)
