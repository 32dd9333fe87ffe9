"""Shared fixtures: one PostgreSQL, one migrated database, one server, new users."""

import faulthandler
import gc
import logging
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.support.api_client import Person
from tests.support.coverage_scope import measuring_coverage, pause_coverage
from tests.support.paths import ROOT
from tests.support.servers import migrated_database, serving, settings_for
from todo_graphql.dev.postgres import EmbeddedPostgres
from todo_graphql.settings.settings import Settings
from todo_graphql.store.postgres import prepared_statements
from todo_graphql.store.postgres.engine import Database

# pytest makes the parent of all temporary folders private when a run begins, which would lock out
# the embedded PostgreSQL of another run. So each run has a parent of its own. The folders of
# pytest-xdist's workers are in the folder of their controller.
TEMPORARY = Path(tempfile.mkdtemp(prefix="todo-", dir=os.environ.get("PYTEST_DEBUG_TEMPROOT")))
os.environ["PYTEST_DEBUG_TEMPROOT"] = str(TEMPORARY)

TEARDOWN_SECONDS = 180
"""The maximum time for the fixtures of a test to end."""

IMPORTS_ARE_MEASURED = os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0"
"""All workers import the same modules, and one of them measures their lines."""

STDERR = pytest.StashKey[int]()
"""The standard error of the process, which pytest redirects while a test runs."""

# A run under nohup ignores this signal, and so would every command that a test starts.
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# The server of a session logs to a stream that pytest closes between tests.
logging.raiseExceptions = False

# The tests read no setting of the shell except DATABASE_URL. The first of several processes passes
# it to the others under a name that is not a setting.
DATABASE_URL_COPY = "TODO_GRAPHQL_TESTS_USE"
SERVER = os.environ.pop("DATABASE_URL", None) or os.environ.get(DATABASE_URL_COPY)
if SERVER is not None:
    os.environ[DATABASE_URL_COPY] = SERVER
for name in list(os.environ):
    if name.lower() in Settings.model_fields or name.startswith("OTEL_"):
        del os.environ[name]

# A repeated statement is prepared, so the tests execute most statements in both forms.
prepared_statements.PREPARE_AFTER_EXECUTIONS = 1

# The longest files run first, so that no worker is left with one of them at the end.
LONG = (
    "project/test_chaos",
    "dev/test_shutdown",
    "runtime/test_survival",
    "runtime/test_serve",
    "runtime/test_supervisor",
    "dev/test_postgres",
    "dev/test_dev",
    "cli/test_migrate",
    "api/execution/test_differential",
    "api/execution/test_response_size",
    "api/test_ordering",
    "api/test_isolation",
    "api/documents/test_hidden_names",
    "project/test_extras",
    "store/test_seed",
    "store/test_quota",
    "project/test_packaging",
    "server/test_overload",
    "store/test_outages",
    "server/endpoints/test_health",
    "doctor/test_doctor",
    "project/test_suite",
    "server/rate_limits/test_limiter",
    "server/protocol/test_stalled_readers",
    "server/endpoints/test_import",
    "project/test_image",
    "server/observability/test_metrics_hosts",
    "server/observability/test_metrics",
    "cli/test_newer_database",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests of long files to the front, and fail for a long file that does not exist."""
    order = {ROOT / "tests" / f"{name}.py": index for index, name in enumerate(LONG)}
    assert [path for path in order if not path.exists()] == []
    items.sort(key=lambda item: order.get(item.path, len(LONG)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return the number of cores plus one, at most four: many tests wait for processes."""
    return min(4, (os.cpu_count() or 1) + 1)


def pytest_configure(config: pytest.Config) -> None:
    capture = config.pluginmanager.getplugin("capturemanager")
    assert capture is not None
    with capture.global_and_fixture_disabled():
        config.stash[STDERR] = os.dup(2)
    if not IMPORTS_ARE_MEASURED:
        pause_coverage()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Measure no coverage in the process that controls the workers."""
    pause_coverage()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without garbage collection, and exempt the modules and the tests from it.

    They stay until the end, and each full collection would traverse them.
    """
    gc.disable()
    collected = yield
    pause_coverage()
    gc.freeze()
    gc.enable()
    return collected


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    with measuring_coverage(item):
        return (yield)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    with measuring_coverage(item):
        return (yield)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """End a process whose fixtures hang: a failed test has cancelled pytest's own watchdog."""
    stderr = item.config.stash[STDERR]
    faulthandler.dump_traceback_later(TEARDOWN_SECONDS, file=stderr, exit=True)
    with measuring_coverage(item):
        return (yield)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop all servers of this run, including those of a worker that was killed."""
    for lock in TEMPORARY.rglob("postmaster.pid"):
        EmbeddedPostgres(lock.parents[1]).stop()
    shutil.rmtree(TEMPORARY, ignore_errors=True)
    os.close(config.stash[STDERR])


@pytest.fixture(scope="session")
def postgresql() -> Iterator[SecretStr]:
    """Yield the URL of the server in DATABASE_URL, or of an embedded one."""
    if SERVER is not None:
        yield SecretStr(SERVER)
        return
    server = EmbeddedPostgres(TEMPORARY / "pg", durable=False)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


@pytest.fixture(scope="session")
def settings(postgresql: SecretStr) -> Iterator[Settings]:
    """Yield the settings of the shared server."""
    with migrated_database(postgresql) as url:
        yield settings_for(url, introspection=True)


@pytest.fixture(scope="session")
def url(settings: Settings) -> Iterator[str]:
    """Yield the base URL of the shared server, without a slash at its end."""
    with serving(settings) as base:
        yield base


@pytest.fixture
def someone(url: str, settings: Settings) -> Callable[[], Person]:
    """Return a factory of new users, so that tests do not share data."""
    return lambda: Person(url, settings)


@pytest.fixture
def alice(someone: Callable[[], Person]) -> Person:
    """Return the user of a test."""
    return someone()


@pytest.fixture
def mallory(someone: Callable[[], Person]) -> Person:
    """Return the user of a test who tries to reach the data of another user."""
    return someone()


@pytest.fixture(scope="session")
def database(settings: Settings) -> Iterator[Database]:
    """Yield the database of the shared server."""
    own = Database(settings)
    yield own
    own.close()
