"""Compiled calls of resolvers, with their arguments and extensions."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import strawberry
from graphql import FieldNode, GraphQLField, Undefined, VariableNode
from graphql.utilities.coerce_input_value import coerce_default_value

from todo_graphql.api.context import Context
from todo_graphql.api.documents.list_sizes import iter_values
from todo_graphql.api.execution.coercion import (
    DEFINITION,
    Bind,
    CompiledArgument,
    Unsupported,
    Values,
    compile_value,
)
from todo_graphql.api.execution.columns import ExecutionState


class CompiledArguments:
    """Arguments of a field in a document.

    Arguments without variables are evaluated once, so resolvers must not modify them.
    """

    def __init__(self, field: GraphQLField, node: FieldNode) -> None:
        self._fixed = {
            argument.extensions[DEFINITION].python_name: default
            for argument in field.args.values()
            if (default := coerce_default_value(argument)) is not Undefined
        }
        self._varying: list[tuple[CompiledArgument, Bind]] = []
        for given in node.arguments or ():
            argument = CompiledArgument(field.args[given.name.value])
            bind = compile_value(given.value, argument.type)
            if any(isinstance(value, VariableNode) for value in iter_values(given.value)):
                self._varying.append((argument, bind))
            else:
                self._fixed[argument.python_name] = argument.wrap(bind({}))

    def evaluate(self, values: Values) -> dict[str, Any]:
        """Return the arguments by their Python names. Raises Unsupported.

        An argument whose variable has no value is omitted; validation ensures that it is optional.
        """
        arguments = dict(self._fixed)
        for argument, bind in self._varying:
            value = bind(values)
            if value is not Undefined:
                arguments[argument.python_name] = argument.wrap(value)
        return arguments


class ResolveInfo(NamedTuple):
    """Subset of GraphQLResolveInfo that resolvers can use."""

    field_name: str
    context: Context


class ResolverCall:
    """Step that calls a resolver for each object with the same arguments."""

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

    def __call__(self, values: Sequence[Any], state: ExecutionState) -> Sequence[Any]:
        try:
            arguments = self._arguments.evaluate(state.variables)
        except Exception as error:
            raise Unsupported from error  # nothing was called
        resolve_info: Any = ResolveInfo(self._name, state.context)
        info = strawberry.Info(_raw_info=resolve_info, _field=self._definition)
        return [self._call(value, info, **arguments) for value in values]


def without_info(resolver: Callable[..., Any], source: Any, _info: Any, **arguments: Any) -> Any:
    return resolver(source, **arguments)
