"""Mutations of the user account."""

from typing import Annotated

import strawberry
from strawberry import ID

from todo_graphql.api.context import Info
from todo_graphql.api.idempotency import Idempotent
from todo_graphql.api.inputs import UserId
from todo_graphql.api.payloads import DeleteAccountPayload

Confirmation = Annotated[
    str,
    strawberry.argument(
        description="The id of the user, or the email address in the token, ignoring case."
    ),
]


@strawberry.type
class AccountMutation:
    @strawberry.mutation(
        description="Permanently deletes the user with all tasks and other data. The token stays "
        "valid until it expires; the next write creates the user again. Only the `idempotencyKey` "
        "of this mutation is kept, for 24 hours.",
        extensions=[Idempotent()],
    )
    def delete_account(
        self, info: Info, confirm: Confirmation, user_id: UserId = None
    ) -> DeleteAccountPayload | None:
        info.context.tasks(user_id)  # checks `userId`
        info.context.users.delete(confirm)
        return DeleteAccountPayload(user_id=ID(str(info.context.viewer.id)))
