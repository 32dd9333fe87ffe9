"""What may keep a command from working without being a bug: each says so in one sentence."""

from todo_graphql.errors import Problem
from todo_graphql.store.embedded import EmbeddedPostgresError
from todo_graphql.store.embedded_access import AccessError
from todo_graphql.store.failures import DatabaseFailure
from todo_graphql.store.isolation import UnsafeDatabase

EXPECTED_FAILURES = (
    AccessError,
    DatabaseFailure,
    EmbeddedPostgresError,
    Problem,
    UnsafeDatabase,
)
