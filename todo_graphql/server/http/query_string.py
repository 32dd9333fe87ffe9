"""Query strings: the parameters of a URL, each of them known and at most once."""

from collections.abc import Collection
from urllib.parse import parse_qsl

from todo_graphql.errors import BadUserInput, InputReason

MAX_PARAMETERS = 20

MAX_NAME_CHARACTERS = 100
"""The part of an unknown name that its error repeats."""


def parse_parameters(query_string: bytes, known: Collection[str]) -> dict[str, str]:
    """Return the values by name.

    Raises BadUserInput for an unknown or repeated parameter, and for text that is not UTF-8.
    """
    parameters: dict[str, str] = {}
    for name, value in split_parameters(query_string):
        if name not in known:
            raise BadUserInput(
                f"Unknown parameter: the parameters are {', '.join(sorted(known))}.",
                reason=InputReason.UNKNOWN_FIELD,
                field=name[:MAX_NAME_CHARACTERS],
            )
        if name in parameters:
            raise BadUserInput(
                f"`{name}` can occur only once.", reason=InputReason.DUPLICATE, field=name
            )
        parameters[name] = value
    return parameters


def split_parameters(query_string: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            query_string.decode(),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_PARAMETERS,
        )
    except ValueError:
        raise BadUserInput(
            "The query of the URL is not percent-encoded UTF-8, or has more than "
            f"{MAX_PARAMETERS} parameters.",
            reason=InputReason.INVALID_FORMAT,
        ) from None
