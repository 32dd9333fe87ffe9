"""PgBouncer in transaction mode, between a server and PostgreSQL."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import psycopg2
from pydantic import SecretStr
from sqlalchemy import make_url

from chaos.environment import Home
from chaos.servers import until
from todo_graphql.dev.postgres_permissions import Access

PORT = 6432
"""Which is but a part of the socket's name: nothing listens to the network."""

STOP_TIMEOUT = 10

# Fewer connections than the server has to it: they go from one user to the other all the time.
CONFIGURATION = """
[databases]
postgres = host={host} port={port} dbname=postgres user=postgres

[pgbouncer]
listen_port = {own_port}
unix_socket_dir = {folder}
auth_type = any
pool_mode = transaction
default_pool_size = 3
max_client_conn = 200
logfile = {folder}/pgbouncer.log
pidfile =
"""


class AbsentError(Exception):
    """What an experiment needs is not installed. Says what in one sentence."""


@contextmanager
def pgbouncer(home: Home) -> Iterator[SecretStr]:
    """The URL of PostgreSQL behind it. Raises AbsentError."""
    program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
    if program is None:
        raise AbsentError("PgBouncer is not installed (Debian's package is `pgbouncer`).")
    folder, access = home.folder / "pgbouncer", Access()
    access.make_private(folder)
    behind = make_url(home.postgres.url.get_secret_value()).query
    file = folder / "pgbouncer.ini"
    file.write_text(CONFIGURATION.format(folder=folder, own_port=PORT, **behind))
    process = subprocess.Popen(  # noqa: S603 - a program of the system's, and no shell
        [program, str(file)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        **access.identity(),
    )
    url = f"postgresql://postgres@/postgres?host={quote(str(folder))}&port={PORT}"
    try:
        until(lambda: answers(url), "PgBouncer does not answer.")
        yield SecretStr(url)
    finally:
        process.terminate()
        process.wait(STOP_TIMEOUT)


def answers(url: str) -> bool:
    """Whether a connection can be had."""
    try:
        psycopg2.connect(url).close()
    except psycopg2.OperationalError:
        return False
    return True
