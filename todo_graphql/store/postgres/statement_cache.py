"""Cached statements: pure functions of their key, compiled once for each key.

Building and compiling a statement of SQLAlchemy takes longer than PostgreSQL needs to execute it.
A statement function therefore takes all that the text depends on, and nothing else: a call of it is
the key of the text. Values travel beside it as parameters, out of the function's reach.
"""

import uuid
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Concatenate, Generic, NamedTuple, ParamSpec, TypeVar

from psycopg2.extensions import adapt
from sqlalchemy import Dialect, Executable
from sqlalchemy.dialects.postgresql import psycopg2

from todo_graphql.cache import Cache

Scope = TypeVar("Scope")
Key = ParamSpec("Key")

DIALECT: Dialect = psycopg2.dialect()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class CompiledStatement:
    """The text of a statement, with psycopg2's placeholders for its parameters."""

    sql: str


STATEMENT_CACHE: Cache[Hashable, CompiledStatement] = Cache(1_024)
"""The statements of this process. Clients make up filters and orders: the oldest make room."""


class StatementKey(NamedTuple):
    """A call of a statement function, but for the scope: equal keys have one text."""

    build: Callable[..., Executable]
    arguments: tuple[Hashable, ...]
    options: tuple[tuple[str, Hashable], ...]

    def compile(self, scope: Hashable) -> CompiledStatement:
        """Return the statement in a scope, from the cache if it is there."""
        key = scope, self
        statement = STATEMENT_CACHE.get(key)
        if statement is None:
            statement = compile_statement(self.build(scope, *self.arguments, **dict(self.options)))
            STATEMENT_CACHE.put(key, statement)
        return statement


class cached_statement(Generic[Scope, Key]):  # noqa: N801 - a decorator, as cached_property is
    """A statement function, which takes a scope and hashable arguments. A call of it, without the
    scope, returns a key.
    """

    def __init__(self, build: Callable[Concatenate[Scope, Key], Executable]) -> None:
        """Raise TypeError for a function that could capture a value."""
        if build.__qualname__ != build.__name__ or build.__closure__ or build.__defaults__:
            raise TypeError(f"{build.__qualname__} must depend on its arguments alone.")
        self.build = build

    def __call__(self, *arguments: Key.args, **options: Key.kwargs) -> StatementKey:
        return StatementKey(self.build, arguments, tuple(options.items()))


def compile_statement(statement: Executable) -> CompiledStatement:
    """Compile a statement. Values that it holds become literals; a `bindparam` without a value
    stays a parameter.
    """
    compiled: Any = statement.compile(dialect=DIALECT)  # type: ignore[attr-defined]
    assert not compiled.post_compile_params, "An IN list is as long as its values: use ANY."
    texts = {
        name: f"%({name})s" if bind.required else literal(compiled.params[name])
        for bind, name in compiled.bind_names.items()
    }
    # Formatted here once and by the driver again.
    return CompiledStatement(str(compiled).replace("%%", "%%%%") % texts)


def literal(value: Any) -> str:
    """Quote a value as SQL, with its percent signs doubled for the driver."""
    adapted = adapt(str(value) if isinstance(value, uuid.UUID) else value)
    if hasattr(adapted, "encoding"):
        adapted.encoding = "utf-8"
    return str(adapted.getquoted().decode()).replace("%", "%%")
