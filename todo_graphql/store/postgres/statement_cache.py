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

MAX_PREPARED_STATEMENT_CHARACTERS = 10_000
"""The maximum length of a statement that can be prepared."""

DIALECT: Dialect = psycopg2.dialect()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class CompiledStatement:
    """The text of a statement, with psycopg2's placeholders for its parameters.

    `preparation` prepares the statement under its `name`, and `execution` executes it, with the
    same placeholders. They are empty if the statement is never prepared.
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

    @property
    def _plan_depends_on_values(self) -> bool:
        """Return whether an argument excludes one plan for all values."""
        arguments = (*self.arguments, *dict(self.options).values())
        return any(getattr(one, "plan_depends_on_values", False) for one in arguments)

    def compile(self, scope: Hashable) -> CompiledStatement:
        """Return the compiled statement in a scope, from the cache if possible."""
        key = scope, self
        statement = STATEMENT_CACHE.get(key)
        if statement is None:
            statement = compile_statement(
                self.build(scope, *self.arguments, **dict(self.options)),
                can_be_prepared=not self._plan_depends_on_values,
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


def compile_statement(statement: Executable, *, can_be_prepared: bool = False) -> CompiledStatement:
    """Compile a statement: values become literals, a `bindparam` without a value a parameter.

    A statement that can be prepared is a single one, with one plan for all values.
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
    if not can_be_prepared or len(sql) > MAX_PREPARED_STATEMENT_CHARACTERS:
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
