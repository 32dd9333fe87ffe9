"""The sources of a process's metrics, which can be read at any time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from todo_graphql.cache import Cache
from todo_graphql.server.thread_pool import FairQueue
from todo_graphql.store.postgres.pool import Pool


@dataclass(frozen=True, slots=True)
class Sources:
    """The connections of a process, the queue for its threads, and its caches by their names."""

    pool: Pool
    queue: FairQueue
    caches: Mapping[str, Cache[Any, Any]]
