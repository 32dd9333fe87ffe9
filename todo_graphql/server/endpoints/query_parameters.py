"""The query parameter `userId` of the endpoints for files."""

from starlette.requests import Request

from todo_graphql.api.context import Context
from todo_graphql.errors import BadUserInput, InputReason


def check_user_id(request: Request, context: Context) -> None:
    """Raise Forbidden if `userId` names another user, as an argument of GraphQL does, and
    BadUserInput if it occurs more than once.
    """
    given = request.query_params.getlist("userId")
    if len(given) > 1:
        raise BadUserInput(
            "`userId` can occur only once.", reason=InputReason.DUPLICATE, field="userId"
        )
    context.require_own_id(given[0] if given else None)
