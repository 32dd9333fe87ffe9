"""The cached statements of one viewer."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar

from sqlalchemy import Select, func

from todo_graphql.store.models import USERS
from todo_graphql.store.postgres.connection import NO_VALUES, ViewerConnection
from todo_graphql.store.postgres.statement_cache import StatementKey, cached_statement
from todo_graphql.store.scope import ViewerScope


class Statements:
    """Runs statements in the viewer's scope.

    Their texts are the same for all viewers: who the viewer is, is a value, and comes from the
    connection.
    """

    scope: ClassVar[ViewerScope] = ViewerScope()

    def __init__(self, connection: ViewerConnection) -> None:
        self.connection = connection

    def read(
        self, key: StatementKey, values: Mapping[str, Any] = NO_VALUES
    ) -> Sequence[tuple[Any, ...]]:
        """Run a statement that changes nothing."""
        return self.connection.read(key.compile(self.scope), values)

    def write(
        self, key: StatementKey, values: Mapping[str, Any] = NO_VALUES, *, ensure_user: bool = False
    ) -> Sequence[tuple[Any, ...]]:
        """Run a statement as the only writer among the viewer's. With `ensure_user` the viewer's
        own row exists by then.
        """
        return self.connection.write(key.compile(self.scope), values, ensure_user=ensure_user)

    def revision(self) -> int:
        """Return the viewer's revision: 0 before the first write."""
        ((revision,),) = self.read(revision_statement())
        return revision or 0

    def transaction(self) -> AbstractContextManager[None]:
        """Run several statements as one."""
        return self.connection.transaction()


@cached_statement
def revision_statement(scope: ViewerScope) -> Select[Any]:
    return scope.user(func.max(USERS.c.revision))
