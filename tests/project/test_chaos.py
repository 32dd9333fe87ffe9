"""Experiments of `make chaos` with small numbers and without checks of times."""

from collections.abc import Callable, Iterator, Sequence

import pytest
from click.testing import CliRunner

from chaos import isolation, kills, shutdown
from chaos.__main__ import main
from chaos.environment import Environment, running_environment
from chaos.experiments import EXPERIMENTS
from chaos.live import faults, load
from chaos.report import Check, Result, markdown

ROW_SECURITY = "ALTER TABLE tasks {0} ROW LEVEL SECURITY; ALTER TABLE users {0} ROW LEVEL SECURITY"

pytestmark = pytest.mark.no_cover


@pytest.fixture(scope="module")
def env() -> Iterator[Environment]:
    with running_environment(lambda _part: None) as own:
        yield own


def broken(checks: Sequence[Check]) -> list[Check]:
    """Return the steady checks that did not hold."""
    return [check for check in checks if check.steady and not check.held]


SHORT: dict[str, Callable[[Environment], list[Check]]] = {
    "kill -9 of the server": lambda env: kills.kill_server(env, rounds=2, clients=4),
    "kill -9 of PostgreSQL": lambda env: kills.kill_postgres(env, rounds=1, clients=4),
    "connections ended": lambda env: kills.terminate_backends(env, 3, readers=4, clients=4),
    "SIGTERM": lambda env: shutdown.stop(env, rounds=1, clients=8),
    "live streams": lambda env: load.hold_streams(env, 20, load.Load(idle=0.5, paced=2, flood=3)),
    "faults under live streams": lambda env: faults.disturb_streams(env, 1, streams=10),
    "statement scoping disabled": lambda env: isolation.unscoped(env, calls=400),
}


@pytest.mark.parametrize("experiment", SHORT.values(), ids=list(SHORT))
def test_experiment_holds(
    env: Environment, experiment: Callable[[Environment], list[Check]]
) -> None:
    checks = experiment(env)
    assert checks
    assert broken(checks) == []


def test_isolation_without_both_layers_returns_foreign_rows(env: Environment) -> None:
    """The server has passed its check of row-level security when it is disabled."""
    with env.deployment.serving(command=isolation.UNSCOPED) as server:
        three = isolation.marked_users(env.deployment)
        isolation.create_witness_tasks(env, server.port, three[2])
        before = isolation.rows_of(env.deployment, three[2:])
        env.deployment.query(ROW_SECURITY.format("DISABLE"))
        try:
            _, seen = env.submit(isolation.call, server.port, three, 200, 0).result()
        finally:
            env.deployment.query(ROW_SECURITY.format("ENABLE"))
        assert seen.foreign > 0
        assert isolation.rows_of(env.deployment, three[2:]) != before


def test_result_that_did_not_run_has_not_held() -> None:
    absent = Result("through a pooler", absent="There is none.")
    fine = Result("a kill", [Check("0 lost", "0 of 7", held=True)])
    assert (absent.held, fine.held) == (False, True)
    table = markdown([absent, fine], "Duration: 0 seconds.")
    assert "| through a pooler |  | There is none. | not run |" in table
    assert "| a kill | 0 lost | 0 of 7 | yes |" in table


def test_option_list_prints_all_experiments() -> None:
    listed = CliRunner().invoke(main, ["--list"])
    assert listed.exit_code == 0
    assert [line.split()[0] for line in listed.output.splitlines()] == [
        one.name for one in EXPERIMENTS
    ]
