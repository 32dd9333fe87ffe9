"""Differential execution: a user whose tasks the compiled and the reference executor return."""

import uuid
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from graphql import ExecutionResult

from tests.support.documents import LIMITS
from tests.support.isolation import somebody
from tests.support.operations import GIVEN
from todo_graphql.api.budget import Allowance
from todo_graphql.api.context import Context
from todo_graphql.api.enums import TaskPriority
from todo_graphql.api.execution import executor
from todo_graphql.api.schema import GraphQLRequest, Schema
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.tasks.pages import TaskPage
from todo_graphql.store.tasks.repository import Tasks
from todo_graphql.store.tasks.rows import NewTask, TaskRow
from todo_graphql.store.tasks.selections import TaskSelection
from todo_graphql.store.tasks.write_results import WriteResult

GENEROUS = replace(LIMITS, tokens=10_000, depth=30, fields=5_000, cost=10**9)
FAST = Schema(GENEROUS, introspection=True)
REFERENCE = Schema(GENEROUS, introspection=True, executor="reference")
# Each document is parsed and validated once for both.
REFERENCE.documents = FAST.documents


# Values that no row contains: nulls in non-null fields, integers outside of 32 bits, and values of
# other types, some of which graphql-core coerces.
DAMAGE: dict[str, dict[str, Any]] = {
    "a null in a nullable field": {"description": None, "due_on": None},
    "a null in a non-null field": {"title": None},
    "a null in a list": {"tags": ["a", None]},
    "a null for a list": {"tags": None},
    "a null for a boolean": {"completed": None},
    "a text for a list": {"tags": "abc"},
    "a tuple for a list": {"tags": ("a", "b")},
    "a list in a list": {"tags": [["a"]]},
    "a number too great": {"revision": 2**31},
    "a number too small": {"revision": -(2**31) - 1},
    "a boolean for a number": {"revision": True},
    "a whole float for a number": {"revision": 7.0},
    "a number for a boolean": {"completed": 1},
    "a number for a text": {"title": 5},
    "a text for a number": {"revision": "7"},
    "no such priority": {"priority": 9},
    "no priority": {"priority": None},
    "an unhashable priority": {"priority": []},
    "a priority of another class": {"priority": TaskPriority.HIGH},
}
ALLOWANCE = Allowance(limit=100, remaining=60, cost=40, resets=1_800_000_000.0, retry_after=0)
WHOLE: dict[str, Any] = {}
OTHER_CLASS = {"": "the row is a plain tuple"}


def damaged(row: TaskRow, damage: dict[str, Any]) -> TaskRow:
    """Return the row with the damaged values."""
    other: Any = tuple(row)
    return other if damage is OTHER_CLASS else row._replace(**damage)


class DamagedTasks(Tasks):
    """Tasks whose rows contain damaged values."""

    damage: dict[str, Any] = WHOLE

    def find(self, task_id: uuid.UUID) -> TaskRow | None:
        row = super().find(task_id)
        return None if row is None else damaged(row, self.damage)

    def page(self, request: Any) -> TaskPage:
        page = super().page(request)
        # Only the last row, so that others are returned before it.
        rows = [*page.rows[:-1], *(damaged(row, self.damage) for row in page.rows[-1:])]
        return page._replace(rows=rows)

    def restore(self, selected: TaskSelection) -> WriteResult:
        written = super().restore(selected)
        return written._replace(rows=[damaged(row, self.damage) for row in written.rows])


class Asking(Context):
    """A context that records the columns that are read, and damages their values."""

    def __init__(self, *arguments: Any, damage: dict[str, Any]) -> None:
        super().__init__(*arguments)
        self.damage = damage
        self.columns: list[frozenset[str]] = []

    def tasks(self, user_id: str | None = None, payload: str | None = None) -> Tasks:
        asked = super().tasks(user_id, payload)
        self.columns.append(asked._columns)
        tasks = DamagedTasks(self.connection, asked._columns, asked._previous)
        tasks.damage = self.damage
        return tasks


class Home:
    """A user with five tasks, and a way to send an operation to either executor."""

    def __init__(self, database: Database) -> None:
        self.viewer = somebody("projected")
        self._database = database
        with database.connect_as(self.viewer) as connection:
            tasks = Tasks(connection)
            new = [NewTask(title, tags=("x",)) for title in ("a", "b", "ab", "c")]
            new.append(NewTask("given", id=uuid.UUID(GIVEN)))
            rows = tasks.create(new, ["input"] * 5).rows
            tasks.complete(TaskSelection.one(uuid.UUID(rows[1].id)))
        self.variables = {
            "task": rows[0].id,
            "done": rows[1].id,
            "me": str(self.viewer.id),
            "yes": True,
        }
        self.columns: list[frozenset[str]] = []

    def ask(
        self, schema: Schema, document: str, damage: dict[str, Any] = WHOLE, **variables: Any
    ) -> ExecutionResult:
        with self._database.connect_as(self.viewer) as connection:
            context = Asking(self.viewer, connection, "-", damage=damage)
            context.allowance = ALLOWANCE
            self.columns = context.columns
            return schema.run(GraphQLRequest(document, {**self.variables, **variables}), context)


def takeovers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that collects the root fields at which graphql-core takes over."""
    fields: list[str] = []
    rest = executor.CompiledOperation._rest

    def noting(self: Any, roots: Any, *arguments: Any) -> Any:
        fields.append(roots[0].key)
        return rest(self, roots, *arguments)

    monkeypatch.setattr(executor.CompiledOperation, "_rest", noting)
    return fields


def data_of(result: ExecutionResult) -> Any:
    return msgspec.to_builtins(result.data)


def canonical(result: ExecutionResult) -> bytes:
    """Return the response that a client sees."""
    errors = [error.formatted for error in result.errors or ()]
    return msgspec.json.encode({"data": result.data, "errors": errors})
