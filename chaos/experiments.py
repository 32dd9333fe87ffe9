"""All experiments, with their sizes: in full, and in short."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chaos import crowds, deaths, endings, standstill, strangers
from chaos.pooler import AbsentError
from chaos.report import Check, Result
from chaos.scene import Scene
from chaos.servers import StuckError
from todo_graphql.config import ConfigurationError


@dataclass(frozen=True, slots=True)
class Experiment:
    """A fault. `seconds` and `quick_seconds` are about how long it takes."""

    name: str
    fault: str
    run: Callable[..., list[Check]]
    full: Mapping[str, int]
    quick: Mapping[str, int]
    seconds: int
    quick_seconds: int

    def carry_out(self, scene: Scene, *, quick: bool) -> Result:
        """Do it, in full or in short."""
        try:
            return Result(self.fault, self.run(scene, **(self.quick if quick else self.full)))
        except AbsentError as reason:
            return Result(self.fault, absent=str(reason))
        except (ConfigurationError, StuckError) as reason:
            return Result(self.fault, [Check("it comes to its end", str(reason), held=False)])


EXPERIMENTS = (
    Experiment(
        "worker",
        "kill -9 of one of two workers under 32 writers",
        deaths.kill_worker,
        {"rounds": 20, "crowd": 32},
        {"rounds": 1, "crowd": 32},
        150,
        12,
    ),
    Experiment(
        "server",
        "kill -9 of the whole server under 32 writers",
        deaths.kill_server,
        {"rounds": 20, "crowd": 32},
        {"rounds": 1, "crowd": 32},
        125,
        8,
    ),
    Experiment(
        "postgres",
        "kill -9 of PostgreSQL under 32 writers",
        deaths.kill_postgres,
        {"rounds": 20, "crowd": 32},
        {"rounds": 1, "crowd": 32},
        145,
        8,
    ),
    Experiment(
        "terminate",
        "every connection to PostgreSQL ended, each second",
        deaths.terminate_backends,
        {"seconds": 60, "readers": 8, "crowd": 8},
        {"seconds": 5, "readers": 8, "crowd": 8},
        65,
        9,
    ),
    Experiment(
        "freeze",
        "PostgreSQL frozen",
        standstill.freeze,
        {"seconds": 30, "crowd": 32},
        {"seconds": 7, "crowd": 32},
        38,
        15,
    ),
    Experiment(
        "sleep",
        "a query that sleeps 30 seconds",
        standstill.sleep,
        {"seconds": 30, "neighbours": 8},
        {"seconds": 6, "neighbours": 8},
        50,
        13,
    ),
    Experiment(
        "lock",
        "a lock held on one user's rows, 4 writes wait for it",
        standstill.lock,
        {"seconds": 30, "neighbours": 8, "crowd": 4},
        {"seconds": 6, "neighbours": 8, "crowd": 4},
        50,
        13,
    ),
    Experiment(
        "pool",
        "the same, and 20 writes of that user: more than the pool has connections",
        standstill.lock,
        {"seconds": 30, "neighbours": 8, "crowd": 20},
        {"seconds": 6, "neighbours": 8, "crowd": 20},
        50,
        13,
    ),
    Experiment(
        "sockets",
        "1,000 slow sockets",
        crowds.slow_sockets,
        {"number": 1_000, "seconds": 12, "readers": 8},
        {"number": 300, "seconds": 10, "readers": 8},
        24,
        20,
    ),
    Experiment(
        "overload",
        "five times as many requests as it can answer",
        crowds.overload,
        {"seconds": 20, "times": 5},
        {"seconds": 4, "times": 5},
        55,
        14,
    ),
    Experiment(
        "stop",
        "SIGTERM under 32 clients",
        endings.stop,
        {"rounds": 10, "crowd": 32},
        {"rounds": 2, "crowd": 32},
        70,
        14,
    ),
    Experiment(
        "strangers",
        "two users, every operation, by chance, wall 1 removed",
        strangers.strangers,
        {"calls": 100_000},
        {"calls": 2_000},
        230,
        10,
    ),
    Experiment(
        "pooled",
        "the same through PgBouncer in transaction mode",
        strangers.pooled,
        {"calls": 100_000},
        {"calls": 2_000},
        280,
        10,
    ),
)
