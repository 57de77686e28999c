"""Match a source identity that is already stored: link it when it is certain, else open a case."""

from dataclasses import replace

from maillage.access.context import Context
from maillage.errors import Gone, NotFound
from maillage.services.identity.events import IdentityLinked
from maillage.services.identity.resources import patients
from maillage.services.identity.rules.matching import Reason, decide
from maillage.services.identity.service.identify import lock_keys, open_case
from maillage.services.identity.service.people import QUERIES, candidates

ORIGIN = "API FHIR"


async def match(ctx: Context, *, patient: str, by_person: bool = False) -> None:
    """Compare a stored source identity with everyone else. Running it again changes nothing.

    What someone says of their own care (`by_person`: a general practitioner, a circle around the identity) would reach the record by
    the link: where that lets in anyone whom the record does not, a steward decides.
    """
    if await ctx.run(QUERIES.record_of, patient=patient) is not None:
        return
    try:
        stored = await ctx.records.read("Patient", patient)
    except (NotFound, Gone):
        return
    claim = patients.claim_of(stored, origin=stored.get("meta", {}).get("source") or ORIGIN)
    await ctx.run(QUERIES.lock_claim, keys=lock_keys(claim))
    others = [person for person in await candidates(ctx, claim) if person.patient != patient]
    decision = decide(claim, others)
    if decision.known is None or decision.known.record is None:
        near = decision if decision.known is None else decide(claim, [])
        await open_case(ctx, patient, near, claim.origin)
        return
    if by_person and await ctx.records.link_opens(patient, decision.known.record):
        await open_case(ctx, patient, replace(decision, reason=Reason.OPENS_RECORD, near=(decision.known,)), claim.origin)
        return
    await ctx.records.write(patients.linked(stored, decision.known.record))
    if case := await ctx.run(QUERIES.open_case_of, patient=patient):
        await ctx.run(
            QUERIES.decide_case, id=case["id"], state="matched", at=ctx.now, by=ctx.actor.id, record=decision.known.record
        )
    ctx.announce(IdentityLinked(source=patient, record=decision.known.record))
