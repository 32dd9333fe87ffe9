"""Idempotency keys: the `idempotencyKey` argument of every mutation."""

import dataclasses
from enum import Enum
from typing import TYPE_CHECKING, Any

from strawberry import Some
from strawberry.annotation import StrawberryAnnotation
from strawberry.extensions.field_extension import FieldExtension, SyncExtensionResolver
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.base import StrawberryOptional
from strawberry.types.field import StrawberryField

from todo_graphql.api.context import Info
from todo_graphql.store.models import IDEMPOTENCY_KEY_MAX_LENGTH

if TYPE_CHECKING:
    from todo_graphql.api.mutations.payloads import Payload


class Idempotent(FieldExtension):
    """Field extension that adds the argument to a mutation and replays stored responses."""

    def apply(self, field: StrawberryField) -> None:
        key = StrawberryArgument(
            python_name="idempotency_key",
            graphql_name=None,
            type_annotation=StrawberryAnnotation(str | None),
            description=f"A key of 1 to {IDEMPOTENCY_KEY_MAX_LENGTH} characters, such as a UUID, "
            "that makes the mutation safe to retry. Within 24 hours, a call with the same key and "
            "arguments changes nothing and returns the first result. Different arguments are a "
            "CONFLICT. A failed call does not use up its key.",
            default=None,
        )
        field.arguments = [*field.arguments, key]

    def resolve(
        self, next_: SyncExtensionResolver, source: Any, info: Info, **arguments: Any
    ) -> Any:
        key = arguments.pop("idempotency_key", None)
        if key is None:
            return next_(source, info, **arguments)
        info.context.require_own_id(arguments.get("user_id"))
        info.context.selection = None  # a replay may select other fields
        given = {name: to_json(value) for name, value in arguments.items() if name != "user_id"}

        def perform() -> dict[str, Any]:
            payload: Payload = next_(source, info, **arguments)
            return payload.to_json()

        content = info.context.idempotency_keys.run_once(key, [info.field_name, given], perform)
        assert isinstance(info.return_type, StrawberryOptional)
        kind: type[Payload] = info.return_type.of_type  # type: ignore[assignment]
        return kind.from_json(content)


def to_json(value: Any) -> Any:
    """Return an argument as JSON values, with null and omitted `Maybe` fields distinct.

    Omitted fields are skipped, so that a new field does not change the digests of requests without
    it.
    """
    if dataclasses.is_dataclass(value):
        given = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {name: to_json(one) for name, one in given.items() if one is not None}
    if isinstance(value, Some):
        return {"value": to_json(value.value)}
    if isinstance(value, list):
        return [to_json(item) for item in value]
    return value.name if isinstance(value, Enum) else value
