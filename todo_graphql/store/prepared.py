"""Statements as the driver takes them: text, built once for each shape.

Building a statement of SQLAlchemy's, and looking up what it was compiled to, takes longer than
PostgreSQL needs to answer it. A prepared one is a text, in which only parameters vary.
"""

import uuid
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from psycopg2.extensions import adapt
from sqlalchemy import Dialect, Executable
from sqlalchemy.dialects.postgresql import psycopg2

from todo_graphql.cache import Cache

REMEMBERED = 1_024
"""How many shapes. Those that clients make up, of filters and orders, push each other out."""

DIALECT: Dialect = psycopg2.dialect()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement with psycopg2's placeholders for its parameters."""

    sql: str


def prepare(statement: Executable) -> Prepared:
    """The statement as text. Values that are in it already stay what they are; a `bindparam`
    without a value is a parameter.
    """
    compiled: Any = statement.compile(dialect=DIALECT)  # type: ignore[attr-defined]
    assert not compiled.post_compile_params, "An IN list is as long as its values: use ANY."
    texts = {
        name: f"%({name})s" if bind.required else literal(compiled.params[name])
        for bind, name in compiled.bind_names.items()
    }
    # Formatted here once and by the driver again.
    return Prepared(str(compiled).replace("%%", "%%%%") % texts)


def literal(value: Any) -> str:
    """A value as SQL, with its percent signs doubled for the driver."""
    adapted = adapt(str(value) if isinstance(value, uuid.UUID) else value)
    if hasattr(adapted, "encoding"):
        adapted.encoding = "utf-8"
    return str(adapted.getquoted().decode()).replace("%", "%%")


class PreparedStatements:
    """Those that were needed of late, by their shape: all that their text depends on."""

    def __init__(self) -> None:
        self.cache: Cache[Hashable, Prepared] = Cache(REMEMBERED)

    def get(self, shape: Hashable, build: Callable[[], Executable]) -> Prepared:
        """The statement of this shape; built, unless it is known."""
        prepared = self.cache.get(shape)
        if prepared is None:
            prepared = prepare(build())
            self.cache.put(shape, prepared)
        return prepared


PREPARED = PreparedStatements()
"""Those of this process."""
