"""What most tests stand on: one PostgreSQL, one migrated database, one server, new people."""

import faulthandler
import logging
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.support.api_client import Person
from tests.support.coverage_pause import pausing_coverage
from tests.support.paths import ROOT
from tests.support.servers import migrated_database, serving, settings_for
from todo_graphql.dev.postgres import EmbeddedPostgres
from todo_graphql.settings.settings import Settings
from todo_graphql.store.postgres.engine import Database

# pytest closes the folder that holds everybody's temporary ones whenever a run begins, which
# would lock the embedded PostgreSQL of another run out: each run has a folder of its own. The
# folders of pytest-xdist's workers are in the folder of their controller.
TEMPORARY = tempfile.TemporaryDirectory(
    prefix="todo-", dir=os.environ.get("PYTEST_DEBUG_TEMPROOT"), ignore_cleanup_errors=True
)
os.environ["PYTEST_DEBUG_TEMPROOT"] = TEMPORARY.name

TEARDOWN_SECONDS = 180
"""The maximum time for the fixtures of a test to end."""

STDERR = pytest.StashKey[int]()
"""The standard error of the process, which pytest redirects while a test runs."""

# A run under nohup ignores this signal, and so would every command that a test starts.
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# The server of a session logs to a stream that pytest closes between tests.
logging.raiseExceptions = False

# The tests read no setting of the shell that they run in, but for the server to use. The first
# process of several keeps it for the others under another name, which is no setting.
KEPT = "TODO_GRAPHQL_TESTS_USE"
SERVER = os.environ.pop("DATABASE_URL", None) or os.environ.get(KEPT)
if SERVER is not None:
    os.environ[KEPT] = SERVER
for name in list(os.environ):
    if name.lower() in Settings.model_fields or name.startswith("OTEL_"):
        del os.environ[name]


# The files that take longest begin first, so that no worker is left with one of them in the end.
LONG = (
    "project/test_chaos",
    "dev/test_shutdown",
    "api/execution/test_differential",
    "api/test_ordering",
    "runtime/test_supervisor",
    "cli/test_migrate",
    "project/test_packaging",
    "runtime/test_survival",
    "dev/test_dev",
    "server/test_overload",
    "server/rate_limits/test_limiter",
    "dev/test_postgres",
    "runtime/test_serve",
    "server/endpoints/test_health",
    "store/test_outages",
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
    """Return one worker more than there are cores, at most four: many tests wait for processes."""
    return min(4, (os.cpu_count() or 1) + 1)


def pytest_configure(config: pytest.Config) -> None:
    capture = config.pluginmanager.getplugin("capturemanager")
    assert capture is not None
    with capture.global_and_fixture_disabled():
        config.stash[STDERR] = os.dup(2)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """End a process whose fixtures hang: a failed test has cancelled pytest's own watchdog."""
    stderr = item.config.stash[STDERR]
    faulthandler.dump_traceback_later(TEARDOWN_SECONDS, file=stderr, exit=True)
    return (yield)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing behind, also of a worker that was ended."""
    for lock in Path(TEMPORARY.name).rglob("postmaster.pid"):
        EmbeddedPostgres(lock.parents[1]).stop()
    TEMPORARY.cleanup()
    os.close(config.stash[STDERR])


@pytest.fixture(scope="module")
def coverage_pause() -> Iterator[None]:
    """Measure no coverage in this module."""
    with pausing_coverage():
        yield


@pytest.fixture(scope="session")
def postgresql() -> Iterator[SecretStr]:
    """The PostgreSQL that DATABASE_URL names, or an embedded one."""
    if SERVER is not None:
        yield SecretStr(SERVER)
        return
    server = EmbeddedPostgres(Path(TEMPORARY.name) / "pg", durable=False)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


@pytest.fixture(scope="session")
def settings(postgresql: SecretStr) -> Iterator[Settings]:
    """The settings of the server that most tests talk to."""
    with migrated_database(postgresql) as url:
        yield settings_for(url, introspection=True)


@pytest.fixture(scope="session")
def url(settings: Settings) -> Iterator[str]:
    """The base URL of a server, without a slash at its end."""
    with serving(settings) as base:
        yield base


@pytest.fixture
def someone(url: str, settings: Settings) -> Callable[[], Person]:
    """Makes people whom nobody has seen before, so that no test meets another's data."""
    return lambda: Person(url, settings)


@pytest.fixture
def alice(someone: Callable[[], Person]) -> Person:
    """The one that a test is about."""
    return someone()


@pytest.fixture
def mallory(someone: Callable[[], Person]) -> Person:
    """The one who wants what is not theirs."""
    return someone()


@pytest.fixture(scope="session")
def database(settings: Settings) -> Iterator[Database]:
    """The server's database, for tests of the store itself."""
    own = Database(settings)
    yield own
    own.close()
