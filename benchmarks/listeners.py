"""The cost of a write with listeners: open streams of the user who writes."""

import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from statistics import median

import httpx
import psutil

from benchmarks.dataset import Dataset
from benchmarks.measurement import cpu_seconds
from benchmarks.targets import Server, Target, serving
from benchmarks.workloads import OURS, User, encode_request, graphql
from todo_graphql.cli import main
from todo_graphql.server.live import limits

LISTENERS = (0, 1, 100)
WRITES = 40
PAUSE_SECONDS = 0.1
"""The pause between two writes, so that each is an event of its own for each listener."""

SUBSCRIPTION = (
    "subscription { taskChanges { cursor changes { id revision task { id title updatedAt } } } }"
)


def measure_listeners(data: Dataset, rounds: int) -> Iterator[tuple[int, float, float]]:
    """Yield the processor times of a write with each number of listeners.

    They are the seconds of the server and of PostgreSQL.
    """
    command = (sys.executable, "-m", "benchmarks.listeners", "serve", "--port", "{port}")
    with serving(
        Target("listeners", "many streams of one user", command, OURS), data.settings
    ) as server:
        samples: dict[int, list[tuple[float, float]]] = {number: [] for number in LISTENERS}
        write_slowly(server, data.users.writers[0], WRITES)
        for _ in range(rounds):
            for number in LISTENERS:
                with listening(server, data.users.writers[0], number):
                    samples[number].append(measure(server, data))
    for number, seen in samples.items():
        yield number, median(each for each, _ in seen), median(each for _, each in seen)


def measure(server: Server, data: Dataset) -> tuple[float, float]:
    """Return the processor times of the server and of PostgreSQL for a write."""
    before = cpu_of_threads(server.pid), cpu_seconds(data.postmaster)
    write_slowly(server, data.users.writers[0], WRITES)
    after = cpu_of_threads(server.pid), cpu_seconds(data.postmaster)
    return (after[0] - before[0]) / WRITES, (after[1] - before[1]) / WRITES


def write_slowly(server: Server, user: User, number: int) -> None:
    """Update a task, with a pause after each update."""
    headers = {"Authorization": f"Bearer {user.token}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", headers=headers) as client:
        for turn in range(number):
            operation = OURS["update"](user, turn)
            client.post(operation.path, json=operation.body).raise_for_status()
            time.sleep(PAUSE_SECONDS)


@contextmanager
def listening(server: Server, user: User, number: int) -> Iterator[None]:
    """Hold this number of streams of a user. The system's buffers receive the events."""
    request = encode_request(graphql(SUBSCRIPTION), user.token)
    request = request.replace(b"application/json", b"text/event-stream", 1)
    with ExitStack() as streams:
        for _ in range(number):
            connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
            streams.enter_context(closing(connection))
            connection.sendall(request)
            assert connection.recv(100).startswith(b"HTTP/1.1 200"), "A stream was rejected."
        time.sleep(PAUSE_SECONDS)
        yield


def cpu_of_threads(pid: int) -> float:
    """Return the processor time of all threads of a process, in units of nanoseconds."""
    threads: Sequence[int] = [thread.id for thread in psutil.Process(pid).threads()]
    texts = [Path(f"/proc/{pid}/task/{thread}/schedstat").read_text() for thread in threads]
    return sum(int(text.split()[0]) for text in texts) / 1e9


if __name__ == "__main__":  # the server
    limits.MAX_USER_STREAMS = max(LISTENERS)
    main()
