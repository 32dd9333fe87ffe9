"""Plans of statements, and users with many tasks and with few."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from pydantic import SecretStr

from tests.support.administrators import administer
from tests.support.servers import settings_for
from todo_graphql.store.maintenance.seed import sample_users, seed
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres.connection import ViewerConnection
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.postgres.statement_cache import CompiledStatement, StatementKey
from todo_graphql.store.statements import Statements
from todo_graphql.store.tasks.filters import AllOf, Comparison, TaskFilter
from todo_graphql.store.tasks.ordering import NULLABLE, OrderField, OrderKey
from todo_graphql.store.tasks.page_requests import PageRequest
from todo_graphql.store.tasks.pages import page_statement
from todo_graphql.store.tasks.rows import ALL
from todo_graphql.store.text.search import Search

USERS = sample_users(20)
ME = USERS[3]
ORDERS = [
    OrderKey(field, descending=descending, nulls_first=nulls_first)
    for field in OrderField
    for descending in (False, True)
    for nulls_first in ((False, True) if field in NULLABLE else (False,))
]
INDEXES = {
    OrderField.CREATED: "ix_tasks_live",
    OrderField.UPDATED: "ix_tasks_updated",
    OrderField.DUE: "ix_tasks_due",
    OrderField.PRIORITY: "ix_tasks_priority",
    OrderField.TITLE: "ix_tasks_title",
    OrderField.COMPLETED: "ix_tasks_completed",
    OrderField.POSITION: "ix_tasks_rank",
}
FILTERS = {
    "open": TaskFilter(Comparison("completed_at", "null", True)),
    "priority": TaskFilter(Comparison("priority", "gte", 3)),
    "overdue": TaskFilter(Comparison("due", "overdue", (True, "UTC"))),
    "today": TaskFilter(Comparison("due", "today", (True, "UTC"))),
    "tags": TaskFilter(Comparison("tags", "any", ("Home",))),
    "title": TaskFilter(Comparison("title", "contains", "milk")),
    "id": TaskFilter(Comparison("id", "eq", ME.id)),
    "search": TaskFilter(search=Search("milk bre")),
    "trash": TaskFilter(AllOf(), trashed=True),
}


def connected(url: SecretStr, mode: str, tasks: dict[Viewer, int]) -> Iterator[ViewerConnection]:
    """Create tasks, and yield a connection of `ME`."""
    database = Database(settings_for(url, database_prepared_statements=mode))
    for number in set(tasks.values()):
        users = [user for user in tasks if tasks[user] == number]
        for _ in seed(database, users, number * len(users)):
            pass
    administer(url, "ANALYZE")
    with database.connect_as(ME) as own:
        yield own
    database.close()


def plan_of(connection: ViewerConnection, request: PageRequest) -> str:
    shape, values = request.split()
    return explain(connection, page_statement(shape, ALL), values)


def explain(
    connection: ViewerConnection,
    key: StatementKey,
    values: Mapping[str, Any] = MappingProxyType({}),
    options: str = "ANALYZE, COSTS OFF, TIMING OFF",
) -> str:
    """Return the plan of a statement, which is prepared where the connection prepares."""
    statement = key.compile(Statements.scope)
    execution = statement.sql
    if connection._connect().prepared is not None and statement.preparation:
        preparation = statement.preparation.replace(statement.name, "explained")
        connection.read(CompiledStatement(preparation.replace("%", "%%")))
        execution = statement.execution.replace(statement.name, "explained")
    explained = CompiledStatement(f"EXPLAIN ({options}) {execution}")
    plan = "\n".join(row[0] for row in connection.read(explained, values))
    if execution != statement.sql:
        connection.read(CompiledStatement("DEALLOCATE explained"))
    return plan
