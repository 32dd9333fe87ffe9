"""`idempotencyKey`: an argument that every mutation has."""

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
    from todo_graphql.api.payloads import Payload


class Idempotent(FieldExtension):
    """Gives a mutation the argument, and what it promises."""

    def apply(self, field: StrawberryField) -> None:
        key = StrawberryArgument(
            python_name="idempotency_key",
            graphql_name=None,
            type_annotation=StrawberryAnnotation(str | None),
            description="Makes the mutation safe to repeat: within 24 hours the same key with the "
            "same arguments changes nothing and answers what the first call answered; with other "
            "arguments it is a CONFLICT. A call that failed may be repeated. "
            f"1 to {IDEMPOTENCY_KEY_MAX_LENGTH} characters, such as a UUID.",
            default=None,
        )
        field.arguments = [*field.arguments, key]

    def resolve(
        self, next_: SyncExtensionResolver, source: Any, info: Info, **arguments: Any
    ) -> Any:
        key = arguments.pop("idempotency_key", None)
        if key is None:
            return next_(source, info, **arguments)
        info.context.tasks(arguments.get("user_id"))  # FORBIDDEN comes before anything else
        info.context.reads = None  # when it is asked for again, with whatever selection
        given = {name: plain(value) for name, value in arguments.items() if name != "user_id"}

        def perform() -> dict[str, Any]:
            payload: Payload = next_(source, info, **arguments)
            return payload.content()

        answer = info.context.retries.run_once(key, [info.field_name, given], perform)
        assert isinstance(info.return_type, StrawberryOptional)
        kind: type[Payload] = info.return_type.of_type  # type: ignore[assignment]
        return kind.restored(answer)


def plain(value: Any) -> Any:
    """The value of an argument as JSON can write it. null and left out are told apart where an
    input tells them apart.
    """
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return {field.name: plain(getattr(value, field.name)) for field in fields}
    if isinstance(value, Some):
        return {"value": plain(value.value)}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.name if isinstance(value, Enum) else value
