"""What other services may ask of identity. `with_key`, `Traits`, `Ins`, `IdentityClaim` and the systems are pure."""

from maillage.access.context import Context
from maillage.services.identity.resources import patients, systems
from maillage.services.identity.resources.messages import patient_from
from maillage.services.identity.rules.ins import Ins, Root, claims_to_be_ins, usable, with_key
from maillage.services.identity.rules.matching import TOLD_WHEN_IN_DOUBT, Identifier, Reason
from maillage.services.identity.rules.matching import Claim as IdentityClaim
from maillage.services.identity.rules.status import IdentityStatus
from maillage.services.identity.rules.traits import Traits, complete, loose_name, normal_name
from maillage.services.identity.service import guarding as _guarding
from maillage.services.identity.service.banner import banner, banner_of
from maillage.services.identity.service.forgetting import forget_people
from maillage.services.identity.service.identify import Certainty, Identified, identify
from maillage.services.identity.service.importing import ImportedCase, import_cases, import_people
from maillage.services.identity.service.people import QUERIES, candidates_of_each

__all__ = [
    "TOLD_WHEN_IN_DOUBT",
    "Certainty",
    "Identified",
    "Identifier",
    "IdentityClaim",
    "IdentityStatus",
    "ImportedCase",
    "Ins",
    "Reason",
    "Root",
    "Traits",
    "as_regional",
    "banner",
    "banner_of",
    "claim_of",
    "claims_to_be_ins",
    "forget_people",
    "identify",
    "identities_of",
    "import_cases",
    "import_people",
    "loose_name",
    "normal_name",
    "patient_for",
    "patient_from",
    "record_known_by",
    "record_of",
    "regional_number",
    "systems",
    "usable",
    "waiting",
    "with_key",
]

NIR = 13
"""Characters of a NIR without its key."""

claim_of = patients.claim_of
patient_for = patients.patient_for
as_regional = patients.as_regional
regional_number = patients.regional_number
keep_identities = _guarding.keep_identities


async def identities_of(ctx: Context, patient: str) -> list[str]:
    """Ids of the record and of every identity linked to it, the record first; `patient` may be any of them."""
    rows = await ctx.run(QUERIES.identities, patient=patient)
    return [row["patient"] for row in rows] or [patient]


async def record_known_by(ctx: Context, traits: Traits, *, matricule: str = "") -> str | None:
    """The one regional record that has this INS (15 characters, or the 13 of the NIR), or these four traits exactly; None for none or several.

    It reads across all circles: for a verb that its caller may do with a record of anyone.
    """
    whole = with_key(matricule) if len(matricule) == NIR else matricule
    claims = [IdentityClaim(Traits(), ins=Ins(whole, root)) for root in Root] if whole else [IdentityClaim(traits)]
    if not whole and not complete(traits):
        return None
    found = {known.record for each in await candidates_of_each(ctx, claims) for known in each if known.record}
    return found.pop() if len(found) == 1 else None


async def record_of(ctx: Context, patient: str) -> str | None:
    """Id of the regional record of this person: itself, the one it refers to, or None when a steward has not decided."""
    record: str | None = await ctx.run(QUERIES.record_of, patient=patient)
    return record


async def waiting(ctx: Context) -> int:
    """How many identities wait for a steward."""
    return int(await ctx.run(QUERIES.waiting))
