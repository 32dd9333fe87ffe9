"""Formatting of errors for clients, which masks unexpected errors."""

import logging
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    ListValueNode,
    Node,
    ObjectValueNode,
    ValueNode,
    VariableNode,
)

from todo_graphql.api.context import Context
from todo_graphql.api.execution.conflict_tasks import ConflictTasks
from todo_graphql.api.execution.variable_problems import iter_variable_problems, required_value
from todo_graphql.errors import BadUserInput, Conflict, ErrorCode, Problem
from todo_graphql.store.problem_collector import ProblemCollector

logger = logging.getLogger(__name__)

PATH_INSIDE = re.compile(r" at ((?:\.[A-Za-z_]\w*|\[\d+\])+):")
INDEX = re.compile(r"\[(\d+)\]")
ARGUMENT = re.compile(r"Argument '(\w+)'")


class ErrorFormatter:
    """Formatting of the errors of results.

    Without introspection, errors of the client lose the names of the schema that the request does
    not contain.
    """

    def __init__(self, schema: GraphQLSchema, *, introspection: bool) -> None:
        self._schema = schema
        self._introspection = introspection

    def format_errors(
        self,
        errors: Sequence[GraphQLError],
        context: Context,
        variables: Mapping[str, Any],
    ) -> list[GraphQLError]:
        """Return the errors as a client may see them, always with a code.

        Errors about variables, which precede the execution, become one.
        """
        if are_about_variables(errors):
            problem = self._find_problem(context, variables)
            if problem is not None:
                return [_with_problem(errors[0], problem)]
        formatted = [format_error(error, context.request_id) for error in errors]
        if any(isinstance(error.original_error, Conflict) for error in formatted):
            ConflictTasks(self._schema, context, variables).add_to(formatted)
        return formatted

    def _find_problem(self, context: Context, variables: Mapping[str, Any]) -> BadUserInput | None:
        operation, document = context.operation, context.document
        assert operation is not None
        assert document is not None
        fields = _paths_of_variables(document.node)
        problems = iter_variable_problems(
            self._schema, operation, variables, fields, hides_names=not self._introspection
        )
        try:
            with ProblemCollector() as collector:
                for problem in problems:
                    collector.add(problem)
        except BadUserInput as problem:
            return problem
        return None


def are_about_variables(errors: Sequence[GraphQLError]) -> bool:
    """Return whether graphql-core rejected the variables. It has executed nothing then."""
    return all(error.path is None and not error.extensions for error in errors)


def format_error(error: GraphQLError, request_id: str) -> GraphQLError:
    """Return the error as a client may see it, always with a code.

    Problems pass unchanged. Errors of the client pass after a modification in place. An unexpected
    error is logged in full, and the response contains the request id instead.
    """
    if isinstance(error.original_error, Problem) or "code" in (error.extensions or {}):
        return error
    if isinstance(error.original_error, GraphQLError | None) and not _is_about_output(error):
        return _with_problem(error, _missing_argument(error))
    logger.error("A resolver failed at %s.", error.path, exc_info=error.original_error or error)
    return GraphQLError(
        "Something went wrong on the server.",
        nodes=error.nodes,
        path=error.path,
        extensions={**ErrorCode.INTERNAL_SERVER_ERROR.extensions, "requestId": request_id},
    )


def release_frames(error: BaseException) -> None:
    """Delete the traceback of an error.

    Its cycle of references would keep the values of the execution until the next collection of
    garbage.
    """
    if isinstance(error, GraphQLError) and error.original_error is not None:
        release_frames(error.original_error)
    error.__traceback__ = error.__context__ = error.__cause__ = None


def _is_about_output(error: GraphQLError) -> bool:
    """Return whether graphql-core rejected an output value.

    Such errors have a path and the nodes of fields; errors about input have the nodes of values.
    """
    at_fields = all(isinstance(node, FieldNode) for node in error.nodes or ())
    return error.path is not None and at_fields


def _with_problem(error: GraphQLError, problem: Problem) -> GraphQLError:
    error.message, error.extensions = problem.message, problem.extensions
    return error


def _missing_argument(error: GraphQLError) -> BadUserInput:
    """Return the problem of an argument, or of a part of it, whose variable has no value.

    A valid document has no other problems with arguments.
    """
    argument, inside = ARGUMENT.match(error.message), PATH_INSIDE.search(error.message)
    name = argument[1] if argument else "variables"
    field = name + INDEX.sub(r".\1", inside[1]) if inside else name
    return required_value(field)


def _paths_of_variables(document: DocumentNode | None) -> dict[str, str]:
    """Return the path of the first argument, or part of an argument, with each variable."""
    paths: dict[str, str] = {}
    left: deque[Node] = deque(document.definitions if document else ())
    while left:
        node = left.popleft()
        for argument in getattr(node, "arguments", None) or ():
            for variable, path in _iter_variables(argument.value, argument.name.value):
                paths.setdefault(variable, path)
        left += getattr(getattr(node, "selection_set", None), "selections", None) or ()
    return paths


def _iter_variables(value: ValueNode, path: str) -> Iterator[tuple[str, str]]:
    """Yield the names and the paths of the variables in a value."""
    if isinstance(value, VariableNode):
        yield value.name.value, path
    elif isinstance(value, ListValueNode):
        for number, item in enumerate(value.values):
            yield from _iter_variables(item, f"{path}.{number}")
    elif isinstance(value, ObjectValueNode):
        for member in value.fields:
            yield from _iter_variables(member.value, f"{path}.{member.name.value}")
