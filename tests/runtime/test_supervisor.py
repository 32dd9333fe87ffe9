"""The supervisor, with workers that serve no requests."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest
from uvicorn.config import STARTUP_FAILURE

from tests.support.commands import PATIENCE
from tests.support.paths import ROOT
from todo_graphql.runtime import supervisor
from todo_graphql.runtime.supervisor import MISSED_CHECKS, START_CHECKS, Heartbeat, Supervisor

COUNT = 2


def sleep_until_a_signal() -> None:
    """Sleep in short steps: a signal just before a step is handled after it."""
    while True:
        time.sleep(0.1)


def wait_for_sigterm(_heartbeat: Heartbeat) -> None:
    """Print the process id, and exit at SIGTERM or SIGINT."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    print_line(f"waits {os.getpid()}")
    sleep_until_a_signal()


def wait_for_sigint(_heartbeat: Heartbeat) -> None:
    """Print the process id, print a line at SIGTERM, and exit at SIGINT only."""
    signal.signal(signal.SIGTERM, lambda *_: print_line("SIGTERM"))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    print_line(f"waits {os.getpid()}")
    sleep_until_a_signal()


def die(_heartbeat: Heartbeat) -> None:
    """Print the process id, and die."""
    print_line(f"waits {os.getpid()}")
    os._exit(1)


def die_young(_heartbeat: Heartbeat) -> None:
    """Print the time, and die."""
    print_line(f"{time.monotonic()}")
    os._exit(1)


def beat(heartbeat: Heartbeat) -> None:
    """Run an event loop with a heartbeat, as a server does."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

    async def wait() -> None:
        heartbeat.start()
        print_line(f"waits {os.getpid()}")
        await asyncio.sleep(PATIENCE)

    asyncio.run(wait())


def fail(_heartbeat: Heartbeat) -> None:
    """Exit like uvicorn with an application that cannot start."""
    sys.exit(STARTUP_FAILURE)


def print_line(line: str) -> None:
    """Print a line by a single write, because several processes print."""
    os.write(1, f"{line}\n".encode())


def print_stop() -> None:
    """Print a line when the parent begins to stop its workers."""
    print_line("stopping")


def print_death(pid: int) -> None:
    """Print the process id of a worker that died."""
    print_line(f"died {pid}")


def main(work: str, check_seconds: float) -> None:
    """Run the supervisor of the named workers."""
    supervisor.CHECK_SECONDS = check_seconds
    on_death = print_death if work == "wait_for_sigint" else None
    Supervisor(globals()[work], COUNT, print_stop, on_death).run()


@contextmanager
def parent_of(
    work: str, check_seconds: float = 1.0, log: int | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Yield a process with the named workers, and kill it afterwards."""
    program = f"from tests.runtime.test_supervisor import main; main({work!r}, {check_seconds})"
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)


def next_line(parent: subprocess.Popen[str]) -> str:
    """Return the next line of the parent or of one of its workers."""
    assert parent.stdout is not None
    return parent.stdout.readline().strip()


def next_worker(parent: subprocess.Popen[str]) -> psutil.Process:
    """Return the next worker that prints its process id."""
    return psutil.Process(int(next_line(parent).removeprefix("waits ")))


@pytest.mark.parametrize("is_frozen", [False, True])
def test_killed_worker_is_replaced(is_frozen: bool) -> None:
    """A suspended worker is replaced, too. Workers that end at SIGTERM are not."""
    with parent_of("wait_for_sigterm") as parent:
        killed, other = next_worker(parent), next_worker(parent)
        if is_frozen:
            killed.suspend()
        killed.kill()
        successor = next_worker(parent)
        assert successor not in (killed, other)
        parent.send_signal(signal.SIGTERM)
        assert next_line(parent) == "stopping"
        assert parent.wait(PATIENCE) == 0
        assert next_line(parent) == ""
        assert not other.is_running()
        assert not successor.is_running()


def test_worker_death_is_reported_with_its_process_id() -> None:
    """Workers that end in order are not reported."""
    with parent_of("wait_for_sigint") as parent:
        killed, _ = next_worker(parent), next_worker(parent)
        for _ in range(2):
            killed.kill()
            assert next_line(parent) == f"died {killed.pid}"
            killed = next_worker(parent)
        parent.send_signal(signal.SIGINT)
        assert [next_line(parent) for _ in range(3)] == ["stopping", "SIGTERM", "SIGTERM"]
        parent.send_signal(signal.SIGINT)  # ends the workers
        parent.wait(PATIENCE)
        assert parent.stdout is not None
        assert parent.stdout.read() == ""


def test_workers_end_when_the_parent_is_killed() -> None:
    with parent_of("wait_for_sigterm") as parent:
        family = [next_worker(parent) for _ in range(COUNT)]
        parent.kill()
        _, alive = psutil.wait_procs(family, timeout=PATIENCE)
        assert alive == []


def test_second_sigint_is_passed_to_workers() -> None:
    with parent_of("wait_for_sigint") as parent:
        for _ in range(COUNT):
            next_worker(parent)
        parent.send_signal(signal.SIGINT)
        assert [next_line(parent) for _ in range(COUNT + 1)] == ["stopping", "SIGTERM", "SIGTERM"]
        assert parent.poll() is None
        parent.send_signal(signal.SIGINT)
        assert parent.wait(PATIENCE) == 0


def test_supervisor_stops_during_a_crash_loop() -> None:
    with parent_of("die") as parent:
        for _ in range(COUNT + 1):
            next_line(parent)
        parent.send_signal(signal.SIGTERM)
        assert parent.wait(PATIENCE) == 0


def test_successor_of_a_young_worker_starts_after_a_pause() -> None:
    """A crash loop costs one start per second and worker."""
    with parent_of("die_young") as parent:
        starts = sorted(float(next_line(parent)) for _ in range(2 * COUNT))
    for first, second in zip(starts[:COUNT], starts[COUNT:], strict=True):
        assert second - first >= 1


def test_startup_failure_is_not_retried() -> None:
    with parent_of("fail") as parent:
        assert parent.wait(PATIENCE) == STARTUP_FAILURE


def checks(heartbeat: Heartbeat, number: int) -> list[bool]:
    """Return the results of a number of checks."""
    return [heartbeat.is_missing() for _ in range(number)]


def test_stopped_heartbeat_is_missing_once() -> None:
    """The worker is killed once."""

    async def start_and_check() -> list[bool]:
        heartbeat = Heartbeat()
        heartbeat.start()
        return checks(heartbeat, MISSED_CHECKS + 3)

    assert asyncio.run(start_and_check()) == [False] * MISSED_CHECKS + [True, False, False]


def test_heartbeat_in_time_resets_the_missed_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A heartbeat after a long call in C code starts a new count."""
    monkeypatch.setattr(supervisor, "CHECK_SECONDS", 0.0)  # one heartbeat per iteration of the loop

    async def pause() -> list[bool]:
        heartbeat = Heartbeat()
        heartbeat.start()
        found = []
        for _ in range(3):
            found += checks(heartbeat, MISSED_CHECKS)
            await asyncio.sleep(0.01)
        return found

    assert asyncio.run(pause()) == [False] * MISSED_CHECKS * 3


def test_start_has_more_checks_than_a_running_worker() -> None:
    assert START_CHECKS > MISSED_CHECKS
    assert checks(Heartbeat(), START_CHECKS) == [False] * (START_CHECKS - 1) + [True]


def test_hung_worker_has_a_successor() -> None:
    """The other worker, whose event loop runs, is kept."""
    with parent_of("beat", check_seconds=0.1, log=subprocess.STDOUT) as parent:
        hung, other = next_worker(parent), next_worker(parent)
        hung.suspend()
        assert next_line(parent) == f"Worker {hung.pid} does not respond; it is replaced."
        assert next_line(parent) == f"Worker {hung.pid} died (-9)."
        successor = next_worker(parent)
        assert set(psutil.Process(parent.pid).children()) == {other, successor}
        parent.send_signal(signal.SIGTERM)
        assert next_line(parent) == "stopping"
        assert parent.wait(PATIENCE) == 0


def test_hung_worker_is_killed_at_shutdown() -> None:
    """Without the kill, the parent would wait for the worker forever."""
    with parent_of("beat", check_seconds=0.1, log=subprocess.STDOUT) as parent:
        hung, _ = next_worker(parent), next_worker(parent)
        hung.suspend()
        parent.send_signal(signal.SIGTERM)
        assert next_line(parent) == "stopping"
        assert next_line(parent) == f"Worker {hung.pid} does not respond; it is killed."
        assert parent.wait(PATIENCE) == 0


def test_pause_of_all_processes_kills_no_worker() -> None:
    """A container or a laptop can pause all processes. The parent is the first to resume."""
    with parent_of("beat", check_seconds=0.1, log=subprocess.STDOUT) as parent:
        family = [psutil.Process(parent.pid), next_worker(parent), next_worker(parent)]
        for process in reversed(family):
            process.suspend()
        time.sleep(0.1 * (MISSED_CHECKS + 5))
        for process in family:
            process.resume()
        time.sleep(0.1 * 5)
        assert set(family[0].children()) == set(family[1:])
        parent.send_signal(signal.SIGTERM)
        assert next_line(parent) == "stopping"
        assert parent.wait(PATIENCE) == 0
        assert next_line(parent) == ""
