"""Readiness: concurrent checks of row-level security."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import SecretStr

from tests.support.commands import PATIENCE, until
from tests.support.servers import migrated_to, scratch_database, settings_for
from todo_graphql.errors import Unavailable
from todo_graphql.server.readiness import Readiness
from todo_graphql.store.postgres import rls_check
from todo_graphql.store.postgres.engine import Database

CROWD = 5


class CountedLock:
    """A lock that counts the threads that request it."""

    def __init__(self) -> None:
        self.came = 0
        self._own, self._counting = threading.Lock(), threading.Lock()

    def __enter__(self) -> None:
        with self._counting:
            self.came += 1
        self._own.acquire()

    def __exit__(self, *_: object) -> None:
        self._own.release()


def test_concurrent_requests_share_readiness_attempt(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    readiness, lock, checked = Readiness(database), CountedLock(), threading.Event()
    attempts: list[Database] = []
    monkeypatch.setattr(readiness, "_lock", lock)

    def check(given: Database) -> None:
        attempts.append(given)
        assert checked.wait(PATIENCE)
        raise Unavailable("The database is unavailable.")

    monkeypatch.setattr(rls_check, "check_row_level_security", check)
    with ThreadPoolExecutor(CROWD) as pool:
        asked = [pool.submit(readiness.require_rls_check) for _ in range(CROWD)]
        until(lambda: lock.came == CROWD, "all requests")
        checked.set()
        failures = [one.exception(PATIENCE) for one in asked]
    assert {str(failure) for failure in failures} == {"The database is unavailable."}
    assert len({id(failure) for failure in failures}) == CROWD
    assert attempts == [database]
    monkeypatch.undo()
    readiness.require_rls_check()  # a later request makes another attempt


def test_database_behind_this_release_is_not_ready(postgresql: SecretStr) -> None:
    """The check of row-level security names columns that it does not have."""
    with scratch_database(postgresql) as url:
        migrated_to(url, "0004")
        database = Database(settings_for(url))
        assert Readiness(database).reason_against() == "The database is not migrated."
        database.close()
