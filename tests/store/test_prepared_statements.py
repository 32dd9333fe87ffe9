"""Prepared statements: when a connection prepares one, their bounds and their parameters."""

import uuid
from typing import Any

import pytest
from sqlalchemy import ARRAY, SmallInteger, Text, Uuid, bindparam, func, literal, select, text

from tests.support.administrators import bare_answer
from tests.support.statements import PREPARED, compiled
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres import prepared_statements
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.postgres.prepared_statements import (
    MAX_COUNTED_STATEMENTS,
    MAX_PREPARED_CHARACTERS,
    PreparedStatements,
)
from todo_graphql.store.postgres.statement_cache import (
    MAX_PREPARED_STATEMENT_CHARACTERS,
    compile_statement,
)


def test_statement_is_prepared_after_some_executions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared_statements, "PREPARE_AFTER_EXECUTIONS", 3)
    prepared, statement = PreparedStatements(), compiled(1)
    assert [prepared.count_execution(statement) for _ in range(4)] == [False] * 3 + [True]
    assert statement not in prepared
    assert prepared.add(statement) == statement.preparation
    assert not prepared.count_execution(statement)
    assert statement in prepared
    assert statement.execution == f"EXECUTE {statement.name}(%(viewer)s)"


def test_executions_of_rare_statements_are_forgotten() -> None:
    prepared = PreparedStatements()
    for number in range(MAX_COUNTED_STATEMENTS + 1):
        assert not prepared.count_execution(compiled(number))
    assert prepared.count_execution(compiled(1))
    assert not prepared.count_execution(compiled(0))


def test_long_statement_is_never_prepared() -> None:
    prepared = PreparedStatements()
    assert not any(
        prepared.count_execution(compiled(1, "x" * MAX_PREPARED_STATEMENT_CHARACTERS))
        for _ in range(9)
    )


def test_statement_without_parameters_is_executed_by_its_name() -> None:
    statement = compile_statement(select(literal("50 %")), can_be_prepared=True)
    assert statement.preparation.endswith(" AS SELECT '50 %' AS anon_1")
    assert statement.execution == f"EXECUTE {statement.name}"


def test_least_recently_used_statement_is_deallocated() -> None:
    prepared = PreparedStatements()
    first, second, *others = [
        compiled(number, "x" * (MAX_PREPARED_STATEMENT_CHARACTERS - 200)) for number in range(11)
    ]
    for statement in (first, second, *others[:-1]):
        assert "DEALLOCATE" not in prepared.add(statement)
    prepared.count_execution(first)
    assert prepared.add(others[-1]).startswith(f"DEALLOCATE {second.name}; PREPARE ")
    assert second not in prepared
    assert first in prepared


@pytest.mark.plain_postgresql
def test_prepared_texts_of_a_session_are_bounded(single: Database) -> None:
    with single.connect_as(Viewer(uuid.uuid4())) as connection:
        for number in range(25):
            for _ in range(3):
                (row,) = connection.read(
                    compiled(number, "x" * (MAX_PREPARED_STATEMENT_CHARACTERS - 300))
                )
                assert row[0].startswith(f"{number}x")
    count, length = bare_answer(single, PREPARED)
    assert count > 5
    assert length <= 1.05 * MAX_PREPARED_CHARACTERS, "Each of them includes the preamble."


@pytest.mark.plain_postgresql
def test_statement_in_a_transaction_is_prepared_once_per_session(single: Database) -> None:
    """PREPARE is not undone by ROLLBACK."""
    statement = compiled(1)
    with single.connect_as(Viewer(uuid.uuid4())) as connection:
        for _ in range(3):
            with pytest.raises(ZeroDivisionError), connection.transaction():
                for _ in range(3):
                    assert connection.read(statement)[0][0] == "1"
                raise ZeroDivisionError
    assert bare_answer(single, f"{PREPARED} WHERE name = '{statement.name}'")[0] == 1


@pytest.mark.plain_postgresql
def test_list_is_an_array_of_its_type(single: Database) -> None:
    """EXECUTE does not convert the driver's array of texts."""
    given: list[tuple[Any, list[Any]]] = [
        (Uuid(), [str(uuid.uuid4())]),
        (SmallInteger(), [1, -2]),
        (Text(), ["a", "'%"]),
    ]
    with single.connect_as(Viewer(uuid.uuid4())) as connection:
        for kind, values in given:
            array = bindparam("values", type_=ARRAY(kind))
            statement = compile_statement(select(func.cardinality(array)), can_be_prepared=True)
            for some in (values, values, values, []):
                assert connection.read(statement, {"values": some}) == [(len(some),)]
    assert bare_answer(single, PREPARED)[0] == 3


def test_text_of_several_statements_is_never_prepared(single: Database) -> None:
    """PREPARE would contain the first one only."""
    several = text("SELECT 1; SELECT 2")
    with single.connect_as(Viewer(uuid.uuid4())) as connection:
        assert [connection.read(several) for _ in range(3)] == [[(2,)]] * 3
    assert bare_answer(single, PREPARED) == (0, 0)
