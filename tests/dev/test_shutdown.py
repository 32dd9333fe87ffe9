"""End of `todo-graphql dev` by signals and crashes: no process remains, and no data is lost."""

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

pytestmark = pytest.mark.no_cover


class Diary:
    """Folder of one `dev` after another, with the titles of all tasks written so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.first_token: str | None = None
        self.titles: list[str] = []

    def write(self, dev: Dev) -> None:
        """Create a task, and assert that the first token still lists all earlier ones."""
        self.first_token = self.first_token or dev.token
        self.titles.insert(0, f"Task {len(self.titles)}")
        dev.create(self.titles[0])
        assert dev.titles(self.first_token) == self.titles


@pytest.fixture(scope="module")
def diary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Diary]:
    """Yield a folder that the tests share, so that each one finds the data of the others."""
    with home_of_dev(tmp_path_factory.mktemp("dev") / AWKWARD) as folder:
        yield Diary(folder)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """Yield an empty folder."""
    with home_of_dev(tmp_path / "elsewhere") as folder:
        yield folder


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_signal_stops_dev_and_keeps_its_data(diary: Diary, number: signal.Signals) -> None:
    with Dev(diary.folder) as dev:
        diary.write(dev)
        assert postmaster_of(diary.folder) is not None
        assert dev.stop(number) == 0
    assert processes_about(diary.folder) == []


def test_dev_takes_over_postgresql_of_a_killed_dev(diary: Diary) -> None:
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


def test_dev_recovers_acknowledged_writes_after_a_crash(diary: Diary) -> None:
    """The process id of the killed PostgreSQL belongs to another process at last."""
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


def test_signal_during_initdb_leaves_no_process(elsewhere: Path) -> None:
    """The next start succeeds. The exit code is 0 if the server was ready by then."""
    with Command("dev", "--port", "0", folder=elsewhere) as dev:
        until((elsewhere / ".todo-graphql/postgres").exists, dev.output)
        assert dev.stop(signal.SIGINT) in (128 + signal.SIGINT, 0)
        assert "Traceback" not in dev.output
    assert processes_about(elsewhere) == []
    with Dev(elsewhere) as again:
        assert again.titles() == []


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_signal_during_postgresql_start_stops_it(diary: Diary, number: signal.Signals) -> None:
    lock = diary.folder / ".todo-graphql/postgres/data/postmaster.pid"
    with Command("dev", "--port", "0", folder=diary.folder) as dev:
        until(lock.exists, dev.output)
        assert dev.stop(number) in (128 + number, 0)
        assert "Traceback" not in dev.output
    assert processes_about(diary.folder) == []


def kill(dev: Dev, folder: Path) -> Path:
    """Kill `dev` and its PostgreSQL, and return the remaining lock file."""
    postmaster = postmaster_of(folder)
    assert postmaster is not None
    family = [postmaster, *postmaster.children(recursive=True)]
    dev.stop(signal.SIGKILL)
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended by itself
            process.kill()
    psutil.wait_procs(family, timeout=30)
    return folder / ".todo-graphql/postgres/data/postmaster.pid"
