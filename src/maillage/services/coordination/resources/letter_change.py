"""What a doctor answers to a change that a letter asks for ↔ the treatment itself, which names the letter (`derivedFrom`, `supportingInformation`). Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from maillage.services.coordination.resources.treatment import CITES
from maillage.services.coordination.rules.letter import STOPPED, Proposed

Resource = dict[str, Any]


def added(
    one: Proposed, *, id: str, patient: str, letter: str, accepts: bool, reason: str, by: Resource, at: datetime
) -> Resource:
    """The treatment that the letter adds: active, or `not-taken` with why a doctor does not follow it."""
    period = {name: day for name, day in (("start", one.asked.start), ("end", one.asked.end)) if day}
    codings = [{"system": f"urn:oid:{system}", "code": code} for system, code in sorted(one.asked.codes)]
    return {
        "resourceType": "MedicationStatement", "id": id, "status": "active" if accepts else "not-taken",
        **({} if accepts or not reason else {"statusReason": [{"text": reason}]}),
        "medicationCodeableConcept": {**({"coding": codings} if codings else {}), "text": one.asked.name},
        "subject": {"reference": f"Patient/{patient}"}, **({"effectivePeriod": period} if period else {}),
        "dateAsserted": at.isoformat(timespec="seconds"), "informationSource": by, "derivedFrom": [{"reference": letter}],
        **({"dosage": [{"text": one.asked.dose}]} if one.asked.dose else {}),
    }  # fmt: skip


def changed(
    one: Proposed, held: Mapping[str, Any], *, letter: str, accepts: bool, reason: str, by: Resource, at: datetime
) -> Resource:
    """A treatment of the record once a doctor answered: stopped, or at another dose; where the letter is not followed as it was, with why."""
    cites, statement = CITES[held["resourceType"]], held["resourceType"] == "MedicationStatement"
    made = {**held, cites: [*held.get(cites, []), {"reference": letter}]}
    if statement:
        made |= {"dateAsserted": at.isoformat(timespec="seconds"), "informationSource": by}
    if not accepts:
        words = f"La lettre de sortie proposait {'son arrêt' if one.kind == STOPPED else one.asked.name + ', ' + one.asked.dose}. Non suivi{' : ' + reason if reason else '.'}"
        note = {"text": words, "time": at.isoformat(timespec="seconds"), "authorString": str(by.get("display", ""))}
        return {**made, "note": [*held.get("note", []), note]}
    if one.kind == STOPPED:
        return {**made, "status": "stopped", **(_ended(held, one.asked.end, at) if statement else {})}
    dosage = {"dosage" if statement else "dosageInstruction": [{"text": one.asked.dose}]} if one.asked.dose else {}
    return {**made, "medicationCodeableConcept": _concept(one), **dosage}


def _concept(one: Proposed) -> Resource:
    codings = [{"system": f"urn:oid:{system}", "code": code} for system, code in sorted(one.asked.codes)]
    return {**({"coding": codings} if codings else {}), "text": one.asked.name}


def _ended(held: Mapping[str, Any], end: str, at: datetime) -> Resource:
    """Its last day: that of the letter, today where it says none, and never before it began."""
    period = dict(held.get("effectivePeriod", {}))
    return {"effectivePeriod": {**period, "end": max(end or at.date().isoformat(), str(period.get("start", ""))[:10])}} if "effectiveDateTime" not in held else {}  # fmt: skip
