"""Preflight checks: the reasons why a server refuses to start, and their log lines."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from todo_graphql.errors import Problem
from todo_graphql.server.auth.tokens import Authenticator
from todo_graphql.server.observability.tracing_setup import check_tracing
from todo_graphql.server.readiness import ANONYMOUS
from todo_graphql.server.sockets import refuse_unusable_metrics
from todo_graphql.settings.settings import ConfigurationError, Settings, run_checks
from todo_graphql.store.postgres import migrations, outages, rls_check
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.postgres.errors import UnexpectedDatabaseError

logger = logging.getLogger(__name__)


def check_settings(settings: Settings) -> None:
    """Raise ConfigurationError with all reasons that can be found before logging starts."""
    run_checks(
        settings.required_database_url,
        partial(check_keys, settings),
        partial(check_telemetry, settings),
    )


def check_keys(settings: Settings) -> None:
    """Raise ConfigurationError with all reasons why the keys cannot verify tokens."""
    own = () if settings.auth_jwks_url else (settings.required_key, settings.checked_old_secrets)
    run_checks(*own, partial(Authenticator, settings))


def check_telemetry(settings: Settings) -> None:
    """Raise ConfigurationError if traces or metrics are enabled and cannot work."""
    run_checks(partial(check_tracing, settings), partial(refuse_unusable_metrics, settings))


def check_database(settings: Settings) -> None:
    """Raise UnsafeDatabaseError if the database does not isolate users.

    A database that is unavailable or not migrated is logged only, because each process repeats
    the check before it serves. So is a database that is newer than this release.
    """
    database = Database(settings)
    outages.watch(database.engine)
    try:
        rls_check.check_row_level_security(database)
        with database.connect_as(ANONYMOUS) as connection:
            migrations.refuse_newer(connection)
    except migrations.NewerDatabaseError as newer:
        logger.warning("%s", newer)
    except (Problem, UnexpectedDatabaseError) as reason:
        logger.warning("Not ready yet: %s", reason)
    finally:
        database.close()


@contextmanager
def log_fatal_errors() -> Iterator[None]:
    """Log every exception as one line at level CRITICAL, and exit with code 1."""
    try:
        yield
    except (ConfigurationError, rls_check.UnsafeDatabaseError) as error:
        logger.critical("%s", error)
    except Exception:
        logger.critical("The server has failed.", exc_info=True)
    else:
        return
    raise SystemExit(1)
