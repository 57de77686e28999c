"""What the parameters of `$everything` ask for, whichever way they came: in an address or in Parameters."""

from collections.abc import Sequence

from maillage.errors import Invalid, Issue
from maillage.fhir.dates import EARLIEST, LATEST, Span
from maillage.fhir.definitions import resource_types
from maillage.fhir.operations.everything import DEFAULT_COUNT, Everything
from maillage.fhir.past import counted, spanned

NAMES = ("start", "end", "_since", "_type", "_count", "_cursor")
"""Each is taken once, but for `_type`."""

Pairs = Sequence[tuple[str, str]]


def everything_asked(kind: str, id: str, pairs: Pairs) -> Everything:
    """The record of `kind`/`id` that these parameters choose from. Invalid names the one that is unknown, repeated or no value."""
    given = [name for name, _ in pairs]
    for name in given:
        if name not in NAMES:
            raise _refused(name, f"unknown here; $everything takes {', '.join(NAMES)}")
        if name != "_type" and given.count(name) > 1:
            raise _refused(name, "is taken once")
    said = dict(pairs)
    since = spanned("_since", said.get("_since"))
    return Everything(
        kind, id, _types(pairs), since[0] if since else None, _care(said), counted("_count", said.get("_count"), DEFAULT_COUNT),
        said.get("_cursor"),
    )  # fmt: skip


def _types(pairs: Pairs) -> tuple[str, ...]:
    named = [kind for name, value in pairs if name == "_type" for kind in value.split(",")]
    if unknown := sorted(set(named) - set(resource_types())):
        raise _refused("_type", f"{', '.join(unknown) or 'nothing'}: not a resource type of FHIR R4")
    return tuple(dict.fromkeys(named))


def _care(said: dict[str, str]) -> Span | None:
    start, end = spanned("start", said.get("start")), spanned("end", said.get("end"))
    if start is None and end is None:
        return None
    care = (start[0] if start else EARLIEST, end[1] if end else LATEST)
    if care[0] >= care[1]:
        raise _refused("end", "is before start")
    return care


def _refused(name: str, message: str) -> Invalid:
    return Invalid(f"{name}: {message}", issues=[Issue("value", f"{name}: {message}", name)])
