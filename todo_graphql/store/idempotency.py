"""Idempotency keys: a keyed write that is sent again answers what it answered at first.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/ has the idea.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import Executable, Select, bindparam, func

from todo_graphql.errors import BadUserInput, Conflict
from todo_graphql.store.models import IDEMPOTENCY_KEY_MAX_LENGTH, IDEMPOTENCY_KEYS
from todo_graphql.store.postgres.connection import ViewerConnection
from todo_graphql.store.postgres.statement_cache import cached_statement
from todo_graphql.store.scope import ViewerScope
from todo_graphql.store.statements import Statements
from todo_graphql.store.validation import is_storable

RETENTION = timedelta(hours=24)


class ReplayedResponse(Exception):  # noqa: N818 - control flow
    """The call was answered before."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__()
        self.answer = answer


class IdempotencyKeys:
    """The idempotency keys of one viewer."""

    def __init__(self, connection: ViewerConnection) -> None:
        self._statements = Statements(connection)

    def run_once(
        self, key: str, request: object, perform: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """What `perform` answers, or answered before, within 24 hours.

        What it writes and the key are one transaction: when it raises, neither is kept.
        Raises Conflict when the key came with another request, BadUserInput for a bad key.
        """
        check(key)
        digest = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).digest()
        try:
            with self._statements.transaction():
                self._recall(key, digest)
                answer = perform()
                kept = {"own_key": key, "own_digest": digest, "own_answer": json.dumps(answer)}
                self._statements.write(save_statement(), kept)
                return answer
        except ReplayedResponse as before:
            return before.answer

    def _recall(self, key: str, digest: bytes) -> None:
        """Raise ReplayedResponse if the key has a response. The exception rolls the transaction
        back.
        """
        rows = self._statements.read(recall_statement(), {"own_key": key})
        if not rows:
            return
        kept_digest, answer = rows[0]
        if bytes(kept_digest) != digest:
            raise Conflict(
                "This idempotency key was already used with different arguments.",
                field="idempotencyKey",
            )
        raise ReplayedResponse(json.loads(answer))


@cached_statement
def recall_statement(scope: ViewerScope) -> Select[Any]:
    """Select what a key was saved with, unless that is too long ago."""
    columns = IDEMPOTENCY_KEYS.c
    young = columns.created_at > func.now() - RETENTION
    return scope.keys(columns.digest, columns.answer).where(
        columns.key == bindparam("own_key"), young
    )


@cached_statement
def save_statement(scope: ViewerScope) -> Executable:
    return scope.save_idempotency_key(
        {name: bindparam(f"own_{name}") for name in ("key", "digest", "answer")}
    )


def check(key: str) -> None:
    """Raises BadUserInput for a key that cannot be kept."""
    if not 1 <= len(key) <= IDEMPOTENCY_KEY_MAX_LENGTH or not is_storable(key):
        raise BadUserInput(
            f"An idempotency key has 1 to {IDEMPOTENCY_KEY_MAX_LENGTH} characters.",
            field="idempotencyKey",
        )
