"""What a hospital tells of a person: who they are now, stays that begin and end, consents, identifiers to merge."""

from typing import Any

from maillage.access.context import Context
from maillage.errors import Gone, NotFound
from maillage.fhir.national import FINESS
from maillage.services.exchange.public import Message
from maillage.services.identity.events import EncounterFinished, EncounterStarted
from maillage.services.identity.resources import messages, patients, stays
from maillage.services.identity.rules.matching import Claim, Decision, Identifier, Reason
from maillage.services.identity.rules.traits import Traits
from maillage.services.identity.service.identify import Case, Identified, identify, open_cases
from maillage.services.identity.service.matching import match
from maillage.services.identity.service.people import candidates

CORRECTIONS = frozenset({"A28", "A31", "Z99"})


async def sender(ctx: Context, message: Message) -> str | None:
    """`Organization/…` of the facility that assigned the patient identifier (FINESS in PID-3.4.2), or None when unknown."""
    pid = message.segment("PID")
    numbers = {messages.value(pid, "3.4.2", rep) for rep in range(pid.count(3))} if pid else set()
    finess = sorted(number for number in numbers if number.isalnum() and len(number) == len("510000000"))
    if not finess:
        return None
    found = await ctx.records.find("Organization", {"identifier": ",".join(f"{FINESS}|{number}" for number in finess)})
    return f"Organization/{found[0]['id']}" if found else None


async def person_of(ctx: Context, message: Message, *, organization: str | None) -> Identified:
    """The person of PID: recognised, or kept as a source identity that follows what its source corrects."""
    said = messages.patient_from(message, organization=organization)
    event = message.value("MSH-9.2")
    claim = patients.claim_of(said, origin=f"{message.value('MSH-4')} ({message.value('MSH-9.1')} {event})")
    if event in CORRECTIONS:
        await _correct(ctx, claim, said)
    return await identify(ctx, claim, source=said)


async def follow_stay(ctx: Context, message: Message, *, patient: str, organization: str | None) -> str | None:
    """Opens, changes or closes the Encounter of PV1 and announces it; answers `Encounter/…`, or None without a stay."""
    visit = stays.visit_in(message)
    if visit is None:
        return None
    before = await _stored(ctx, "Encounter", visit.id)
    after = stays.encounter_after(visit, patient=patient, organization=organization, before=before)
    if after == before:
        return f"Encounter/{visit.id}"
    await ctx.records.write(after)
    _announce(ctx, visit, patient, organization, was=before.get("status") if before else None, now=after["status"])
    return f"Encounter/{visit.id}"


async def note_consents(ctx: Context, message: Message, *, patient: str) -> list[str]:
    """Writes the consents of ZFA that say something new; answers `Consent/…` of each."""
    written = []
    for consent in stays.consents_in(message, patient=patient):
        before = await _stored(ctx, "Consent", consent["id"])
        if before is None or before.get("provision") != consent["provision"] or before.get("dateTime") != consent.get("dateTime"):
            await ctx.records.write({**(before or {}), **consent})
        written.append(f"Consent/{consent['id']}")
    return written


async def merge(ctx: Context, message: Message, *, organization: str | None) -> Identified:
    """A40: the source says that the identifiers of MRG-1 and those of PID-3 are one person. A steward decides it."""
    surviving = await person_of(ctx, message, organization=organization)
    mrg = message.segment("MRG")
    prior = tuple(messages.identifiers_in(mrg, 1)) if mrg else ()
    for person in await _known_by(ctx, prior):
        if (person.record or person.patient) not in (
            surviving.patient,
            (surviving.record_reference or "").removeprefix("Patient/"),
        ):
            survivor = (surviving.record_reference or surviving.patient_reference).removeprefix("Patient/")
            near = [one for one in await _known_by(ctx, _identifiers(message)) if survivor in (one.patient, one.record)]
            merged = Decision(None, Reason.MERGE, tuple(near))
            await open_cases(ctx, [Case(person.patient, merged, f"{message.value('MSH-4')} (ADT A40)")])
    return surviving


def _announce(ctx: Context, visit: stays.Visit, patient: str, organization: str | None, *, was: str | None, now: str) -> None:
    if now == "in-progress" and was not in ("in-progress", "finished"):
        ctx.announce(
            EncounterStarted(
                encounter=visit.id, patient=patient, organization=organization, encounter_class=visit.encounter_class
            )
        )
    if now == "finished" and was != "finished":
        ctx.announce(
            EncounterFinished(
                encounter=visit.id,
                patient=patient,
                organization=organization,
                encounter_class=visit.encounter_class,
                home=stays.goes_home(visit),
            )
        )


async def _correct(ctx: Context, claim: Claim, said: dict[str, Any]) -> None:
    """A source corrects an identity it gave and that nobody decided on yet: it is rewritten and matched again."""
    for person in await candidates(ctx, claim):
        if person.record is None and person.identifiers & set(claim.identifiers):
            stored = await ctx.records.read("Patient", person.patient)
            corrected = patients.as_source({**said, "id": stored["id"], "meta": stored.get("meta", {})})
            if corrected != stored:
                await ctx.records.write(corrected)
                await match(ctx, person.patient)


async def _known_by(ctx: Context, identifiers: tuple[Identifier, ...]) -> list[Any]:
    known = await candidates(ctx, Claim(Traits(), identifiers=identifiers)) if identifiers else []
    return [person for person in known if person.identifiers & set(identifiers)]


def _identifiers(message: Message) -> tuple[Identifier, ...]:
    pid = message.segment("PID")
    return tuple(messages.identifiers_in(pid, 3)) if pid else ()


async def _stored(ctx: Context, kind: str, id: str) -> dict[str, Any] | None:
    try:
        stored: dict[str, Any] = await ctx.records.read(kind, id)
    except (NotFound, Gone):
        return None
    return stored
