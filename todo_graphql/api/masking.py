"""The one place that decides what a client is told about an error."""

import logging
import re

from graphql import FieldNode, GraphQLError, VariableDefinitionNode

from todo_graphql.errors import ErrorCode, Problem

logger = logging.getLogger(__name__)

PATH_INSIDE = re.compile(r" at \.([A-Za-z_][\w.\[\]]*):")
ARGUMENT = re.compile(r"Argument '(\w+)'")


def present(error: GraphQLError, request_id: str) -> GraphQLError:
    """The error as a client may see it, always with a code.

    Problems and a client's own mistakes pass. What nobody expected is logged in full, under
    the id that the client is given instead.
    """
    if isinstance(error.original_error, Problem) or "code" in (error.extensions or {}):
        return error
    if isinstance(error.original_error, GraphQLError | None) and not _is_about_an_answer(error):
        return _as_bad_input(error)
    logger.error("A resolver failed at %s.", error.path, exc_info=error.original_error or error)
    return GraphQLError(
        "Something went wrong on the server.",
        nodes=error.nodes,
        path=error.path,
        extensions={**ErrorCode.INTERNAL_SERVER_ERROR.extensions, "requestId": request_id},
    )


def _is_about_an_answer(error: GraphQLError) -> bool:
    """graphql-core says on which path an answer is wrong, and points at its field; where a
    question is wrong, it points at values.
    """
    at_fields = all(isinstance(node, FieldNode) for node in error.nodes or ())
    return error.path is not None and at_fields


def _as_bad_input(error: GraphQLError) -> GraphQLError:
    error.extensions = {**ErrorCode.BAD_USER_INPUT.extensions, "field": _field_of(error)}
    return error


def _field_of(error: GraphQLError) -> str | None:
    """The path of what is wrong, from the variable or the argument that it is in."""
    node = error.nodes[0] if error.nodes else None
    argument = ARGUMENT.match(error.message)
    if isinstance(node, VariableDefinitionNode):
        name = node.variable.name.value
    elif argument is not None:
        name = argument[1]
    else:
        return None
    inside = PATH_INSIDE.search(error.message)
    return f"{name}.{inside[1]}" if inside else name
