"""Which versions a history shows (R4 http.html#history): `_since`, `_at`, `_count` and the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from maillage.errors import Invalid, Issue
from maillage.fhir.dates import Span, span

PARAMETERS = ("_count", "_since", "_at", "_cursor")
COUNT = 50
MOST = 1_000


@dataclass(frozen=True, slots=True)
class Past:
    """The versions asked for. `total` asks how many there are."""

    count: int = COUNT
    cursor: str | None = None
    since: datetime | None = None
    """Those made at or after this instant."""
    at: Span | None = None
    """Those that were current at some time of this span; a deletion when it fell within."""
    total: bool = False


def past(pairs: Sequence[tuple[str, str]], *, total: bool = False) -> Past:
    """What the parameters of a history ask for. Invalid names the one that is unknown, given twice or no date or number."""
    said: dict[str, str] = {}
    for name, text in pairs:
        if name not in PARAMETERS or name in said:
            known = f"a history takes {', '.join(PARAMETERS)}"
            raise _refused(name, f"given twice; {known}" if name in said else f"unknown here; {known}")
        said[name] = text
    since, at = (spanned(name, said.get(name)) for name in ("_since", "_at"))
    return Past(counted("_count", said.get("_count"), COUNT), said.get("_cursor"), since[0] if since else None, at, total)


def counted(name: str, text: str | None, usual: int) -> int:
    """A page size of 1 to MOST; `usual` where none is said."""
    if text is None:
        return usual
    if not (text.isascii() and text.isdigit() and int(text[:9]) > 0):
        raise _refused(name, f"{text!r} is not a whole number above 0")
    return min(int(text[:9]), MOST)


def spanned(name: str, text: str | None) -> Span | None:
    """The time that a date parameter names; a `+` of its offset may have come as a blank."""
    if text is None:
        return None
    try:
        return span(text.replace(" ", "+"))
    except Invalid as fault:
        raise _refused(name, fault.message) from fault


def foreign_cursor(what: str) -> Invalid:
    """For a cursor that `what` (a search, a history) did not give."""
    return _refused("_cursor", f"this cursor does not belong to this {what}: begin again at its first page")


def _refused(name: str, message: str) -> Invalid:
    return Invalid(f"{name}: {message}", issues=[Issue("value", f"{name}: {message}", name)])
