"""Two users who aim at each other, and a third who does nothing, without wall 1."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, fields
from typing import Any

from pydantic import SecretStr

from chaos.clients import Caller
from chaos.environment import Home
from chaos.pooler import pgbouncer
from chaos.random_operations import FIELDS, Schedule, Stranger
from chaos.readers import furnish
from chaos.report import Check
from chaos.scene import Scene
from todo_graphql.errors import ErrorCode

BARE = ("-m", "chaos.unscoped_server", "serve")
CONNECTIONS = 4
"""Of each of the two."""

EXPECTED = {code.name for code in ErrorCode} - {
    ErrorCode.INTERNAL_SERVER_ERROR.name,
    ErrorCode.UNAVAILABLE.name,
    ErrorCode.UNAUTHENTICATED.name,
    ErrorCode.RATE_LIMITED.name,
    ErrorCode.GRAPHQL_PARSE_FAILED.name,
    ErrorCode.GRAPHQL_VALIDATION_FAILED.name,
    ErrorCode.QUERY_TOO_COMPLEX.name,
}
"""What is no error of the server's, where arguments are chosen by chance."""

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
class Seen:
    """What came of the calls."""

    calls: int = 0
    foreign: int = 0
    rows: int = 0
    wrong: int = 0
    succeeded: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: "Seen") -> "Seen":
        """Both as one."""
        names = [one.name for one in fields(self)]
        return Seen(**{name: getattr(self, name) + getattr(other, name) for name in names})


def strangers(scene: Scene, calls: int) -> list[Check]:
    """On connections of the server's own."""
    return visit(scene, calls, BARE, nullcontext())


def pooled(scene: Scene, calls: int) -> list[Check]:
    """Through PgBouncer. Raises AbsentError where there is none."""
    return visit(scene, calls, BARE, pgbouncer(scene.home))


def visit(
    scene: Scene,
    calls: int,
    command: Sequence[str],
    way: AbstractContextManager[SecretStr | None],
) -> list[Check]:
    """Let the two call in small parts, so that the bar moves, and look at the rows afterwards."""
    home, seen, parts = scene.home, Seen(), max(1, calls // 2_000)
    with way as url, home.serving(url=url, command=command, MAX_QUERY_COST="1000000") as server:
        three: Sequence[Stranger] = people(home)
        furnish_witness(scene, server.port, three[2])
        before = rows_of(home, three[2:])
        for part in scene.steps(parts):
            job = scene.have(call, server.port, three, calls // parts, part)
            three, more = job.result()
            rows = rows_of(home, three[:2])
            more.rows, more.wrong = len(rows), sum(is_foreign(row, three) for row in rows)
            seen += more
        same = rows_of(home, three[2:]) == before
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
        Check("0 errors of the server's", told(seen.errors), not seen.errors),
        Check(
            "every operation succeeds at times",
            f"{len(seen.succeeded)} of {len(FIELDS)}, {sum(seen.succeeded.values()):,} calls",
            set(seen.succeeded) == set(FIELDS),
            steady=False,
        ),
    ]


def people(home: Home) -> list[Stranger]:
    """Two who call and one who does not, each with a mark that is in all they write."""
    marks = [f"{name}{secrets.token_hex(4)}" for name in ("alice", "mallory", "witness")]
    return [
        Stranger(person.id, person.token, mark) for mark in marks for person in home.people(1, mark)
    ]


def furnish_witness(scene: Scene, port: int, witness: Stranger) -> None:
    """Something to be found, changed and removed: some of it in the trash."""
    scene.have(furnish, port, [witness], title=witness.mark).result()
    scene.home.query(TRASH, witness.id, witness.id)
    ids = scene.home.query("SELECT id::text FROM tasks WHERE user_id = %s", witness.id)
    witness.ids.extend(task_id for (task_id,) in ids)


def rows_of(home: Home, strangers: Sequence[Stranger]) -> list[tuple[Any, ...]]:
    """All that is theirs: kind, owner, the whole row as text, and the title of a task."""
    return home.query(ROWS, ids=[one.id for one in strangers])


def is_foreign(row: tuple[Any, ...], strangers: Sequence[Stranger]) -> bool:
    """Whether it says what somebody else has written, or has a title that its owner has not."""
    _, owner_id, text, title = row
    (owner,) = [one for one in strangers if one.id == owner_id]
    marks = [one.mark for one in strangers if one is not owner]
    return any(mark in text for mark in marks) or not {title} <= {None, *owner.titles}


def call(
    port: int, strangers: Sequence[Stranger], number: int, part: int
) -> tuple[Sequence[Stranger], Seen]:
    """Let the first two call at once, on several connections each."""
    seen = Seen()

    async def everybody() -> None:
        async with asyncio.TaskGroup() as tasks:
            for place in range(2 * CONNECTIONS):
                me = strangers[place % 2]
                others = [one for one in strangers if one is not me]
                schedule = Schedule(me, others, f"{me.mark} {part} {place}")
                caller = Caller(port, me.token)
                tasks.create_task(
                    go_through(schedule, number // (2 * CONNECTIONS), caller, me, others, seen)
                )

    asyncio.run(everybody())
    return strangers, seen


async def go_through(
    schedule: Schedule,
    number: int,
    caller: Caller,
    me: Stranger,
    others: Sequence[Stranger],
    seen: Seen,
) -> None:
    """One connection's calls, one after the other."""
    for name, document, variables in schedule.calls(number):
        answer = await caller.ask(document, **variables)
        body = answer.body.decode()
        me.learn(body)
        seen.calls += 1
        seen.foreign += any(one.mark in body for one in others)
        if answer.outcome == "ok":
            seen.succeeded[name] += 1
        elif answer.code not in EXPECTED:
            seen.errors[f"{name}: {answer.code or 'no answer'}"] += 1
    caller.hang_up()


def told(errors: Counter[str]) -> str:
    """How many, and of what."""
    some = [f"{number} of {what}" for what, number in errors.most_common(3)]
    return ", ".join([str(errors.total()), *some])
