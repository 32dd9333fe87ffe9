"""Calls of resolvers, compiled: with which arguments, by way of which extensions."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import strawberry
from graphql import FieldNode, GraphQLField, Undefined, VariableNode
from graphql.utilities.coerce_input_value import coerce_default_value

from todo_graphql.api.context import Context
from todo_graphql.api.documents.list_sizes import values_in
from todo_graphql.api.execution.coercion import (
    DEFINITION,
    Bind,
    CompiledArgument,
    Unsupported,
    Values,
    evaluator,
)
from todo_graphql.api.execution.columns import ExecutionState


class CompiledArguments:
    """What a field is called with where it stands in a document. What has no variables is
    evaluated once: nobody may change it.
    """

    def __init__(self, field: GraphQLField, node: FieldNode) -> None:
        self._fixed = {
            argument.extensions[DEFINITION].python_name: default
            for argument in field.args.values()
            if (default := coerce_default_value(argument)) is not Undefined
        }
        self._varying: list[tuple[CompiledArgument, Bind]] = []
        for given in node.arguments or ():
            member = CompiledArgument(field.args[given.name.value])
            evaluate = evaluator(given.value, member.type)
            if any(isinstance(value, VariableNode) for value in values_in(given.value)):
                self._varying.append((member, evaluate))
            else:
                self._fixed[member.python_name] = member.wrap(evaluate({}))

    def evaluate(self, values: Values) -> dict[str, Any]:
        """The arguments by their Python names. Raises StepAside. A variable without a value is
        as if it were not there: where it has to be, the document is not valid.
        """
        arguments = dict(self._fixed)
        for member, evaluate in self._varying:
            value = evaluate(values)
            if value is not Undefined:
                arguments[member.python_name] = member.wrap(value)
        return arguments


class ResolveInfo(NamedTuple):
    """As much of a GraphQLResolveInfo as resolvers may ask for here."""

    field_name: str
    context: Context


class ResolverCall:
    """What a resolver answers for each of some objects, asked with the same arguments."""

    __slots__ = ("_arguments", "_call", "_definition", "_name")

    def __init__(self, field: GraphQLField, node: FieldNode) -> None:
        self._name = node.name.value
        self._definition = definition = field.extensions[DEFINITION]
        self._arguments = CompiledArguments(field, node)
        call = definition.base_resolver.wrapped_func
        if definition.base_resolver.info_parameter is None:
            call = partial(without_info, call)
        for extension in definition.extensions:
            call = partial(extension.resolve, call)
        self._call = call

    def __call__(self, values: Sequence[Any], run: ExecutionState) -> Sequence[Any]:
        try:
            arguments = self._arguments.evaluate(run.variables)
        except Exception as error:
            raise Unsupported from error  # nothing was called
        asked: Any = ResolveInfo(self._name, run.context)
        info = strawberry.Info(_raw_info=asked, _field=self._definition)
        return [self._call(value, info, **arguments) for value in values]


def without_info(resolver: Callable[..., Any], source: Any, _info: Any, **arguments: Any) -> Any:
    return resolver(source, **arguments)
