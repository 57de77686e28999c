"""Match a source identity that is already stored: link it when it is certain, else open a case."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from maillage.access.context import Context
from maillage.services.identity.events import IdentityLinked
from maillage.services.identity.resources import patients
from maillage.services.identity.rules.matching import Claim, Known, Reason, decide
from maillage.services.identity.service.identify import Case, lock_keys, open_cases
from maillage.services.identity.service.people import QUERIES, candidates_of_each

Resource = dict[str, Any]

ORIGIN = "API FHIR"


async def match(ctx: Context, *stored: str, by_persons: Collection[str] = ()) -> None:
    """Compare stored source identities (ids of Patients) with everyone else, one after the other. Running it again changes nothing.

    What someone says of their own care (`by_persons`: a general practitioner, a circle around the identity) would reach the record by
    the link: where that lets in anyone whom the record does not, a steward decides.
    """
    records = {row["patient"]: row["record"] for row in await ctx.run(QUERIES.records_of, patients=list(stored))}
    undecided = [patient for patient in stored if records.get(patient) is None]
    if not undecided:
        return
    found = {
        one["id"]: one for one in await ctx.records.find("Patient", {"_id": ",".join(undecided), "_count": str(len(undecided))})
    }
    claims = {
        id: patients.claim_of(one, origin=one.get("meta", {}).get("source") or ORIGIN) for id, one in found.items()
    }  # fmt: skip
    await ctx.run(QUERIES.lock_claim, keys=sorted({key for claim in claims.values() for key in lock_keys(claim)}))
    await open_cases(
        ctx, [case async for case in _cases(ctx, [found[id] for id in undecided if id in found], claims, by_persons)]
    )


async def _cases(
    ctx: Context, stored: Sequence[Resource], claims: Mapping[str, Claim], by_persons: Collection[str]
) -> AsyncIterator[Case]:
    """The identities that are a steward's, once the others are linked. Who may be the same as one that was linked is asked for again."""
    others = await _others(ctx, claims, [one["id"] for one in stored])
    for place, one in enumerate(stored, start=1):
        case = await _matched(ctx, one, claims[one["id"]], others[one["id"]], by_person=one["id"] in by_persons)
        if case is not None:
            yield case
            continue
        later = [two["id"] for two in stored[place:] if any(person.patient == one["id"] for person in others[two["id"]])]
        others |= await _others(ctx, claims, later)


async def _others(ctx: Context, claims: Mapping[str, Claim], ids: Sequence[str]) -> dict[str, list[Known]]:
    """Whom the claims of these identities may speak of."""
    return dict(zip(ids, await candidates_of_each(ctx, [claims[id] for id in ids]), strict=True)) if ids else {}


async def _matched(ctx: Context, stored: Resource, claim: Claim, candidates: Sequence[Known], *, by_person: bool) -> Case | None:
    """Linked to the record of the same person where that is certain; else the case for a steward."""
    patient = stored["id"]
    others = [person for person in candidates if person.patient != patient]
    decision = decide(claim, others)
    if decision.known is None or decision.known.record is None:
        near = decision if decision.known is None else decide(claim, [])
        return Case(patient, near, claim.origin)
    if by_person and await ctx.records.link_opens(patient, decision.known.record):
        return Case(patient, replace(decision, reason=Reason.OPENS_RECORD, near=(decision.known,)), claim.origin)
    await ctx.records.write(patients.linked(stored, decision.known.record))
    if case := await ctx.run(QUERIES.open_case_of, patient=patient):
        await ctx.run(
            QUERIES.decide_case, id=case["id"], state="matched", at=ctx.now, by=ctx.actor.id, record=decision.known.record
        )
    ctx.announce(IdentityLinked(source=patient, record=decision.known.record))
    return None
