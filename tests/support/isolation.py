"""Databases with both layers of isolation, with one of them, and without any.

The layers are statement scoping, the owner's predicate in every statement, and row-level security.
"""

import re
import uuid
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, select, text, true

from tests.support.documents import LIMITS
from tests.support.servers import settings_for
from todo_graphql.api import context
from todo_graphql.api.schema import GraphQLRequest, Schema
from todo_graphql.api.sync.live_reads import LiveRead
from todo_graphql.store.models import IDEMPOTENCY_KEYS, TASKS, TOMBSTONES, USERS, Viewer
from todo_graphql.store.postgres.citus import IS_INSTALLED
from todo_graphql.store.postgres.engine import Database, database_url
from todo_graphql.store.scope import ViewerScope
from todo_graphql.store.statements import Statements

SCHEMA = Schema(replace(LIMITS, tokens=5_000, cost=10**9), introspection=True)
WORLDS = ("both walls", "only the statement", "only the database")


class Unscoped(ViewerScope):
    """A scope without statement scoping: its predicates are always true."""

    def __init__(self) -> None:
        super().__init__()
        self.own_user = self.own_tasks = self.own_keys = self.own_tombstones = true()


UNSCOPED = Unscoped()


class World:
    """A database, and the layers of isolation with which operations reach it."""

    def __init__(self, url: SecretStr, *, statement: bool, database: bool) -> None:
        self.database = Database(settings_for(url))
        self._scope = Statements.scope if statement else UNSCOPED
        if not database:
            tear_down_wall_2(url)
        with self.database.engine.connect() as admin:
            is_cluster = admin.exec_driver_sql(IS_INSTALLED).scalar_one()
        self._has_routes = statement or not is_cluster

    def ask(self, viewer: Viewer, document: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Run an operation and return its data and errors, as a client sees them."""
        with (
            patch.object(Statements, "scope", self._scope),
            self.database.connect_as(viewer) as connection,
        ):
            own = context.Context(viewer, connection, "-")
            own.live_read = LiveRead()
            result = SCHEMA.run(GraphQLRequest(document, variables), own)
        errors = [error.formatted for error in result.errors or ()]
        return {"data": msgspec.to_builtins(result.data), "errors": errors}

    def require_route(self, name: str) -> None:
        """Skip a test whose statement Citus refuses without owner predicates.

        Such a statement would need the rows of several workers.
        """
        if name in {"emptyTrash", "purgeTask", "taskChanges"} and not self._has_routes:
            pytest.skip(f"{name} without owner predicates: Citus refuses it.")

    def create(self, who: Viewer, title: str) -> str:
        """Create a task and return its id."""
        document = "mutation ($i: CreateTaskInput!) { createTask(input: $i) { task { id } } }"
        answer = self.ask(who, document, {"i": {"title": title, "description": title}})
        return str(answer["data"]["createTask"]["task"]["id"])

    def everything_of(self, viewer: Viewer) -> list[Any]:
        """Return all rows that the viewer owns, in all tables, read as this viewer."""
        with self.database.connect_as(viewer) as connection:
            users = connection.read(select(USERS).where(USERS.c.id == viewer.id))
            tasks = connection.read(
                select(TASKS).where(TASKS.c.user_id == viewer.id).order_by(TASKS.c.id)
            )
            keys = connection.read(
                select(IDEMPOTENCY_KEYS)
                .where(IDEMPOTENCY_KEYS.c.user_id == viewer.id)
                .order_by(IDEMPOTENCY_KEYS.c.key)
            )
            stones = connection.read(
                select(TOMBSTONES)
                .where(TOMBSTONES.c.user_id == viewer.id)
                .order_by(TOMBSTONES.c.task_id)
            )
        return [*users, *tasks, *keys, *stones]


def tear_down_wall_2(url: SecretStr) -> None:
    """Disable row-level security."""
    engine = create_engine(database_url(url))
    with engine.begin() as connection:
        for table in (USERS, TASKS, TOMBSTONES, IDEMPOTENCY_KEYS):
            connection.execute(text(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"))
    engine.dispose()


def anonymised(answer: object) -> str:
    """Return the response as text, with ids, addresses, cursors and instants replaced."""
    blurred = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", str(answer))
    blurred = re.sub(r"[0-9a-f]{32}@", "@", blurred)
    blurred = re.sub(r"'(cursor|startCursor|endCursor)': '[\w-]+'", r"'\1': CURSOR", blurred)
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "MOMENT", blurred)


def somebody(name: str) -> Viewer:
    """Return a new viewer."""
    return Viewer(uuid.uuid4(), f"{name}-{uuid.uuid4().hex}@example.com")
