"""The sources of a process's metrics, which can be read at any time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from todo_graphql.server.fair_queue import FairQueue
from todo_graphql.server.observability.live_statistics import LiveStatistics
from todo_graphql.store.postgres.pool import Pool


class Lookups(Protocol):
    """The lookups of a cache so far."""

    hits: int
    misses: int


@dataclass(frozen=True, slots=True)
class Sources:
    """Sources of the metrics of a process.

    They are its connections, the queue for its threads, its caches by their names, and its streams.
    """

    pool: Pool
    queue: FairQueue
    caches: Mapping[str, Lookups]
    live: LiveStatistics
