"""Random calls of every operation in the schema.

An argument of an unknown type raises LookupError, so that new arguments cannot be forgotten.
"""

import random
import re
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from graphql import is_required_argument

from chaos.environment import User
from tests.support.documents import document_of, root_fields
from tests.support.isolation import SCHEMA

GRAPHQL = SCHEMA.graphql_schema
FIELDS = {name: (operation, field) for operation, name, field in root_fields(GRAPHQL)}
DEPTH = 2
OPTIONAL = 0.35
"""The probability of an optional argument."""

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CURSOR = re.compile(r'"(?:cursor|endCursor)":"([\w-]+)"')
Call = tuple[str, str, dict[str, Any]]


class MarkedUser(User):
    """A user with a mark for everything it writes, and the ids and cursors that it has seen."""

    def __init__(self, own_id: str, token: str, mark: str) -> None:
        super().__init__(own_id, token)
        self.mark = mark
        self.ids: deque[str] = deque([own_id], maxlen=200)
        self.cursors: deque[str] = deque(["x"], maxlen=50)
        self.titles: set[str] = set()

    def learn(self, body: str) -> None:
        """Store ids and cursors of a response for later calls."""
        self.ids.extend(UUID.findall(body)[:20])
        self.cursors.extend(CURSOR.findall(body)[-3:])


class RandomOperations:
    """Random calls of one user, half of which target other users."""

    def __init__(self, me: MarkedUser, others: list[MarkedUser], seed: str) -> None:
        self._me = me
        self._others = others
        self._chance = random.Random(seed)  # noqa: S311 - repeatable, and not a secret

    def calls(self, number: int) -> Iterator[Call]:
        """Yield name, document and variables of each call."""
        for _ in range(number):
            yield self._call(self._chance.choice(list(FIELDS)))

    def _call(self, name: str) -> Call:
        operation, field = FIELDS[name]
        given = {
            key: argument.type
            for key, argument in field.args.items()
            if is_required_argument(argument) or self._chance.random() < OPTIONAL
        }
        document = document_of(GRAPHQL, operation, name, given, depth=DEPTH)
        return name, document, {key: self._value(key, str(kind)) for key, kind in given.items()}

    def _value(self, name: str, kind: str) -> Any:
        make = self._makers.get(name) or self._makers.get(kind)
        if make is None:
            raise LookupError(
                f"Unknown argument {name}: {kind}: add it to chaos/random_operations.py."
            )
        return make()

    @property
    def _makers(self) -> dict[str, Callable[[], Any]]:
        """Generators by the name of an argument, or else by its type."""
        return {
            "userId": self._user_id,
            "confirm": self._confirm,
            "idempotencyKey": lambda: f"key {self._chance.randrange(2_000)}",  # shared by all users
            "timeZone": lambda: self._chance.choice(("UTC", "Europe/Berlin", "Asia/Tokyo")),
            "ID!": self._id,
            "ID": self._id,
            "[ID!]": lambda: [self._id() for _ in range(self._chance.randint(1, 4))],
            "CreateTaskInput!": self._new,
            "[CreateTaskInput!]!": lambda: [self._new() for _ in range(self._chance.randint(1, 3))],
            "UpdateTaskInput!": self._changes,
            "UpdateTasksInput!": self._changes,
            "[TaskValuesInput!]!": self._values,
            "[PushTaskInput!]!": lambda: [
                {"assumed": None, "task": values} for values in self._values()
            ],
            "TaskFilter": self._filter,
            "[TaskOrder!]": self._order,
            "Int": lambda: self._chance.randint(1, 30),
            "Int!": lambda: 500,
            "Boolean!": lambda: self._chance.random() < 0.2,
            "String": lambda: self._chance.choice(self._any_user().cursors),
        }

    def _any_user(self) -> MarkedUser:
        return self._me if self._chance.random() < 0.5 else self._chance.choice(self._others)

    def _id(self) -> str:
        return self._chance.choice(self._any_user().ids)

    def _user_id(self) -> str:
        return (self._me if self._chance.random() < 0.8 else self._any_user()).id

    def _confirm(self) -> str:
        """Return mostly another user's id: an account that is deleted often would be empty."""
        return self._me.id if self._chance.random() < 0.1 else self._others[0].id

    def _title(self) -> str:
        title = f"{self._me.mark} {self._chance.randrange(10**9)}"
        self._me.titles.add(title)
        return title

    def _new(self) -> dict[str, Any]:
        new = {"title": self._title(), "description": self._me.mark, "tags": [self._me.mark]}
        if self._chance.random() < 0.4:
            new["id"] = self._id() if self._chance.random() < 0.5 else self._fresh_id()
        return new

    def _fresh_id(self) -> str:
        return str(uuid.UUID(int=self._chance.getrandbits(128), version=4))

    def _changes(self) -> dict[str, Any]:
        some: dict[str, Callable[[], Any]] = {
            "title": self._title,
            "description": lambda: self._me.mark,
            "addTags": lambda: [self._me.mark],
            "priority": lambda: self._chance.choice(("LOW", "HIGH")),
            "dueOn": lambda: "2030-01-31",
        }
        return {name: make() for name, make in self._chance.sample(list(some.items()), 2)}

    def _values(self) -> list[dict[str, Any]]:
        ids = {self._id() for _ in range(self._chance.randint(1, 3))}
        return [{"id": task_id, "title": self._title()} for task_id in sorted(ids)]

    def _filter(self) -> dict[str, Any]:
        mark = self._any_user().mark
        return self._chance.choice(
            (
                {"createdAt": {"null": False}},
                {"createdAt": {"null": False}, "trashed": True},
                {"id": {"in": [self._id() for _ in range(3)]}},
                {"title": {"contains": mark}},
                {"search": mark},
                {"tags": {"any": [mark]}},
                {"not": {"title": {"eq": "x"}}},
                {"or": [{"completed": True}, {"description": {"startsWith": mark}}]},
            )
        )

    def _order(self) -> list[dict[str, str]]:
        field = self._chance.choice(("CREATED", "DUE", "POSITION", "PRIORITY", "TITLE", "UPDATED"))
        return [{"field": field, "direction": self._chance.choice(("ASC", "DESC"))}]
