"""The rows of the tables in documents that repeat the code."""

from todo_graphql.errors import ErrorCode
from todo_graphql.settings.settings import Settings


def error_rows() -> list[str]:
    """Return the table of error codes."""
    return [f"| `{code.name}` | {code.status} | {code.meaning} |" for code in ErrorCode]


def setting_rows() -> list[str]:
    """Return the table of settings."""
    return [
        f"| `{name.upper()}` | {_default(field.default)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]


def _default(value: object) -> str:
    # As in a shell.
    if value is None or value == ():
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
