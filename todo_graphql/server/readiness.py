"""Readiness of a process: its database is available, migrated, and isolates users."""

import logging
import threading
import uuid

from todo_graphql.errors import Problem, Unavailable
from todo_graphql.outage_log import OutageLog
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres import migrations, rls_check
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.postgres.errors import NotMigratedError, UnexpectedDatabaseError

ANONYMOUS = Viewer(uuid.UUID(int=0))
logger = logging.getLogger(__name__)


class Readiness:
    """The readiness of one process, which checks the isolation once, before its first operation."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._has_passed = False
        self._attempts = 0
        self._failure: Unavailable | None = None
        self._lock = threading.Lock()
        self._outage = OutageLog(logger, "Ready.", logging.CRITICAL)

    def require_rls_check(self) -> None:
        """Raise Unavailable until the database has passed the check of its isolation."""
        if self._has_passed:
            return
        seen = self._attempts
        with self._lock:
            # Callers that waited for an attempt share its outcome. Attempts in turn would let each
            # of them wait for the same unresponsive database.
            if self._attempts == seen:
                self._failure = self._attempt()
                self._attempts += 1
            failure = self._failure
        if failure is not None:
            raise Unavailable(failure.message, retry_after=failure.retry_after)

    def _attempt(self) -> Unavailable | None:
        try:
            self._check()
        except Unavailable as failure:
            return failure
        self._has_passed = True
        self._outage.recover()
        return None

    def _check(self) -> None:
        try:
            rls_check.check_row_level_security(self._database)
        except rls_check.UnsafeDatabaseError as unsafe:
            self._outage.report(f"Not ready: {unsafe}")
            raise Unavailable("The database is not safe to use.", retry_after=60) from None
        except NotMigratedError as failure:
            self._outage.report(f"Not ready: {failure}")
            raise Unavailable("The database is not migrated.", retry_after=5) from None
        except UnexpectedDatabaseError as failure:
            self._outage.report(f"Not ready: {failure}")
            raise Unavailable("The database does not respond as expected.") from None

    def reason_against(self) -> str | None:
        """Return the reason why this process is not ready, or None."""
        try:
            self.require_rls_check()
            with self._database.connect_as(ANONYMOUS) as connection:
                current = migrations.is_current(connection)
        except Problem as problem:
            return problem.message
        except UnexpectedDatabaseError:
            return "The database does not respond as expected."
        return None if current else "The migrations are behind: run `todo-graphql migrate`."
