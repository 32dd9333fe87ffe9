"""Codes of errors and their reasons in the schema.

The types of a schema do not describe `errors[].extensions`. The enums of the codes and reasons are
in the SDL, and a query returns them, because code generators omit types that no operation uses.
"""

from collections.abc import Mapping
from enum import Enum, EnumMeta
from types import GenericAlias
from typing import Any, NamedTuple, cast

import strawberry

from todo_graphql.api.row_types import RowType
from todo_graphql.errors import ConflictReason, ErrorCode, InputReason


def describe_enum(name: str, meanings: Mapping[str, str], description: str) -> Any:
    """Return an enum of the schema whose values have these descriptions."""
    values = {
        key: strawberry.enum_value(key, description=meaning) for key, meaning in meanings.items()
    }
    return strawberry.enum(cast("EnumMeta", Enum(name, values)), description=description)


ERROR_CODE = describe_enum(
    "ErrorCode",
    {code.name: code.meaning for code in ErrorCode},
    "The values of `errors[].extensions.code`.",
)
INPUT_REASON = describe_enum(
    "InputReason",
    {reason.name: reason.value for reason in InputReason},
    "The values of `errors[].extensions.reason` of BAD_USER_INPUT.",
)
CONFLICT_REASON = describe_enum(
    "ConflictReason",
    {reason.name: reason.value for reason in ConflictReason},
    "The values of `errors[].extensions.reason` of CONFLICT.",
)


class ErrorCodeRow(NamedTuple):
    """Error code with its reasons, by the names in the schema."""

    code: str
    status: int
    description: str
    input_reasons: list[str]
    conflict_reasons: list[str]


@strawberry.type(description="A code of errors, with its reasons.")
class ErrorCodeInfo(RowType):
    row = ErrorCodeRow

    code: str = strawberry.field(
        graphql_type=ERROR_CODE, description="The code, `errors[].extensions.code`."
    )
    status: int = strawberry.field(
        description="The HTTP status of a request that is rejected with the code."
    )
    description: str = strawberry.field(description="The meaning of the code.")
    input_reasons: list[str] = strawberry.field(
        graphql_type=GenericAlias(list, INPUT_REASON),
        description="The reasons, `errors[].extensions.reason`. Empty unless the code is "
        "BAD_USER_INPUT.",
    )
    conflict_reasons: list[str] = strawberry.field(
        graphql_type=GenericAlias(list, CONFLICT_REASON),
        description="The reasons, `errors[].extensions.reason`. Empty unless the code is CONFLICT.",
    )

    @classmethod
    def every(cls) -> "list[ErrorCodeInfo]":
        return cls.from_rows(ERROR_CODES)


ERROR_CODES = [
    ErrorCodeRow(
        code.name,
        code.status,
        code.meaning,
        list(InputReason.__members__) if code is ErrorCode.BAD_USER_INPUT else [],
        list(ConflictReason.__members__) if code is ErrorCode.CONFLICT else [],
    )
    for code in ErrorCode
]
