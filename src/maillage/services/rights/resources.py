"""What a person chose as FHIR Consents, one for each choice, and back."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from maillage.access.choices import CHOICES, FROM_CARERS
from maillage.access.habilitation.carers import CARER_SCOPE
from maillage.access.references import local
from maillage.services.rights.rules.carers import AUTHORITIES, Naming

Resource = dict[str, Any]

_IDS = uuid.UUID("5f3c8f4e-0d6a-4a53-9a4c-1f6d3b0c7e21")
"""Names from which the ids of Consents are made: the same choice of the same person is the same resource, however often it is made."""
PURPOSES = {"sharing": "TREAT", "coordination": "COC", "emergency": "ETREAT"}
"""Choices that bind the filter of access, with the purpose (v3-ActReason) that they are about."""
COLLECTED = "urn:maillage:consent-collected"
EXCLUDED, HIDDEN = "professional", "document"
_SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
_REASONS = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
_POLICIES = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Who agreed, who collected it (None: the person did it themself), how (`online`, `spoken`, `written`) and when."""

    person: str
    collector: str | None
    how: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice as it stands: `about` is a purpose's code, or `professional`/`document` with the reference of whom or what."""

    id: str
    about: str
    target: str | None
    denied: bool
    since: datetime | None
    how: str
    collector: str | None


def consent_of(patient: str, about: str, *, denied: bool, proof: Proof, target: str | None = None) -> Resource:
    """The Consent of one choice of a person (`patient` is the id of their Patient). A choice about somebody or something that is not denied is over."""
    provision: Resource = {"type": "deny" if denied else "permit"}
    if about in PURPOSES:
        provision["purpose"] = [{"system": _REASONS, "code": PURPOSES[about]}]
    if about == EXCLUDED:
        provision["actor"] = [
            {"role": {"coding": [{"system": _PARTICIPATION, "code": "PRCP"}]}, "reference": {"reference": target}}
        ]
    if about in (HIDDEN, FROM_CARERS):
        provision["data"] = [{"meaning": "instance", "reference": {"reference": target}}]
    collectors = [{"reference": proof.collector}] if proof.collector else []
    return {
        "resourceType": "Consent",
        "id": id_of(patient, about, target),
        "status": "active" if denied or target is None else "inactive",
        "scope": {"coding": [{"system": _SCOPE, "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": CHOICES, "code": about}]}, {"coding": [{"system": COLLECTED, "code": proof.how}]}],
        "patient": {"reference": f"Patient/{patient}"},
        "dateTime": proof.at.isoformat(timespec="seconds"),
        "performer": [{"reference": proof.person}, *collectors],
        "policyRule": {"coding": [{"system": _POLICIES, "code": "OPTOUT"}]},
        "provision": provision,
    }


def id_of(patient: str, about: str, target: str | None = None) -> str:
    """The id of the Consent of one choice."""
    return str(uuid.uuid5(_IDS, f"{patient}|{about}|{target or ''}"))


def choices_in(consents: Iterable[Resource]) -> list[Choice]:
    """The choices that these Consents say and that still count; those that the platform does not ask about are left out."""
    return [choice for consent in consents if consent.get("status") == "active" and (choice := _choice(consent))]


def made_by_the_person(consent: Resource) -> bool:
    """Whether nobody collected it: only the person takes it back. What a relative tells of them was collected."""
    if _code(consent, COLLECTED) in ("spoken", "written"):
        return False
    performers = [local(one) or "" for one in consent.get("performer", [])]
    return bool(performers) and all(one.startswith(("Patient/", "RelatedPerson/")) for one in performers)


CARER_AUTHORITY = "urn:maillage:carer-authority"
"""URL of the extension of a RelatedPerson who represents a person by law: `kind` (of AUTHORITIES) and `proof`, what the officer saw."""
_ROLES = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"


def related_person_of(
    id: str, patient: str, naming: Naming, *, since: date, authority: tuple[str, str] | None = None
) -> Resource:
    """The RelatedPerson of somebody who was named to see a record; `authority` (kind, proof) of a legal representative."""
    relation: Resource = {"text": naming.link} if naming.link else {}
    if authority:
        relation = {"coding": [{"system": _ROLES, "code": "GUARD", "display": "guardian"}], "text": AUTHORITIES[authority[0]]}
    extensions: list[Resource] = [{"url": CARER_SCOPE, "valueCode": naming.scope}]
    if authority:
        kind, proof = authority
        said = [{"url": "kind", "valueCode": kind}, {"url": "proof", "valueString": proof}]
        extensions.append({"url": CARER_AUTHORITY, "extension": said})
    return {
        "resourceType": "RelatedPerson",
        "id": id,
        "extension": extensions,
        "active": True,
        "patient": {"reference": f"Patient/{patient}"},
        **({"relationship": [relation]} if relation else {}),
        "name": [{"use": "official", "family": naming.family, "given": [naming.given]}],
        "birthDate": naming.birth_date.isoformat(),
        "period": {"start": since.isoformat()} | ({"end": naming.last_day.isoformat()} if naming.last_day else {}),
    }


def authority_of(related: Resource) -> str | None:
    """By which authority a RelatedPerson represents the person; None for one whom the person named."""
    said = (
        part for one in related.get("extension", []) if one.get("url") == CARER_AUTHORITY for part in one.get("extension", [])
    )
    return next((str(part.get("valueCode")) for part in said if part.get("url") == "kind"), None)


def _choice(consent: Resource) -> Choice | None:
    about = _code(consent, CHOICES)
    if about is None:
        return None
    provision = consent.get("provision", {})
    targets = [one.get("reference") for one in [*provision.get("actor", []), *provision.get("data", [])]]
    performers = [one for one in map(local, consent.get("performer", [])) if one]
    return Choice(
        id=consent["id"],
        about=about,
        target=next(filter(None, map(local, targets)), None),
        denied=provision.get("type") == "deny",
        since=datetime.fromisoformat(consent["dateTime"]) if "T" in consent.get("dateTime", "") else None,
        how=_code(consent, COLLECTED) or "",
        collector=next((one for one in performers if not one.startswith(("Patient/", "RelatedPerson/"))), None),
    )


def _code(consent: Resource, system: str) -> str | None:
    codings = (coding for concept in consent.get("category", []) for coding in concept.get("coding", []))
    return next((str(coding["code"]) for coding in codings if coding.get("system") == system and "code" in coding), None)
