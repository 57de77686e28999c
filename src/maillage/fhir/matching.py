"""The preconditions of HTTP on versions: ETags and times (R4 http.html#versioning, RFC 9110 §13)."""

import re
from email.utils import parsedate_to_datetime

from maillage.errors import Invalid, Issue, PreconditionFailed
from maillage.fhir.change import Stored

_ETAG = re.compile(r'(?:W/)?"(\d{1,9})"')


def etag(stored: Stored) -> str:
    """The weak ETag of a version."""
    return f'W/"{stored.version}"'


def expected_version(if_match: str | None, *, place: str | None = None) -> int | None:
    """The version that If-Match names; None without it. Invalid when it is no ETag of ours."""
    if if_match is None:
        return None
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        message = f'If-Match: {if_match!r} is not the ETag of a version, as W/"3"'
        raise Invalid(message, issues=[Issue("value", message, place)])
    return int(found[1])


def not_at(kind: str, id: str, expected: int) -> PreconditionFailed:
    """The refusal of a deletion of this version, of what is not there."""
    return PreconditionFailed(f"{kind}/{id} is not there, at version {expected} or any other")


def unchanged(stored: Stored, if_none_match: str | None, if_modified_since: str | None) -> bool:
    """Whether the client has this version already. The ETag decides where it is given; a date that is none is passed over (RFC 9110)."""
    if if_none_match is not None:
        listed = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
        return "*" in listed or f'"{stored.version}"' in listed
    if if_modified_since is None:
        return False
    try:
        since = parsedate_to_datetime(if_modified_since)
    except (ValueError, OverflowError):
        return False
    return since.tzinfo is not None and stored.updated.replace(microsecond=0) <= since
