"""Two replicas that edit the same tasks offline equal the server after a push and a pull."""

import pytest
from hypothesis import HealthCheck, settings

from tests.support.offline_replicas import OfflineRules, state_of
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.tasks.repository import Tasks


class Pushes(OfflineRules):
    """Replicas of which each one is the concurrent writer of the other one."""

    def teardown(self) -> None:
        self.synchronize()
        with self.connect() as connection:
            rows = [row for page in Tasks(connection).iter_all() for row in page]
        for replica in self.offline:
            assert replica.edits == {}
            assert replica.tasks == {row.id: state_of(row) for row in rows}


@pytest.mark.no_cover
def test_replicas_equal_the_server_after_push_and_pull(database: Database) -> None:
    Pushes.database = database
    case = Pushes.TestCase
    case.settings = settings(
        max_examples=100,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    case("runTest").runTest()
