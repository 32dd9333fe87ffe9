"""`doctor`: one finding for each thing that must be right."""

import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from todo_graphql.config import ConfigurationError, Settings
from todo_graphql.errors import Problem
from todo_graphql.server.auth import Authenticator
from todo_graphql.server.jwks import FetchError, fetch
from todo_graphql.server.keys import PublicKeys
from todo_graphql.server.windows import Shared
from todo_graphql.store import isolation, migrations
from todo_graphql.store.connection import Viewer, ViewerConnection
from todo_graphql.store.database import Database, database_url, migration_engine
from todo_graphql.store.failures import DatabaseFailure, NotMigrated

OLDEST_POSTGRESQL = 15
GOOD, ADVICE, FATAL = "✓", "!", "✗"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: ✓ good, ! could be better, ✗ keeps `serve` from working."""

    mark: str
    sentence: str

    @property
    def is_fatal(self) -> bool:
        """Whether this keeps `serve` from working safely."""
        return self.mark == FATAL


def examine(settings: Settings) -> list[Finding]:
    """Look at everything, whatever is found on the way."""
    return [
        *examine_authentication(settings),
        examine_rate_limits(settings),
        *examine_database(settings),
    ]


def examine_authentication(settings: Settings) -> Iterator[Finding]:
    """What verifies tokens, and what tells ours from others signed with it."""
    if settings.auth_jwks_url is None:
        yield from examine_secrets(settings)
        others = "Better Auth signs other things with the same secret"
    else:
        yield from examine_jwks(settings, settings.auth_jwks_url)
        others = "an issuer may sign tokens for others with the same keys"
    for name, value in (
        ("AUTH_ISSUER", settings.auth_issuer),
        ("AUTH_AUDIENCE", settings.auth_audience),
    ):
        if value is None:
            yield Finding(
                ADVICE,
                f"{name} is not set: {others}, and this would tell them apart.",
            )
        else:
            yield Finding(GOOD, f"{name} is required of every token.")


def examine_rate_limits(settings: Settings) -> Finding:
    """Whether processes can count together. If not, each does for itself."""
    url = settings.rate_limit_storage_url
    if url is None:
        return Finding(
            GOOD,
            "RATE_LIMIT_STORAGE_URL is not set: each process counts rate limits for itself, which "
            "is fine for one.",
        )
    with closing(Shared(url.get_secret_value())) as shared:
        if shared.answers():
            return Finding(GOOD, "RATE_LIMIT_STORAGE_URL answers: all processes count together.")
    return Finding(
        ADVICE,
        "RATE_LIMIT_STORAGE_URL does not answer: until it does, each process of the server counts "
        "for itself.",
    )


def examine_secrets(settings: Settings) -> Iterator[Finding]:
    """Whether they are long enough, and secrets at all."""
    try:
        Authenticator(settings)
    except ConfigurationError as error:
        yield Finding(FATAL, str(error))
        return
    yield Finding(GOOD, "BETTER_AUTH_SECRET is long enough.")
    if number := len(settings.better_auth_old_secrets):
        yield Finding(GOOD, f"BETTER_AUTH_OLD_SECRETS holds {number}, long enough, to verify with.")


def examine_jwks(settings: Settings, url: str) -> Iterator[Finding]:
    """Whether the issuer answers, and what with. The secrets are then for nothing."""
    try:
        keys = fetch(url)
    except FetchError as error:
        yield Finding(FATAL, f"AUTH_JWKS_URL does not lead to keys: {error}.")
    else:
        kinds = ", ".join(sorted(key.algorithm for key in keys.keys)) or "none"
        mark = GOOD if keys.keys else FATAL
        yield Finding(mark, f"AUTH_JWKS_URL answers; keys that can be used: {kinds}.")
        yield from examine_other_keys(keys)
    if settings.better_auth_secret is not None or settings.better_auth_old_secrets:
        yield Finding(
            ADVICE,
            "BETTER_AUTH_SECRET and BETTER_AUTH_OLD_SECRETS are not used beside AUTH_JWKS_URL: a "
            "secret that nobody needs here should not be here.",
        )


def examine_other_keys(keys: PublicKeys) -> Iterator[Finding]:
    """Those in the document that verify nothing."""
    if keys.exposed:
        yield Finding(
            ADVICE,
            f"AUTH_JWKS_URL publishes private keys ({keys.exposed}), which are not used: whoever "
            "reads them could sign. The issuer should replace them.",
        )
    if keys.ignored:
        yield Finding(
            ADVICE, f"AUTH_JWKS_URL holds keys of other kinds ({keys.ignored}), which are not used."
        )


def examine_database(settings: Settings) -> Iterator[Finding]:
    """The endpoints, the servers behind them, the migrations and the isolation."""
    try:
        yield from examine_endpoints(settings)
        engine = migration_engine(settings)
        database = Database(settings)
    except ConfigurationError as error:
        yield Finding(FATAL, str(error))
        return
    servers = {"DATABASE_URL": database.engine}
    if settings.database_url_unpooled is not None:
        servers["DATABASE_URL_UNPOOLED"] = engine
    try:
        found = [examine_server(name, server) for name, server in servers.items()]
        yield from found
        if not found[0].is_fatal:
            yield from examine_schema(database)
    finally:
        engine.dispose()
        database.close()


def examine_endpoints(settings: Settings) -> Iterator[Finding]:
    """Neon's pooled endpoint has `-pooler` in its name; migrations want the direct one."""
    host = database_url(settings.required_database_url()).host or "a local socket"
    pooled = "-pooler" in host
    yield Finding(
        GOOD, f"DATABASE_URL names a {'pooled' if pooled else 'direct'} endpoint: {host}."
    )
    if settings.database_url_unpooled is not None:
        pooled = "-pooler" in (database_url(settings.database_url_unpooled).host or "")
        advice = "DATABASE_URL_UNPOOLED names a pooled endpoint"
    else:
        advice = "DATABASE_URL_UNPOOLED is not set"
    if pooled:
        yield Finding(ADVICE, f"{advice}: migrations would go through the pooler.")


def examine_server(name: str, engine: Engine) -> Finding:
    """Whether there is one, which lets us in, and its version."""
    try:
        with engine.connect() as connection:
            number = int(connection.execute(text("SHOW server_version_num")).scalar_one())
    except DBAPIError as error:
        # This goes to the operator, and to no log: libpq names the host and the user.
        reason = (str(error.orig).splitlines() or ["no reason was given"])[0].strip()
        return Finding(FATAL, f"{name} does not lead to a database: {reason}.")
    major = number // 10_000
    mark = GOOD if major >= OLDEST_POSTGRESQL else FATAL
    return Finding(
        mark, f"{name} leads to PostgreSQL {major}; {OLDEST_POSTGRESQL} or newer is needed."
    )


def examine_schema(database: Database) -> Iterator[Finding]:
    """The same proof of isolation as at the start of the server, and the migrations."""
    try:
        yield examine_isolation(database)
        with database.connect_as(Viewer(uuid.uuid4())) as connection:
            yield examine_migrations(connection)
    except NotMigrated as failure:
        yield Finding(FATAL, str(failure))
    except DatabaseFailure as failure:
        yield Finding(FATAL, f"The database does not answer as it should: {failure}.")
    except Problem as problem:
        yield Finding(FATAL, problem.message)


def examine_migrations(connection: ViewerConnection) -> Finding:
    """Whether the database has all that this version needs."""
    if migrations.is_current(connection):
        return Finding(GOOD, f"The migrations are at {migrations.head()}.")
    return Finding(FATAL, "The migrations are behind: run `todo-graphql migrate`.")


def examine_isolation(database: Database) -> Finding:
    """Raises a Problem or DatabaseFailure where the proof cannot be given."""
    try:
        isolation.prove(database)
    except isolation.UnsafeDatabase as unsafe:
        return Finding(FATAL, str(unsafe))
    return Finding(GOOD, "Row-level security keeps users apart: a planted row stayed unseen.")
