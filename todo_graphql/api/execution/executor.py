"""Executor of operations: root fields by their resolvers, selections by compiled projections.

If a projection fails (an error, an invalid null, a value of another class), graphql-core takes
over at that root field. It gets the result that the resolver has already returned, so nothing
is executed twice, and executes the remaining fields.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    Undefined,
    execute_sync,
)

from todo_graphql.api.context import Context, SelectedColumns
from todo_graphql.api.execution.bounded_executor import BoundedExecutor
from todo_graphql.api.execution.coercion import Unsupported, Values, Variables
from todo_graphql.api.execution.columns import CompiledField, ExecutionState
from todo_graphql.api.execution.compiler import SelectionCompiler
from todo_graphql.api.execution.operations import (
    MAX_CONDITIONS,
    MAX_PLANS,
    condition_variables,
    copy_operation,
    count_branches,
)
from todo_graphql.api.execution.response_size import (
    ResponseTooLargeError,
    response_too_large,
    settle_field,
)

Fragments = Mapping[str, FragmentDefinitionNode]


@dataclass(frozen=True, slots=True)
class RootField:
    """Compiled root field, with the columns that its selection reads."""

    key: str
    nodes: list[FieldNode]
    field: CompiledField
    columns: SelectedColumns


class RootFieldState:
    """Progress of a root field: not called, failed, or the result of its resolver."""

    def __init__(self, root: RootField) -> None:
        self._root = root
        self._value: Any = Undefined
        self._error: Exception | None = None

    def project(self, state: ExecutionState) -> Any:
        """Call the resolver and return its result as JSON. Raise any error."""
        state.context.selection = self._root.columns
        field = self._root.field
        try:
            (self._value,) = field.fetch([None], state)
        except Unsupported:
            raise  # before the call
        except Exception as error:
            self._error = error
            raise
        (projected,) = field.finish([self._value], state)
        return projected

    def resolve(
        self, next_: Any, source: Any, info: GraphQLResolveInfo[Any], **arguments: Any
    ) -> Any:
        """Resolve as middleware of graphql-core: replay the root field, execute all others."""
        is_root = info.path.prev is None and info.path.key == self._root.key
        if is_root and self._error is not None:
            raise self._error
        if is_root and self._value is not Undefined:
            return self._value
        return next_(source, info, **arguments)


class CompiledOperation:
    """Operation with a plan for each combination of conditions. It may raise Unsupported."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Fragments,
        node: OperationDefinitionNode,
        *,
        hide_suggestions: bool,
    ) -> None:
        self._schema = schema
        self._hide_suggestions = hide_suggestions
        self._fragments = fragments
        self._node = node
        self._is_mutation = node.operation is OperationType.MUTATION
        self._variables = Variables(schema, node)
        self._conditions = condition_variables([node, *fragments.values()])
        if len(self._conditions) > MAX_CONDITIONS:
            raise Unsupported
        self._plans: dict[tuple[Any, ...], tuple[list[RootField] | None]] = {}

    def execute(self, given: dict[str, Any], context: Context) -> ExecutionResult | None:
        """Return the result, or None without a plan and before any execution."""
        try:
            variables = self._variables.coerce(given)
        except Exception:  # noqa: BLE001 - graphql-core reports it
            return None
        plan = self._plan(variables)
        if plan is None:
            return None
        return self._run(plan, ExecutionState(variables, context, context.response_size), given)

    def _plan(self, variables: Values) -> list[RootField] | None:
        key = tuple(map(variables.get, self._conditions))
        known = self._plans.get(key)
        if known is None:
            known = (self._compile(dict(zip(self._conditions, key, strict=True))),)
            if len(self._plans) >= MAX_PLANS:
                self._plans.clear()
            self._plans[key] = known
        return known[0]

    def _compile(self, branches: Mapping[str, Any]) -> list[RootField] | None:
        kind = self._schema.get_root_type(self._node.operation)
        if kind is None:
            return None
        conditions = {name: value for name, value in branches.items() if value is not None}
        roots = []
        try:
            groups = self._compiler(conditions).collect(kind, [self._node.selection_set])
            for key, nodes in groups.items():
                compiler = self._compiler(conditions)
                field = compiler.compile_field(kind, nodes)
                columns = {name: frozenset(read) for name, read in compiler.columns.items()}
                roots.append(RootField(key, nodes, field, columns))
        except (Unsupported, KeyError, TypeError, RecursionError):
            return None
        return roots

    def _compiler(self, conditions: Mapping[str, bool]) -> SelectionCompiler:
        return SelectionCompiler(self._schema, self._fragments, conditions)

    def _run(
        self, plan: list[RootField], state: ExecutionState, given: dict[str, Any]
    ) -> ExecutionResult:
        data: dict[str, Any] = {}
        errors: list[GraphQLError] = []
        size = state.size
        for number, root in enumerate(plan):
            field_state, mark = RootFieldState(root), size.mark()
            try:
                data[root.key] = settle_field(field_state.project(state), root.key, mark, size)
            except ResponseTooLargeError:
                size.rewind(mark)
                errors.append(self._too_large(root, size.limit))
                if not self._is_mutation:
                    return ExecutionResult(None, errors)
                size.add_null(root.key)
                data[root.key] = None
            except Exception:  # noqa: BLE001 - graphql-core reports it
                size.rewind(mark)
                rest = self._rest(plan[number:], field_state, given, state.context)
                whole = None if rest.data is None else data | rest.data
                return ExecutionResult(whole, [*errors, *(rest.errors or ())] or None)
        size.fields += len(plan)
        size.is_complete = True
        return ExecutionResult(data, errors or None)

    def _too_large(self, root: RootField, limit: int) -> GraphQLError:
        return response_too_large(limit, root.key, root.nodes, is_mutation=self._is_mutation)

    def _rest(
        self,
        roots: list[RootField],
        field_state: RootFieldState,
        given: dict[str, Any],
        context: Context,
    ) -> ExecutionResult:
        """Execute the remaining root fields by graphql-core, from the state of the first."""
        context.selection = None
        operation = copy_operation(self._node, [node for root in roots for node in root.nodes])
        return execute_sync(
            self._schema,
            DocumentNode(definitions=(operation, *self._fragments.values())),
            context_value=context,
            variable_values=given,
            middleware=[field_state],
            executor_class=BoundedExecutor,
            hide_suggestions=self._hide_suggestions,
        )


class OperationExecutor:
    """Operations of one document, each compiled on its first execution."""

    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, *, hide_suggestions: bool = False
    ) -> None:
        self._schema = schema
        self._hide_suggestions = hide_suggestions
        self._nodes = {
            node.name.value if node.name else None: node
            for node in document.definitions
            if isinstance(node, OperationDefinitionNode)
        }
        self._fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self._compiled: dict[str | None, CompiledOperation | None] = {}
        self.branches = max(map(count_branches, self._nodes.values()), default=1)

    def execute(
        self, name: str | None, variables: dict[str, Any] | None, context: Context
    ) -> ExecutionResult | None:
        """Return the result of an operation, or None if graphql-core must execute it.

        The name is optional for a single operation.
        """
        if name is None:
            (name,) = self._nodes
        if name not in self._compiled and name in self._nodes:
            self._compiled[name] = self._compile(self._nodes[name])
        operation = self._compiled.get(name)
        return None if operation is None else operation.execute(variables or {}, context)

    def _compile(self, node: OperationDefinitionNode) -> CompiledOperation | None:
        try:
            return CompiledOperation(
                self._schema, self._fragments, node, hide_suggestions=self._hide_suggestions
            )
        except (Unsupported, RecursionError):
            return None
