"""Stalls: of PostgreSQL, a query, one user's rows and the pool."""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from chaos.clients import (
    Answer,
    count_untyped,
    create_tasks,
    execute_repeatedly,
    p99,
    read_repeatedly,
)
from chaos.environment import Deployment, Environment, User
from chaos.history import answers_in, new_writers, write_repeatedly
from chaos.kills import CLIENTS, check_writes
from chaos.report import Check, check_none, check_within
from tests.support.postgres import frozen
from todo_graphql.settings.settings import Settings

REQUEST_SECONDS: float = Settings.model_fields["request_timeout"].default
POOL_SIZE: int = Settings.model_fields["database_pool_size"].default
TOLERANCE_SECONDS = 0.5
"""An additional time for each response, because clients and server share two cores."""

RECOVERY_SECONDS = 2.0
"""The limit until everything is normal again."""

MAX_RATIO = 2.0
"""The limit of the p99 of other users, relative to the p99 before."""

PAUSE_SECONDS = 0.05
"""The pause of readers, which measure response times without causing load."""

READERS = 8
"""The number of other users that read pages."""

CREATE = "mutation ($title: String!) { createTask(input: {title: $title}) { task { id } } }"
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'todo-graphql'"
SLEEP_TRIGGER = """
CREATE OR REPLACE FUNCTION sleeps() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(substr(NEW.title, 7)::float);
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER sleeps BEFORE INSERT ON tasks FOR EACH ROW
    WHEN (NEW.title ~ '^sleep [0-9]') EXECUTE FUNCTION sleeps()
"""


def install_sleep_trigger(deployment: Deployment) -> None:
    """Make the insertion of a task with the title "sleep 30" take 30 seconds."""
    deployment.query(SLEEP_TRIGGER)


def freeze(env: Environment, seconds: int, clients: int = CLIENTS) -> list[Check]:
    """Freeze PostgreSQL under load, and check the recovery."""
    deployment = env.deployment
    with (
        deployment.serving() as server,
        deployment.administrator() as admin,
        admin.cursor() as cursor,
    ):
        lasting = 2 + seconds + 4
        reading = env.submit(
            read_repeatedly, server.port, deployment.new_users(clients // 2), lasting
        )
        writing = env.submit(
            write_repeatedly, server.port, new_writers(deployment, clients // 2), lasting
        )
        time.sleep(2)
        with frozen(deployment.postgres):
            began = time.monotonic()
            env.wait(seconds)
        resumed, counts = time.monotonic(), list[tuple[float, int]]()
        while time.monotonic() < resumed + 3:
            cursor.execute(CONNECTIONS)
            counts.append((time.monotonic() - resumed, (cursor.fetchone() or (0,))[0]))
        history = writing.result()
        answers = [*reading.result(), *answers_in(history)]
    meanwhile = sum(
        one.is_answered and began < one.began < resumed - REQUEST_SECONDS for one in answers
    )
    return [
        check_within(
            REQUEST_SECONDS + TOLERANCE_SECONDS, [one.seconds for one in answers], "every response"
        ),
        check_none(sum(not one.is_answered for one in answers), "requests without a response"),
        Check("clients send requests meanwhile", f"{meanwhile} requests", meanwhile > 0),
        check_within(RECOVERY_SECONDS, recovery_seconds(resumed, answers), "normal again"),
        check_pool_size(counts),
        *check_writes(env, history),
    ]


def check_pool_size(counts: Sequence[tuple[float, int]]) -> Check:
    """Check that the connections do not exceed the pool after the recovery.

    At SIGCONT PostgreSQL has accepted new connections before it notices that old ones are closed.
    """
    last = max((moment for moment, number in counts if number > POOL_SIZE), default=0.0)
    most = max(number for _, number in counts)
    seen = f"{counts[-1][1]}; at most {most}, until {last:.2f} s after"
    return Check(
        f"connections ≤ {POOL_SIZE} (the pool) after {RECOVERY_SECONDS:g} s",
        seen,
        last <= RECOVERY_SECONDS,
    )


def recovery_seconds(moment: float, answers: Sequence[Answer]) -> list[float]:
    """Return the seconds from this time to the first success and after the last failure."""
    late = [one for one in answers if one.ended > moment]
    good = [one.ended for one in late if one.outcome == "ok"]
    bad = [one.ended for one in late if one.outcome != "ok"]
    return [max([min(good), *bad]) - moment] if good else []


def sleep(env: Environment, seconds: int) -> list[Check]:
    """Run queries that would take 30 seconds, one after the other."""
    install_sleep_trigger(env.deployment)
    sleeper = env.deployment.new_users(1)
    return measure_beside(env, seconds, sleeper, nullcontext(), "sleep 30")


def lock(env: Environment, seconds: int, clients: int) -> list[Check]:
    """Hold a lock on a user's row, while this user writes with several clients."""
    (one,) = env.deployment.new_users(1)
    held = locked(env.deployment, one)
    return measure_beside(env, seconds, [one] * clients, held, "waits for the lock")


@contextmanager
def locked(deployment: Deployment, person: User) -> Iterator[None]:
    """Create the user's row and hold a lock on it."""
    deployment.query("INSERT INTO users (id) VALUES (%s)", person.id)
    with deployment.administrator() as admin, admin.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT FROM users WHERE id = %s FOR UPDATE", (person.id,))
        yield


def measure_beside(
    env: Environment,
    seconds: int,
    affected: Sequence[User],
    fault: AbstractContextManager[None],
    title: str,
) -> list[Check]:
    """Measure affected and other users during a fault."""
    with env.deployment.serving() as server:
        others = env.deployment.new_users(READERS, "neighbour")
        env.submit(create_tasks, server.port, others).result()
        env.submit(read_repeatedly, server.port, others, 1.0).result()
        before = env.submit(
            read_repeatedly, server.port, others, seconds / 2, PAUSE_SECONDS
        ).result()
        with fault:
            sending = seconds - REQUEST_SECONDS
            theirs = env.submit(
                execute_repeatedly,
                server.port,
                affected,
                sending,
                CREATE,
                pause=PAUSE_SECONDS,
                title=title,
            )
            during = env.submit(read_repeatedly, server.port, others, seconds, PAUSE_SECONDS)
            env.wait(seconds)
            answers = theirs.result()
        after = during.result()
    return [
        check_none(sum(one.outcome == "ok" for one in answers), "successes of affected users"),
        check_within(
            REQUEST_SECONDS + TOLERANCE_SECONDS,
            [one.seconds for one in answers],
            "errors of affected users",
        ),
        check_none(count_untyped([*answers, *after]), "errors without a documented code"),
        check_none(sum(one.outcome != "ok" for one in after), "errors of other users"),
        check_p99(before, after, "other users'"),
    ]


def check_p99(before: Sequence[Answer], during: Sequence[Answer], whose: str) -> Check:
    """Check that the p99 is not much higher than before."""
    then, now = p99(before), p99(during)
    seen = f"{now * 1e3:.1f} ms, before {then * 1e3:.1f} ms: {now / then:.2f} times"
    held = bool(during) and now <= MAX_RATIO * then
    return Check(f"{whose} p99 ≤ {MAX_RATIO:g} times that before", seen, held, steady=False)
