"""Preamble of a statement: its role, its viewer and its limits, for one transaction."""

from contextlib import closing
from typing import Any

from todo_graphql.store.postgres.citus import IS_INSTALLED, PROPAGATE_SETTINGS

APP_ROLE = "todo_app"
"""The role of every statement of a viewer. The first migration creates it."""

# The message is one transaction. SET LOCAL is faster than set_config (decision 0006).
#
# An index always finds the viewer's rows: a statement never scans other users' rows, and is too
# short for JIT compilation.
SETTINGS = (
    "SET LOCAL ROLE {role}; SET LOCAL statement_timeout = {timeout};"
    " SET LOCAL enable_seqscan = off; SET LOCAL jit = off;"
    " SET LOCAL app.user_id = '%s'; "
)

# Citus sends the settings of a block to the workers (decision 0022).
BLOCK = "DO $$BEGIN {propagate}{settings}END$$; "


class Preamble:
    """Preamble of all statements on one database, in the form that this database needs."""

    def __init__(self, timeout: int) -> None:
        """Take the timeout of a statement in milliseconds."""
        settings = SETTINGS.format(role=APP_ROLE, timeout=timeout)
        self._forms = settings, BLOCK.format(propagate=PROPAGATE_SETTINGS, settings=settings)
        self.has_citus = False

    def detect(self, connection: Any, _record: object = None) -> None:
        """Choose the form on the first connection of the driver."""
        with closing(connection.cursor()) as cursor:
            cursor.execute(IS_INSTALLED)
            (self.has_citus,) = cursor.fetchone()
        if not connection.autocommit:
            connection.rollback()

    def format(self, viewer_id: str) -> str:
        """Return the preamble of a viewer, whose id is the text of a UUID."""
        return self._forms[self.has_citus] % viewer_id
