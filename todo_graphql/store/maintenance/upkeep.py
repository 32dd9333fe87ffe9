"""The role of maintenance, which sees the rows of all users and no texts."""

AS_UPKEEP = "SELECT set_config('role', 'todo_upkeep', true); "
"""The start of a message whose statements run under this role."""
