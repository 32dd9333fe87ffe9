"""`todo-graphql seed`: reproducible users and tasks."""

import os
import pty
import re
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from tests.support.administrators import administering
from tests.support.commands import PATIENCE, PROGRAM, Dev, environment, home_of_dev, run
from tests.support.servers import scratch_database
from todo_graphql.dev.demo_user import DEMO_USER
from todo_graphql.store.maintenance.seed import split_tasks

COUNTS = """
SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM tasks),
    (SELECT count(*) FROM tasks WHERE user_id = :demo)
"""


@pytest.fixture
def url(postgresql: SecretStr) -> Iterator[SecretStr]:
    """URL of an empty database."""
    with scratch_database(postgresql) as own:
        yield own


@pytest.mark.no_cover
def test_repeated_seed_creates_tasks_once(url: SecretStr, tmp_path: Path) -> None:
    for _ in range(2):
        finished = run(
            *("seed", "--users", "3", "--tasks", "50"),
            folder=tmp_path,
            DATABASE_URL=url.get_secret_value(),
        )
        assert (finished.returncode, finished.stdout) == (
            0,
            "Sample users: 3. Sample tasks: 50.\n",
        ), finished
        with administering(url) as admin:
            counts = admin.execute(text(COUNTS), {"demo": DEMO_USER.id}).one()
            kinds = admin.execute(
                text(
                    "SELECT count(DISTINCT priority) > 2, bool_or(due_on IS NULL),"
                    " bool_or(due_on IS NOT NULL), bool_or(due_at IS NOT NULL),"
                    " bool_or(tags <> '{}'), bool_or(completed_at IS NOT NULL),"
                    " bool_and(created_at < now()), count(DISTINCT (user_id, rank)) = count(*)"
                    " FROM tasks"
                )
            ).one()
        assert tuple(counts) == (3, 50, 5)
        assert all(kinds), kinds


def test_seed_fills_dev_database(tmp_path: Path) -> None:
    """The database of `dev` can be seeded before and during a run."""
    with home_of_dev(tmp_path / "home") as home:
        assert run("seed", "--users", "1", "--tasks", "3", folder=home).returncode == 0
        with Dev(home) as dev:
            assert len(dev.titles()) > 0
            assert run("seed", "--users", "1", "--tasks", "20", folder=home).returncode == 0
            trashed = dev.ask("{ tasks(filter: {trashed: true}) { totalCount } }")["tasks"]
            assert len(dev.titles()) + trashed["totalCount"] == 20
            assert dev.stop() == 0, dev.output


def read_terminal(terminal: int) -> str:
    """Read a terminal until its last user closes it."""
    written = b""
    with suppress(OSError):  # Linux reports the end as an error
        while piece := os.read(terminal, 10_000):
            written += piece
    return written.decode()


@pytest.mark.no_cover
def test_seed_shows_progress_on_terminal(url: SecretStr, tmp_path: Path) -> None:
    """Each batch advances the bar on stderr. Only the result goes to stdout."""
    terminal, stderr = pty.openpty()
    with subprocess.Popen(
        [*PROGRAM, "seed", "--users", "2", "--tasks", "4000"],
        cwd=tmp_path,
        env=environment(DATABASE_URL=url.get_secret_value(), TERM="xterm", COLUMNS="100"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    ) as process:
        os.close(stderr)
        shown = read_terminal(terminal)
        output, _ = process.communicate(timeout=PATIENCE)
    os.close(terminal)
    assert (process.returncode, output) == (0, "Sample users: 2. Sample tasks: 4,000.\n")
    assert "Generating tasks" in shown
    # 400 tasks of the first user, then batches of at most 1,000 of the second user's 3,600.
    percents = [int(percent) for percent in re.findall(r"(\d+)%", shown)]
    assert sorted(set(percents)) == [0, 10, 35, 60, 85, 100]
    assert percents == sorted(percents)


@pytest.mark.parametrize(("users", "tasks"), [(1, 7), (2, 10), (3, 100), (7, 3), (1000, 1_000_000)])
def test_split_tasks_distributes_all_tasks(users: int, tasks: int) -> None:
    parts = split_tasks(users, tasks)
    assert (len(parts), sum(parts)) == (users, tasks)
    assert max(parts[1:], default=0) - min(parts[1:], default=0) <= 1
