"""Prepared statements: PostgreSQL parses and plans a frequent statement once per session.

Decision 0033 explains the rules.
"""

from collections import OrderedDict

from todo_graphql.store.postgres.statement_cache import CompiledStatement

PREPARE_AFTER_EXECUTIONS = 5
"""The number of executions of a statement on a connection after which it is prepared."""

MAX_PREPARED_CHARACTERS = 100_000
"""The maximum length of all statements that a connection has prepared. PostgreSQL needs about 85
bytes of memory for each character, and at most 140.
"""

MAX_COUNTED_STATEMENTS = 1_000
"""The maximum number of statements whose executions a connection counts."""


class PreparedStatements:
    """The prepared statements of a connection, and the numbers of executions of others.

    Both forget the least recently used beyond their bounds.
    """

    def __init__(self) -> None:
        self._executions: OrderedDict[str, int] = OrderedDict()
        self._lengths: OrderedDict[str, int] = OrderedDict()
        self._length = 0

    def __contains__(self, statement: CompiledStatement) -> bool:
        return statement.name in self._lengths

    def count_execution(self, statement: CompiledStatement) -> bool:
        """Return whether the statement should be prepared before this execution."""
        name = statement.name
        if name in self._lengths:
            self._lengths.move_to_end(name)
            return False
        if not statement.preparation:
            return False
        self._executions[name] = executions = self._executions.pop(name, 0) + 1
        if len(self._executions) > MAX_COUNTED_STATEMENTS:
            self._executions.popitem(last=False)
        return executions > PREPARE_AFTER_EXECUTIONS

    def add(self, statement: CompiledStatement) -> str:
        """Add a statement. Return the commands that prepare it, all of which must succeed.

        They deallocate the statements that exceed the bound.
        """
        commands = []
        self._length += len(statement.preparation)
        while self._length > MAX_PREPARED_CHARACTERS:
            name, length = self._lengths.popitem(last=False)
            self._length -= length
            commands.append(f"DEALLOCATE {name}")
        self._executions.pop(statement.name, None)
        self._lengths[statement.name] = len(statement.preparation)
        return "; ".join([*commands, statement.preparation])
