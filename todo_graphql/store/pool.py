"""The pool's connections, and when to ask whether one still works.

`pool_pre_ping` asks each time a connection is taken, which is a message to the server and back
for every request. One that worked a moment ago works.
"""

from time import monotonic
from typing import Any

from psycopg2.extensions import connection as Psycopg2Connection  # noqa: N812 - it is a class
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2

DRIVER = "postgresql+pooled"
"""What a URL names the driver below."""

MOMENT = 1.0
"""Seconds for which a connection that has worked is taken to work."""


class PooledConnection(Psycopg2Connection):
    """A connection that knows when it last answered."""

    worked_at = 0.0


class PooledDialect(PGDialect_psycopg2):
    """psycopg2's, with a ping that is left out for connections that worked a moment ago."""

    supports_statement_cache = True
    _doubted_at = 0.0

    def doubt(self) -> None:
        """A connection was lost: ask each of the others before it is trusted again."""
        self._doubted_at = monotonic()

    def do_ping(self, dbapi_connection: Any) -> bool:
        """Whether the connection works."""
        trusted_since = max(monotonic() - MOMENT, self._doubted_at)
        if dbapi_connection.worked_at > trusted_since:
            return True
        return bool(super().do_ping(dbapi_connection))  # type: ignore[no-untyped-call]


registry.register("postgresql.pooled", __name__, PooledDialect.__name__)
