"""Default values of arguments and input fields in the schema."""

from collections.abc import Iterator

from graphql import (
    GraphQLArgument,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
)


def omit_null_defaults(schema: GraphQLSchema) -> None:
    """Remove null defaults, so that the SDL has `first: Int` instead of `first: Int = null`."""
    for value in arguments_and_input_fields(schema):
        if value.default_value is None:
            value.default_value = Undefined


def arguments_and_input_fields(
    schema: GraphQLSchema,
) -> Iterator[GraphQLArgument | GraphQLInputField]:
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLInputObjectType):
            yield from kind.fields.values()
        elif isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for output in kind.fields.values():
                yield from output.args.values()
