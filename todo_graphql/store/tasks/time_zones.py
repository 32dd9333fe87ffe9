"""Days, as people mean them: in a time zone."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Self
from zoneinfo import ZoneInfo, available_timezones

from todo_graphql.errors import BadUserInput

DAYS_OF_A_WEEK = 7


@dataclass(frozen=True, slots=True)
class Today:
    """A day in a time zone of the IANA database, and the days around it."""

    today: date
    zone: ZoneInfo

    @classmethod
    def in_zone(cls, name: str) -> Self:
        """Today, as the clock of this server has it. The name must be a known one."""
        zone = ZoneInfo(name)
        return cls(datetime.now(zone).date(), zone)

    def day(self, distance: int) -> date:
        """The day that is so many days away."""
        return self.today + timedelta(days=distance)

    def start(self, distance: int) -> datetime:
        """The first instant of that day."""
        return datetime.combine(self.day(distance), time(), self.zone).astimezone(UTC)

    @property
    def monday(self) -> int:
        """The distance of the day on which this week began (ISO 8601)."""
        return -self.today.weekday()


def local_day(moment: datetime, zone: str) -> tuple[date, bool]:
    """The day that an instant falls on, and whether it begins with it: mostly at midnight, but
    a clock that is put forward or back then skips midnight, or has two.
    """
    with suppress(OverflowError):  # at either end of the calendar
        local = moment.astimezone(ZoneInfo(zone))
        start = datetime.combine(local.date(), time(), local.tzinfo)
        return local.date(), start - moment == timedelta()
    return moment.date(), moment.time() == time()


def known_zone(name: str, field: str) -> str:
    """The name, if it is one of the IANA database. Raises BadUserInput with `field`."""
    if name not in _zones():
        raise BadUserInput(
            "A time zone is one of the IANA database, such as `Europe/Berlin` or `UTC`.",
            field=field,
        )
    return name


@cache
def _zones() -> frozenset[str]:
    # These two stand for what a machine is set to, and for nothing at all.
    return frozenset(available_timezones()) - {"localtime", "Factory"}
