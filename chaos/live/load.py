"""Live streams: many of them under writes, and their end at SIGTERM."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import quantiles

from chaos.environment import Deployment, Environment
from chaos.live.clients import LiveClients, live_clients
from chaos.live.writers import write_at_rate
from chaos.report import Check, check_none, check_within
from chaos.servers import Server, StuckError, until
from todo_graphql.runtime.uvicorn_server import GRACE

STREAMS_PER_USER = 2
WRITES_PER_SECOND = 50
P50_SECONDS, P99_SECONDS = 0.05, 0.5
"""The limits of the time from the commit of a write to its events."""

MAX_STREAM_BYTES = 60_000
"""The limit of the memory of a stream, with the caches of its user."""

MAX_IDLE_SHARE = 0.0001
"""The limit of the share of a core that an idle stream takes, for heartbeats and checks."""

FLOOD_PER_SECOND = 400
EVENTS_PER_STREAM = 50
END_SECONDS = 1.0
"""The limit from SIGTERM to the end of the last stream."""

SETTLE_SECONDS = 120.0

ROWS = """
SELECT user_id::text, id::text, revision, title FROM tasks
WHERE user_id = ANY(%s::uuid[]) ORDER BY user_id
"""


@dataclass(slots=True)
class Load:
    """The lengths of the phases, in seconds."""

    idle: float
    paced: float
    flood: float


FULL = Load(idle=20, paced=30, flood=360)
SHORT = Load(idle=3, paced=5, flood=25)
FULL_STREAMS = 2_000


def hold_streams(env: Environment, streams: int, load: Load | None = None) -> list[Check]:
    """Open streams on two workers, and measure them idle, under paced and under fast writes."""
    load = load or (FULL if streams >= FULL_STREAMS else SHORT)
    deployment = env.deployment
    users = deployment.new_users(streams // STREAMS_PER_USER)
    url = deployment.postgres.url.get_secret_value()
    with (
        deployment.serving("--workers", "2", LIVE_URL=url) as server,
        live_clients(server.port, users * STREAMS_PER_USER) as clients,
    ):
        until(lambda: len(server.workers()) == 2, "Expected two workers.")
        env.submit(write_at_rate, server.port, users, 2, WRITES_PER_SECOND).result()
        checks = [*measure_opening(server, clients), measure_idle(server, clients, load.idle)]
        first = len(clients.received.delays)
        env.submit(write_at_rate, server.port, users, load.paced, WRITES_PER_SECOND).result()
        time.sleep(1)
        checks += check_delays(clients.received.delays[first:])
        flood(env, server, clients, load.flood)
        settled = settle(deployment, clients)
        checks += check_received(clients, streams * EVENTS_PER_STREAM)
        checks += [
            Check("each stream equals the table in the end", f"after {settled:.1f} s", held=True),
            check_none(len(clients.ends), "streams ended"),
            *check_stop(server, clients),
        ]
    return checks


def measure_opening(server: Server, clients: LiveClients) -> list[Check]:
    """Open all streams, and measure their memory."""
    before = server.memory()
    seconds = clients.start()
    grown = (server.memory() - before) / len(clients.streams)
    seen = f"{len(clients.streams):,} in {seconds:.1f} s, {clients.received.rejected:,} rejected"
    return [
        Check("all streams open", seen, held=True),
        Check(
            f"≤ {MAX_STREAM_BYTES // 1000} kB for each stream",
            f"{grown / 1e3:.1f} kB",
            grown <= MAX_STREAM_BYTES,
            steady=False,
        ),
    ]


def measure_idle(server: Server, clients: LiveClients, seconds: float) -> Check:
    """Measure the processor time of all streams while nothing is written."""
    before = cpu_seconds(server)
    time.sleep(seconds)
    share = (cpu_seconds(server) - before) / seconds
    each = share / len(clients.streams)
    return Check(
        f"an idle stream takes ≤ {MAX_IDLE_SHARE:.2%} of a core",
        f"{each:.4%}; all of them {share:.1%}",
        each <= MAX_IDLE_SHARE,
        steady=False,
    )


def cpu_seconds(server: Server) -> float:
    """Return the processor time of all workers."""
    times = [worker.cpu_times() for worker in server.workers()]
    return sum(each.user + each.system for each in times)


def check_delays(delays: Sequence[float]) -> list[Check]:
    """Check the time from a write to its events. It begins before the commit, at the stamp."""
    cuts = quantiles(delays, n=100)
    return [
        Check(
            f"from a write to its event: {name} ≤ {limit * 1e3:g} ms",
            f"{cuts[place] * 1e3:.1f} ms, of {len(delays):,}",
            cuts[place] <= limit,
            steady=False,
        )
        for name, place, limit in (("p50", 49, P50_SECONDS), ("p99", 98, P99_SECONDS))
    ]


def flood(env: Environment, server: Server, clients: LiveClients, seconds: float) -> None:
    """Write faster, until there are enough events or the time is over."""
    users = [one.user for one in clients.streams[: len(clients.streams) // STREAMS_PER_USER]]
    deadline, enough = time.monotonic() + seconds, len(clients.streams) * EVENTS_PER_STREAM
    while time.monotonic() < deadline and clients.received.events < enough:
        env.submit(write_at_rate, server.port, users, 3, FLOOD_PER_SECOND).result()
        env.progress(min(1.0, clients.received.events / enough))


def check_received(clients: LiveClients, enough: int) -> list[Check]:
    """Check that there were many events, and none of another user."""
    seen = clients.received
    numbers = f"{seen.events:,} events with {seen.changes:,} changes"
    return [
        Check(f"≥ {enough:,} events", numbers, seen.events >= enough, steady=False),
        Check("0 changes of another user", f"{seen.foreign} of {numbers}", seen.foreign == 0),
    ]


def settle(deployment: Deployment, clients: LiveClients) -> float:
    """Wait until each stream equals the table, and return the time. Raise StuckError otherwise."""
    began = time.monotonic()
    users = [one.user.id for one in clients.streams]
    rows = deployment.query(ROWS, list(set(users)))
    tables: dict[str, dict[str, tuple[int, str]]] = {user: {} for user in users}
    for user, own in groupby(rows, key=lambda row: row[0]):
        tables[user] = {task_id: (revision, title) for _, task_id, revision, title in own}
    while different := sum(one.tasks != tables[one.user.id] for one in clients.streams):
        if time.monotonic() > began + SETTLE_SECONDS:
            raise StuckError(f"{different} streams differ from the table.")
        time.sleep(0.1)
    return time.monotonic() - began


def check_stop(server: Server, clients: LiveClients) -> list[Check]:
    """Send SIGTERM: all streams end at once, and the process within its grace period."""
    asked = time.monotonic()
    server.terminate()
    code = server.wait()
    exited = time.monotonic() - asked
    until(lambda: not clients.is_any_open(), "Streams survive their server.")
    ends = [end - asked for end in clients.ends]
    completed = sum(stream.is_completed for stream in clients.streams)
    return [
        check_within(END_SECONDS, ends, "end of a stream after SIGTERM"),
        check_none(completed, "streams completed, after which clients would not come back"),
        check_within(GRACE + 1, [exited], "exit"),
        check_none(int(code != 0), "exit codes other than 0"),
    ]
