"""The parts of documents that repeat the code: rows of tables, and whole files."""

import re

from tests.support.paths import ROOT
from todo_graphql.errors import ConflictReason, ErrorCode, InputReason
from todo_graphql.settings.settings import Settings

FILE = re.compile(
    r"(^[^\n]*\]\(\.\./([^)]+)\)[^\n]*:\n\n```\w+\n)(.*?)(^```$)", re.MULTILINE | re.DOTALL
)
"""A code block after a line that links to its file and ends with a colon."""


def error_rows() -> list[str]:
    """Return the table of error codes."""
    return [f"| `{code.name}` | {code.status} | {code.meaning} |" for code in ErrorCode]


def reason_rows(reasons: type[InputReason] | type[ConflictReason]) -> list[str]:
    """Return the table of the reasons of a code."""
    return [f"| `{reason.name}` | {reason.value} |" for reason in reasons]


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


def included_files(text: str) -> list[str]:
    """Return the paths of the files that a document contains."""
    return [match[2] for match in FILE.finditer(text)]


def with_files(text: str) -> str:
    """Return a document with the current content of the files that it contains."""
    return FILE.sub(
        lambda it: it[1] + (ROOT / it[2]).read_text(encoding="utf-8") + it[4],
        text,
    )
