"""Arguments that several fields have."""

from typing import Annotated

import strawberry
from strawberry import ID

from todo_graphql.store.tasks.page_requests import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE

UserId = Annotated[
    ID | None,
    strawberry.argument(
        description="The id of the authenticated user, which is the default. "
        "Any other id is rejected with FORBIDDEN."
    ),
]
NodeId = Annotated[ID, strawberry.argument(description="The id of the object, a UUID.")]
TaskId = Annotated[ID, strawberry.argument(description="The id of the task, a UUID.")]
TimeZone = Annotated[
    str,
    strawberry.argument(
        description="The IANA time zone in which days begin and end, such as `Europe/Berlin`."
    ),
]
ListTimeZone = Annotated[
    str,
    strawberry.argument(
        description="The IANA time zone in which days begin and end, such as `Europe/Berlin`, for "
        "`filter.due` and for the order DUE."
    ),
]
First = Annotated[
    int | None,
    strawberry.argument(
        description="The number of items to return from the start of the list, 1 to "
        f"{MAX_PAGE_SIZE}. The default is {DEFAULT_PAGE_SIZE} unless `last` is given."
    ),
]
After = Annotated[
    str | None,
    strawberry.argument(description="The cursor after which the returned items come."),
]
Last = Annotated[
    int | None,
    strawberry.argument(
        description="The number of items to return from the end of the list, 1 to "
        f"{MAX_PAGE_SIZE}. The order of the list stays the same."
    ),
]
Before = Annotated[
    str | None,
    strawberry.argument(description="The cursor before which the returned items come."),
]
