"""Statement cache: statements are pure functions of their key, compiled once per key.

The arguments of a statement function are the key of its text. Values are separate parameters,
which the function cannot reach (docs/decisions/0004-statements-as-functions-of-their-key.md).
"""

import hashlib
import uuid
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Concatenate, Generic, NamedTuple, ParamSpec, TypeVar

from psycopg2.extensions import adapt
from sqlalchemy import ARRAY, BindParameter, Dialect, Executable
from sqlalchemy.dialects.postgresql import psycopg2

from todo_graphql.cache import Cache

Scope = TypeVar("Scope")
Key = ParamSpec("Key")

DIALECT: Dialect = psycopg2.dialect()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class CompiledStatement:
    """The text of a statement, with psycopg2's placeholders for its parameters.

    A frequent statement can be prepared: `preparation` prepares it under its `name`, and
    `execution` executes it, with the same placeholders. Without a preparation it never is.
    """

    sql: str
    name: str = ""
    preparation: str = ""
    execution: str = ""


STATEMENT_CACHE: Cache[Hashable, CompiledStatement] = Cache(1_024)
"""The statements of this process. Clients choose filters and orders, so the cache is bounded."""


class StatementKey(NamedTuple):
    """Call of a statement function without the scope. Equal keys have equal texts."""

    build: Callable[..., Executable]
    arguments: tuple[Hashable, ...]
    options: tuple[tuple[str, Hashable], ...]

    def compile(self, scope: Hashable) -> CompiledStatement:
        """Return the compiled statement in a scope, from the cache if possible."""
        key = scope, self
        statement = STATEMENT_CACHE.get(key)
        if statement is None:
            statement = compile_statement(
                self.build(scope, *self.arguments, **dict(self.options)), is_frequent=True
            )
            STATEMENT_CACHE.put(key, statement)
        return statement


class cached_statement(Generic[Scope, Key]):  # noqa: N801 - a decorator, like cached_property
    """Decorator of a statement function, which takes a scope and hashable arguments.

    A call without the scope returns a key.
    """

    def __init__(self, build: Callable[Concatenate[Scope, Key], Executable]) -> None:
        """Raise TypeError for a function that captures values."""
        if build.__qualname__ != build.__name__ or build.__closure__ or build.__defaults__:
            raise TypeError(f"{build.__qualname__} must depend on its arguments alone.")
        self.build = build

    def __call__(self, *arguments: Key.args, **options: Key.kwargs) -> StatementKey:
        return StatementKey(self.build, arguments, tuple(options.items()))


def compile_statement(statement: Executable, *, is_frequent: bool = False) -> CompiledStatement:
    """Compile a statement: values become literals, a `bindparam` without a value a parameter.

    A frequent statement is a single one, which can be prepared.
    """
    compiled: Any = statement.compile(dialect=DIALECT)  # type: ignore[attr-defined]
    assert not compiled.post_compile_params, "The text of IN depends on its values: use ANY."
    parameters = {name: bind for bind, name in compiled.bind_names.items() if bind.required}
    literals = {
        name: literal(value) for name, value in compiled.params.items() if name not in parameters
    }
    escaped = {name: text.replace("%", "%%") for name, text in literals.items()}
    placeholders = {name: f"%({name})s" for name in parameters}
    # The text is formatted twice: here and by the driver.
    sql = str(compiled).replace("%%", "%%%%") % {**escaped, **placeholders}
    if not is_frequent:
        return CompiledStatement(sql)
    numbers = {name: f"${number}" for number, name in enumerate(parameters, 1)}
    prepared = str(compiled) % {**literals, **numbers}
    # Equal names have equal texts, also in a session that connections share.
    name = "todo_" + hashlib.sha256(prepared.encode()).hexdigest()[:32]
    arguments = ", ".join(argument(name, bind) for name, bind in parameters.items())
    return CompiledStatement(
        sql,
        name,
        f"PREPARE {name} AS {prepared}",
        f"EXECUTE {name}({arguments})" if arguments else f"EXECUTE {name}",
    )


def argument(name: str, bind: BindParameter[Any]) -> str:
    """Return the placeholder of an argument of EXECUTE.

    The driver writes a list as an ARRAY of texts, which PostgreSQL does not convert by itself.
    """
    if not isinstance(bind.type, ARRAY):
        return f"%({name})s"
    return f"%({name})s::{bind.type.compile(DIALECT)}"


def literal(value: Any) -> str:
    """Quote a value as SQL."""
    adapted = adapt(str(value) if isinstance(value, uuid.UUID) else value)
    if hasattr(adapted, "encoding"):
        adapted.encoding = "utf-8"
    return str(adapted.getquoted().decode())
