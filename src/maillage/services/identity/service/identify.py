"""Recognise the person of a message; what is not certain is kept as a source identity and put to a steward."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from maillage.access.context import Context
from maillage.services.identity.events import IdentityToReview
from maillage.services.identity.resources import patients
from maillage.services.identity.rules.matching import Claim, Decision, Known, Reason, decide
from maillage.services.identity.rules.traits import complete, normal
from maillage.services.identity.service.people import QUERIES, candidates


class Certainty(StrEnum):
    """`certain`: a regional record, or an identity linked to one. `to-review`: a source identity, a steward will decide."""

    CERTAIN = "certain"
    TO_REVIEW = "to-review"


@dataclass(frozen=True, slots=True)
class Identified:
    """Under which Patient to file (`Patient/…`), which regional record that is (None until decided), how sure, and why."""

    patient_reference: str
    record_reference: str | None
    certainty: Certainty
    reason: Reason

    @property
    def certain(self) -> bool:
        return self.certainty is Certainty.CERTAIN

    @property
    def patient(self) -> str:
        """The id of the Patient to file under."""
        return self.patient_reference.removeprefix("Patient/")


async def identify(ctx: Context, claim: Claim, *, source: dict[str, Any] | None = None) -> Identified:
    """The person a source speaks of: one statement when they are known.

    `source` is the Patient to keep when nobody certain is found (an administrative message says more than a claim); by default
    it is made from the claim. The caller must hold a permission to receive or write: this verb reads across all circles.
    """
    decision = decide(claim, await candidates(ctx, claim))
    if decision.known is None:
        await ctx.run(QUERIES.lock_claim, keys=lock_keys(claim))
        decision = decide(claim, await candidates(ctx, claim))
    if decision.known is None:
        return await _keep_source(ctx, claim, decision, source or patients.patient_for(claim))
    if decision.certain:
        await _learn(ctx, claim, decision.known)
    else:
        await ctx.run(QUERIES.count_message, patient=decision.known.patient)
    return _identified(decision.known, decision.reason)


@dataclass(frozen=True, slots=True)
class Case:
    """An identity to put to a steward, and what was decided about it; `origin` says where it came from."""

    patient: str
    decision: Decision
    origin: str


async def open_cases(ctx: Context, cases: Sequence[Case]) -> None:
    """Put identities to a steward, with the people to compare them with."""
    rows = [
        {
            "opened": ctx.now.isoformat(),
            "patient": case.patient,
            "reason": case.decision.reason,
            "near": [person.record or person.patient for person in case.decision.near],
            "origin": case.origin,
        }
        for case in cases
    ]
    if rows:
        await ctx.run(QUERIES.open_cases, cases=json.dumps(rows))
    for case in cases:
        ctx.announce(IdentityToReview(patient=case.patient, reason=case.decision.reason))


def lock_keys(claim: Claim) -> list[str]:
    """What two simultaneous messages about one unknown person have in common, in one order for all (no deadlock)."""
    keys = {f"{identifier.system}|{identifier.value}" for identifier in claim.identifiers}
    if claim.ins:
        keys.add(f"{claim.ins.system}|{claim.ins.matricule}")
    said = normal(claim.traits)
    if complete(said):
        keys.add(f"{said.birth_date}|{said.birth_name}|{said.first_given}|{said.sex}")
    return sorted(keys)


async def _keep_source(ctx: Context, claim: Claim, decision: Decision, source: dict[str, Any]) -> Identified:
    patient = await ctx.records.write({**patients.as_source(source), "id": str(uuid.uuid4())})
    await open_cases(ctx, [Case(patient["id"], decision, claim.origin)])
    return Identified(f"Patient/{patient['id']}", None, Certainty.TO_REVIEW, decision.reason)


async def _learn(ctx: Context, claim: Claim, known: Known) -> None:
    """Remember the facility's identifiers of a person recognised otherwise; nothing is asked when they are known."""
    if new := [identifier for identifier in claim.identifiers if identifier not in known.identifiers]:
        await ctx.run(
            QUERIES.learn_identifiers,
            patient=known.patient,
            systems=[identifier.system for identifier in new],
            values=[identifier.value for identifier in new],
        )


def _identified(known: Known, reason: Reason) -> Identified:
    record = f"Patient/{known.record}" if known.record else None
    certainty = Certainty.CERTAIN if known.record else Certainty.TO_REVIEW
    return Identified(f"Patient/{known.patient}", record, certainty, reason)
