"""The viewer's own row."""

from typing import Any, NamedTuple

from sqlalchemy import Executable, Select

from todo_graphql.errors import BadUserInput, InputReason
from todo_graphql.store.formats import format_instant, format_uuid
from todo_graphql.store.models import USERS, Viewer
from todo_graphql.store.postgres.connection import ViewerConnection
from todo_graphql.store.postgres.statement_cache import cached_statement
from todo_graphql.store.scope import ViewerScope
from todo_graphql.store.statements import Statements
from todo_graphql.store.storage import Storage, read_storage


class UserRow(NamedTuple):
    """User in the output format."""

    id: str
    email: str | None
    created_at: str | None
    revision: int


class Users:
    """Repository of users, restricted to the viewer."""

    def __init__(self, connection: ViewerConnection, viewer: Viewer) -> None:
        self._connection = connection
        self._viewer = viewer
        self._statements = Statements(connection)
        self._known: UserRow | None = None
        self._known_after = -1
        self._storage: Storage | None = None
        self._storage_after = -1

    def me(self) -> UserRow:
        """Return the viewer, also one without a row, which the first write creates.

        The result is cached until the operation writes.
        """
        if self._known is None or self._known_after != self._connection.writes:
            self._known, self._known_after = self._read(), self._connection.writes
        return self._known

    def storage(self) -> Storage:
        """Return the viewer's usage and limits. The result is cached until the operation writes."""
        if self._storage is None or self._storage_after != self._connection.writes:
            self._storage = read_storage(self._connection)
            self._storage_after = self._connection.writes
        return self._storage

    def delete(self, confirmation: str) -> None:
        """Delete the viewer and all the viewer's data. A repeated deletion succeeds.

        Raises BadUserInput unless the confirmation is the viewer's own id or email.
        """
        own = {str(self._viewer.id), (self._viewer.email or "").lower()} - {""}
        if confirmation.strip().lower() not in own:
            raise BadUserInput(
                "`confirm` must be the id or the email of your token.",
                reason=InputReason.MISMATCH,
                field="confirm",
            )
        self._statements.write(delete_user_statement())

    def _read(self) -> UserRow:
        rows = self._statements.read(user_statement())
        if not rows:
            return UserRow(str(self._viewer.id), self._viewer.email, None, 0)
        row = UserRow._make(rows[0])
        return row._replace(email=self._viewer.email or row.email)


@cached_statement
def user_statement(scope: ViewerScope) -> Select[Any]:
    return scope.user(
        format_uuid(USERS.c.id), USERS.c.email, format_instant(USERS.c.created_at), USERS.c.revision
    )


@cached_statement
def delete_user_statement(scope: ViewerScope) -> Executable:
    return scope.delete_user()
