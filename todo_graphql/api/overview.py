"""Counts of tasks in the schema: the overview, and the tags."""

from typing import Self

import strawberry

from todo_graphql.api.context import Context
from todo_graphql.api.row_types import RowType
from todo_graphql.store.tasks import overview as store
from todo_graphql.store.tasks.repository import Tasks
from todo_graphql.store.tasks.time_zones import known_zone

ALL = store.ALL_COUNTS | {"tags"}


@strawberry.type(description="A tag with the number of tasks that have it.")
class TagCount(RowType):
    row = store.TagCount

    tag: str = strawberry.field(description="The tag. If spellings differ in case, one of them.")
    open: int = strawberry.field(description="The number of open tasks with the tag.")
    total: int = strawberry.field(
        description="The number of tasks with the tag, including completed tasks."
    )


@strawberry.type(
    description="Task counts, as for a home screen. Days and weeks are those of the requested time "
    "zone. A task that is due on a day is due on that day in every time zone. "
    "Tasks in the trash are not counted."
)
class Overview:
    open: int = strawberry.field(description="The number of open tasks.")
    overdue: int = strawberry.field(
        description="The number of open tasks that were due before now. A task that is due on a "
        "day is overdue when that day has ended."
    )
    today: int = strawberry.field(description="The number of open tasks that are due today.")
    next_seven_days: int = strawberry.field(
        description="The number of open tasks that are due within seven days, starting today."
    )
    no_date: int = strawberry.field(description="The number of open tasks without a due date.")
    completed_today: int = strawberry.field(
        description="The number of tasks that were completed today."
    )
    completed_this_week: int = strawberry.field(
        description="The number of tasks that were completed this week, which starts on Monday."
    )
    tags: list[TagCount] = strawberry.field(
        description=f"The tags of the tasks in alphabetical order, at most {store.MAX_TAGS:,}."
    )

    @classmethod
    def read(cls, context: Context, tasks: Tasks, time_zone: str) -> Self:
        zone = known_zone(time_zone, "timeZone")
        selected = context.selected_columns("Overview", ALL)
        overview = tasks.overview(zone, selected & store.ALL_COUNTS, tags="tags" in selected)
        return cls(**overview.counts._asdict(), tags=TagCount.from_rows(overview.tags))
