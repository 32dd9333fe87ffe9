"""Metrics that several processes share: one port, and one directory of files.

This module does not import prometheus_client, which looks for the directory when it is imported.
"""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import NamedTuple

from todo_graphql.server.sockets import authority, listener_at, reason_of
from todo_graphql.settings.settings import ConfigurationError, Settings

logger = logging.getLogger(__name__)

DIRECTORY_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


class SharedMetrics(NamedTuple):
    """The listener for Prometheus, and the directory with the values of all processes."""

    listener: socket.socket
    directory: str

    def record_death(self, pid: int) -> None:
        """Count the death of a worker in its parent."""
        from todo_graphql.server.observability.metrics import record_worker_death  # noqa: PLC0415

        record_worker_death(self.directory, pid)


@contextmanager
def sharing_metrics(settings: Settings) -> Iterator[SharedMetrics | None]:
    """Prepare the shared metrics before the workers start. Yield None without metrics."""
    host, port = settings.metrics_host, settings.metrics_port
    listener = None if port is None else metrics_listener(host, port)
    if listener is None:
        yield None
        return
    with listener, _directory() as directory:
        os.environ[DIRECTORY_VARIABLE] = directory
        yield SharedMetrics(listener, directory)


def _directory() -> TemporaryDirectory[str]:
    try:
        return TemporaryDirectory(prefix="todo-graphql-metrics-", ignore_cleanup_errors=True)
    except OSError as error:
        raise ConfigurationError(
            "METRICS_PORT with several workers needs a directory for temporary files: set TMPDIR "
            f"({reason_of(error)})."
        ) from None


def metrics_listener(host: str, port: int) -> socket.socket | None:
    """Return the listener, or log why there is none."""
    own = authority(host, port)
    try:
        listener = listener_at(host, port)
    except OSError as error:
        logger.error("No metrics on %s (%s).", own, reason_of(error))  # noqa: TRY400 - no traceback
        return None
    logger.info("Metrics on http://%s/metrics", own)
    return listener
