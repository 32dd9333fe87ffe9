"""Sessions of PostgreSQL: which connections have one of their own, and prepare statements in it."""

import logging
from contextlib import closing
from typing import Any

from todo_graphql.settings.environment_variables import PreparedStatementsMode
from todo_graphql.store.postgres.preamble import Preamble
from todo_graphql.store.postgres.prepared_statements import PreparedStatements
from todo_graphql.store.postgres.statistics import IS_SET

logger = logging.getLogger(__name__)

# One plan serves all values (decision 0033). By default PostgreSQL plans some statements anew for
# each execution.
KEEP_PLANS = f"SELECT set_config('plan_cache_mode', 'force_generic_plan', false) WHERE {IS_SET}"

# PgBouncer, and other poolers and proxies, issue process ids of their own to their clients.
IS_DIRECT = " AND pg_backend_pid() = %s"


class Sessions:
    """The sessions of a pool's connections."""

    def __init__(self, mode: PreparedStatementsMode, preamble: Preamble) -> None:
        self._trusts_proxy = mode == "on"
        self._preamble = preamble
        self.may_prepare = mode != "off"

    def on_connect(self, connection: Any, _record: object = None) -> None:
        """Let a new connection prepare statements, if its session is its own.

        Before `migrate` has set the statistics, no plan suits all users.
        """
        if not self.may_prepare or self._preamble.has_citus:
            return
        with closing(connection.cursor()) as cursor:
            if self._trusts_proxy:
                cursor.execute(KEEP_PLANS)
            else:
                cursor.execute(KEEP_PLANS + IS_DIRECT, (connection.info.backend_pid,))
            if cursor.fetchone() is not None:
                connection.prepared = PreparedStatements()

    def stop_preparing(self) -> None:
        """Send all statements in full from now on, because connections share sessions."""
        did_prepare, self.may_prepare = self.may_prepare, False
        if did_prepare:
            logger.warning(
                "Connections share sessions: prepared statements are off. "
                "DATABASE_PREPARED_STATEMENTS=off avoids this warning."
            )
