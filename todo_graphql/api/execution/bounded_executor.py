"""graphql-core's executor with a bound on the size of the response (decision 0018).

It rejects root fields with a missing value (decision 0026).
"""

from collections.abc import Sequence
from typing import Any

from graphql import GraphQLError, GraphQLObjectType, OperationType, located_error
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from todo_graphql.api.documents.value_rules import require_values
from todo_graphql.api.execution.error_formatting import release_frames
from todo_graphql.api.execution.response_size import (
    Mark,
    ResponseSize,
    ResponseTooLargeError,
    count_text_lists,
    response_too_large,
    settle_field,
)
from todo_graphql.errors import BadUserInput


class BoundedExecutor(StrawberryGraphQLCoreExecutionContext):
    """Executor that counts the names and the values of the fields that it has completed."""

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: Any,
        path: Path,
        position_context: Any,
    ) -> Any:
        """Execute a field. At the limit, a query ends, and the field of a mutation is null."""
        size: ResponseSize = self.context_value.response_size
        mark = size.mark()
        nodes = [details.node for details in field_details_list]
        missing = self.context_value.missing_values
        if missing and path.prev is None and path.key in missing:
            try:
                require_values(missing[str(path.key)])
            except BadUserInput as problem:
                return self._reject(located_error(problem, nodes, path.as_list()), path, size)
        try:
            value = super().execute_field(
                parent_type, source, field_details_list, path, position_context
            )
            return self._counted(value, path, mark, size)
        except ResponseTooLargeError as error:
            if path.prev is not None:
                raise
            if not self._is_mutation:
                error.key = str(path.key)
                for collected in self.collected_errors.errors:
                    release_frames(collected)
                raise
            size.rewind(mark)
            located = response_too_large(size.limit, str(path.key), nodes, is_mutation=True)
            return self._reject(located, path, size)

    def _reject(self, error: GraphQLError, path: Path, size: ResponseSize) -> None:
        """Set a root field of a mutation to null, with an error."""
        self.collected_errors.add(error, path)
        size.add_null(str(path.key))

    def _counted(self, value: Any, path: Path, mark: Mark, size: ResponseSize) -> Any:
        """Return the completed value of a field, counted with its name."""
        if value is None:
            size.rewind(mark)  # an error discards the values below
        size.add(count_leaf(value))
        return settle_field(value, str(path.key), mark, size)

    @property
    def _is_mutation(self) -> bool:
        return self.operation.operation is OperationType.MUTATION


def count_leaf(value: Any) -> int:
    """Return the number of characters of a text or a list of texts, at least 1."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Sequence) and value and isinstance(value[0], str):
        return count_text_lists([value])
    return 1
