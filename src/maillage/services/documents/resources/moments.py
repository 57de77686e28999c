"""HL7 v3 points in time (TS) as FHIR dates and dateTimes."""

import re
from datetime import datetime

from maillage.clock import PARIS

_TS = re.compile(r"(\d{4})(?:(\d{2})(?:(\d{2})(?:(\d{2})(\d{2})?(\d{2})?(?:\.(\d+))?)?)?)?([+-]\d{4}|Z)?")
_UNKNOWN_PART = "00"


def moment(value: str) -> str:
    """`20210409094914.827+0100` → `2021-04-09T09:49:14.827+01:00`; `20210409` → `2021-04-09`.

    Raises ValueError when it is not a time HL7 allows.
    """
    match = _TS.fullmatch(value.strip())
    if match is None:
        raise ValueError(f"{value!r} is not an HL7 time (YYYYMMDDhhmmss+zzzz)")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    if hour is None:
        return day_of(value)
    at = datetime(int(year), int(month), int(day), int(hour), int(minute or 0), int(second or 0))
    zone = _offset(at) if offset is None else _colon(offset)
    return f"{at.isoformat(timespec='seconds')}{'.' + fraction if fraction else ''}{zone}"


def day_of(value: str) -> str:
    """The date part, cut to what is known: `19790328` → `1979-03-28`, `19790000` (day and month unknown) → `1979`."""
    match = _TS.fullmatch(value.strip())
    if match is None:
        raise ValueError(f"{value!r} is not an HL7 date (YYYYMMDD)")
    year, month, day = match.groups()[:3]
    if not month or month == _UNKNOWN_PART:
        return year
    if not day or day == _UNKNOWN_PART:
        return datetime(int(year), int(month), 1).date().isoformat()[:7]
    return datetime(int(year), int(month), int(day)).date().isoformat()


def _offset(at: datetime) -> str:
    """That of French civil time: CI-SIS asks for an offset, senders forget it."""
    return at.replace(tzinfo=PARIS).isoformat()[-6:]


def _colon(offset: str) -> str:
    return offset if offset == "Z" else f"{offset[:3]}:{offset[3:]}"
