"""Sessions of PostgreSQL: which connections have one of their own, and prepare statements in it."""

import logging
from contextlib import closing
from typing import Any

from todo_graphql.settings.environment_variables import PreparedStatementsMode
from todo_graphql.store.postgres.preamble import Preamble
from todo_graphql.store.postgres.prepared_statements import PreparedStatements

logger = logging.getLogger(__name__)

# The plan of a statement does not depend on its values (decision 0016). By default PostgreSQL plans
# some statements anew for each execution, because it expects a better plan.
KEEP_PLANS = "SELECT set_config('plan_cache_mode', 'force_generic_plan', false)"

# A pooler or a proxy issues a process id of its own to its clients.
IS_DIRECT = " WHERE pg_backend_pid() = %s"


class Sessions:
    """The sessions of a pool's connections."""

    def __init__(self, mode: PreparedStatementsMode, preamble: Preamble) -> None:
        self._trusts_proxy = mode == "on"
        self._preamble = preamble
        self.prepare_statements = mode != "off"

    def open(self, connection: Any, _record: object = None) -> None:
        """Let a new connection prepare statements, if its session is its own."""
        if not self.prepare_statements or self._preamble.has_citus:
            return
        with closing(connection.cursor()) as cursor:
            if self._trusts_proxy:
                cursor.execute(KEEP_PLANS)
            else:
                cursor.execute(KEEP_PLANS + IS_DIRECT, (connection.info.backend_pid,))
            if cursor.fetchone() is not None:
                connection.prepared = PreparedStatements()

    def stop_preparing(self) -> None:
        """Prepare and execute no prepared statements any more: connections share sessions."""
        if self.prepare_statements:
            logger.warning(
                "Connections share sessions: prepared statements are off. Set "
                "DATABASE_PREPARED_STATEMENTS=off."
            )
        self.prepare_statements = False
