"""Execution of cached statements for one viewer."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar

from sqlalchemy import Select, func

from todo_graphql.store.models import USERS
from todo_graphql.store.postgres.connection import NO_VALUES, ViewerConnection
from todo_graphql.store.postgres.statement_cache import StatementKey, cached_statement
from todo_graphql.store.scope import ViewerScope


class Statements:
    """Runner of statements in the viewer's scope.

    All viewers share the text of a statement. The connection supplies the viewer's id as a value.
    """

    scope: ClassVar[ViewerScope] = ViewerScope()

    def __init__(self, connection: ViewerConnection) -> None:
        self.connection = connection

    def read(
        self, key: StatementKey, values: Mapping[str, Any] = NO_VALUES
    ) -> Sequence[tuple[Any, ...]]:
        """Run a read-only statement."""
        return self.connection.read(key.compile(self.scope), values)

    def write(
        self, key: StatementKey, values: Mapping[str, Any] = NO_VALUES, *, ensure_user: bool = False
    ) -> Sequence[tuple[Any, ...]]:
        """Run a statement under the lock on the viewer's row, which `ensure_user` creates."""
        return self.connection.write(key.compile(self.scope), values, ensure_user=ensure_user)

    def revision(self) -> int:
        """Return the viewer's revision: 0 before the first write."""
        ((revision,),) = self.read(revision_statement())
        return revision or 0

    def transaction(self) -> AbstractContextManager[None]:
        """Run several statements in one transaction."""
        return self.connection.transaction()


@cached_statement
def revision_statement(scope: ViewerScope) -> Select[Any]:
    return scope.user(func.max(USERS.c.revision))
