"""Statements that are built once for their shape and run with the values of each call.

Building a statement of SQLAlchemy's, and looking up what it was compiled to, takes longer
than PostgreSQL needs to answer it. A prepared one is its text, and the values that never vary.
"""

import threading
import uuid
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cachetools import LRUCache
from sqlalchemy import Dialect, Select, Uuid, bindparam
from sqlalchemy.dialects.postgresql import psycopg2

from todo_graphql.store.database import Viewer, ViewerConnection
from todo_graphql.store.mine import Mine

REMEMBERED = 512
"""How many shapes. A filter is a part of the shape with its values."""

DIALECT: Dialect = psycopg2.dialect()  # type: ignore[no-untyped-call]
ANYBODY = Viewer(bindparam("viewer", type_=Uuid()))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement as the driver takes it."""

    sql: str
    fixed: Mapping[str, Any]

    def values(self, viewer: Viewer, varying: Mapping[str, Any]) -> dict[str, Any]:
        """All values of one call."""
        given = {name: plain(value) for name, value in varying.items()}
        return {**self.fixed, "viewer": str(viewer.id), **given}


def prepare(statement: Select[Any]) -> Prepared | None:
    """The statement's text; None for one whose text depends on its values."""
    compiled: Any = statement.compile(dialect=DIALECT)
    if compiled.post_compile_params or compiled.literal_execute_params:
        return None
    return Prepared(str(compiled), {name: plain(value) for name, value in compiled.params.items()})


def plain(value: Any) -> Any:
    """The value as the driver takes it."""
    return str(value) if isinstance(value, uuid.UUID) else value


class Statements:
    """Prepared statements by their shape."""

    def __init__(self) -> None:
        self._known: LRUCache[Hashable, Prepared | None] = LRUCache(REMEMBERED)
        self._lock = threading.Lock()

    def read(
        self,
        connection: ViewerConnection,
        mine: Mine,
        viewer: Viewer,
        shape: Hashable,
        build: Callable[[Mine], Select[Any]],
        values: Mapping[str, Any],
    ) -> Sequence[Sequence[Any]]:
        """Run the statement that `build` makes of a viewer's rows. Built before for the same
        shape, it is not built again; its parameters have the `values`.
        """
        prepared = self._get(mine, shape, build)
        if prepared is None:
            return connection.read(build(mine).params(**values))
        return connection.read_prepared(prepared.sql, prepared.values(viewer, values))

    def _get(
        self, mine: Mine, shape: Hashable, build: Callable[[Mine], Select[Any]]
    ) -> Prepared | None:
        # Mine of the caller's own class, so that the wall is the one that the caller has.
        key = type(mine), shape
        with self._lock:
            if key in self._known:
                return self._known[key]
        prepared = prepare(build(type(mine)(ANYBODY)))
        with self._lock:
            self._known[key] = prepared
        return prepared


STATEMENTS = Statements()
"""Those of this process."""
