"""Days in a time zone."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Self
from zoneinfo import ZoneInfo, available_timezones

from todo_graphql.errors import BadUserInput, InputReason

DAYS_OF_A_WEEK = 7

UTC_ZONE = "UTC"
"""The time zone of days without another one."""


@dataclass(frozen=True, slots=True)
class Today:
    """Current day in a time zone of the IANA database, and the days around it."""

    today: date
    zone: ZoneInfo

    @classmethod
    def in_zone(cls, name: str) -> Self:
        """Read the current day from the server's clock. The zone must exist."""
        zone = ZoneInfo(name)
        return cls(datetime.now(zone).date(), zone)

    def day(self, distance: int) -> date:
        """Return the day at a distance in days."""
        return self.today + timedelta(days=distance)

    def start(self, distance: int) -> datetime:
        """Return the first instant of the day at a distance in days."""
        return datetime.combine(self.day(distance), time(), self.zone).astimezone(UTC)

    @property
    def monday(self) -> int:
        """Distance of this week's Monday (ISO 8601)."""
        return -self.today.weekday()


MICROSECOND = timedelta(microseconds=1)


def first_instant(day: date, zone: str) -> datetime:
    """Return the first instant of a day in UTC. The calendar of instants ends with that of days."""
    try:
        return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
    except OverflowError:
        return datetime.combine(day, time(), UTC)


def last_instant(day: date, zone: str) -> datetime:
    """Return the last instant of a day in UTC."""
    if day == date.max:
        return datetime.max.replace(tzinfo=UTC)
    return first_instant(day + timedelta(days=1), zone) - MICROSECOND


def local_day(moment: datetime, zone: str) -> tuple[date, bool]:
    """Return the local day of an instant, and whether the day begins at it.

    A clock change at midnight can skip or repeat it.
    """
    with suppress(OverflowError):  # at either end of the calendar
        local = moment.astimezone(ZoneInfo(zone))
        start = datetime.combine(local.date(), time(), local.tzinfo)
        return local.date(), start - moment == timedelta()
    return moment.date(), moment.time() == time()


def known_zone(name: str, field: str) -> str:
    """Return the name. Raises BadUserInput with `field` if the IANA database does not have it."""
    if not is_known_zone(name):
        raise BadUserInput(
            "Unknown time zone: use a name of the IANA database, such as `Europe/Berlin` or `UTC`.",
            reason=InputReason.UNKNOWN_VALUE,
            field=field,
        )
    return name


def is_known_zone(name: str) -> bool:
    return name in _zones()


@cache
def _zones() -> frozenset[str]:
    # These two are not zones: the machine's local time, and a placeholder.
    return frozenset(available_timezones()) - {"localtime", "Factory"}
