"""Places in the order DUE in a time zone, in which a day is at its first instant there.

The column `due`, which has an index, places days by UTC. The order of days is the same in every
time zone, and so is that of instants, but not the order among both. So a list is read in two
halves, tasks that are due on a day and all others, each in the order of the index, and a place in
the list becomes a place in each half. See decision 0016.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import TypeAlias

from todo_graphql.store.tasks.ordering import OrderKey
from todo_graphql.store.tasks.time_zones import MICROSECOND, first_instant, local_day

DuePlace: TypeAlias = date | datetime | None
"""The day or the instant on which a task is due. None for a task without a due date."""

BEFORE_ALL, AFTER_ALL = "-infinity", "infinity"
"""The timestamps of PostgreSQL before and after all others."""


def place_of_day(day: date, zone: str) -> datetime:
    """Return the instant at which a day is ordered: its first one.

    It is just before the first one of the next day if the zone skips the day. Later days are at
    later instants.
    """
    first = first_instant(day, zone)
    is_skipped = day < date.max and first_instant(day + timedelta(days=1), zone) <= first
    return first - MICROSECOND if is_skipped else first


def instant_of(place: date | datetime, zone: str) -> datetime:
    """Return the instant at which a day or an instant is ordered."""
    return place if isinstance(place, datetime) else place_of_day(place, zone)


def place_among_days(place: DuePlace, key: OrderKey) -> datetime | str:
    """Return the value of `due` for a place among the tasks that are due on a day.

    A value without a task stands between two days, or at an end.
    """
    if place is None:
        return AFTER_ALL if key.nulls_first == key.descending else BEFORE_ALL
    if not isinstance(place, datetime):
        return datetime.combine(place, time(), UTC)
    zone = zone_of(key)
    day = _last_day_begun(place, zone)
    if day is None:
        return BEFORE_ALL
    begins_now = place_of_day(day, zone) == place
    return datetime.combine(day, time(), UTC) + (timedelta() if begins_now else MICROSECOND)


def place_among_others(place: DuePlace, key: OrderKey) -> datetime | None:
    """Return the value of `due` for a place among the tasks that are not due on a day."""
    return None if place is None else instant_of(place, zone_of(key))


def zone_of(key: OrderKey) -> str:
    """Return the time zone of a key that has one."""
    assert key.zone is not None
    return key.zone


def _last_day_begun(instant: datetime, zone: str) -> date | None:
    """Return the last day whose place is not after an instant. None before the first day."""
    day, _ = local_day(instant, zone)
    if day < date.max and place_of_day(day + timedelta(days=1), zone) <= instant:
        return day + timedelta(days=1)
    while place_of_day(day, zone) > instant:
        if day == date.min:
            return None
        day -= timedelta(days=1)
    return day
