"""Operations, executed: root fields by their resolvers, what they answer by projection.

When anything is not as a projection knows it (an error, a null where none may be, a value of
another kind), graphql-core takes over at that root field. It gets what the resolver has
answered already, so that nothing is done twice, and executes the fields that are left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLResolveInfo,
    GraphQLSchema,
    NamedTypeNode,
    NonNullTypeNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    Undefined,
    VariableNode,
    execute_sync,
)

from todo_graphql.api.context import Context, SelectedColumns
from todo_graphql.api.execution.coercion import Unsupported, Values, Variables
from todo_graphql.api.execution.columns import CompiledField, ExecutionState
from todo_graphql.api.execution.compiler import SelectionCompiler

MAX_CONDITIONS = 4
"""More variables of `@skip` and `@include` have too many combinations to compile."""

MAX_PLANS = 4
"""How many of an operation's plans are kept. Clients mostly ask in one or two ways."""

Fragments = Mapping[str, FragmentDefinitionNode]


@dataclass(frozen=True, slots=True)
class RootField:
    """A root field: what to call, what makes JSON of its answer, and what that reads."""

    key: str
    nodes: list[FieldNode]
    entry: CompiledField
    reads: SelectedColumns


class RootFieldState:
    """How far a root field has come: nowhere, to an error, or to what its resolver answered."""

    def __init__(self, root: RootField) -> None:
        self._root = root
        self._value: Any = Undefined
        self._error: Exception | None = None

    def project(self, run: ExecutionState) -> Any:
        """Call the resolver, and make JSON of what it answers. Raises whatever is wrong."""
        run.context.reads = self._root.reads
        entry = self._root.entry
        try:
            (self._value,) = entry.fetch([None], run)
        except Unsupported:
            raise  # nothing was called
        except Exception as error:
            self._error = error
            raise
        (answer,) = entry.finish([self._value], run)
        return answer

    def resolve(
        self, next_: Any, source: Any, info: GraphQLResolveInfo[Any], **arguments: Any
    ) -> Any:
        """Middleware of graphql-core: answers for that field, and lets all others be resolved."""
        is_root = info.path.prev is None and info.path.key == self._root.key
        if is_root and self._error is not None:
            raise self._error
        if is_root and self._value is not Undefined:
            return self._value
        return next_(source, info, **arguments)


class CompiledOperation:
    """An operation, planned once for each way that it may branch. Raises StepAside."""

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
        self._variables = Variables(schema, node)
        self._conditions = conditions_of([node, *fragments.values()])
        if len(self._conditions) > MAX_CONDITIONS:
            raise Unsupported
        self._plans: dict[tuple[Any, ...], tuple[list[RootField] | None]] = {}

    def execute(self, given: dict[str, Any], context: Context) -> ExecutionResult | None:
        """The answer; None when there is no plan for it, and nothing was done."""
        try:
            variables = self._variables.read(given)
        except Exception:  # noqa: BLE001 - graphql-core reports it
            return None
        plan = self._plan(variables)
        return None if plan is None else self._run(plan, ExecutionState(variables, context), given)

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
        is_subscription = self._node.operation is OperationType.SUBSCRIPTION
        if kind is None or is_subscription:
            return None
        conditions = {name: value for name, value in branches.items() if value is not None}
        roots = []
        try:
            groups = self._projection(conditions).collect(kind, [self._node.selection_set])
            for key, nodes in groups.items():
                projection = self._projection(conditions)
                entry = projection.entry(kind, nodes)
                reads = {name: frozenset(read) for name, read in projection.reads.items()}
                roots.append(RootField(key, nodes, entry, reads))
        except (Unsupported, KeyError, TypeError, RecursionError):
            return None
        return roots

    def _projection(self, conditions: Mapping[str, bool]) -> SelectionCompiler:
        return SelectionCompiler(self._schema, self._fragments, conditions)

    def _run(
        self, plan: list[RootField], run: ExecutionState, given: dict[str, Any]
    ) -> ExecutionResult:
        data: dict[str, Any] = {}
        for number, root in enumerate(plan):
            outcome = RootFieldState(root)
            try:
                data[root.key] = outcome.project(run)
            except Exception:  # noqa: BLE001 - graphql-core meets it again
                rest = self._rest(plan[number:], outcome, given, run.context)
                whole = None if rest.data is None else data | rest.data
                return ExecutionResult(whole, rest.errors)
        return ExecutionResult(data)

    def _rest(
        self,
        roots: list[RootField],
        outcome: RootFieldState,
        given: dict[str, Any],
        context: Context,
    ) -> ExecutionResult:
        """What graphql-core makes of the outcome, and of the root fields that are left."""
        context.reads = None
        operation = copy_of(self._node, [node for root in roots for node in root.nodes])
        return execute_sync(
            self._schema,
            DocumentNode(definitions=(operation, *self._fragments.values())),
            context_value=context,
            variable_values=given,
            middleware=[outcome],
            hide_suggestions=self._hide_suggestions,
        )


class OperationExecutor:
    """The operations of one document, each compiled when it is asked for at first."""

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
        self._known: dict[str | None, CompiledOperation | None] = {}
        self.branches = max(map(branches_of, self._nodes.values()), default=1)

    def execute(
        self, name: str | None, variables: dict[str, Any] | None, context: Context
    ) -> ExecutionResult | None:
        """The answer of the operation of this name, which may be left out where there is but
        one; None when graphql-core has to find it.
        """
        if name is None:
            (name,) = self._nodes
        if name not in self._known and name in self._nodes:
            self._known[name] = self._compile(self._nodes[name])
        operation = self._known.get(name)
        return None if operation is None else operation.execute(variables or {}, context)

    def _compile(self, node: OperationDefinitionNode) -> CompiledOperation | None:
        try:
            return CompiledOperation(
                self._schema, self._fragments, node, hide_suggestions=self._hide_suggestions
            )
        except (Unsupported, RecursionError):
            return None


def branches_of(operation: OperationDefinitionNode) -> int:
    """How many plans of it are kept at most: each of its Boolean variables may be a condition."""
    kinds = [definition.type for definition in operation.variable_definitions or ()]
    named = [kind.type if isinstance(kind, NonNullTypeNode) else kind for kind in kinds]
    booleans = [kind for kind in named if isinstance(kind, NamedTypeNode)]
    number = sum(kind.name.value == "Boolean" for kind in booleans)
    return min(1 << min(number, MAX_CONDITIONS), MAX_PLANS)


def copy_of(
    operation: OperationDefinitionNode, nodes: Sequence[FieldNode]
) -> OperationDefinitionNode:
    """The operation with nothing but these root fields."""
    return OperationDefinitionNode(
        operation=operation.operation,
        name=operation.name,
        variable_definitions=operation.variable_definitions,
        directives=operation.directives,
        selection_set=SelectionSetNode(selections=tuple(nodes)),
        loc=operation.loc,
    )


def conditions_of(definitions: Sequence[Any]) -> tuple[str, ...]:
    """The variables that `@skip` and `@include` ask for, anywhere in these."""
    found: dict[str, None] = {}
    left = [definition.selection_set for definition in definitions]
    while left:
        for node in left.pop().selections:
            for directive in node.directives or ():
                for argument in directive.arguments or ():
                    if isinstance(argument.value, VariableNode):
                        found[argument.value.name.value] = None
            if getattr(node, "selection_set", None) is not None:
                left.append(node.selection_set)
    return tuple(found)
