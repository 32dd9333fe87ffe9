"""Idempotency keys: a repeated write returns the response of the first one.

See https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import Executable, Select, bindparam, func

from todo_graphql.errors import BadUserInput, Conflict, ConflictReason, InputReason
from todo_graphql.store.models import IDEMPOTENCY_KEY_MAX_LENGTH, IDEMPOTENCY_KEYS
from todo_graphql.store.postgres.connection import ViewerConnection
from todo_graphql.store.postgres.statement_cache import cached_statement
from todo_graphql.store.quota import quota_error
from todo_graphql.store.scope import ViewerScope
from todo_graphql.store.statements import Statements
from todo_graphql.store.validation import storable

RETENTION = timedelta(hours=24)

MAX_KEYS = 10_000
"""The maximum number of retained keys of a user. A save counts them all."""

MAX_KEY_BYTES = 32 * 1024 * 1024
"""The maximum size of the retained responses of a user."""

ADVICE = "Idempotency keys expire after 24 hours. Send fewer or smaller mutations with a key."


class ReplayedResponse(Exception):  # noqa: N818 - control flow
    """The key already has a response."""

    def __init__(self, response: dict[str, Any]) -> None:
        super().__init__()
        self.response = response


class IdempotencyKeys:
    """The idempotency keys of one viewer."""

    def __init__(self, connection: ViewerConnection) -> None:
        self._statements = Statements(connection)

    def run_once(
        self, key: str, request: object, perform: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """Return the response of `perform`, or the one that the key has had for up to 24 hours.

        The writes of `perform` and the key share one transaction. Raises Conflict if the key
        belongs to a different request, BadUserInput for an invalid key, and QuotaExceeded.
        """
        validate_key(key)
        digest = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).digest()
        try:
            with self._statements.transaction():
                self._check_replay(key, digest)
                response = perform()
                self._save(key, digest, encode(response))
                return response
        except ReplayedResponse as replayed:
            return replayed.response

    def _check_replay(self, key: str, digest: bytes) -> None:
        """Raise ReplayedResponse if the key has a response.

        The exception rolls the transaction back.
        """
        rows = self._statements.read(find_key_statement(), {"own_key": key})
        if not rows:
            return
        stored_digest, response = rows[0]
        if bytes(stored_digest) != digest:
            raise Conflict(
                "This idempotency key was already used with different arguments.",
                reason=ConflictReason.KEY_REUSED,
                field="idempotencyKey",
            )
        raise ReplayedResponse(json.loads(response))

    def _save(self, key: str, digest: bytes, response: str) -> None:
        """Store a response. Raises QuotaExceeded, which rolls the transaction back."""
        values = {"own_key": key, "own_digest": digest, "own_answer": response}
        if self._statements.write(save_key_statement(), values):
            return
        self._statements.write(delete_expired_keys_statement())
        limits = {"idempotencyKeys": MAX_KEYS, "idempotencyKeyBytes": MAX_KEY_BYTES}
        (used,) = self._statements.read(key_usage_statement())
        error = quota_error(limits, used, (1, len(response.encode())), ADVICE)
        if error is not None:
            raise error
        self._statements.write(save_key_statement(), values)


def encode(response: dict[str, Any]) -> str:
    """Return the response as JSON, in which lone surrogates are escaped.

    UTF-8 cannot encode them, and an invalid id in a response may contain one.
    """
    text = json.dumps(response, ensure_ascii=False)
    return text.encode(errors="backslashreplace").decode()


@cached_statement
def find_key_statement(scope: ViewerScope) -> Select[Any]:
    """Select the digest and the response of a key within its retention."""
    columns = IDEMPOTENCY_KEYS.c
    return scope.keys(columns.digest, columns.answer).where(
        columns.key == bindparam("own_key"), columns.created_at > func.now() - RETENTION
    )


@cached_statement
def save_key_statement(scope: ViewerScope) -> Executable:
    return scope.save_idempotency_key(
        {name: bindparam(f"own_{name}") for name in ("key", "digest", "answer")},
        max_keys=MAX_KEYS,
        max_bytes=MAX_KEY_BYTES,
    )


@cached_statement
def key_usage_statement(scope: ViewerScope) -> Select[Any]:
    return scope.key_usage()


@cached_statement
def delete_expired_keys_statement(scope: ViewerScope) -> Executable:
    return scope.delete_keys(IDEMPOTENCY_KEYS.c.created_at <= func.now() - RETENTION)


def validate_key(key: str) -> None:
    """Raise BadUserInput for a key that cannot be stored."""
    if not 1 <= len(key) <= IDEMPOTENCY_KEY_MAX_LENGTH:
        raise BadUserInput(
            f"An idempotency key must have 1 to {IDEMPOTENCY_KEY_MAX_LENGTH} characters.",
            reason=InputReason.TOO_LONG if key else InputReason.TOO_SHORT,
            field="idempotencyKey",
            min=1,
            max=IDEMPOTENCY_KEY_MAX_LENGTH,
        )
    storable(key, "idempotencyKey")
