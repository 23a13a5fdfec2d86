"""When a work item is due, and how long one may be hidden."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from soapsvc.domain.errors import InvalidSchedule


class ScheduleStatus(StrEnum):
    """Where a moment stands against an item's dates."""

    NO_SCHEDULE = "NO_SCHEDULE"
    BEFORE = "BEFORE"
    DURING = "DURING"
    AFTER = "AFTER"


@dataclass(frozen=True, kw_only=True, slots=True)
class Duration:
    """A length of calendar time; every part may be negative."""

    years: int = 0
    months: int = 0
    weeks: int = 0
    days: int = 0
    hours: int = 0
    minutes: int = 0

    def after(self, moment: datetime) -> datetime:
        """Give the moment this much later; a day that its month lacks becomes the month's last.

        Raises InvalidSchedule where no calendar reaches.
        """
        try:
            month_index = moment.year * 12 + moment.month - 1 + self.years * 12 + self.months
            year, month = divmod(month_index, 12)
            day = min(moment.day, monthrange(year, month + 1)[1])
            shifted = moment.replace(year=year, month=month + 1, day=day)
            return shifted + timedelta(weeks=self.weeks, days=self.days, hours=self.hours, minutes=self.minutes)
        except (ValueError, OverflowError):
            raise InvalidSchedule("the period leads beyond the years 1 to 9999") from None


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """From when to when an item should be worked on; either end may be open."""

    start: datetime | None = None
    end: datetime | None = None

    def __post_init__(self) -> None:
        if self.start and self.end and self.end < self.start:
            raise InvalidSchedule("it ends before it starts")

    def status(self, now: datetime) -> ScheduleStatus:
        """Say where `now` stands against the dates."""
        if self.start is None and self.end is None:
            return ScheduleStatus.NO_SCHEDULE
        if self.start is not None and now < self.start:
            return ScheduleStatus.BEFORE
        if self.end is not None and now > self.end:
            return ScheduleStatus.AFTER
        return ScheduleStatus.DURING


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """How long to hide an item: for a duration counted from now, or until a date; neither means not at all."""

    duration: Duration | None = None
    until: datetime | None = None

    def end(self, now: datetime) -> datetime | None:
        """Give the moment at which the item comes back; None where that is not in the future."""
        end = self.duration.after(now) if self.duration is not None else self.until
        return end if end is not None and end > now else None


def planned(*, start: datetime | None, duration: Duration | None, target: datetime | None, now: datetime) -> Schedule:
    """Give the schedule that a request describes: its end is the target date, or the start (or now) plus a duration."""
    if duration is not None:
        target = duration.after(start or now)
    return Schedule(start=start, end=target)
