"""Tasks in the errors of conflicts, in the shape that the mutation selects.

A dialog "theirs or mine" needs the task as it is now. The write that found the conflict has read
it, so the error contains what `task` in the payload would have been: its own fields, with their
aliases. Objects, such as `user`, would need more statements and are left out (decision 0025).
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from graphql import (
    BooleanValueNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    get_named_type,
)

from todo_graphql.api.context import Context
from todo_graphql.api.execution.coercion import Unsupported
from todo_graphql.api.execution.columns import ExecutionState
from todo_graphql.api.execution.compiler import SelectionCompiler
from todo_graphql.api.execution.response_size import MAX_EXPANSION
from todo_graphql.errors import Conflict
from todo_graphql.store.tasks.rows import TaskRow

TASK_FIELDS = ("task", "tasks")
"""The fields of payloads that contain tasks."""


class ConflictTasks:
    """Tasks for the errors of one operation, as long as the response has room for them."""

    def __init__(
        self, schema: GraphQLSchema, context: Context, variables: Mapping[str, Any]
    ) -> None:
        assert context.document is not None
        assert context.document.node is not None
        assert context.operation is not None
        self._schema = schema
        fragments = {
            node.name.value: node
            for node in context.document.node.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        conditions = condition_values(context.operation, variables)
        self._compiler = SelectionCompiler(schema, fragments, conditions)
        self._state = ExecutionState(variables, context, context.response_size)

    def add_to(self, errors: Sequence[GraphQLError]) -> None:
        """Add the task to each conflict about one, in place."""
        size = self._state.size
        room = (size.limit - size.most) // MAX_EXPANSION
        room -= sum(len(repr(error.formatted)) for error in errors)
        for error in errors:
            conflict = error.original_error
            if not isinstance(conflict, Conflict) or not isinstance(conflict.task, TaskRow):
                continue
            task = self._project(conflict.task, error.nodes) if error.nodes else None
            characters = len(repr({"task": task}))
            if task is not None and characters <= room:
                room -= characters
                error.extensions = {**(error.extensions or {}), "task": task}

    def _project(self, row: TaskRow, nodes: Sequence[Any]) -> dict[str, Any] | None:
        """Return the task as the payload of a mutation selects it, or None if it does not."""
        mutation = self._schema.mutation_type
        assert mutation is not None
        try:
            payload = _object_type(mutation, nodes[0])
            for selected in self._collect(payload, nodes).values():
                if selected[0].name.value in TASK_FIELDS:
                    return self._project_fields(row, _object_type(payload, selected[0]), selected)
        except (Unsupported, KeyError, TypeError):
            pass  # a value or a directive that the compiler does not know
        return None

    def _project_fields(
        self, row: TaskRow, kind: GraphQLObjectType, nodes: Sequence[FieldNode]
    ) -> dict[str, Any]:
        task = {}
        for key, selected in self._collect(kind, nodes).items():
            if selected[0].selection_set is None:
                field = self._compiler.compile_field(kind, selected)
                (task[key],) = field.finish(field.fetch([row], self._state), self._state)
        return task

    def _collect(
        self, kind: GraphQLObjectType, nodes: Sequence[FieldNode]
    ) -> dict[str, list[FieldNode]]:
        sets = [node.selection_set for node in nodes if node.selection_set is not None]
        return self._compiler.collect(kind, sets)


def _object_type(owner: GraphQLObjectType, node: FieldNode) -> GraphQLObjectType:
    """Return the type of the objects in a field."""
    return cast("GraphQLObjectType", get_named_type(owner.fields[node.name.value].type))


def condition_values(
    operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> dict[str, bool]:
    """Return the values of the boolean variables, with their defaults."""
    defaults = {
        definition.variable.name.value: definition.default_value.value
        for definition in operation.variable_definitions or ()
        if isinstance(definition.default_value, BooleanValueNode)
    }
    return {**defaults, **{name: it for name, it in variables.items() if isinstance(it, bool)}}
