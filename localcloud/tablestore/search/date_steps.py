"""The steps of a date histogram: where the interval that a moment lies in begins.

Years, quarters, months and weeks are those of the calendar in the histogram's time zone, weeks from
Monday; days and less are counted from 1970 in it.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tablestore.protobuf import search_pb2 as pb

from tablestore_memory.localcloud.tablestore import errors
from tablestore_memory.localcloud.tablestore.search import refuse

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONDAY = datetime(1969, 12, 29)  # of the week of 1970
_MICROSECOND = timedelta(microseconds=1)
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")
_MONTHS = {pb.YEAR: 12, pb.QUARTER_YEAR: 3, pb.MONTH: 1}
_SPANS = {
    pb.WEEK: timedelta(weeks=1),
    pb.DAY: timedelta(days=1),
    pb.HOUR: timedelta(hours=1),
    pb.MINUTE: timedelta(minutes=1),
    pb.SECOND: timedelta(seconds=1),
    pb.MILLISECOND: timedelta(milliseconds=1),
}

Step = Callable[[int], int]


def step(interval: Any, zone: tzinfo, offset_micros: int) -> Step:
    """From microseconds since 1970 UTC to those at which their interval begins."""
    refuse.unless(interval.value > 0, "The interval of a date histogram must be greater than 0.")
    refuse.unless(interval.HasField("unit"), "The interval of a date histogram has no unit.")
    floored = _months(interval) if interval.unit in _MONTHS else _spans(interval)

    def begin(micros: int) -> int:
        moment = _EPOCH + timedelta(microseconds=micros - offset_micros)
        local = floored(moment.astimezone(zone).replace(tzinfo=None))
        return (local.replace(tzinfo=zone) - _EPOCH) // _MICROSECOND + offset_micros

    return begin


def offset_micros(offset: Any) -> int:
    """How far a DateTimeValue moves the steps. Raises ParameterInvalid for one of the calendar."""
    if not offset.HasField("unit"):
        return 0
    refuse.unless(offset.unit in _SPANS, "An offset is in weeks, days, or less.")
    return int(offset.value * (_SPANS[offset.unit] // _MICROSECOND))


def reach_micros(interval: Any) -> int:
    """From the begin of any step surely into the next one: no month has more than 31 days, and no
    day more than 25 hours."""
    if interval.unit in _MONTHS:
        span = timedelta(days=31) * _MONTHS[interval.unit] * interval.value
    else:
        slack = timedelta(hours=interval.unit in (pb.WEEK, pb.DAY))
        span = _SPANS[interval.unit] * interval.value + slack
    return int(span / _MICROSECOND)


def zone(name: str) -> tzinfo:
    """The time zone of a name or of an offset such as +08:00; UTC for none."""
    if match := _OFFSET.fullmatch(name):
        away = timedelta(hours=int(match[2]), minutes=int(match[3]))
        return timezone(-away if match[1] == "-" else away)
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise errors.ParameterInvalid("The time_zone of a date histogram is not known.") from error


def _months(interval: Any) -> Callable[[datetime], datetime]:
    size = _MONTHS[interval.unit] * interval.value

    def floored(moment: datetime) -> datetime:
        months = (moment.year * 12 + moment.month - 1) // size * size
        return datetime(max(months // 12, 1), months % 12 + 1, 1)

    return floored


def _spans(interval: Any) -> Callable[[datetime], datetime]:
    size = _SPANS[interval.unit] * interval.value
    start = _MONDAY if interval.unit == pb.WEEK else _EPOCH.replace(tzinfo=None)
    return lambda moment: start + (moment - start) // size * size
