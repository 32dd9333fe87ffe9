"""Faults under live streams: of PostgreSQL, of Redis, and of a client that stops reading."""

import socket
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

from chaos.clients import create_tasks, execute_repeatedly, head_for
from chaos.environment import SERVE, Deployment, Environment
from chaos.live.clients import LiveClients, live_clients
from chaos.live.load import WRITES_PER_SECOND, check_received, settle
from chaos.live.writers import write_at_rate
from chaos.report import Check, check_none, check_within
from chaos.servers import Server, until
from tests.support.postgres import frozen, kill
from tests.support.redis import KINDS, Redis, redis
from todo_graphql.server.live.limits import CHECK_SECONDS, MAX_PAUSE_SECONDS, SEND_RATE
from todo_graphql.settings.settings import Settings

FULL_SECONDS = 30
"""The length of a freeze in the full form. A shorter one has a server with short times."""

KILL_SECONDS = 1
"""The time of writes after a kill."""

HASTY = ("-m", "chaos.live.hasty_server", "serve")
REQUEST_SECONDS: float = Settings.model_fields["request_timeout"].default
CATCH_UP_SECONDS = 2 * MAX_PAUSE_SECONDS + REQUEST_SECONDS
"""The limit after an outage of PostgreSQL: the longest pause between two reads."""

LOST_HINT_SECONDS = CHECK_SECONDS + 5
CUT_SECONDS = SEND_RATE.grace_seconds + 15

LARGE_EVENTS = 12
"""The events of 1 MB, which are more than the buffers of a connection."""

LARGE = "subscription { taskChanges { changes { id task { description } } } }"
RETITLE = """mutation ($title: String!) {
    updateTasks(filter: {completed: false}, atMost: 100, input: {title: $title}) { count }
}"""
DESCRIBE = """mutation ($text: String!) {
    updateTasks(filter: {completed: false}, atMost: 100, input: {description: $text}) { count }
}"""


def disturb_streams(env: Environment, seconds: int, streams: int) -> list[Check]:
    """Inject one fault after the other under writes. All streams must stay open, and catch up."""
    deployment = env.deployment
    command = SERVE if seconds >= FULL_SECONDS else HASTY
    users = deployment.new_users(streams // 2)
    with (
        redis(KINDS[-1], deployment.folder) as bus,
        deployment.serving(
            "--workers", "2", command=command, LIVE_URL=bus.url.get_secret_value()
        ) as server,
        live_clients(server.port, users * 2) as clients,
        stopped_reader(env, server) as port,
    ):
        clients.start()
        undergo = partial(catch_up, env, server, clients)
        checks = [
            undergo(seconds, freeze(deployment, seconds), CATCH_UP_SECONDS, "a freeze"),
            undergo(
                KILL_SECONDS, killed_postgres(deployment), CATCH_UP_SECONDS, "a kill of PostgreSQL"
            ),
            undergo(KILL_SECONDS, killed_redis(bus), LOST_HINT_SECONDS, "a kill of Redis"),
        ]
        checks.append(await_cut(server, port))
        checks += check_received(clients, streams)
        checks.append(check_none(len(clients.ends), "streams of other clients ended"))
    return checks


def catch_up(
    env: Environment,
    server: Server,
    clients: LiveClients,
    seconds: float,
    fault: AbstractContextManager[None],
    limit: float,
    name: str,
) -> Check:
    """Write before, during and after a fault. Each stream equals the table then."""
    users = list({one.user.id: one.user for one in clients.streams}.values())
    lasting = seconds + 2
    writing = env.submit(write_at_rate, server.port, users, lasting, WRITES_PER_SECOND)
    time.sleep(1)
    with fault:
        writing.result()
    env.submit(write_at_rate, server.port, users, 1, WRITES_PER_SECOND).result()
    return check_within(
        limit, [settle(env.deployment, clients)], f"equal to the table after {name}"
    )


@contextmanager
def freeze(deployment: Deployment, seconds: float) -> Iterator[None]:
    """Freeze PostgreSQL for this time."""
    with frozen(deployment.postgres):
        time.sleep(seconds)
    yield


@contextmanager
def killed_postgres(deployment: Deployment) -> Iterator[None]:
    """Kill PostgreSQL, and start it again."""
    kill(deployment.postgres)
    deployment.postgres.start()
    deployment.query("SELECT")
    yield


@contextmanager
def killed_redis(bus: Redis) -> Iterator[None]:
    """Kill Redis, and start it again in the end. Hints between the workers are lost meanwhile."""
    bus.kill()
    yield
    bus.start()


@contextmanager
def stopped_reader(env: Environment, server: Server) -> Iterator[int]:
    """Subscribe to more than the buffers of a connection, and read nothing. Yield its port."""
    users = env.deployment.new_users(1)

    def execute(document: str, **variables: Any) -> None:
        job = partial(execute_repeatedly, server.port, users, 0, document, **variables)
        (answer,) = env.submit(job).result()
        assert answer.outcome == "ok", answer

    env.submit(create_tasks, server.port, users, tasks=100).result()
    execute(DESCRIBE, text="x" * 10_000)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(subscription_request(users[0].token))
        for number in range(LARGE_EVENTS):
            execute(RETITLE, title=f"{number}")
            time.sleep(0.1)
        yield connection.getsockname()[1]


def subscription_request(token: str) -> bytes:
    body = b'{"query": "%b"}' % LARGE.encode()
    head = head_for(token, len(body))
    return head.replace(b"\r\n", b"\r\nAccept: text/event-stream\r\n", 1) + body


def await_cut(server: Server, port: int) -> Check:
    """Wait until the server has closed its end of a connection."""

    def ports() -> set[object]:
        found = [each for one in server.workers() for each in one.net_connections("tcp")]
        return {number for each in found for number in tuple(each.raddr)[1:]}

    began = time.monotonic()
    until(lambda: port not in ports(), "A client that does not read is not cut.")
    return check_within(
        CUT_SECONDS, [time.monotonic() - began], "a client that does not read is cut"
    )
