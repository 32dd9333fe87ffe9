"""Records of a statement: rows that PostgreSQL reads from one JSON parameter."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    FromClause,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    column,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.types import TypeEngine


def select_records(parameter: str, columns: Mapping[str, TypeEngine[Any]]) -> Select[Any]:
    """Select the records in a parameter, with these columns."""
    records = cast(bindparam(parameter, type_=Text()), JSON)
    typed = [column(name, kind) for name, kind in columns.items()]
    table = func.json_to_recordset(records).table_valued(*typed).render_derived(with_types=True)
    return select(table)


def ids_of(records: CTE | FromClause) -> ColumnElement[Any]:
    """Return the ids of records as an array, which gives one index lookup per id.

    For a join, a planner without statistics can choose to read all tasks of the user.
    """
    return func.array(select(records.c.id).scalar_subquery(), type_=ARRAY(Uuid()))
