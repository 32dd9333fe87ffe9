"""PgBouncer in transaction mode between the server and PostgreSQL."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import psycopg2
from pydantic import SecretStr
from sqlalchemy import make_url

from chaos.environment import Deployment
from chaos.servers import until
from todo_graphql.dev.postgres_permissions import Access

PORT = 6432
"""A part of the Unix socket's name. PgBouncer does not listen on TCP."""

STOP_TIMEOUT = 10

# The pool is smaller than the server's, so that connections change their user all the time.
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
    """A program that the experiment needs is not installed."""


@contextmanager
def pgbouncer(deployment: Deployment) -> Iterator[SecretStr]:
    """Yield the URL of PostgreSQL through PgBouncer. Raise AbsentError if it is not installed."""
    program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
    if program is None:
        raise AbsentError("PgBouncer is not installed (Debian's package is `pgbouncer`).")
    folder, access = deployment.folder / "pgbouncer", Access()
    access.make_private(folder)
    behind = make_url(deployment.postgres.url.get_secret_value()).query
    file = folder / "pgbouncer.ini"
    file.write_text(CONFIGURATION.format(folder=folder, own_port=PORT, **behind))
    process = subprocess.Popen(  # noqa: S603 - a system program, without a shell
        [program, str(file)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        **access.identity(),
    )
    url = f"postgresql://postgres@/postgres?host={quote(str(folder))}&port={PORT}"
    try:
        until(lambda: accepts_connections(url), "PgBouncer does not accept connections.")
        yield SecretStr(url)
    finally:
        process.terminate()
        process.wait(STOP_TIMEOUT)


def accepts_connections(url: str) -> bool:
    """Return whether a connection succeeds."""
    try:
        psycopg2.connect(url).close()
    except psycopg2.OperationalError:
        return False
    return True
