"""Errors that are no bugs of the program: a command prints their sentence without a traceback."""

from todo_graphql.dev.postgres_binaries import EmbeddedPostgresError
from todo_graphql.dev.postgres_permissions import AccessError
from todo_graphql.errors import Problem
from todo_graphql.settings.settings import ConfigurationError
from todo_graphql.store.maintenance.purge import PurgePermissionError
from todo_graphql.store.postgres.errors import UnexpectedDatabaseError
from todo_graphql.store.postgres.migrations import MigrationPermissionError, NewerDatabaseError
from todo_graphql.store.postgres.rls_check import UnsafeDatabaseError

EXPECTED_ERRORS = (
    AccessError,
    ConfigurationError,
    EmbeddedPostgresError,
    MigrationPermissionError,
    NewerDatabaseError,
    OSError,  # for example a full disk
    Problem,
    PurgePermissionError,
    UnexpectedDatabaseError,
    UnsafeDatabaseError,
)
