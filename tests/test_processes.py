"""Several processes under a parent, which do nothing here but wait."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from uvicorn.config import STARTUP_FAILURE

from tests.commands import PATIENCE
from todo_graphql.processes import Processes, Seat

ROOT = Path(__file__).parent.parent
COUNT = 2


def wait_for_sigterm(_seat: Seat) -> None:
    """Tell who we are, and end in good order when told so; sooner after a second signal."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    tell(f"waits {os.getpid()}")
    while True:
        time.sleep(PATIENCE)


def wait_for_sigint(_seat: Seat) -> None:
    """SIGTERM alone takes as long as somebody's request."""
    signal.signal(signal.SIGTERM, lambda *_: tell("asked"))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    tell(f"waits {os.getpid()}")
    while True:
        time.sleep(PATIENCE)


def die(_seat: Seat) -> None:
    """At once, always."""
    tell(f"waits {os.getpid()}")
    os._exit(1)


def die_young(seat: Seat) -> None:
    """Tell when this process began to work, and die."""
    tell(f"{seat.number} {time.monotonic()}")
    os._exit(1)


def sit(seat: Seat) -> None:
    """Tell where, and wait to be killed."""
    tell(f"{seat.number} {seat.deaths} {os.getpid()}")
    while True:
        time.sleep(PATIENCE)


def fail(_seat: Seat) -> None:
    """As uvicorn does with an application that cannot start."""
    sys.exit(STARTUP_FAILURE)


def tell(line: str) -> None:
    """In one piece: several processes write."""
    os.write(1, f"{line}\n".encode())


def let_go() -> None:
    """What the parent does first when all are to stop."""
    tell("let go")


def main(work: str) -> None:
    """The parent."""
    Processes(globals()[work], COUNT, let_go).run()


@contextmanager
def parent_of(work: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has such workers, and has ended afterwards."""
    program = f"from tests.test_processes import main; main({work!r})"
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)


def next_line(parent: subprocess.Popen[str]) -> str:
    """What the parent or one of its workers tells next."""
    assert parent.stdout is not None
    return parent.stdout.readline().strip()


def next_worker(parent: subprocess.Popen[str]) -> psutil.Process:
    """The next one that is there."""
    return psutil.Process(int(next_line(parent).removeprefix("waits ")))


@pytest.mark.parametrize("is_frozen", [False, True])
def test_a_worker_that_is_killed_has_a_successor(is_frozen: bool) -> None:
    """Even if it could not have answered before; and all of them end, which is no death."""
    with parent_of("wait_for_sigterm") as parent:
        killed, other = next_worker(parent), next_worker(parent)
        if is_frozen:
            killed.suspend()
        killed.kill()
        successor = next_worker(parent)
        assert successor not in (killed, other)
        parent.send_signal(signal.SIGTERM)
        assert next_line(parent) == "let go"
        assert parent.wait(PATIENCE) == 0
        assert next_line(parent) == ""
        assert not other.is_running()
        assert not successor.is_running()


def test_a_successor_has_the_seat_of_the_one_that_it_replaces() -> None:
    """However often that happens; the others keep theirs."""
    with parent_of("sit") as parent:
        seats = [next_line(parent).split() for _ in range(COUNT)]
        assert [(number, deaths) for number, deaths, _ in sorted(seats)] == [("0", "0"), ("1", "0")]
        (killed,) = [pid for number, _, pid in seats if number == "1"]
        for times in ("1", "2"):
            os.kill(int(killed), signal.SIGKILL)
            number, deaths, killed = next_line(parent).split()
            assert (number, deaths) == ("1", times)


def test_all_end_when_the_parent_is_killed() -> None:
    """Also the younger ones, which have begun as copies of it."""
    with parent_of("wait_for_sigterm") as parent:
        family = [next_worker(parent) for _ in range(COUNT)]
        parent.kill()
        _, alive = psutil.wait_procs(family, timeout=PATIENCE)
        assert alive == []


def test_a_second_ctrl_c_hurries_them() -> None:
    with parent_of("wait_for_sigint") as parent:
        for _ in range(COUNT):
            next_worker(parent)
        parent.send_signal(signal.SIGINT)
        assert [next_line(parent) for _ in range(COUNT + 1)] == ["let go", "asked", "asked"]
        assert parent.poll() is None
        parent.send_signal(signal.SIGINT)
        assert parent.wait(PATIENCE) == 0


def test_it_stops_while_they_keep_dying() -> None:
    with parent_of("die") as parent:
        for _ in range(COUNT + 1):
            next_line(parent)
        parent.send_signal(signal.SIGTERM)
        assert parent.wait(PATIENCE) == 0


def test_successor_of_a_worker_that_died_young_begins_after_a_pause() -> None:
    """A crash loop takes no more of the machine than one start a second."""
    births: dict[str, list[float]] = {}
    with parent_of("die_young") as parent:
        for _ in range(2 * COUNT):
            seat, birth = next_line(parent).split()
            births.setdefault(seat, []).append(float(birth))
    assert sorted(births) == [str(number) for number in range(COUNT)]
    for first, second in births.values():
        assert second - first >= 1


def test_what_cannot_start_is_not_tried_again() -> None:
    with parent_of("fail") as parent:
        assert parent.wait(PATIENCE) == STARTUP_FAILURE
