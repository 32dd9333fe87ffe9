"""Problems of variables: the values that a client sent, compared with the input types.

graphql-core decides whether the values are valid. Its messages quote Python's notation, and
describe paths and causes in prose only, so the problems are found again here.
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from graphql import (
    GRAPHQL_MAX_INT,
    GRAPHQL_MIN_INT,
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    is_required_input_field,
    type_from_ast,
)
from graphql.language.parser import MAX_NESTING_DEPTH
from graphql.pyutils import did_you_mean, suggestion_list

from todo_graphql.errors import BadUserInput, InputReason

MAX_QUOTED_CHARACTERS = 50
"""The most characters of a name or a value of the client in a message."""

EXPECTED: Mapping[str, str] = {
    "Int": "an integer",
    "String": "a string",
    "Boolean": "a boolean",
    "ID": "a string",
    "DateTime": "a string",
    "Date": "a string",
}
"""The JSON type of each scalar."""


def iter_variable_problems(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    values: Mapping[str, Any],
    fields: Mapping[str, str],
    *,
    hides_names: bool,
) -> Iterator[BadUserInput]:
    """Yield the problems of an operation's variables.

    `fields` are the paths of the arguments that use the variables. With `hides_names`, the problems
    contain no name of the schema that the request does not contain.
    """
    checker = ValueChecker(hides_names=hides_names)
    for definition in operation.variable_definitions or ():
        name = definition.variable.name.value
        kind = cast("GraphQLInputType", type_from_ast(schema, definition.type))
        if name in values:
            yield from checker.check(values[name], kind, fields.get(name, name))
        elif isinstance(kind, GraphQLNonNull) and definition.default_value is None:
            yield required_value(fields.get(name, name))


class ValueChecker:
    """Search for problems in values of input types."""

    def __init__(self, *, hides_names: bool) -> None:
        self._hides_names = hides_names

    def check(
        self, value: Any, kind: GraphQLInputType, path: str, depth: int = 0
    ) -> Iterator[BadUserInput]:
        """Yield the problems of a value at a path."""
        inner = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
        if value is None:
            if inner is not kind:
                yield required_value(path)
        elif depth > MAX_NESTING_DEPTH:
            yield _too_deep(path)
        elif isinstance(inner, GraphQLList):
            yield from self._check_list(value, inner.of_type, path, depth)
        elif isinstance(inner, GraphQLInputObjectType):
            yield from self._check_object(value, inner, path, depth)
        elif isinstance(inner, GraphQLEnumType):
            yield from self._check_enum(value, inner, path)
        else:
            yield from _check_scalar(value, inner, path)

    def _check_list(
        self, value: Any, kind: GraphQLInputType, path: str, depth: int
    ) -> Iterator[BadUserInput]:
        """Yield the problems of the items. A single value is coerced to a list of one."""
        if not isinstance(value, list):
            yield from self.check(value, kind, path, depth + 1)
            return
        for number, item in enumerate(value):
            yield from self.check(item, kind, f"{path}.{number}", depth + 1)

    def _check_object(
        self, value: Any, kind: GraphQLInputObjectType, path: str, depth: int
    ) -> Iterator[BadUserInput]:
        if not isinstance(value, dict):
            yield _invalid_type(path, "an object")
            return
        for name, field in kind.fields.items():
            if name in value:
                yield from self.check(value[name], field.type, f"{path}.{name}", depth + 1)
            elif is_required_input_field(field):
                yield self._missing(path, name)
        for name in value:
            if name not in kind.fields:
                yield self._unknown_field(path, name, kind)

    def _missing(self, path: str, name: str) -> BadUserInput:
        if not self._hides_names:
            return required_value(f"{path}.{name}")
        return BadUserInput(
            f"A required field of `{path}` is missing.", reason=InputReason.REQUIRED, field=path
        )

    def _unknown_field(self, path: str, name: str, kind: GraphQLInputObjectType) -> BadUserInput:
        quoted = name[:MAX_QUOTED_CHARACTERS]
        return BadUserInput(
            f"`{path}` has no field `{quoted}`.{self._suggest(name, kind.fields)}",
            reason=InputReason.UNKNOWN_FIELD,
            field=f"{path}.{quoted}",
        )

    def _check_enum(self, value: Any, kind: GraphQLEnumType, path: str) -> Iterator[BadUserInput]:
        if not isinstance(value, str):
            yield _invalid_type(path, "a string")
        elif value not in kind.values:
            quoted = value[:MAX_QUOTED_CHARACTERS]
            yield BadUserInput(
                f"`{path}` has no value `{quoted}`.{self._suggest(value, kind.values)}",
                reason=InputReason.UNKNOWN_VALUE,
                field=path,
            )

    def _suggest(self, name: str, known: Mapping[str, object]) -> str:
        """Return a sentence with similar names."""
        if self._hides_names or len(name) > MAX_QUOTED_CHARACTERS:
            return ""
        return did_you_mean(suggestion_list(name, list(known)))


def _check_scalar(value: Any, kind: GraphQLScalarType, path: str) -> Iterator[BadUserInput]:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    try:
        if kind.coerce_input_value(value) is not Undefined:
            return
    except GraphQLError as error:
        if isinstance(value, str) and EXPECTED.get(kind.name) == "a string":
            yield BadUserInput(error.message, reason=InputReason.INVALID_FORMAT, field=path)
            return
    if kind.name == "Int" and is_number and value == value // 1:
        yield BadUserInput(
            f"`{path}` must be from {GRAPHQL_MIN_INT} to {GRAPHQL_MAX_INT}.",
            reason=InputReason.OUT_OF_RANGE,
            field=path,
            min=GRAPHQL_MIN_INT,
            max=GRAPHQL_MAX_INT,
        )
    else:
        yield _invalid_type(path, EXPECTED.get(kind.name, "another type"))


def required_value(path: str) -> BadUserInput:
    """Return the problem of a value that is missing or null."""
    return BadUserInput(f"`{path}` is required.", reason=InputReason.REQUIRED, field=path)


def _invalid_type(path: str, expected: str) -> BadUserInput:
    return BadUserInput(
        f"`{path}` must be {expected}.", reason=InputReason.INVALID_TYPE, field=path
    )


def _too_deep(path: str) -> BadUserInput:
    return BadUserInput(
        f"Variables can be nested at most {MAX_NESTING_DEPTH} levels deep.",
        reason=InputReason.TOO_DEEP,
        field=path,
        max=MAX_NESTING_DEPTH,
    )
