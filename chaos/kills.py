"""Kills under load: of a worker, the server, PostgreSQL and its connections."""

import random
import time
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

import psutil

from chaos.clients import count_untyped, read_repeatedly
from chaos.environment import Environment
from chaos.history import Write, answers_in, compare, first_success, new_writers, write_repeatedly
from chaos.report import Check, check_none, check_within
from chaos.servers import Server, responds_ready, until
from tests.support.postgres import kill

if TYPE_CHECKING:
    from concurrent.futures import Future

READY_SECONDS = 3.0
"""The limit until a killed server is ready again."""

RECOVERY_SECONDS = 2.0
"""The limit until the first success after PostgreSQL has restarted."""

READ_SUCCESS_PERCENT = 99.9
"""The minimum of successful reads while connections are terminated."""

BEFORE_SECONDS, AFTER_SECONDS = 0.7, 1.5
"""The time for which clients write before a kill, and after the recovery."""

CLIENTS = 32
"""The number of writers during a kill."""

TERMINATE = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
)


def kill_worker(env: Environment, rounds: int, clients: int = CLIENTS) -> list[Check]:
    """Kill one of two workers, chosen at random."""
    ready, success, history = list[float](), list[float](), list[Write]()
    with env.deployment.serving("--workers", "2") as server:
        until(lambda: len(server.workers()) == 2, "Expected two workers.")
        for _ in env.steps(rounds):
            writing = start_writers(env, server, clients, READY_SECONDS)
            before = server.workers()
            killed = time.monotonic()
            random.choice(before).kill()  # noqa: S311 - any of them
            ready.append(await_new_worker(server, before) - killed)
            history += writing.result()
            first = first_success(history, killed)
            success += [] if first is None else [first - killed]
    return [
        *check_writes(env, history),
        check_within(READY_SECONDS, success, "the server answers"),
        check_within(READY_SECONDS, ready, "another worker is ready"),
    ]


def await_new_worker(server: Server, before: Sequence[psutil.Process]) -> float:
    """Wait until a new worker is ready, and return the time."""

    def found() -> bool:
        return any(has_answered(server, new) for new in server.workers() if new not in before)

    until(found, "No new worker became ready.")
    return time.monotonic()


def has_answered(server: Server, worker: psutil.Process) -> bool:
    """Return whether this worker responds as ready: it owns the other end of the connection."""
    with closing(server.connection()) as connection:
        if not responds_ready(connection):
            return False
        port = connection.sock.getsockname()[1]
        try:
            return (port,) in {tuple(c.raddr)[-1:] for c in worker.net_connections("tcp")}
        except psutil.NoSuchProcess:
            return False


def kill_server(env: Environment, rounds: int, clients: int = CLIENTS) -> list[Check]:
    """Kill the server, and restart it at once, as a supervisor does."""
    ready, history = list[float](), list[Write]()
    with env.deployment.serving() as server:
        for _ in env.steps(rounds):
            writing = start_writers(env, server, clients, READY_SECONDS)
            killed = time.monotonic()
            server.kill()
            server.start()
            ready.append(server.await_ready() - killed)
            history += writing.result()
    return [*check_writes(env, history), check_within(READY_SECONDS, ready, "ready again")]


def kill_postgres(env: Environment, rounds: int, clients: int = CLIENTS) -> list[Check]:
    """Kill the postmaster and its children. The processes of the server must survive."""
    success, history = list[float](), list[Write]()
    with env.deployment.serving() as server:
        processes = server.processes()
        for _ in env.steps(rounds):
            writing = start_writers(env, server, clients, 2 * RECOVERY_SECONDS)
            kill(env.deployment.postgres)
            env.deployment.postgres.start()
            env.deployment.query("SELECT")
            back = time.monotonic()
            written = writing.result()
            first = first_success(written, back)
            success += [] if first is None else [first - back]
            history += written
        same = server.processes() == processes
    return [
        *check_writes(env, history),
        check_within(
            RECOVERY_SECONDS,
            success if len(success) == rounds else [],
            "first success after its restart",
        ),
        Check("the server does not restart", "no restart" if same else "restarted", same),
    ]


def start_writers(
    env: Environment, server: Server, clients: int, longest: float
) -> "Future[list[Write]]":
    """Start writers and wait for a random time, so that the fault hits any point of their work."""
    seconds = BEFORE_SECONDS + longest + AFTER_SECONDS
    writing = env.submit(
        write_repeatedly, server.port, new_writers(env.deployment, clients), seconds
    )
    time.sleep(BEFORE_SECONDS + random.random() / 4)  # noqa: S311 - not a secret
    return writing


def check_writes(env: Environment, history: Sequence[Write]) -> list[Check]:
    """Return the checks of writes, which are the same after every fault."""
    seen = compare(env.deployment, history)
    numbers = f"of {seen.acknowledged:,} acknowledged, {seen.repeated:,} of them repeated"
    return [
        Check("0 acknowledged writes lost", f"{seen.lost} {numbers}", seen.lost == 0),
        check_none(seen.duplicates, "duplicates"),
        check_none(seen.unexpected, "writes exist although every attempt failed"),
        check_none(seen.unknown, "writes with an unknown outcome"),
        check_none(count_untyped(answers_in(history)), "errors without a documented code"),
    ]


def terminate_backends(
    env: Environment, seconds: int, readers: int = 8, clients: int = 8
) -> list[Check]:
    """Terminate all connections to PostgreSQL every second."""
    deployment, ended = env.deployment, 0
    with (
        deployment.serving() as server,
        deployment.administrator() as admin,
        admin.cursor() as cursor,
    ):
        reading = env.submit(read_repeatedly, server.port, deployment.new_users(readers), seconds)
        writing = env.submit(
            write_repeatedly, server.port, new_writers(deployment, clients), seconds
        )
        for _ in env.steps(seconds):
            time.sleep(1)
            cursor.execute(TERMINATE)
            ended += (cursor.fetchone() or (0,))[0]
        answers, history = reading.result(), writing.result()
    good = sum(answer.outcome == "ok" for answer in answers)
    share = 100 * good / max(1, len(answers))
    seen = f"{share:.3f} % of {len(answers):,}, {ended:,} connections terminated"
    return [
        Check(f"≥ {READ_SUCCESS_PERCENT} % of reads succeed", seen, share >= READ_SUCCESS_PERCENT),
        check_none(count_untyped(answers), "errors of reads without a documented code"),
        *check_writes(env, history),
    ]
