"""Isolation by row-level security alone: random operations of two users, and a passive third."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, fields
from typing import Any

from pydantic import SecretStr

from chaos.clients import Client, create_tasks
from chaos.environment import Deployment, Environment
from chaos.pooler import pgbouncer
from chaos.random_operations import FIELDS, MarkedUser, RandomOperations
from chaos.report import Check
from todo_graphql.errors import ErrorCode

UNSCOPED = ("-m", "chaos.unscoped_server", "serve")
CONNECTIONS = 4
"""The number of connections of each calling user."""

EXPECTED = {code.name for code in ErrorCode} - {
    ErrorCode.INTERNAL_SERVER_ERROR.name,
    ErrorCode.UNAVAILABLE.name,
    ErrorCode.UNAUTHENTICATED.name,
    ErrorCode.RATE_LIMITED.name,
    ErrorCode.GRAPHQL_PARSE_FAILED.name,
    ErrorCode.GRAPHQL_VALIDATION_FAILED.name,
    ErrorCode.QUERY_TOO_COMPLEX.name,
}
"""Codes that random arguments may cause."""

ROWS = """
SELECT 'user', u.id::text, u::text, NULL FROM users u WHERE id = ANY(%(ids)s::uuid[])
UNION ALL
SELECT 'task', t.user_id::text, t::text, t.title FROM tasks t WHERE user_id = ANY(%(ids)s::uuid[])
UNION ALL
SELECT 'key', k.user_id::text, k::text, NULL FROM idempotency_keys k
WHERE user_id = ANY(%(ids)s::uuid[])
ORDER BY 1, 2, 3
"""
TRASH = """
UPDATE tasks SET deleted_at = now() WHERE user_id = %s AND id IN
    (SELECT id FROM tasks WHERE user_id = %s ORDER BY id LIMIT 10)
"""


@dataclass(slots=True)
class Statistics:
    """Counts of calls, rows and errors."""

    calls: int = 0
    foreign: int = 0
    rows: int = 0
    wrong: int = 0
    succeeded: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: "Statistics") -> "Statistics":
        names = [one.name for one in fields(self)]
        return Statistics(**{name: getattr(self, name) + getattr(other, name) for name in names})


def unscoped(env: Environment, calls: int) -> list[Check]:
    """Run random operations on a direct connection to PostgreSQL."""
    return run_calls(env, calls, UNSCOPED, nullcontext())


def pooled(env: Environment, calls: int) -> list[Check]:
    """Run random operations through PgBouncer. Raise AbsentError if it is not installed."""
    return run_calls(env, calls, UNSCOPED, pgbouncer(env.deployment))


def run_calls(
    env: Environment,
    calls: int,
    command: Sequence[str],
    way: AbstractContextManager[SecretStr | None],
) -> list[Check]:
    """Run the operations in parts, and check the rows after each part."""
    deployment, seen, parts = env.deployment, Statistics(), max(1, calls // 2_000)
    with (
        way as url,
        deployment.serving(url=url, command=command, MAX_QUERY_COST="1000000") as server,
    ):
        three: Sequence[MarkedUser] = marked_users(deployment)
        create_witness_tasks(env, server.port, three[2])
        before = rows_of(deployment, three[2:])
        for part in env.steps(parts):
            job = env.submit(call, server.port, three, calls // parts, part)
            three, more = job.result()
            rows = rows_of(deployment, three[:2])
            more.rows, more.wrong = len(rows), sum(is_foreign(row, three) for row in rows)
            seen += more
        same = rows_of(deployment, three[2:]) == before
    return [
        Check(
            "0 foreign rows in answers", f"{seen.foreign} of {seen.calls:,} calls", not seen.foreign
        ),
        Check(
            "0 foreign or unwritten rows in the tables",
            f"{seen.wrong} of {seen.rows:,}",
            not seen.wrong,
        ),
        Check("a third user's rows stay as they are", f"{len(before)} rows", same and bool(before)),
        Check("0 errors of the server", summary(seen.errors), not seen.errors),
        Check(
            "every operation succeeds at times",
            f"{len(seen.succeeded)} of {len(FIELDS)}, {sum(seen.succeeded.values()):,} calls",
            set(seen.succeeded) == set(FIELDS),
            steady=False,
        ),
    ]


def marked_users(deployment: Deployment) -> list[MarkedUser]:
    """Return two calling users and a passive one, each with a mark for everything it writes."""
    marks = [f"{name}{secrets.token_hex(4)}" for name in ("alice", "mallory", "witness")]
    return [
        MarkedUser(user.id, user.token, mark)
        for mark in marks
        for user in deployment.new_users(1, mark)
    ]


def create_witness_tasks(env: Environment, port: int, witness: MarkedUser) -> None:
    """Create tasks of the passive user, some of them in the trash."""
    env.submit(create_tasks, port, [witness], title=witness.mark).result()
    env.deployment.query(TRASH, witness.id, witness.id)
    ids = env.deployment.query("SELECT id::text FROM tasks WHERE user_id = %s", witness.id)
    witness.ids.extend(task_id for (task_id,) in ids)


def rows_of(deployment: Deployment, users: Sequence[MarkedUser]) -> list[tuple[Any, ...]]:
    """Return all rows of users: kind, owner, the whole row as text, and the title of a task."""
    return deployment.query(ROWS, ids=[one.id for one in users])


def is_foreign(row: tuple[Any, ...], users: Sequence[MarkedUser]) -> bool:
    """Return whether the row contains a mark or title that its owner did not write."""
    _, owner_id, text, title = row
    (owner,) = [one for one in users if one.id == owner_id]
    marks = [one.mark for one in users if one is not owner]
    return any(mark in text for mark in marks) or not {title} <= {None, *owner.titles}


def call(
    port: int, users: Sequence[MarkedUser], number: int, part: int
) -> tuple[Sequence[MarkedUser], Statistics]:
    """Run the operations of the first two users concurrently, on several connections each."""
    seen = Statistics()

    async def call_together() -> None:
        async with asyncio.TaskGroup() as tasks:
            for place in range(2 * CONNECTIONS):
                me = users[place % 2]
                others = [one for one in users if one is not me]
                operations = RandomOperations(me, others, f"{me.mark} {part} {place}")
                client = Client(port, me.token)
                tasks.create_task(
                    make_calls(operations, number // (2 * CONNECTIONS), client, me, others, seen)
                )

    asyncio.run(call_together())
    return users, seen


async def make_calls(
    operations: RandomOperations,
    number: int,
    client: Client,
    me: MarkedUser,
    others: Sequence[MarkedUser],
    seen: Statistics,
) -> None:
    """Make the calls of one connection, one after the other."""
    for name, document, variables in operations.calls(number):
        answer = await client.execute(document, **variables)
        body = answer.body.decode()
        me.learn(body)
        seen.calls += 1
        seen.foreign += any(one.mark in body for one in others)
        if answer.outcome == "ok":
            seen.succeeded[name] += 1
        elif answer.code not in EXPECTED:
            seen.errors[f"{name}: {answer.code or 'no answer'}"] += 1
    client.close()


def summary(errors: Counter[str]) -> str:
    """Return the total and the three most common errors."""
    some = [f"{number} of {what}" for what, number in errors.most_common(3)]
    return ", ".join([str(errors.total()), *some])
