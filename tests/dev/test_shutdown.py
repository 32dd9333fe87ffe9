"""`todo-graphql dev` ends, in order or not: nothing is left running, and nothing is lost."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.commands import (
    AWKWARD,
    Command,
    Dev,
    home_of_dev,
    postmaster_of,
    processes_about,
    until,
)

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

pytestmark = pytest.mark.usefixtures("coverage_pause")


class Diary:
    """A folder that is used by one `dev` after another, and what all of them were told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.first_token: str | None = None
        self.titles: list[str] = []

    def write(self, dev: Dev) -> None:
        """Create a task. All earlier ones must be there, by the token of the first `dev`."""
        self.first_token = self.first_token or dev.token
        self.titles.insert(0, f"Task {len(self.titles)}")
        dev.create(self.titles[0])
        assert dev.titles(self.first_token) == self.titles


@pytest.fixture(scope="module")
def diary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Diary]:
    """Each test goes on where the one before has stopped."""
    with home_of_dev(tmp_path_factory.mktemp("dev") / AWKWARD) as folder:
        yield Diary(folder)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder in which nothing has happened yet."""
    with home_of_dev(tmp_path / "elsewhere") as folder:
        yield folder


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_stops_everything(diary: Diary, number: signal.Signals) -> None:
    """And keeps the data: that of the others is there, too."""
    with Dev(diary.folder) as dev:
        diary.write(dev)
        assert postmaster_of(diary.folder) is not None
        assert dev.stop(number) == 0
    assert processes_about(diary.folder) == []


def test_it_takes_over_the_postgresql_of_a_killed_one(diary: Diary) -> None:
    """Which nobody was there to stop."""
    with Dev(diary.folder) as dev:
        diary.write(dev)
        dev.stop(signal.SIGKILL)
    left = postmaster_of(diary.folder)
    assert left is not None
    with Dev(diary.folder) as dev:
        diary.write(dev)
        assert postmaster_of(diary.folder) == left
        assert dev.stop() == 0
    assert processes_about(diary.folder) == []


def test_it_recovers_what_was_acknowledged_before_a_crash(diary: Diary) -> None:
    """Also when the process id of the killed PostgreSQL is another's by now."""
    with Dev(diary.folder) as dev:
        diary.write(dev)
        kill(dev, diary.folder)
    with Dev(diary.folder) as dev:
        diary.write(dev)
        lock = kill(dev, diary.folder)
    pid, _, rest = lock.read_text().partition("\n")
    lock.write_text(f"{os.getpid()}\n{rest}")
    socket_lock = diary.folder / ".todo-graphql/postgres/.s.PGSQL.5432.lock"
    if socket_lock.exists():
        socket_lock.write_text(socket_lock.read_text().replace(pid, str(os.getpid()), 1))
    with Dev(diary.folder) as dev:
        diary.write(dev)
        assert dev.stop() == 0


def test_a_signal_while_the_data_are_made(elsewhere: Path) -> None:
    """Nothing is left running, and the next start is a good one. The exit code is 0 if it was
    ready by then.
    """
    with Command("dev", "--port", "0", folder=elsewhere) as dev:
        until((elsewhere / ".todo-graphql/postgres").exists, dev.output)
        assert dev.stop(signal.SIGINT) in (128 + signal.SIGINT, 0)
        assert "Traceback" not in dev.output
    assert processes_about(elsewhere) == []
    with Dev(elsewhere) as again:
        assert again.titles() == []


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_while_postgresql_starts(diary: Diary, number: signal.Signals) -> None:
    """It is stopped, although nothing has been served yet."""
    lock = diary.folder / ".todo-graphql/postgres/data/postmaster.pid"
    with Command("dev", "--port", "0", folder=diary.folder) as dev:
        until(lock.exists, dev.output)
        assert dev.stop(number) in (128 + number, 0)
        assert "Traceback" not in dev.output
    assert processes_about(diary.folder) == []


def kill(dev: Dev, folder: Path) -> Path:
    """Kill it and its PostgreSQL as a power cut would. Answers the lock that is left."""
    postmaster = postmaster_of(folder)
    assert postmaster is not None
    family = [postmaster, *postmaster.children(recursive=True)]
    dev.stop(signal.SIGKILL)
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):  # it has noticed by itself
            process.kill()
    psutil.wait_procs(family, timeout=30)
    return folder / ".todo-graphql/postgres/data/postmaster.pid"
