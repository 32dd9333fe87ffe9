"""Prepared statements: PostgreSQL parses and plans a frequent statement once per session.

Decision 0033 explains the rules.
"""

from collections import OrderedDict

from todo_graphql.store.postgres.statement_cache import CompiledStatement

PREPARE_AFTER = 5
"""The number of executions of a statement on a connection after which it is prepared."""

MAX_TEXT = 100_000
"""The maximum length of all texts that a connection has prepared, in characters. PostgreSQL needs
about 60 bytes of memory for each.
"""

MAX_STATEMENT = MAX_TEXT // 10
"""The maximum length of one of them."""

MAX_COUNTED = 1_000
"""The maximum number of statements whose executions a connection counts."""


class PreparedStatements:
    """The prepared statements of a connection, and the numbers of executions of others.

    Both forget the least recently used beyond their bounds.
    """

    def __init__(self) -> None:
        self._executions: OrderedDict[str, int] = OrderedDict()
        self._lengths: OrderedDict[str, int] = OrderedDict()
        self._length = 0

    def is_due(self, statement: CompiledStatement) -> bool:
        """Count an execution of a statement. Return whether it should be prepared before."""
        name = statement.name
        if name in self._lengths or not 0 < len(statement.preparation) <= MAX_STATEMENT:
            return False
        self._executions[name] = executions = self._executions.pop(name, 0) + 1
        if len(self._executions) > MAX_COUNTED:
            self._executions.popitem(last=False)
        return executions > PREPARE_AFTER

    def prepare(self, statement: CompiledStatement) -> str:
        """Add a statement. Return the commands for it, which must succeed.

        They deallocate the statements that exceed the bound.
        """
        commands = []
        self._length += len(statement.preparation)
        while self._length > MAX_TEXT:
            name, length = self._lengths.popitem(last=False)
            self._length -= length
            commands.append(f"DEALLOCATE {name}")
        self._executions.pop(statement.name, None)
        self._lengths[statement.name] = len(statement.preparation)
        return "; ".join([*commands, statement.preparation])

    def text(self, statement: CompiledStatement) -> str:
        """Return the text that executes a statement, with placeholders for its parameters."""
        if statement.name not in self._lengths:
            return statement.sql
        self._lengths.move_to_end(statement.name)
        return statement.execution
