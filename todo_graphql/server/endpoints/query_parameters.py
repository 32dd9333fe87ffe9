"""The query parameters of the endpoints for files."""

from starlette.requests import Request

from todo_graphql.api.context import Context
from todo_graphql.server.http.query_string import parse_parameters


def parse_file_parameters(request: Request, context: Context, *names: str) -> dict[str, str]:
    """Return the parameters, which are `userId` and those of the endpoint.

    Raises BadUserInput for an unknown or repeated parameter, and Forbidden if `userId` names
    another user, as an argument of GraphQL does.
    """
    given = parse_parameters(request.scope["query_string"], {"userId", *names})
    context.require_own_id(given.get("userId"))
    return given
