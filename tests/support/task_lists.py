"""Lists of tasks: inserted in one statement, read without HTTP, and sorted in plain Python."""

import json
import unicodedata
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, tzinfo
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import Phase
from hypothesis import settings as profile
from sqlalchemy import text

from tests.support.isolation import SCHEMA, somebody
from todo_graphql.api.context import Context
from todo_graphql.api.schema import GraphQLRequest
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.tasks.derived import derive

# Every run has the same examples, to reproduce failures. Explaining one takes minutes.
STEADY = profile(
    max_examples=80,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.generate, Phase.shrink),
)

LIST = """
query ($filter: TaskFilter, $orderBy: [TaskOrder!], $first: Int, $after: String, $last: Int,
       $before: String) {
  tasks(filter: $filter, orderBy: $orderBy, first: $first, after: $after, last: $last,
        before: $before) {
    totalCount
    edges { cursor node { id title } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""
PLANT = """
INSERT INTO tasks (user_id, id, title, description, priority, due_on, due_at, due, tags,
                   completed_at, created_at, updated_at, deleted_at, rank, revision,
                   title_key, title_order, description_key, tag_keys, words)
SELECT current_setting('app.user_id')::uuid, id, title, description, coalesce(priority, 0),
       due_on, due_at, coalesce(due_at, timezone('UTC', due_on::timestamp)), tags,
       completed_at, coalesce(created_at, now()), coalesce(updated_at, now()), deleted_at,
       coalesce(rank, row_number() OVER ()::text), 1,
       title_key, title_order, description_key, tag_keys, words
FROM json_to_recordset(:tasks) AS planted (
    id uuid, title text, description text, priority smallint, due_on date, due_at timestamptz,
    tags text[], completed_at timestamptz, created_at timestamptz, updated_at timestamptz,
    deleted_at timestamptz, rank text,
    title_key text, title_order text, description_key text, tag_keys text[], words tsvector
) RETURNING id
"""

TEXTS: Sequence[tuple[str, Any]] = (("title", ""), ("description", None), ("tags", []))
"""The texts of a task, and the value of a missing one."""

Task = Mapping[str, Any]
Key = Mapping[str, str]


class Reader:
    """A new user whose operations run without HTTP."""

    def __init__(self, database: Database) -> None:
        self.viewer = somebody("reader")
        self._database = database

    def plant(self, tasks: Sequence[Task]) -> None:
        """Insert these tasks without validation."""
        rows = [
            {**task, **derive({name: task.get(name, missing) for name, missing in TEXTS})}
            for task in tasks
        ]
        planting = text(PLANT).bindparams(tasks=json.dumps(rows, default=str))
        with self._database.connect_as(self.viewer) as connection:
            connection.write(planting, ensure_user=True)

    def select(self, statement: str, **values: Any) -> list[Any]:
        """Return the rows of a statement that runs as this user."""
        with self._database.connect_as(self.viewer) as connection:
            return list(connection.read(text(statement).bindparams(**values)))

    def post(self, document: str, **variables: Any) -> dict[str, Any]:
        """Run an operation and return its data and errors."""
        with self._database.connect_as(self.viewer) as connection:
            context = Context(self.viewer, connection, "-")
            result = SCHEMA.run(GraphQLRequest(document, variables), context)
        errors = [error.formatted for error in result.errors or ()]
        return {"data": msgspec.to_builtins(result.data), "errors": errors}

    def ask(self, document: str, **variables: Any) -> Any:
        """Run an operation, assert that it has no errors, and return its data."""
        answer = self.post(document, **variables)
        assert answer["errors"] == []
        return answer["data"]

    def page(self, **variables: Any) -> Any:
        return self.ask(LIST, **variables)["tasks"]

    def refusal(self, **variables: Any) -> tuple[str, str | None]:
        """Return the code and the field of a rejected page's only error."""
        (error,) = self.post(LIST, **variables)["errors"]
        return error["extensions"]["code"], error["extensions"].get("field")

    def found(self, **which: Any) -> list[str]:
        """Return the sorted titles of the tasks that match a filter."""
        page = self.page(filter=which, first=100)
        assert page["totalCount"] == len(page["edges"])
        return sorted(edge["node"]["title"] for edge in page["edges"])


# By direction: the argument for the next page, its cursor in pageInfo, and the flag that it exists.
WAYS = {
    "first": ("after", "endCursor", "hasNextPage"),
    "last": ("before", "startCursor", "hasPreviousPage"),
}


def walk(reader: Reader, way: str, size: int, **listing: Any) -> Iterator[Any]:
    """Yield all pages, from one end to the other."""
    side, end, more = WAYS[way]
    cursor = None
    while True:
        page = reader.page(**{way: size, side: cursor}, **listing)
        yield page
        cursor = page["pageInfo"][end]
        if not page["pageInfo"][more]:
            return


def ids(page: Any) -> list[str]:
    """Return the ids of a page, in its order."""
    return [edge["node"]["id"] for edge in page["edges"]]


def joined(pages: Sequence[Any], way: str) -> list[str]:
    """Return the ids of all pages, in the order of the list."""
    pages = pages if way == "first" else pages[::-1]
    return [task_id for page in pages for task_id in ids(page)]


def folded(title: str) -> str:
    """Remove case and accents."""
    parts = unicodedata.normalize("NFKD", title)
    plain = "".join(part for part in parts if not "\u0300" <= part <= "\u036f")
    return unicodedata.normalize("NFKC", plain).lower()


def due(task: Task, zone: tzinfo = UTC) -> datetime | None:
    """Return the due instant. A date counts as its first instant in the time zone."""
    if task.get("due_on") is not None:
        return datetime.combine(date.fromisoformat(task["due_on"]), time(), zone).astimezone(UTC)
    return moment("due_at")(task)


def moment(name: str) -> Callable[[Task], datetime | None]:
    """Return a getter of a task's instant."""
    return lambda task: None if task.get(name) is None else datetime.fromisoformat(task[name])


VALUES: Mapping[str, Callable[[Task], Any]] = {
    "CREATED": moment("created_at"),
    "UPDATED": moment("updated_at"),
    "DUE": due,
    "COMPLETED": moment("completed_at"),
    "PRIORITY": lambda task: task["priority"],
    "TITLE": lambda task: folded(task["title"]),
    "POSITION": lambda task: task["rank"],
    "RELEVANCE": lambda task: task["relevance"],
}


def in_order(tasks: Sequence[Task], keys: Sequence[Key]) -> list[str]:
    """Return the ids of the tasks, sorted by the keys, of which the first is the most important."""
    rows = sorted(
        tasks, key=lambda task: uuid.UUID(task["id"]), reverse=keys[-1]["direction"] == "DESC"
    )
    for key in reversed(keys):
        value = VALUES[key["field"]]
        if key["field"] == "DUE":
            value = partial(due, zone=ZoneInfo(key.get("timeZone", "UTC")))
        there = [task for task in rows if value(task) is not None]
        missing = [task for task in rows if value(task) is None]
        there.sort(key=value, reverse=key["direction"] == "DESC")
        rows = missing + there if key["nulls"] == "FIRST" else there + missing
    return [task["id"] for task in rows]
