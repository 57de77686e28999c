"""The thread of a record: whatever happened, the last first, by kind, by author, by period."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from maillage.access import matrix
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.clock import PARIS, in_paris
from maillage.fhir.record import FIRST, Wanted
from maillage.services.coordination.resources import telling
from maillage.services.coordination.resources.alert import task_id
from maillage.services.coordination.resources.telling import Told
from maillage.services.directory import public as directory
from maillage.services.identity import public as identity
from maillage.ui import Banner

PAGE = 50
KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "soins": ("Soins", (
        "AllergyIntolerance", "Appointment", "ClinicalImpression", "Condition", "Encounter", "Immunization", "MedicationRequest",
        "MedicationStatement", "Procedure",
    )),
    "documents": ("Documents", ("DocumentReference",)),
    "coordination": ("Coordination et social", (
        "CarePlan", "CareTeam", "Communication", "Coverage", "EpisodeOfCare", "Goal", "QuestionnaireResponse", "ServiceRequest", "Task",
    )),
    "alertes": ("Alertes", ("Flag",)),
    "mesures": ("Mesures", ("Observation",)),
}  # fmt: skip
"""What a thread can be narrowed to: words, and types."""
TYPES = tuple(kind for _, types in KINDS.values() for kind in types)
AUTHORS = (
    "author", "recorder", "asserter", "sender", "requester", "source", "performer", "participant", "owner", "general-practitioner", "practitioner",
    "authenticator", "service-provider", "assessor",
)  # fmt: skip
"""Search parameters by which a resource says who made it."""


@dataclass(frozen=True, slots=True)
class Thread:
    """A page of a thread; `following` is the place after which the next begins, empty at the end."""

    lines: list[Told]
    following: str


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What of a thread is wanted: a key of KINDS or nothing, a reference of the circle or nothing, first and last day, the place to begin after."""

    kind: str = ""
    author: str = ""
    since: date | None = None
    until: date | None = None
    before: str = ""


@dataclass(frozen=True, slots=True)
class Chronology:
    """The page of the thread: the banner, the lines, by whom it can be narrowed, and the kinds that whoever looks reads something of."""

    banner: Banner
    thread: Thread
    circle: list[directory.Member]
    kinds: dict[str, str]


async def read(ctx: Context, *, patient: str, narrowed: Narrowed) -> Chronology:
    """The thread of a record, a page of it."""
    ctx.require(Permission.RECORD_READ, patient=patient)
    kept = await matrix.types_kept(ctx)
    banner = await identity.banner(ctx, patient, kept=kept)
    identities = await identity.identities_of(ctx, patient)
    thread = await page(ctx, patient=patient, identities=identities, kept=kept, count=PAGE, narrowed=narrowed)
    kinds = {key: words for key, (words, types) in KINDS.items() if set(types) - kept}
    return Chronology(banner, thread, await directory.circle(ctx, patient), kinds)


async def page(
    ctx: Context, *, patient: str, identities: Sequence[str], kept: Collection[str], count: int, narrowed: Narrowed = Narrowed()
) -> Thread:  # fmt: skip
    """A page of the thread of a record and of what is linked to it: what was made under their own hand is found by their reference."""
    types = KINDS[narrowed.kind][1] if narrowed.kind in KINDS else TYPES
    wanted = Wanted(
        types=[kind for kind in types if kind not in kept], count=count, since=_begin(narrowed.since) or FIRST,
        until=_begin(narrowed.until and narrowed.until + timedelta(days=1)) or ctx.now + timedelta(minutes=5), before=narrowed.before,
        people=(narrowed.author,) if narrowed.author else (), by=AUTHORS,
    )  # fmt: skip
    if not wanted.types:
        return Thread([], "")
    knots, following = await ctx.records.thread(identities, wanted)
    lines = []
    dealt_with = {knot.stored.id for knot in knots if knot.stored.type == "Task"}
    for knot in knots:
        resource = knot.stored.resource
        line = telling.told(resource, patient=patient)
        if not passed_over(resource) and not _said_by_its_task(resource, dealt_with):
            lines.append(line if _same_day(line.at, knot.at) else replace(line, at=knot.at.isoformat()))
    return Thread(lines, following)


def _said_by_its_task(resource: telling.Resource, tasks: Collection[str]) -> bool:
    """Whether an alert stands on the page as the task of who deals with it, which says more."""
    return resource["resourceType"] == "Flag" and task_id(resource["id"]) in tasks


def passed_over(resource: telling.Resource) -> bool:
    """What was entered in error, and what the platform wrote to somebody of a document that stands here itself."""
    error = resource.get("status") in telling.ABSENT or telling.code(resource.get("verificationStatus")) in telling.ABSENT
    return error or telling.is_notice(resource)


def _begin(day: date | None) -> datetime | None:
    return datetime.combine(day, time(), PARIS).astimezone(UTC) if day else None


def _same_day(text: str, at: datetime) -> bool:
    """Whether what a line says of its date is where it stands: else the place decides, so that the thread reads in order."""
    local = in_paris(at).date().isoformat()
    return text[:10] == local[: len(text[:10])] or text[:10] == at.date().isoformat()
