"""All experiments, with their sizes: in full, and in short."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from chaos import isolation, kills, overload, shutdown, stalls
from chaos.pooler import AbsentError
from chaos.report import Check, Result
from chaos.scene import Scene
from chaos.servers import StuckError
from todo_graphql.settings.settings import ConfigurationError


class Size(NamedTuple):
    """Of an experiment: so many rounds, seconds, sockets or calls, and about how many seconds all
    of it takes.
    """

    number: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Experiment:
    """A fault, and what brings it about."""

    name: str
    fault: str
    run: Callable[[Scene, int], list[Check]]
    full: Size
    quick: Size

    def size(self, *, quick: bool) -> Size:
        """In short, or in full."""
        return self.quick if quick else self.full

    def carry_out(self, scene: Scene, *, quick: bool) -> Result:
        """Do it, in full or in short."""
        try:
            return Result(self.fault, self.run(scene, self.size(quick=quick).number))
        except AbsentError as reason:
            return Result(self.fault, absent=str(reason))
        except (ConfigurationError, StuckError) as reason:
            return Result(self.fault, [Check("it comes to its end", str(reason), held=False)])


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
        "every connection to PostgreSQL ended, each second",
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
        "a lock held on one user's rows, 4 writes wait for it",
        partial(stalls.lock, crowd=4),
        full=Size(30, 50),
        quick=Size(6, 13),
    ),
    Experiment(
        "pool",
        "the same, and 20 writes of that user: more than the pool has connections",
        partial(stalls.lock, crowd=20),
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
        "five times as many requests as it can answer",
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
        "strangers",
        "two users, every operation, by chance, wall 1 removed",
        isolation.strangers,
        full=Size(100_000, 230),
        quick=Size(2_000, 10),
    ),
    Experiment(
        "pooled",
        "the same through PgBouncer in transaction mode",
        isolation.pooled,
        full=Size(100_000, 280),
        quick=Size(2_000, 10),
    ),
)
