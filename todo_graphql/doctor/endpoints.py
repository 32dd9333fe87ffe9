"""Examination of the endpoints of the database: DATABASE_URL and DATABASE_URL_UNPOOLED."""

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
    from psycopg2.extensions import connection as Psycopg2Connection  # noqa: N812 - a class

OLDEST_POSTGRESQL = 15
ROUNDS = 3
"""The rounds of the test for shared sessions: on a busy pooler one round may not find them."""

ENCRYPTED_MODES = ("require", "verify-ca", "verify-full")
PRIVATE_DOMAINS = ("home", "internal", "intranet", "lan", "local", "localhost", "svc")

BACKEND = text("SELECT pg_backend_pid()")
LOCK = text("SELECT pg_try_advisory_xact_lock(:key)")
VERSION = text("SHOW server_version_num")


class Path(Enum):
    """Relation between the connections of an endpoint and the sessions of PostgreSQL."""

    DIRECT = "a direct endpoint"
    PROXIED = (
        "an endpoint behind a proxy or a pooler, where each connection has a session of its own"
    )
    POOLED = "a pooled endpoint, where connections share sessions"


class Endpoint:
    """URL of the database, with the engine that examines it."""

    def __init__(self, name: str, secret: SecretStr, settings: Settings) -> None:
        self.name = name
        self.url = database_url(secret)
        self.path: Path | None = None
        """None before the examination, and after a failed connection."""
        self._engine = create_engine(
            self.url,
            isolation_level="AUTOCOMMIT",
            poolclass=NullPool,
            connect_args=connect_arguments(settings),
        )

    def connect(self) -> Connection:
        """Open a connection in autocommit mode. Raises DBAPIError."""
        return self._engine.connect()

    def examine(self) -> Iterator[Finding]:
        """Examine the server's version, and the path to it and its encryption."""
        try:
            with self.connect() as one, self.connect() as other:
                major = int(one.execute(VERSION).scalar_one()) // 10_000
                self.path = path_of(one, other)
        except DBAPIError as error:
            yield Finding(FATAL, f"Cannot connect to {self.name}: {reason_of(error)}.")
            return
        host = self.url.host or "a local socket"
        yield Finding(GOOD, f"{self.name} names {self.path.value}: {host}.")
        mark = GOOD if major >= OLDEST_POSTGRESQL else FATAL
        yield Finding(
            mark,
            f"{self.name} names PostgreSQL {major}; {OLDEST_POSTGRESQL} or newer is required.",
        )
        yield from examine_encryption(self.name, self.url)


def endpoints_of(settings: Settings) -> tuple[Endpoint, Endpoint | None]:
    """Return the endpoints of DATABASE_URL and DATABASE_URL_UNPOOLED.

    Raises ConfigurationError if DATABASE_URL is not set.
    """
    own = Endpoint("DATABASE_URL", settings.required_database_url(), settings)
    direct = settings.database_url_unpooled
    if direct is None:
        return own, None
    return own, Endpoint("DATABASE_URL_UNPOOLED", direct, settings)


def reason_of(error: DBAPIError) -> str:
    """Return the first line of libpq's message. It names host and user, so it is never logged."""
    return (str(error.orig).splitlines() or ["no reason was given"])[0].strip()


def path_of(one: Connection, other: Connection) -> Path:
    """Return the path by comparing the sessions of two connections that are open at once.

    A pooler assigns a session to each transaction: one connection uses several sessions, or both
    use the same. The asymmetric order detects this whichever free session the pooler selects.
    A proxy issues its own cancellation keys, whose process id is not that of the session.
    """
    for _ in range(ROUNDS):
        first, second = backends_of(one), backends_of(other)
        if len(first) > 1 or len(second) > 1 or first & second:
            return Path.POOLED
    driver = cast("Psycopg2Connection", one.connection.driver_connection)
    return Path.DIRECT if driver.info.backend_pid in first else Path.PROXIED


def backends_of(connection: Connection) -> set[int]:
    """Return the process ids of the sessions of two transactions."""
    return {int(connection.execute(BACKEND).scalar_one()) for _ in range(2)}


def examine_encryption(name: str, url: URL) -> Iterator[Finding]:
    """Advise against a connection through public networks without required encryption."""
    if is_remote(url.host) and url.query.get("sslmode") not in ENCRYPTED_MODES:
        yield Finding(
            ADVICE,
            f"{name} does not require encryption: add sslmode=verify-full, or sslmode=require, "
            "which does not verify the server's certificate.",
        )


def is_remote(host: str | None) -> bool:
    """Return whether the path to a host may lead through public networks."""
    if not host or host.startswith("/"):
        return False
    if address := address_of(host):
        return address.is_global
    return "." in host and host.rstrip(".").rpartition(".")[2] not in PRIVATE_DOMAINS


def examine_migration_path(own: Endpoint, direct: Endpoint | None) -> Iterator[Finding]:
    """Examine whether migrations reach the same database, with a session of their own."""
    if direct is None:
        if own.path is Path.POOLED:
            yield Finding(
                ADVICE,
                "DATABASE_URL_UNPOOLED is not set: migrations would run through the pooler. Set it "
                "to the direct endpoint where `migrate` runs.",
            )
        return
    if direct.path is Path.POOLED:
        yield Finding(
            ADVICE,
            "DATABASE_URL_UNPOOLED names a pooled endpoint: migrations would run through the "
            "pooler. Set it to the direct endpoint.",
        )
    if own.path and direct.path and own.url != direct.url and not is_same_database(own, direct):
        yield Finding(
            FATAL,
            "DATABASE_URL_UNPOOLED names another database than DATABASE_URL: `migrate` and "
            "`purge` would change the wrong one.",
        )


def is_same_database(one: Endpoint, other: Endpoint) -> bool:
    """Return whether an advisory lock of one endpoint is held at the other.

    Names and identifiers do not suffice: a copy, such as a branch of Neon, has the same ones.
    """
    key = {"key": secrets.randbits(63)}
    with one.connect() as holder, other.connect() as contender:
        holder.exec_driver_sql("BEGIN")
        holder.execute(LOCK, key)
        is_free = contender.execute(LOCK, key).scalar_one()
        holder.exec_driver_sql("ROLLBACK")
    return not is_free
