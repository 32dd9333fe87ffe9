"""A few of the experiments of `make chaos`, with small numbers. How long something takes is not
looked at here.
"""

from collections.abc import Callable, Iterator, Sequence

import pytest
from click.testing import CliRunner

from chaos import isolation, kills, shutdown
from chaos.__main__ import main
from chaos.experiments import EXPERIMENTS
from chaos.report import Check, Result, markdown
from chaos.scene import Scene, scene

WALL_2 = "ALTER TABLE tasks {0} ROW LEVEL SECURITY; ALTER TABLE users {0} ROW LEVEL SECURITY"

pytestmark = pytest.mark.usefixtures("coverage_pause")


@pytest.fixture(scope="module")
def here() -> Iterator[Scene]:
    with scene(lambda _part: None) as own:
        yield own


def broken(checks: Sequence[Check]) -> list[Check]:
    """What did not hold, and not because the machine was busy."""
    return [check for check in checks if check.steady and not check.held]


SHORT: dict[str, Callable[[Scene], list[Check]]] = {
    "kill -9 of the server": lambda here: kills.kill_server(here, rounds=2, crowd=4),
    "kill -9 of PostgreSQL": lambda here: kills.kill_postgres(here, rounds=1, crowd=4),
    "connections ended": lambda here: kills.terminate_backends(here, 3, readers=4, crowd=4),
    "SIGTERM": lambda here: shutdown.stop(here, rounds=1, crowd=8),
    "wall 1 removed": lambda here: isolation.strangers(here, calls=400),
}


@pytest.mark.parametrize("experiment", SHORT.values(), ids=list(SHORT))
def test_it_holds(here: Scene, experiment: Callable[[Scene], list[Check]]) -> None:
    checks = experiment(here)
    assert checks
    assert broken(checks) == []


def test_without_both_walls_there_are_foreign_rows(here: Scene) -> None:
    """What the last experiment above would see. The server has had its proof by then."""
    with here.home.serving(command=isolation.BARE) as server:
        three = isolation.people(here.home)
        isolation.furnish_witness(here, server.port, three[2])
        before = isolation.rows_of(here.home, three[2:])
        here.home.query(WALL_2.format("DISABLE"))
        try:
            _, seen = here.have(isolation.call, server.port, three, 200, 0).result()
        finally:
            here.home.query(WALL_2.format("ENABLE"))
        assert seen.foreign > 0
        assert isolation.rows_of(here.home, three[2:]) != before


def test_what_was_not_run_has_not_held() -> None:
    absent = Result("through a pooler", absent="There is none.")
    fine = Result("a death", [Check("0 lost", "0 of 7", held=True)])
    assert (absent.held, fine.held) == (False, True)
    table = markdown([absent, fine], "It took no time.")
    assert "| through a pooler |  | There is none. | not run |" in table
    assert "| a death | 0 lost | 0 of 7 | yes |" in table


def test_it_lists_its_experiments() -> None:
    listed = CliRunner().invoke(main, ["--list"])
    assert listed.exit_code == 0
    assert [line.split()[0] for line in listed.output.splitlines()] == [
        one.name for one in EXPERIMENTS
    ]
