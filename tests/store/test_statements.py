"""Purity of statement functions: a text depends on its key, not on values or state."""

import dis
import random
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from importlib import import_module
from pkgutil import walk_packages
from types import CodeType, FunctionType, MappingProxyType, ModuleType
from typing import Any

import pytest
from sqlalchemy import Executable, func, select

from todo_graphql import store
from todo_graphql.store.postgres.statement_cache import (
    cached_statement,
)
from todo_graphql.store.scope import ViewerScope
from todo_graphql.store.statements import Statements
from todo_graphql.store.tasks.operators import Operator
from todo_graphql.store.tasks.repository import count_statement

PACKAGE = store.__name__
MODULES = [import_module(found.name) for found in walk_packages(store.__path__, f"{PACKAGE}.")]
STATEMENTS: dict[str, cached_statement[Any, Any]] = {
    f"{module.__name__}.{name}": value
    for module in MODULES
    for name, value in vars(module).items()
    if isinstance(value, cached_statement) and value.build.__module__ == module.__name__
}
SHAPES = [
    value
    for module in MODULES
    for name, value in vars(module).items()
    if isinstance(value, type) and name.endswith("Shape") and value.__module__ == module.__name__
]
FOLDER = str(store.__path__[0])
IMMUTABLE = (str, int, type(None), Enum, timedelta)


def impurities(value: object, seen: set[int]) -> Iterator[str]:
    """Find objects in a value's reach besides constants, pure functions and SQLAlchemy."""
    if id(value) in seen or isinstance(value, IMMUTABLE):
        return
    seen.add(id(value))
    for part in _parts(value):
        yield from impurities(part, seen)
    if not _is_known(value):
        yield repr(value)


def _is_known(value: object) -> bool:
    if isinstance(value, FunctionType) and _is_ours(value):
        return not any(map(_changes_state, _codes(value.__code__)))
    if isinstance(value, tuple | frozenset | MappingProxyType | Operator):
        return True
    module = value.__name__ if isinstance(value, ModuleType) else _module_of(value)
    if module == "builtins":
        return isinstance(value, type) or callable(value)
    return module.startswith((PACKAGE, "sqlalchemy.", "dataclasses", "typing"))


def _module_of(value: object) -> str:
    is_definition = isinstance(value, type) or callable(value)
    return str(value.__module__ if is_definition else type(value).__module__)


def _parts(value: object) -> Iterator[object]:
    if isinstance(value, FunctionType) and _is_ours(value):
        for code in _codes(value.__code__):
            names = {
                one.argval for one in dis.get_instructions(code) if one.opname == "LOAD_GLOBAL"
            }
            yield from (value.__globals__[name] for name in names & value.__globals__.keys())
        yield from (cell.cell_contents for cell in value.__closure__ or ())
        yield from value.__defaults__ or ()
    elif isinstance(value, tuple | frozenset):
        yield from value
    elif isinstance(value, MappingProxyType):
        yield from value.values()
    elif isinstance(value, Operator):
        yield value.condition
    elif isinstance(value, type | ModuleType) and _is_ours(value):
        yield from _functions(vars(value))


def _is_ours(value: FunctionType | type | ModuleType) -> bool:
    name = value.__name__ if isinstance(value, ModuleType) else value.__module__
    return name.startswith((PACKAGE, __name__)) and not name.endswith(".models")


def _functions(members: Mapping[str, object]) -> Iterator[FunctionType]:
    """Find the functions of the package, without those that dataclasses generate."""
    for member in members.values():
        own = getattr(member, "fget", None) or getattr(member, "func", member)
        if isinstance(own, FunctionType) and own.__code__.co_filename.startswith(FOLDER):
            yield own


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _changes_state(code: CodeType) -> bool:
    return any(
        one.opname in ("STORE_GLOBAL", "DELETE_GLOBAL", "STORE_ATTR")
        or (one.opname == "STORE_DEREF" and one.argval in code.co_freevars)
        for one in dis.get_instructions(code)
    )


def test_statement_functions_are_found() -> None:
    names = {name.rpartition(".")[2] for name in STATEMENTS}
    assert {"page_statement", "update_statement", "insert_statement", "save_key_statement"} <= names
    assert {shape.__name__ for shape in SHAPES} >= {"FilterShape", "PageShape", "EditsShape"}


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
def test_statement_function_depends_on_arguments_only(
    statement: cached_statement[Any, Any],
) -> None:
    assert list(impurities(statement.build, set())) == []


@pytest.mark.parametrize("part", [ViewerScope, *SHAPES], ids=lambda part: part.__name__)
def test_statement_argument_is_pure(part: type) -> None:
    assert list(impurities(part, set())) == []


LATEST = [1]


def of_a_global(scope: ViewerScope) -> Executable:
    return select(func.abs(LATEST[-1]))


def of_the_clock(scope: ViewerScope) -> Executable:
    return select(func.abs(datetime.now(UTC).hour))


def of_chance(scope: ViewerScope) -> Executable:
    return select(*(func.abs(random.random()) for _ in range(2)))  # noqa: S311


def of_an_operator(scope: ViewerScope) -> Executable:
    return select(func.abs(len(PLANTED)))


PLANTED = MappingProxyType({"planted": Operator(lambda: func.abs(random.random()) > 0)})  # noqa: S311


@pytest.mark.parametrize("build", [of_a_global, of_the_clock, of_chance, of_an_operator])
def test_impure_statement_function_is_detected(build: Callable[..., Any]) -> None:
    assert list(impurities(build, set()))


def test_capturing_statement_function_is_rejected() -> None:
    value = 1

    def capturing(scope: ViewerScope) -> Executable:
        return select(func.abs(value))

    for build in (capturing, lambda scope: select(func.abs(1))):
        with pytest.raises(TypeError, match="arguments alone"):
            cached_statement(build)


def test_unhashable_argument_is_rejected() -> None:
    key = count_statement({"title": "x"})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="unhashable"):
        key.compile(Statements.scope)
