"""Graceful shutdown under load."""

import time
from concurrent.futures import Future

from chaos.clients import Answer, execute_repeatedly, read_repeatedly
from chaos.environment import Environment
from chaos.history import Write, answers_in, new_writers, write_repeatedly
from chaos.kills import CLIENTS, check_writes
from chaos.report import Check, check_none, check_within
from chaos.stalls import CREATE, install_sleep_trigger
from todo_graphql.runtime.uvicorn_server import GRACE

LONG_SECONDS = 3.0
"""The duration of the longest request, which is well within the grace period."""

CLIENT_SECONDS = 2.0
"""The time for which the other clients send requests."""


def stop(env: Environment, rounds: int, clients: int = CLIENTS) -> list[Check]:
    """Send SIGTERM to one process and to a parent with two workers, in turn."""
    deployment, exits, codes = env.deployment, list[float](), list[int]()
    answers, history = list[Answer](), list[Write]()
    install_sleep_trigger(deployment)
    for number in env.steps(rounds):
        options = ("--workers", "2") if number % 2 else ()
        with deployment.serving(*options) as server:
            reading, writing, sleeping = start_clients(env, server.port, clients)
            time.sleep(CLIENT_SECONDS / 2)
            asked = time.monotonic()
            server.terminate()
            codes.append(server.wait())
            exits.append(time.monotonic() - asked)
            answers += [*reading.result(), *sleeping.result()]
            history += writing.result()
    sent = [one for one in [*answers, *answers_in(history)] if one.is_answered or one.is_reset]
    cut = [one for one in sent if one.is_reset]
    seen = f"{len(cut)} of {len(sent):,} requests, {rounds} stops"
    slept = sum(one.seconds > LONG_SECONDS and one.outcome == "ok" for one in answers)
    return [
        Check("0 requests in progress are cut off", seen, not cut),
        Check(
            f"requests that take {LONG_SECONDS:g} s are completed",
            f"{slept} of {4 * rounds}",
            slept == 4 * rounds,
            steady=False,
        ),
        check_within(GRACE + 1, exits, "exit"),
        check_none(sum(code != 0 for code in codes), "exit codes other than 0"),
        *check_writes(env, [one for one in history if one.outcome != "unknown"]),
    ]


def start_clients(
    env: Environment, port: int, clients: int
) -> tuple[Future[list[Answer]], Future[list[Write]], Future[list[Answer]]]:
    """Start clients that read, that write, and that send one long request each."""
    readers = env.deployment.new_users(clients // 2)
    writers = new_writers(env.deployment, clients // 2)
    sleepers, title = env.deployment.new_users(4), f"sleep {LONG_SECONDS}"
    return (
        env.submit(read_repeatedly, port, readers, CLIENT_SECONDS),
        env.submit(write_repeatedly, port, writers, CLIENT_SECONDS, 1),
        env.submit(execute_repeatedly, port, sleepers, 0, CREATE, title=title),
    )
