"""All experiments, with their sizes in the full and in the short form."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from chaos import isolation, kills, neighbours, overload, shutdown, stalls
from chaos.attacks import ATTACKS
from chaos.environment import Environment
from chaos.live import faults, load
from chaos.pooler import AbsentError
from chaos.report import Check, Result
from chaos.servers import StuckError
from todo_graphql.settings.settings import ConfigurationError


class Size(NamedTuple):
    """The size of an experiment: rounds, seconds, sockets or calls, and its duration."""

    number: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Experiment:
    """A fault, and the function that injects it and returns checks."""

    name: str
    fault: str
    run: Callable[[Environment, int], list[Check]]
    full: Size
    quick: Size

    def size(self, *, quick: bool) -> Size:
        return self.quick if quick else self.full

    def execute(self, env: Environment, *, quick: bool) -> Result:
        try:
            return Result(self.fault, self.run(env, self.size(quick=quick).number))
        except AbsentError as reason:
            return Result(self.fault, absent=str(reason))
        except (ConfigurationError, StuckError) as reason:
            return Result(self.fault, [Check("the experiment completes", str(reason), held=False)])


EXPERIMENTS = (
    Experiment(
        "worker",
        "kill -9 of one of two workers under 32 writers",
        kills.kill_worker,
        full=Size(20, 150),
        quick=Size(1, 12),
    ),
    Experiment(
        "server",
        "kill -9 of the whole server under 32 writers",
        kills.kill_server,
        full=Size(20, 125),
        quick=Size(1, 8),
    ),
    Experiment(
        "postgres",
        "kill -9 of PostgreSQL under 32 writers",
        kills.kill_postgres,
        full=Size(20, 145),
        quick=Size(1, 8),
    ),
    Experiment(
        "terminate",
        "all connections to PostgreSQL terminated, every second",
        kills.terminate_backends,
        full=Size(60, 65),
        quick=Size(5, 9),
    ),
    Experiment(
        "freeze",
        "PostgreSQL frozen",
        stalls.freeze,
        full=Size(30, 38),
        quick=Size(7, 15),
    ),
    Experiment(
        "sleep",
        "a query that sleeps 30 seconds",
        stalls.sleep,
        full=Size(30, 50),
        quick=Size(6, 13),
    ),
    Experiment(
        "lock",
        "a lock on one user's rows, 4 writes wait for it",
        partial(stalls.lock, clients=4),
        full=Size(30, 50),
        quick=Size(6, 13),
    ),
    Experiment(
        "pool",
        "a lock on one user's rows, 20 writes wait for it: more than the pool's connections",
        partial(stalls.lock, clients=20),
        full=Size(30, 50),
        quick=Size(6, 13),
    ),
    Experiment(
        "sockets",
        "1,000 slow sockets",
        overload.slow_sockets,
        full=Size(1_000, 24),
        quick=Size(300, 24),
    ),
    Experiment(
        "overload",
        "five times the request rate that the server can answer",
        overload.overload,
        full=Size(20, 55),
        quick=Size(4, 14),
    ),
    Experiment(
        "stop",
        "SIGTERM under 32 clients",
        shutdown.stop,
        full=Size(10, 70),
        quick=Size(2, 14),
    ),
    Experiment(
        "streams",
        "2,000 live streams of 1,000 users under 50 writes a second",
        load.hold_streams,
        full=Size(2_000, 330),
        quick=Size(200, 55),
    ),
    Experiment(
        "stream-faults",
        "live streams: PostgreSQL frozen and killed, Redis killed, a client that stops reading",
        partial(faults.disturb_streams, streams=200),
        full=Size(30, 180),
        quick=Size(3, 40),
    ),
    Experiment(
        "isolation",
        "random operations of two users, statement scoping disabled",
        isolation.unscoped,
        full=Size(100_000, 230),
        quick=Size(2_000, 10),
    ),
    Experiment(
        "pooled",
        "random operations of two users through PgBouncer, statement scoping disabled",
        isolation.pooled,
        full=Size(100_000, 280),
        quick=Size(2_000, 10),
    ),
    *(
        Experiment(
            name.replace(" ", "-"),
            f"a noisy neighbour: {name}",
            partial(neighbours.disturb, attack=name),
            full=Size(30, 65),
            quick=Size(6, 25),
        )
        for name in ATTACKS
    ),
)
