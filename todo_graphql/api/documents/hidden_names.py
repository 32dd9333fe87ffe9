"""Messages of graphql-core without names of the schema that the request does not contain.

Servers without introspection rewrite each message that names a type, a required argument or a
required field. Code, locations, path and field of the error remain.

Messages quote values of the client, which may be long. Each pattern is matched once, at the start,
and takes linear time. A message about conflicting fields quotes only names of the request
and types, and is searched.
"""

import re

TYPE = r"'[\w\[\]!]+'"

# By the beginning of a message; the rest of it remains unless the pattern ends with `.*`.
REWRITES = tuple(
    (re.compile(pattern.replace("TYPE", TYPE), re.DOTALL), replacement)
    for pattern, replacement in (
        # Validation rules
        (r"(Cannot query field '\w+') on type TYPE", r"\1"),
        (r"(Unknown argument '\w+' on field ')\w+\.", r"\1"),
        (
            r"Argument '(?:\w+\.)?(@?\w+)\(\w+:\)' of type TYPE is required, but.*",
            r"A required argument of '\1' is missing.",
        ),
        (r"(Field '\w+') of type TYPE (must have a selection of subfields).*", r"\1 \2."),
        (r"(Field '\w+') of type TYPE must", r"\1 must"),
        (r"(Field '\w+' must not have a selection) since.*", r"\1."),
        (r"(Fragment(?: '\w+')? cannot be spread here) as.*", r"\1."),
        (r"(Variable '\$\w+' of type TYPE) used in.*", r"\1 cannot be used in this position."),
        (r"(Variable '\$\w+') is of type TYPE but.*", r"\1 must be non-nullable here."),
        (r"(\w+ directive cannot be used on root \w+) type.*", r"\1 fields."),
        (r"Stream directive cannot be used on non-list.*", "Stream directive needs a list."),
        # Values of arguments
        (r"Expected a value of non-null type TYPE to be", "Expected a value to be"),
        (r"Expected value of non-null type TYPE not to be null", "Expected a value, not null"),
        (r"Expected value of type TYPE to be an object", "Expected an object"),
        (
            r"Expected value of type TYPE to include required field '\w+'",
            "A required field is missing",
        ),
        (r"Expected value of type TYPE not to include unknown", "Unknown"),
        (r"Expected value of type TYPE, but encountered error.*", "Invalid value."),
        (r"Expected value of type TYPE( to be valid)?", "Expected a valid value"),
        (r"Within OneOf Input Object type TYPE, exactly", "Exactly"),
        # Scalars and enums
        (r"(?:Int|Float|String|Boolean|ID) cannot represent", "Cannot represent"),
        (r"Enum TYPE cannot represent", "Cannot represent"),
        (r"(Value '.*' does not exist) in TYPE enum", r"\1"),
    )
)

CONFLICTING_FIELDS = "Fields '"
CONFLICT = re.compile(f"they return conflicting types {TYPE} and {TYPE}")


def hide_names(message: str) -> str:
    """Return the message of an error of graphql-core without these names."""
    for pattern, replacement in REWRITES:
        found = pattern.match(message)
        if found:
            return found.expand(replacement) + message[found.end() :]
    if message.startswith(CONFLICTING_FIELDS):  # it may have several conflicts
        return CONFLICT.sub("they return different types", message)
    return message
