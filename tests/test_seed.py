"""`todo-graphql seed`: the same users and tasks each time, in whatever database is at hand."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from tests.administrators import administering
from tests.commands import Dev, home_of_dev, run
from tests.servers import scratch_database
from todo_graphql.development import DEMO_USER
from todo_graphql.store.seeding import shares

COUNTS = """
SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM tasks),
    (SELECT count(*) FROM tasks WHERE user_id = :demo)
"""


@pytest.fixture
def url(postgresql: SecretStr) -> Iterator[SecretStr]:
    """A database in which nothing is."""
    with scratch_database(postgresql) as own:
        yield own


def test_seed_makes_what_it_says_and_only_once(url: SecretStr, tmp_path: Path) -> None:
    for _ in range(2):
        finished = run(
            *("seed", "--users", "3", "--tasks", "50"),
            folder=tmp_path,
            DATABASE_URL=url.get_secret_value(),
        )
        assert (finished.returncode, finished.stdout) == (
            0,
            "There are 3 users with 50 tasks.\n",
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


def test_seed_fills_the_database_of_dev(tmp_path: Path) -> None:
    """Before it runs, and while it runs."""
    with home_of_dev(tmp_path / "home") as home:
        assert run("seed", "--users", "1", "--tasks", "3", folder=home).returncode == 0
        with Dev(home) as dev:
            assert len(dev.titles()) > 0
            assert run("seed", "--users", "1", "--tasks", "20", folder=home).returncode == 0
            trashed = dev.ask("{ tasks(filter: {trashed: true}) { totalCount } }")["tasks"]
            assert len(dev.titles()) + trashed["totalCount"] == 20
            assert dev.stop() == 0, dev.output


@pytest.mark.parametrize(("users", "tasks"), [(1, 7), (2, 10), (3, 100), (7, 3), (1000, 1_000_000)])
def test_shares_are_all_there_is(users: int, tasks: int) -> None:
    parts = shares(users, tasks)
    assert (len(parts), sum(parts)) == (users, tasks)
    assert max(parts[1:], default=0) - min(parts[1:], default=0) <= 1
