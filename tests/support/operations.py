"""Random operations generated from the schema, with arguments, fragments and directives."""

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

from tests.support.isolation import SCHEMA

T = TypeVar("T")
GRAPHQL = SCHEMA.graphql_schema
GIVEN = "ab12ab12-0000-4000-8000-0000000000aa"
"""The id of the task "given", whose creation is repeated."""

NOBODY = "d0d0d0d0-0000-4000-8000-00000000dead"

# Arguments by field, valid and invalid, as constants and as variables. $task and $done exist.
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "node": ("id: $task", "id: $me", f'id: "{NOBODY}"', 'id: "x"', "id: 7"),
    "task": (
        "id: $task",
        "id: $done, userId: $me",
        "id: $perhaps",
        f'id: "{NOBODY}"',
        f'id: $task, userId: "{NOBODY}"',
    ),
    "tasks": (
        "",
        "first: 2",
        "last: $n",
        "first: 0",
        "first: null, filter: null, orderBy: null",
        'filter: {title: {contains: "a"}}',
        'filter: {not: {title: {eq: "a"}}, or: {completed: true}}',
        "filter: $filter",
        "filter: $filter, orderBy: $order, first: 3",
        "filter: {title: {contains: $word}, completed: $yes}",
        "filter: {title: $text, or: [{priority: {gte: $level}}, {completed: true}]}",
        "filter: {tags: {any: $words}}",
        "filter: {tags: {any: [$title]}, trashed: $no}",
        "orderBy: [{field: DUE, nulls: FIRST}, {field: TITLE}]",
        "orderBy: {field: PRIORITY, direction: DESC}",
        "orderBy: $order",
        'after: "x"',
        "first: $n",
    ),
    "overview": ("", 'timeZone: "Mars"', 'timeZone: "Europe/Berlin"', "timeZone: $zone"),
    "completeTask": (
        "id: $done",
        'id: $done, idempotencyKey: "one"',
        "id: $done, idempotencyKey: $word",
        f'id: "{NOBODY}"',
        'id: "x"',
    ),
    "restoreTask": ("id: $task", f'id: "{NOBODY}"'),
    "restoreTasks": (
        "ids: [$task, $done]",
        "filter: {}",
        "",
        f'ids: ["{NOBODY}", $task]',
        "filter: {title: {contains: $word}, completed: $yes}",
        "filter: {or: [{title: $text}, {priority: {gte: $level}}]}, dryRun: $no",
    ),
    "completeTasks": (
        f'ids: "{NOBODY}"',
        "ids: [$task], dryRun: true",
        'ids: [$done], idempotencyKey: "two"',
        'ids: [$done], atMost: 100, dryRun: false, idempotencyKey: "two"',
        "filter: $filter, dryRun: true, atMost: $n",
    ),
    "moveTask": ("id: $task, before: $task", f'id: $task, after: "{NOBODY}"'),
    "createTask": ("input: $new", f'input: {{title: "given", id: "{GIVEN}", priority: $level}}'),
    "createTasks": ("input: [$new]", f'input: {{title: $title, id: "{GIVEN}"}}', "input: []"),
    "updateTask": (
        'id: $task, input: {title: "a"}',
        "id: $task, input: {title: $word}",
        "id: $task, input: {title: null}",
        "id: $task, input: {expectedRevision: 99, dueOn: null}",
        "id: $task, input: $changes",
        "id: $task, input: {priority: $level, addTags: $words, removeTags: null}",
    ),
    "emptyTrash": ("", "userId: $me"),
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
LEFT_OUT = object()
FILTERS = (
    {"title": {"contains": "a", "eq": None}},
    {"completed": True, "or": [{"tags": {"all": ["x"]}}, {"not": {"priority": {"in": ["LOW"]}}}]},
    {"and": {"title": {"startsWith": "a"}}, "trashed": False, "search": None},
    {"due": {"null": True, "timeZone": "Europe/Berlin"}, "revision": 1},
    {"createdAt": {"gt": "2026-01-31T09:30:00Z"}, "id": None},
)
# The type and the possible values of each variable.
VARIABLES: dict[str, tuple[str, tuple[Any, ...]]] = {
    "task": ("ID!", ()),
    "done": ("ID!", ()),
    "me": ("ID!", ()),
    "perhaps": (f'ID = "{NOBODY}"', (LEFT_OUT, NOBODY, None, 7)),
    "n": ("Int", (3, 3, 2.0, None, LEFT_OUT)),
    "yes": ("Boolean!", (True, False)),
    "no": ("Boolean = false", (LEFT_OUT, LEFT_OUT, False, True)),
    "word": ("String", ("a", "a", "a", None, LEFT_OUT)),
    "title": ('String! = "given"', (LEFT_OUT, LEFT_OUT, "x", None)),
    "words": ("[String!]", (["x"], ["x"], "x", [], None, LEFT_OUT, ["x", None])),
    "level": ("TaskPriority = NONE", (LEFT_OUT, "NONE", None, "NEVER")),
    "zone": ('String! = "Mars"', (LEFT_OUT, "Europe/Berlin", "UTC")),
    "text": ("TextComparator", ({"eq": "a"}, {}, {"neq": None}, None, LEFT_OUT, {"eq": 7})),
    "filter": ("TaskFilter", (*FILTERS, None, LEFT_OUT)),
    "order": (
        "[TaskOrder!]",
        ([{"field": "TITLE"}, {"field": "DUE", "nulls": "FIRST"}], {"field": "TITLE"}, [], [{}]),
    ),
    "new": (
        "CreateTaskInput!",
        (
            {"title": "given", "id": GIVEN},
            {"title": "given", "id": GIVEN, "tags": None, "priority": "NONE"},
            {"title": "other", "id": GIVEN, "tags": []},
            {"id": GIVEN},
        ),
    ),
    "changes": (
        "UpdateTaskInput!",
        ({"title": "a", "tags": ["x"]}, {}, {"description": None, "priority": None}, {"id": "x"}),
    ),
}


class Writer:
    """A generator of one random document."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._max_depth = self._one_of((3, 3, 3, 3, 3, 3, 6))
        self.fragments: list[str] = []

    def _one_of(self, choices: Sequence[T]) -> T:
        return self._chance.choice(choices)

    def operation(self) -> str:
        """Return a query, or a mutation that can be repeated."""
        kind = self._one_of(("query", "query", "query", "mutation"))
        root = GRAPHQL.query_type if kind == "query" else GRAPHQL.mutation_type
        assert root is not None
        names = [name for name in root.fields if kind == "query" or name in ARGUMENTS]
        body = self.selection(root, names, 0)
        text = " ".join([body, *self.fragments])
        used = [name for name in VARIABLES if re.search(rf"\${name}\b", text)]
        declared = ", ".join(f"${name}: {VARIABLES[name][0]}" for name in used)
        return f"{kind} {f'({declared})' if used else ''} {text}"

    def values(self) -> dict[str, Any]:
        """Return random values of the variables that do not contain ids."""
        drawn = {name: self._one_of(values) for name, (_, values) in VARIABLES.items() if values}
        return {name: value for name, value in drawn.items() if value is not LEFT_OUT}

    def selection(self, kind: GraphQLObjectType, names: list[str], depth: int) -> str:
        """Return a selection of one to three fields, which may repeat or be in fragments."""
        parts = [
            self.wrapped(kind, self.field(kind, self._one_of(names), depth), depth)
            for _ in range(self._chance.randint(1, 3))
        ]
        return "{ " + " ".join(parts) + " }"

    def wrapped(self, kind: GraphQLObjectType, field: str, depth: int) -> str:
        """Return the field as it is, or in an inline or named fragment."""
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
        """Return a field with arguments and selection, possibly with an alias."""
        if self._one_of(range(12)) == 0:
            return self._one_of(("__typename", "kind: __typename"))
        definition = kind.fields[name]
        named = get_named_type(definition.type)
        arguments = self._one_of(ARGUMENTS.get(name, ("",))) if definition.args else ""
        # Calls with different arguments need different aliases.
        alias = f"{name}_{crc32(arguments.encode()) % 1_000}: " if arguments else ""
        call = f"{alias}{name}({arguments})" if arguments else name
        head = call + self._one_of(DIRECTIVES)
        if is_leaf_type(named):
            return self._one_of(("", "", f"other_{name}: ")) + head
        return f"{head} {self.below(named, depth + 1)}"

    def below(self, named: Any, depth: int) -> str:
        """Return the selection below an object or an interface."""
        if is_abstract_type(named):
            parts = [
                f"... on {possible.name} {self.below(possible, depth)}"
                for possible in GRAPHQL.get_possible_types(named)
            ]
            return "{ id kind: __typename " + " ".join(parts) + " }"
        return self.selection(named, self.names(named, depth), depth)

    def names(self, kind: GraphQLObjectType, depth: int) -> list[str]:
        """Return the fields to choose from. At the maximum depth they are leaves."""
        if depth < self._max_depth:
            return list(kind.fields)
        leaves = [
            name for name, field in kind.fields.items() if is_leaf_type(get_named_type(field.type))
        ]
        return leaves or ["pageInfo"]
