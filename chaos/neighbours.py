"""Noisy neighbours: other users, the health check and the memory while one client attacks."""

import http.client
import time
from collections.abc import Sequence
from contextlib import closing

from chaos.attacks import ATTACKS, import_long_tasks, run_attack
from chaos.clients import Answer, create_tasks, p99, read_repeatedly
from chaos.environment import Environment
from chaos.report import Check, check_none, check_within
from chaos.servers import Server
from chaos.stalls import PAUSE_SECONDS, READERS

MAX_RATIO = 3.0
"""The limit of the p99 of other users, relative to the p99 before."""

MAX_MEMORY_MIB = 400
LIVE_SECONDS = 0.1
"""The limit of the liveness check."""

SETTLE_SECONDS = 20
"""The time after which the memory of an attack is free again."""

MAX_LEFT_MIB = 100
"""The limit of the memory that remains in use after an attack."""


def disturb(env: Environment, seconds: int, attack: str) -> list[Check]:
    """Attack the server while other users read pages."""
    deployment, accounts = env.deployment, ATTACKS[attack].accounts
    with deployment.serving(RATE_LIMIT="60000000/hour") as server:
        victims, attackers = deployment.new_users(READERS), deployment.new_users(accounts)
        env.submit(create_tasks, server.port, victims).result()
        env.submit(import_long_tasks, server.port, attackers).result()
        env.submit(read_repeatedly, server.port, victims, 1.0).result()
        before = env.submit(
            read_repeatedly, server.port, victims, seconds / 2, PAUSE_SECONDS
        ).result()
        empty = server.memory()
        attacking = env.submit(run_attack, attack, server.port, attackers, seconds)
        during = env.submit(read_repeatedly, server.port, victims, seconds, PAUSE_SECONDS)
        lives, most = watch(env, server, seconds)
        answers = during.result()
        attacking.result()
        left = settled_memory(server, empty)
    return checks(before, answers, lives, most / 2**20, (left - empty) / 2**20)


def watch(env: Environment, server: Server, seconds: int) -> tuple[list[float], int]:
    """Return the times of liveness checks, and the largest memory."""
    lives, most = list[float](), 0
    for _ in env.steps(seconds * 5):
        lives.append(seconds_of_liveness(server))
        most = max(most, server.memory())
        time.sleep(0.2)
    return lives, most


def seconds_of_liveness(server: Server) -> float:
    began = time.monotonic()
    with closing(server.connection()) as connection:
        try:
            connection.request("GET", "/health/live")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            return float("inf")
    return time.monotonic() - began


def settled_memory(server: Server, empty: int) -> int:
    """Return the memory once it is free again, or after SETTLE_SECONDS."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while (memory := server.memory()) > empty + MAX_LEFT_MIB * 2**20 / 2:
        if time.monotonic() > deadline:
            break
        time.sleep(0.5)
    return memory


def checks(
    before: Sequence[Answer],
    during: Sequence[Answer],
    lives: Sequence[float],
    most_mib: float,
    left_mib: float,
) -> list[Check]:
    calm, disturbed = p99(before), p99(during)
    ratio = disturbed / calm
    times = f"{calm * 1e3:.0f} ms before, {disturbed * 1e3:.0f} ms of {len(during):,} during"
    return [
        Check(
            f"p99 of other users ≤ {MAX_RATIO:g} times",
            f"{ratio:.1f}: {times}",
            ratio <= MAX_RATIO,
            steady=False,
        ),
        check_none(sum(one.outcome != "ok" for one in during), "errors of other users"),
        check_within(LIVE_SECONDS, lives, "GET /health/live"),
        Check(f"memory ≤ {MAX_MEMORY_MIB} MiB", f"{most_mib:.0f} MiB", most_mib <= MAX_MEMORY_MIB),
        Check(
            f"memory returned: ≤ +{MAX_LEFT_MIB} MiB",
            f"{left_mib:+.0f} MiB",
            left_mib <= MAX_LEFT_MIB,
        ),
    ]
