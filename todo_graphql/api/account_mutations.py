"""What can be done with one's account."""

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
        description="Your own id, or your email as your token has it, in upper or lower case: "
        "nothing else will do."
    ),
]


@strawberry.type
class AccountMutation:
    @strawberry.mutation(
        description="Remove you, with all tasks and whatever else is yours, for good. Your token "
        "stays good until it expires; the next thing that you write begins anew. Nothing but an "
        "`idempotencyKey` of this mutation is remembered, for its 24 hours.",
        extensions=[Idempotent()],
    )
    def delete_account(
        self, info: Info, confirm: Confirmation, user_id: UserId = None
    ) -> DeleteAccountPayload | None:
        info.context.tasks(user_id)  # FORBIDDEN, if it names someone else
        info.context.users.delete(confirm)
        return DeleteAccountPayload(user_id=ID(str(info.context.viewer.id)))
