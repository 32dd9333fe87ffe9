"""What may keep a command from working without being a bug: each says so in one sentence."""

from todo_graphql.config import ConfigurationError
from todo_graphql.errors import Problem
from todo_graphql.store.embedded_access import AccessError
from todo_graphql.store.embedded_programs import EmbeddedPostgresError
from todo_graphql.store.failures import DatabaseFailure
from todo_graphql.store.isolation import UnsafeDatabase
from todo_graphql.store.migrations import MayNotMigrate, NewerDatabase
from todo_graphql.store.upkeep import NoUpkeep

EXPECTED_FAILURES = (
    AccessError,
    ConfigurationError,
    DatabaseFailure,
    EmbeddedPostgresError,
    MayNotMigrate,
    NewerDatabase,
    NoUpkeep,
    OSError,  # as when a disk is full
    Problem,
    UnsafeDatabase,
)
