"""Derived columns: what a write stores beside the texts and due dates of a task.

Each function returns given columns with those derived from them. The definition of keys and words
is that of `store.text`.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, DateTime, Text, cast, func, literal_column
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.types import UserDefinedType

from todo_graphql.store.formats import UTC
from todo_graphql.store.models import TASKS
from todo_graphql.store.text.folding import fold
from todo_graphql.store.text.order import order_key
from todo_graphql.store.text.search import description_words, tag_words, title_words
from todo_graphql.store.text.tags import tag_key

WEIGHTS: Mapping[str, str] = MappingProxyType({"title": "a", "tags": "b", "description": "c"})
"""The weight of each text among the search words."""


def title_columns(title: str) -> dict[str, Any]:
    return {"title": title, "title_key": fold(title), "title_order": order_key(title)}


def description_columns(description: str | None) -> dict[str, Any]:
    """Return the description and its key, which is None if both are equal."""
    key = None if description is None else fold(description)
    return {"description": description, "description_key": None if key == description else key}


def tag_columns(tags: Sequence[str]) -> dict[str, Any]:
    """Return the tags and their keys, with None for a tag that equals an earlier one of the task.

    Only tasks of the first releases have equal tags.
    """
    keys: list[str | None] = [tag_key(tag) for tag in tags]
    if len(set(keys)) < len(keys):
        keys = [None if key in keys[:place] else key for place, key in enumerate(keys)]
    return {"tags": list(tags), "tag_keys": keys}


COLUMNS: Mapping[str, Callable[[Any], dict[str, Any]]] = MappingProxyType(
    {"title": title_columns, "description": description_columns, "tags": tag_columns}
)
WORDS: Mapping[str, Callable[[Any], str]] = MappingProxyType(
    {"title": title_words, "tags": tag_words, "description": description_words}
)


def derive(texts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of these texts of a task, and `words` with the words of these texts."""
    columns: dict[str, Any] = {}
    for name, value in texts.items():
        columns |= COLUMNS[name](value)
    columns["words"] = " ".join([WORDS[name](text) for name, text in texts.items() if text])
    return columns


def due_instant(due_on: ColumnElement[Any], due_at: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the instant by which a task is ordered: a day counts as its first instant in UTC."""
    return func.coalesce(due_at, func.timezone(UTC, cast(due_on, DateTime)))


def replace_words(texts: Sequence[str], *words: ColumnElement[str]) -> ColumnElement[Any]:
    """Return the search words of a task in which those of some texts are replaced."""
    kept = [weight for name, weight in WEIGHTS.items() if name not in texts]
    weights: ColumnElement[Any] = literal_column(f"""'{{{",".join(kept)}}}'::"char"[]""")
    return _join_words([*words, _kept_words(weights)] if kept else words)


def replace_other_words(kept: ColumnElement[Any], words: ColumnElement[str]) -> ColumnElement[Any]:
    """Return the search words of a task: new ones, and present ones with the weights to keep."""
    return _join_words([words, _kept_words(kept)])


def _kept_words(weights: ColumnElement[Any]) -> ColumnElement[str]:
    return cast(func.ts_filter(TASKS.c.words, weights), Text)


def _join_words(parts: Sequence[ColumnElement[str]]) -> ColumnElement[Any]:
    # Not concat_ws, which is STABLE: Citus refuses such functions of columns in an UPDATE.
    literal = parts[0]
    for part in parts[1:]:
        literal = literal.concat(" ").concat(part)
    return cast(literal, TSVECTOR)


class Weights(UserDefinedType[list[str]]):
    """PostgreSQL's type of the weights that `ts_filter` takes."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return '"char"[]'
