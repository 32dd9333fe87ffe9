"""What keeps a server from starting, and how it is told."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from todo_graphql.errors import Problem
from todo_graphql.server.auth.tokens import Authenticator
from todo_graphql.server.observability.tracing_setup import check_tracing
from todo_graphql.server.readiness import NOBODY
from todo_graphql.server.sockets import refuse_unusable_metrics
from todo_graphql.settings.settings import ConfigurationError, Settings, refuse_all
from todo_graphql.store.postgres import migrations, outages, rls_check
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.postgres.errors import UnexpectedDatabaseError

logger = logging.getLogger(__name__)


def check_settings(settings: Settings) -> None:
    """Raises ConfigurationError with every reason that can be found before there is a log."""
    refuse_all(
        settings.required_database_url,
        partial(refuse_weak_keys, settings),
        partial(check_telemetry, settings),
    )


def refuse_weak_keys(settings: Settings) -> None:
    """Raises ConfigurationError with every reason why the secrets cannot verify tokens."""
    own = () if settings.auth_jwks_url else (settings.required_key, settings.checked_old_secrets)
    refuse_all(*own, partial(Authenticator, settings))


def check_telemetry(settings: Settings) -> None:
    """Raises ConfigurationError where traces or metrics are wanted, and cannot be."""
    refuse_all(partial(check_tracing, settings), partial(refuse_unusable_metrics, settings))


def check_database(settings: Settings) -> None:
    """Raises UnsafeDatabaseError. A database that is away, or not migrated yet, may come later:
    each process asks for the proof again before it serves. One that is newer is told of.
    """
    database = Database(settings)
    outages.watch(database.engine)
    try:
        rls_check.check_row_level_security(database)
        with database.connect_as(NOBODY) as connection:
            migrations.refuse_newer(connection)
    except migrations.NewerDatabaseError as newer:
        logger.warning("%s", newer)
    except (Problem, UnexpectedDatabaseError) as reason:
        logger.warning("Not ready yet: %s", reason)
    finally:
        database.close()


@contextmanager
def log_fatal_errors() -> Iterator[None]:
    """Whatever ends the server meanwhile is a line of its log, as whoever collects them reads it,
    and then exit code 1.
    """
    try:
        yield
    except (ConfigurationError, rls_check.UnsafeDatabaseError) as refusal:
        logger.critical("%s", refusal)
    except Exception:
        logger.critical("The server has failed.", exc_info=True)
    else:
        return
    raise SystemExit(1)
