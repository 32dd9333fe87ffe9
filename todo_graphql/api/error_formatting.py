"""Formatting of errors for clients, which masks unexpected errors."""

import logging
import re

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    ListValueNode,
    Node,
    ObjectValueNode,
    ValueNode,
    VariableDefinitionNode,
    VariableNode,
)

from todo_graphql.api.documents.hidden_names import hide_names
from todo_graphql.errors import ErrorCode, Problem

logger = logging.getLogger(__name__)

PATH_INSIDE = re.compile(r" at ((?:\.[A-Za-z_]\w*|\[\d+\])+):")
INDEX = re.compile(r"\[(\d+)\]")
ARGUMENT = re.compile(r"Argument '(\w+)'")


def format_error(
    error: GraphQLError,
    request_id: str,
    document: DocumentNode | None = None,
    *,
    introspection: bool = True,
) -> GraphQLError:
    """Return the error as a client may see it, always with a code.

    Problems pass unchanged. Errors of the client pass after a modification in place: they get a
    code, and lose names of the schema if introspection is disabled. An unexpected error is logged
    in full, and the response contains the request id instead.
    """
    if isinstance(error.original_error, Problem) or "code" in (error.extensions or {}):
        return error
    if isinstance(error.original_error, GraphQLError | None) and not _is_about_output(error):
        error = _as_bad_user_input(error, document)
        error.message = error.message if introspection else hide_names(error.message)
        return error
    logger.error("A resolver failed at %s.", error.path, exc_info=error.original_error or error)
    return GraphQLError(
        "Something went wrong on the server.",
        nodes=error.nodes,
        path=error.path,
        extensions={**ErrorCode.INTERNAL_SERVER_ERROR.extensions, "requestId": request_id},
    )


def release_frames(error: BaseException) -> None:
    """Delete the traceback of an error, with which a cycle of references would keep the values of
    the execution until the next collection of garbage.
    """
    if isinstance(error, GraphQLError) and error.original_error is not None:
        release_frames(error.original_error)
    error.__traceback__ = error.__context__ = error.__cause__ = None


def _is_about_output(error: GraphQLError) -> bool:
    """Return whether graphql-core rejected an output value. Such errors have a path and the nodes
    of fields, errors about input have the nodes of values.
    """
    at_fields = all(isinstance(node, FieldNode) for node in error.nodes or ())
    return error.path is not None and at_fields


def _as_bad_user_input(error: GraphQLError, document: DocumentNode | None) -> GraphQLError:
    error.extensions = {**ErrorCode.BAD_USER_INPUT.extensions, "field": _field_of(error, document)}
    return error


def _field_of(error: GraphQLError, document: DocumentNode | None) -> str | None:
    """Return the path of the invalid value from its argument, such as `input.0.title`."""
    node = error.nodes[0] if error.nodes else None
    argument = ARGUMENT.match(error.message)
    if isinstance(node, VariableDefinitionNode):
        variable = node.variable.name.value
        name = _argument_of(variable, document) or variable
    elif argument is not None:
        name = argument[1]
    else:
        return None
    inside = PATH_INSIDE.search(error.message)
    return name + INDEX.sub(r".\1", inside[1]) if inside else name


def _argument_of(variable: str, document: DocumentNode | None) -> str | None:
    """Return the path of the first argument, or part of an argument, with this variable."""
    left: list[Node] = list(document.definitions) if document else []
    while left:
        node = left.pop(0)
        for argument in getattr(node, "arguments", None) or ():
            path = _path_to(variable, argument.value)
            if path is not None:
                return ".".join([argument.name.value, *path])
        selections = getattr(getattr(node, "selection_set", None), "selections", None)
        left += selections or ()
    return None


def _path_to(variable: str, value: ValueNode) -> list[str] | None:
    if isinstance(value, VariableNode):
        return [] if value.name.value == variable else None
    inner: list[tuple[str, ValueNode]] = []
    if isinstance(value, ListValueNode):
        inner = [(str(number), item) for number, item in enumerate(value.values)]
    elif isinstance(value, ObjectValueNode):
        inner = [(member.name.value, member.value) for member in value.fields]
    for name, below in inner:
        path = _path_to(variable, below)
        if path is not None:
            return [name, *path]
    return None
