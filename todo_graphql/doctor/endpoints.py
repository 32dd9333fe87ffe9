"""The endpoints of the database: DATABASE_URL, and DATABASE_URL_UNPOOLED for migrations."""

import secrets
from collections.abc import Iterator
from enum import Enum
from typing import TYPE_CHECKING, cast

from pydantic import SecretStr
from sqlalchemy import URL, Connection, NullPool, create_engine, text
from sqlalchemy.exc import DBAPIError

from todo_graphql.doctor.findings import ADVICE, FATAL, GOOD, Finding
from todo_graphql.settings.settings import Settings
from todo_graphql.settings.types import address_of
from todo_graphql.store.postgres.engine import connect_arguments, database_url

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Psycopg2Connection  # noqa: N812 - it is a class

OLDEST_POSTGRESQL = 15
ROUNDS = 3
"""Rounds of looking for a shared session: on a busy pooler other clients may hide it in one."""

ENCRYPTED_MODES = ("require", "verify-ca", "verify-full")
PRIVATE_DOMAINS = ("home", "internal", "intranet", "lan", "local", "localhost", "svc")

BACKEND = text("SELECT pg_backend_pid()")
LOCK = text("SELECT pg_try_advisory_xact_lock(:key)")
VERSION = text("SHOW server_version_num")


class Path(Enum):
    """How a connection comes to a session of PostgreSQL."""

    DIRECT = "a direct endpoint"
    PROXIED = (
        "an endpoint behind a proxy or a pooler, where each connection has a session of its own"
    )
    POOLED = "a pooled endpoint, where connections share sessions"


class Endpoint:
    """One URL of the database."""

    def __init__(self, name: str, secret: SecretStr, settings: Settings) -> None:
        self.name = name
        self.url = database_url(secret)
        self.path: Path | None = None
        """None before the endpoint was examined, and where it leads to no database."""
        self._engine = create_engine(
            self.url,
            isolation_level="AUTOCOMMIT",
            poolclass=NullPool,
            connect_args=connect_arguments(settings),
        )

    def connect(self) -> Connection:
        """Open a connection, on which each statement is a transaction. Raises DBAPIError."""
        return self._engine.connect()

    def examine(self) -> Iterator[Finding]:
        """Find the server's version and the path to it, and whether the path is encrypted."""
        try:
            with self.connect() as one, self.connect() as other:
                major = int(one.execute(VERSION).scalar_one()) // 10_000
                self.path = path_of(one, other)
        except DBAPIError as error:
            yield Finding(FATAL, f"{self.name} does not lead to a database: {reason_of(error)}.")
            return
        host = self.url.host or "a local socket"
        yield Finding(GOOD, f"{self.name} names {self.path.value}: {host}.")
        mark = GOOD if major >= OLDEST_POSTGRESQL else FATAL
        yield Finding(
            mark,
            f"{self.name} leads to PostgreSQL {major}; {OLDEST_POSTGRESQL} or newer is needed.",
        )
        yield from examine_encryption(self.name, self.url)


def endpoints_of(settings: Settings) -> tuple[Endpoint, Endpoint | None]:
    """Return the server's endpoint, and the other one for migrations if there is one. Raises
    ConfigurationError.
    """
    own = Endpoint("DATABASE_URL", settings.required_database_url(), settings)
    direct = settings.database_url_unpooled
    if direct is None:
        return own, None
    return own, Endpoint("DATABASE_URL_UNPOOLED", direct, settings)


def reason_of(error: DBAPIError) -> str:
    """Return the first line of libpq's message, which names the host and the user. It is for the
    operator, and for no log.
    """
    return (str(error.orig).splitlines() or ["no reason was given"])[0].strip()


def path_of(one: Connection, other: Connection) -> Path:
    """Compare the sessions of two connections that are open at the same time.

    A pooler gives a session to a transaction: one connection meets several sessions, or both meet
    the same. The asymmetric order finds that out, whichever free session the pooler takes first.
    Poolers and proxies also make keys of their own for the cancellation of a query, which have
    another process id than the session. By itself this says nothing about sharing.
    """
    for _ in range(ROUNDS):
        first, second = backends_of(one), backends_of(other)
        if len(first) > 1 or len(second) > 1 or first & second:
            return Path.POOLED
    driver = cast("Psycopg2Connection", one.connection.driver_connection)
    return Path.DIRECT if driver.info.backend_pid in first else Path.PROXIED


def backends_of(connection: Connection) -> set[int]:
    """Return the process ids of the sessions that two transactions have."""
    return {int(connection.execute(BACKEND).scalar_one()) for _ in range(2)}


def examine_encryption(name: str, url: URL) -> Iterator[Finding]:
    """Advise against a path through public networks that may be in plain text."""
    if is_remote(url.host) and url.query.get("sslmode") not in ENCRYPTED_MODES:
        yield Finding(
            ADVICE,
            f"{name} does not demand encryption: add sslmode=verify-full, or sslmode=require, "
            "which does not check the server's certificate.",
        )


def is_remote(host: str | None) -> bool:
    """Whether public networks may lie on the path to a host."""
    if not host or host.startswith("/"):
        return False
    if address := address_of(host):
        return address.is_global
    return "." in host and host.rstrip(".").rpartition(".")[2] not in PRIVATE_DOMAINS


def examine_migration_path(own: Endpoint, direct: Endpoint | None) -> Iterator[Finding]:
    """Examine whether migrations reach the server's database, with a session of their own."""
    if direct is None:
        if own.path is Path.POOLED:
            yield Finding(
                ADVICE,
                "DATABASE_URL_UNPOOLED is not set: migrations would go through the pooler. Set it "
                "to the direct endpoint where `migrate` runs.",
            )
        return
    if direct.path is Path.POOLED:
        yield Finding(
            ADVICE,
            "DATABASE_URL_UNPOOLED names a pooled endpoint: migrations would go through the "
            "pooler. Set it to the direct endpoint.",
        )
    if own.path and direct.path and own.url != direct.url and not is_same_database(own, direct):
        yield Finding(
            FATAL,
            "DATABASE_URL_UNPOOLED leads to another database than DATABASE_URL: `migrate` and "
            "`purge` would change the wrong one.",
        )


def is_same_database(one: Endpoint, other: Endpoint) -> bool:
    """Whether a lock of one endpoint is held at the other. Names and identifiers would not do: a
    copy, such as a branch of Neon, has the same.
    """
    key = {"key": secrets.randbits(63)}
    with one.connect() as holder, other.connect() as stranger:
        holder.exec_driver_sql("BEGIN")
        holder.execute(LOCK, key)
        is_free = stranger.execute(LOCK, key).scalar_one()
        holder.exec_driver_sql("ROLLBACK")
    return not is_free
