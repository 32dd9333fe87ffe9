"""Malformed rows of a push: rows in a variable that graphql-core rejects.

GraphQL rejects a request for one invalid value, and clients such as RxDB repeat a push with errors
for ever. So placeholders replace such rows, and the resolver rejects each of them alone (decision
0031).
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from graphql import (
    GraphQLInputType,
    GraphQLList,
    GraphQLSchema,
    OperationDefinitionNode,
    get_named_type,
    get_nullable_type,
    type_from_ast,
)

from todo_graphql.api.execution.variable_problems import ValueChecker
from todo_graphql.store.sync.outcomes import Rejection
from todo_graphql.store.sync.push import PUSH_MAX

ROW_TYPE = "PushTaskInput"
"""The input type whose lists are the argument `rows`."""


class ReplacedRows(NamedTuple):
    """Variables with placeholders, and the rejections by the ids of the placeholders."""

    variables: dict[str, Any]
    rejections: Mapping[str, Rejection]


def replace_malformed_rows(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
    *,
    hides_names: bool,
) -> ReplacedRows:
    """Replace the malformed rows in lists of at most PUSH_MAX rows.

    With `hides_names`, the problems contain no name of the schema that the request does not
    contain.
    """
    checker = ValueChecker(hides_names=hides_names)
    replaced, rejections = dict(variables), dict[str, Rejection]()
    for definition in operation.variable_definitions or ():
        name = definition.variable.name.value
        rows = variables.get(name)
        kind = get_nullable_type(cast("GraphQLInputType", type_from_ast(schema, definition.type)))
        if not isinstance(kind, GraphQLList) or get_named_type(kind).name != ROW_TYPE:
            continue
        if isinstance(rows, list) and len(rows) <= PUSH_MAX:
            replaced[name] = rows = list(rows)
            for number, row in enumerate(rows):
                path = f"rows.{number}"
                problem = next(checker.check(row, kind.of_type, path), None)
                if problem is not None:
                    key = _placeholder_id(row, path)
                    rows[number] = {"task": {"id": key}}
                    rejections[key] = Rejection(_sent_id(row), problem)
    return ReplacedRows(replaced, rejections)


def _placeholder_id(row: Any, path: str) -> str:
    """Return the id of a placeholder, which is no UUID.

    It depends on the content of the row, and so does the digest of a request with an idempotency
    key.
    """
    digest = hashlib.sha256(json.dumps(row, sort_keys=True).encode())
    return f"{path} {digest.hexdigest()}"


def _sent_id(row: Any) -> str:
    """Return the id of the task in a row, an empty text if it has none."""
    task = row.get("task") if isinstance(row, dict) else None
    task_id = task.get("id") if isinstance(task, dict) else None
    return task_id if isinstance(task_id, str) else ""
