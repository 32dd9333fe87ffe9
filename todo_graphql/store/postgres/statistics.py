"""Planner statistics: PostgreSQL expects a thousand tasks of each user (decision 0033)."""

from sqlalchemy import Connection, text

IS_SET = (
    "EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('tasks')"
    " AND attname = 'user_id' AND attoptions IS NOT NULL)"
)
"""The condition that a plan for all values suits users with many tasks."""

IS_DUE = text(f"SELECT to_regclass('tasks') IS NOT NULL AND NOT {IS_SET}")

# The number of users is expected to be that of tasks, divided by a thousand. Distributed tables of
# Citus have no such option.
SET_OPTION = """
DO $$BEGIN
ALTER TABLE tasks ALTER COLUMN user_id SET (n_distinct = -0.001);
EXCEPTION WHEN feature_not_supported THEN NULL;
END$$
"""


def expect_tasks_per_user(connection: Connection) -> None:
    """Set the expected number of tasks of a user, at any revision that has tasks.

    A repeated call changes nothing.
    """
    if connection.execute(IS_DUE).scalar_one():
        connection.exec_driver_sql("SET LOCAL lock_timeout = '10s'")
        connection.exec_driver_sql(SET_OPTION)
        connection.exec_driver_sql("ANALYZE tasks")
    connection.commit()
