"""The target `baseline`: the minimum of work for each request.

Starlette, a thread and a connection for each request, and one message to PostgreSQL: the preamble
of todo-graphql and a hand-written statement whose result is the body. It verifies tokens as
todo-graphql does and uses row-level security. It has a route for each workload, and no GraphQL,
validation or errors.
"""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from todo_graphql.server.auth.tokens import Authenticator
from todo_graphql.settings.settings import Settings
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.tasks.derived import derive
from todo_graphql.store.text.search import Search

CONNECTIONS = 10
"""The pool size of todo-graphql."""

settings = Settings.from_environment()
authenticator = Authenticator(settings)
database = Database(settings)
threads = ThreadPoolExecutor(CONNECTIONS)
local = threading.local()

MOMENT = """to_char(timezone('UTC', %s), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
PRIORITY = "(ARRAY['NONE', 'LOW', 'MEDIUM', 'HIGH', 'URGENT'])[priority + 1]"
FIELDS = {
    "id": "id",
    "title": "title",
    "description": "description",
    "completed": "completed_at IS NOT NULL",
    "completedAt": MOMENT % "completed_at",
    "priority": PRIORITY,
    "dueOn": "due_on",
    "dueAt": MOMENT % "due_at",
    "tags": "tags",
    "createdAt": MOMENT % "created_at",
    "updatedAt": MOMENT % "updated_at",
    "deletedAt": MOMENT % "deleted_at",
    "revision": "revision",
}
SHORT = ("id", "title", "completed", "createdAt")
NEWEST_FIRST = "created_at DESC, id DESC"


def task_json(*names: str) -> str:
    """Return the expression for a task as JSON with the named fields, by default with all."""
    pairs = (f"'{name}', {FIELDS[name]}" for name in names or FIELDS)
    return f"json_build_object({', '.join(pairs)})"


def page(size: int, order: str, *names: str, where: str = "true") -> str:
    """Return the statement for a page and its pageInfo. The cursor holds the order and the id."""
    return f"""
        SELECT json_build_object('data', json_build_object('tasks', json_build_object(
            'nodes', coalesce(json_agg(task ORDER BY place) FILTER (WHERE place <= {size}), '[]'),
            'pageInfo', json_build_object(
                'hasNextPage', count(*) > {size},
                'endCursor', encode(convert_to(max(cursor) FILTER (
                    WHERE place = least({size}, total)
                ), 'UTF8'), 'base64')
            )
        )))::text
        FROM (
            SELECT {task_json(*names)} AS task, row_number() OVER (ORDER BY {order}) AS place,
                count(*) OVER () AS total, concat(created_at, due, id) AS cursor
            FROM (
                SELECT * FROM tasks
                WHERE user_id = %(user)s AND deleted_at IS NULL AND {where}
                ORDER BY {order} LIMIT {size + 1}
            ) AS found
        ) AS listed
    """  # noqa: S608 - made of constants


TASK = f"""
    SELECT json_build_object('data', json_build_object('task', {task_json()}))::text
    FROM tasks WHERE user_id = %(user)s AND id = %(id)s
"""  # noqa: S608 - made of constants
PAGE_20 = page(20, NEWEST_FIRST, *SHORT)
PAGE_100 = page(100, NEWEST_FIRST)
SEARCH = page(
    20,
    "due NULLS LAST, id",
    *SHORT,
    "dueOn",
    "dueAt",
    where="completed_at IS NULL AND words @@ CAST(%(search)s AS tsquery)",
)

TODAY = "timezone('UTC', now())::date"
MIDNIGHT = "timezone('UTC', date_trunc('day', timezone('UTC', now())))"
MONDAY = "timezone('UTC', date_trunc('week', timezone('UTC', now())))"
DONE = f"completed_at < {MIDNIGHT} + interval '1 day' AND completed_at >="
IS_OPEN = "completed_at IS NULL"
DUE = (
    f"{IS_OPEN} AND (due_on >= {TODAY} AND due_on < {TODAY} + %d OR due_at >= {MIDNIGHT}"
    f" AND due_at < {MIDNIGHT} + interval '%d days')"
)
COUNTS = {
    "open": IS_OPEN,
    "overdue": f"{IS_OPEN} AND (due_on < {TODAY} OR due_at < now())",
    "today": DUE % (1, 1),
    "nextSevenDays": DUE % (7, 7),
    "noDate": f"{IS_OPEN} AND due IS NULL",
    "completedToday": f"{DONE} {MIDNIGHT}",
    "completedThisWeek": f"{DONE} {MONDAY}",
}
OVERVIEW = f"""
    SELECT json_build_object('data', json_build_object('overview', json_build_object(
        {", ".join(f"'{name}', count(*) FILTER (WHERE {rule})" for name, rule in COUNTS.items())},
        'tags', (
            SELECT coalesce(json_agg(json_build_object('tag', t, 'open', o, 'total', n)), '[]')
            FROM (
                SELECT min(tag) AS t, count(*) FILTER (WHERE {IS_OPEN}) AS o, count(*) AS n
                FROM tasks, unnest(tags, tag_keys) AS each (tag, key)
                WHERE user_id = %(user)s AND deleted_at IS NULL GROUP BY key ORDER BY key
            ) AS counted
        )
    )))::text
    FROM tasks WHERE user_id = %(user)s AND deleted_at IS NULL
"""  # noqa: S608 - made of constants

WRITER = """
    writer AS (
        UPDATE users SET revision = revision + 1 WHERE id = %(user)s RETURNING id, revision
    )
"""


def written(field: str, *names: str) -> str:
    payload = f"json_build_object('task', {task_json(*names)}, 'revision', revision)"
    return f"""
        SELECT json_build_object('data', json_build_object('{field}', {payload}))::text
        FROM written
    """  # noqa: S608 - made of constants


CREATE = f"""
    WITH {WRITER}, written AS (
        INSERT INTO tasks (
            user_id, title, description, priority, revision, rank, title_key, title_order,
            tag_keys, words
        )
        SELECT writer.id, %(title)s, %(description)s, %(priority)s, writer.revision,
            lpad(to_hex(4503599627370496 + writer.revision), 14, '0') || '0000011',
            %(title_key)s, %(title_order)s, '{{}}', %(words)s
        FROM writer
        RETURNING *
    ) {written("createTask", *SHORT, "priority", "revision")}
"""  # noqa: S608 - made of constants
UPDATE = f"""
    WITH {WRITER}, written AS (
        UPDATE tasks SET title = %(title)s, title_key = %(title_key)s,
            title_order = %(title_order)s, updated_at = now(), revision = writer.revision,
            words = CAST(concat_ws(
                ' ', %(words)s, CAST(ts_filter(words, '{{b,c}}') AS text)
            ) AS tsvector)
        FROM writer WHERE user_id = %(user)s AND tasks.id = %(id)s AND writer.id = %(user)s
        RETURNING tasks.*
    ) {written("updateTask", "id", "title", "updatedAt", "revision")}
"""  # noqa: S608 - made of constants


def connect() -> Connection:
    """Return the connection of this thread."""
    if not hasattr(local, "connection"):
        local.connection = psycopg2.connect(settings.required_database_url().get_secret_value())
        local.connection.autocommit = True
    connection: Connection = local.connection
    return connection


def answer(statement: str, token: str, arguments: dict[str, Any]) -> bytes:
    viewer = authenticator.viewer_of(token)
    if "title" in arguments:
        arguments |= derive({"title": arguments["title"]})
    elif "search" in arguments:
        arguments["search"] = Search(arguments["search"]).query()
    with connect().cursor() as cursor:
        cursor.execute(database.preamble(viewer) + statement, {**arguments, "user": str(viewer.id)})
        row = cursor.fetchone()
    return row[0].encode() if row is not None else b'{"data":null}'


def endpoint(statement: str) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Response:
        token = request.headers["authorization"].removeprefix("Bearer ")
        arguments = json.loads(await request.body())
        loop = asyncio.get_running_loop()
        body = await loop.run_in_executor(threads, answer, statement, token, arguments)
        return Response(body, media_type="application/json")

    return respond


STATEMENTS = {
    "/task": TASK,
    "/page": PAGE_20,
    "/page100": PAGE_100,
    "/search": SEARCH,
    "/overview": OVERVIEW,
    "/create": CREATE,
    "/update": UPDATE,
}
app = Starlette(
    routes=[
        Route(path, endpoint(statement), methods=["POST"]) for path, statement in STATEMENTS.items()
    ]
)
