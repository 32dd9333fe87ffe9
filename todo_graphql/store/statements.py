"""The statements of one viewer, by their shape."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Executable, Select, func

from todo_graphql.store.connection import NO_VALUES, ViewerConnection
from todo_graphql.store.mine import ViewerScope
from todo_graphql.store.models import USERS
from todo_graphql.store.prepared import PREPARED, Prepared

Build = Callable[[ViewerScope], Executable]
"""Makes a statement of a viewer's rows. Its text may depend on nothing but its shape."""


class Statements:
    """Runs statements that are built once for their shape, whoever asks.

    Viewers differ only in the values of the parameters that `ViewerScope` puts into each statement,
    and these come from the connection.
    """

    def __init__(self, connection: ViewerConnection) -> None:
        self.connection = connection
        self.mine = ViewerScope()

    def read(
        self, shape: Hashable, build: Build, values: Mapping[str, Any] = NO_VALUES
    ) -> Sequence[tuple[Any, ...]]:
        """Run a statement that changes nothing."""
        return self.connection.read(self._prepared(shape, build), values)

    def write(
        self,
        shape: Hashable,
        build: Build,
        values: Mapping[str, Any] = NO_VALUES,
        *,
        ensure_user: bool = False,
    ) -> Sequence[tuple[Any, ...]]:
        """Run a statement as the only writer among the viewer's; with `ensure_user` their own row is
        there, be this their first write or not.
        """
        return self.connection.write(self._prepared(shape, build), values, ensure_user=ensure_user)

    def revision(self) -> int:
        """The viewer's revision. 0 for who has not written yet."""
        ((revision,),) = self.read("revision", _revision)
        return revision or 0

    def transaction(self) -> AbstractContextManager[None]:
        """Several statements as one."""
        return self.connection.transaction()

    def _prepared(self, shape: Hashable, build: Build) -> Prepared:
        # The class as well, because the wall is its.
        return PREPARED.get((type(self.mine), shape), lambda: build(self.mine))


def _revision(scope: ViewerScope) -> Select[Any]:
    return scope.user(func.max(USERS.c.revision))
