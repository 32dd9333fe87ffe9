"""Operations, executed: root fields by their resolvers, what they answer by projection.

When anything is not as a projection knows it (an error, a null where none may be, a value of
another kind), graphql-core takes over at that root field. It gets what the resolver has
answered already, so that nothing is done twice, and executes the fields that are left.
"""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard, cast

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    Visitor,
    execute_sync,
    visit,
)
from graphql.execution.values import get_argument_values, get_variable_values
from graphql.pyutils import Path

from todo_graphql.api.projection import Complete, Projection, StepAside

MAX_CONDITIONS = 4
"""More variables of `@skip` and `@include` have too many combinations to compile."""


@dataclass(frozen=True, slots=True)
class Root:
    """A root field: what to call, and what makes JSON of its answer."""

    key: str
    nodes: list[FieldNode]
    field: GraphQLField
    complete: Complete


@dataclass(frozen=True, slots=True)
class Plan:
    """An operation that can be projected."""

    operation: OperationDefinitionNode
    kind: GraphQLObjectType
    roots: list[Root]


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of it."""

    schema: GraphQLSchema
    operation: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Any
    context: Any


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a root field's resolver has answered, or raised."""

    key: str
    value: Any = None
    error: Exception | None = None

    def resolve(
        self, next_: Any, source: Any, info: GraphQLResolveInfo[Any], **arguments: Any
    ) -> Any:
        """Middleware of graphql-core: answers for that field, and lets all others be resolved."""
        if info.path.prev is not None or info.path.key != self.key:
            return next_(source, info, **arguments)
        if self.error is not None:
            raise self.error
        return self.value


class Operations:
    """The operations of one document, each planned once for each way that it may branch."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self._schema = schema
        self._document = document
        self._fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self._operations = {
            node.name.value if node.name else None: node
            for node in document.definitions
            if isinstance(node, OperationDefinitionNode)
        }
        self._conditions = conditions_of(document)
        self._plans: dict[tuple[Any, ...], Plan | None] = {}

    def execute(
        self, name: str | None, variables: dict[str, Any] | None, context: Any
    ) -> ExecutionResult | None:
        """The answer of the operation; None when there is no plan for it, and nothing was done."""
        operation = self._operations.get(name)
        if name is None:
            (operation,) = self._operations.values()
        if operation is None or len(self._conditions) > MAX_CONDITIONS:
            return None
        coerced = get_variable_values(
            self._schema, operation.variable_definitions or (), variables or {}
        )
        if isinstance(coerced, list):
            return None
        plan = self._plan(operation, coerced.coerced)
        if plan is None:
            return None
        run = Run(self._schema, operation, self._fragments, coerced, context)
        return self._run(plan, run, variables)

    def _plan(
        self, operation: OperationDefinitionNode, variables: Mapping[str, Any]
    ) -> Plan | None:
        branches = {name: variables.get(name) for name in self._conditions}
        key = (operation.name.value if operation.name else None, *branches.values())
        if key not in self._plans:
            self._plans[key] = self._compile(operation, branches)
        return self._plans[key]

    def _compile(
        self, operation: OperationDefinitionNode, branches: Mapping[str, Any]
    ) -> Plan | None:
        kind = self._schema.get_root_type(operation.operation)
        if kind is None or operation.operation is OperationType.SUBSCRIPTION:
            return None
        conditions = {name: value for name, value in branches.items() if value is not None}
        projection = Projection(self._schema, self._fragments, conditions, resolved)
        try:
            groups = projection.collect(kind, [operation.selection_set])
            roots = [
                Root(key, nodes, field, projection.completion(field.type, nodes))
                for key, nodes in groups.items()
                for field in [kind.fields[nodes[0].name.value]]
            ]
        except (StepAside, KeyError):
            return None
        return Plan(operation, kind, roots)

    def _run(self, plan: Plan, run: Run, variables: dict[str, Any] | None) -> ExecutionResult:
        data: dict[str, Any] = {}
        for number, root in enumerate(plan.roots):
            try:
                value = resolved(root.field, plan.kind, root.nodes, root.key, None, run)
            except Exception as error:  # noqa: BLE001 - graphql-core reports it
                outcome = Outcome(root.key, error=error)
                return self._rest(plan, number, data, outcome, run, variables)
            try:
                data[root.key] = root.complete(value, run)
            except Exception:  # noqa: BLE001 - graphql-core meets it again
                outcome = Outcome(root.key, value)
                return self._rest(plan, number, data, outcome, run, variables)
        return ExecutionResult(data)

    def _rest(
        self,
        plan: Plan,
        number: int,
        data: dict[str, Any],
        outcome: Outcome,
        run: Run,
        variables: dict[str, Any] | None,
    ) -> ExecutionResult:
        """What graphql-core makes of the outcome, and of the root fields that are left."""
        nodes = tuple(node for root in plan.roots[number:] for node in root.nodes)
        operation = copy_of(plan.operation, nodes)
        document = DocumentNode(definitions=(operation, *self._fragments.values()))
        result = execute_sync(
            self._schema,
            document,
            context_value=run.context,
            variable_values=variables,
            middleware=[outcome],
        )
        if result.data is None:
            return result
        return ExecutionResult({**data, **result.data}, result.errors)


def copy_of(
    operation: OperationDefinitionNode, nodes: tuple[FieldNode, ...]
) -> OperationDefinitionNode:
    """The operation with nothing but these root fields."""
    return OperationDefinitionNode(
        operation=operation.operation,
        name=operation.name,
        variable_definitions=operation.variable_definitions,
        directives=operation.directives,
        selection_set=SelectionSetNode(selections=nodes),
        loc=operation.loc,
    )


def conditions_of(document: DocumentNode) -> tuple[str, ...]:
    """The variables that `@skip` and `@include` ask for."""
    found: dict[str, None] = {}

    class Conditions(Visitor):
        def enter_directive(self, node: Any, *_: Any) -> None:
            for argument in node.arguments or ():
                if isinstance(argument.value, VariableNode):
                    found[argument.value.name.value] = None

    visit(document, Conditions())
    return tuple(found)


def resolved(
    field: GraphQLField,
    kind: GraphQLObjectType,
    nodes: list[FieldNode],
    key: str,
    source: Any,
    run: Run,
) -> Any:
    """What the resolver of a field answers."""
    arguments = get_argument_values(field, nodes[0], run.variables) if field.args else {}
    info = GraphQLResolveInfo(
        field_name=nodes[0].name.value,
        field_nodes=nodes,
        return_type=field.type,
        parent_type=kind,
        path=Path(None, key, kind.name),
        schema=run.schema,
        fragments=dict(run.fragments),
        root_value=None,
        operation=run.operation,
        variable_values=run.variables,
        context=run.context,
        is_awaitable=never,
        abort_signal=None,
        async_helpers=cast("Any", None),  # of those who resolve asynchronously
    )
    assert field.resolve is not None
    return field.resolve(source, info, **arguments)


def never(_value: Any) -> TypeGuard[Awaitable[Any]]:
    """No resolver here answers anything to be awaited."""
    return False
