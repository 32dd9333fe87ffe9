"""Operations generated from the schema, with all that a selection may have."""

import random
import re
from collections.abc import Sequence
from typing import Any, TypeVar
from zlib import crc32

from graphql import (
    GraphQLObjectType,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
)

from tests.worlds import SCHEMA

T = TypeVar("T")
GRAPHQL = SCHEMA.graphql_schema
MAX_DEPTH = 3
NOBODY = "d0d0d0d0-0000-4000-8000-00000000dead"

# What a field that takes arguments may be asked with: $task and $done are tasks that exist, the
# others are mistakes of each kind, and variables of each kind.
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "node": ("id: $task", "id: $me", f'id: "{NOBODY}"', 'id: "x"'),
    "task": (
        "id: $task",
        "id: $done, userId: $me",
        f'id: "{NOBODY}"',
        f'id: $task, userId: "{NOBODY}"',
    ),
    "tasks": (
        "",
        "first: 2",
        "last: $n",
        "first: 0",
        'filter: {title: {contains: "a"}}',
        "orderBy: [{field: DUE, nulls: FIRST}, {field: TITLE}]",
        'after: "x"',
        "first: $n",
    ),
    "overview": ("", 'timeZone: "Mars"', 'timeZone: "Europe/Berlin"'),
    "completeTask": ("id: $done", f'id: "{NOBODY}"', 'id: "x"'),
    "restoreTask": ("id: $task", f'id: "{NOBODY}"'),
    "restoreTasks": ("ids: [$task, $done]", "filter: {}", "", f'ids: ["{NOBODY}", $task]'),
    "moveTask": ("id: $task, before: $task", f'id: $task, after: "{NOBODY}"'),
}
DIRECTIVES = (
    "",
    "",
    "",
    "",
    " @skip(if: $yes)",
    " @include(if: $yes)",
    " @skip(if: $no)",
    " @include(if: $no)",
    " @include(if: true)",
    " @skip(if: true)",
)
VARIABLES = {
    "task": "ID!",
    "done": "ID!",
    "me": "ID!",
    "n": "Int",
    "yes": "Boolean!",
    "no": "Boolean = false",
}


class Writer:
    """Writes one document, drawing its parts as it goes."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.fragments: list[str] = []

    def _one_of(self, choices: Sequence[T]) -> T:
        return self._chance.choice(choices)

    def operation(self) -> str:
        """A query, or a mutation that changes nothing however often it is sent."""
        kind = self._one_of(("query", "query", "query", "mutation"))
        root = GRAPHQL.query_type if kind == "query" else GRAPHQL.mutation_type
        assert root is not None
        names = [name for name in root.fields if kind == "query" or name in ARGUMENTS]
        body = self.selection(root, names, 0)
        text = " ".join([body, *self.fragments])
        used = [name for name in VARIABLES if re.search(rf"\${name}\b", text)]
        declared = ", ".join(f"${name}: {VARIABLES[name]}" for name in used)
        return f"{kind} {f'({declared})' if used else ''} {text}"

    def selection(self, kind: GraphQLObjectType, names: list[str], depth: int) -> str:
        """Some of the fields, perhaps in fragments, perhaps twice."""
        parts = [
            self.wrapped(kind, self.field(kind, self._one_of(names), depth), depth)
            for _ in range(self._chance.randint(1, 3))
        ]
        return "{ " + " ".join(parts) + " }"

    def wrapped(self, kind: GraphQLObjectType, field: str, depth: int) -> str:
        """The field as it is, or in a fragment of either kind."""
        how = self._one_of(("bare", "bare", "bare", "inline", "typed", "named"))
        directive = self._one_of(DIRECTIVES)
        if how == "inline":
            return f"...{directive} {{ {field} }}"
        if how == "typed":
            on = self._one_of((kind.name, *(inner.name for inner in kind.interfaces)))
            if on != kind.name:
                field = "id"
            return f"... on {on}{directive} {{ {field} }}"
        if how == "named":
            name = f"F{len(self.fragments)}"
            self.fragments.append(f"fragment {name} on {kind.name} {{ {field} }}")
            return f"...{name}{directive}"
        return field

    def field(self, kind: GraphQLObjectType, name: str, depth: int) -> str:
        """A field, perhaps under another name, with everything that it needs."""
        if self._one_of(range(12)) == 0:
            return "__typename"
        definition = kind.fields[name]
        named = get_named_type(definition.type)
        arguments = self._one_of(ARGUMENTS.get(name, ("",))) if definition.args else ""
        # Different calls under one name would not be valid, so each has its own.
        alias = f"{name}_{crc32(arguments.encode()) % 1_000}: " if arguments else ""
        call = f"{alias}{name}({arguments})" if arguments else name
        head = call + self._one_of(DIRECTIVES)
        if is_leaf_type(named):
            return head
        return f"{head} {self.below(named, depth + 1)}"

    def below(self, named: Any, depth: int) -> str:
        """What is asked of an object."""
        if is_abstract_type(named):
            parts = [
                f"... on {possible.name} {self.below(possible, depth)}"
                for possible in GRAPHQL.get_possible_types(named)
            ]
            return "{ id " + " ".join(parts) + " }"
        return self.selection(named, self.names(named, depth), depth)

    def names(self, kind: GraphQLObjectType, depth: int) -> list[str]:
        """The fields to choose from: below a depth nothing that goes deeper."""
        if depth < MAX_DEPTH:
            return list(kind.fields)
        leaves = [
            name for name, field in kind.fields.items() if is_leaf_type(get_named_type(field.type))
        ]
        return leaves or ["pageInfo"]
