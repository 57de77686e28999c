"""From whom a record is kept, although its person is given to them: by its labels, its recipients, its class, or the person's choice.

A mask names an audience. `patient`, `carer` and `professional` are who somebody is to the person; `coordination` are those who coordinate and do not
care, `care` those who care; `class:…` are those whose profession does not read that class (`habilitation`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from maillage.access.choices import is_discreet, is_secret
from maillage.access.habilitation import class_of_document
from maillage.access.references import ATTENDING, as_list, local

Resource = dict[str, Any]

PATIENT, CARER, PROFESSIONAL, COORDINATION, CARE = "patient", "carer", "professional", "coordination", "care"
# ANS TRE_A07-StatutVisibiliteDocument, as DocumentReference.securityLabel carries it (by URL, or by OID in older flows).
VISIBILITY_SYSTEMS = frozenset(
    {
        "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument",
        "urn:oid:1.2.250.1.213.1.1.4.13",
    }
)
CONFIDENTIALITY_SYSTEMS = frozenset(
    {"http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "urn:oid:2.16.840.1.113883.5.25"}
)
BEFORE_ANNOUNCEMENT = "INVISIBLE_PATIENT"
HIDDEN_FROM = {
    BEFORE_ANNOUNCEMENT: (PATIENT, CARER),
    "INVISIBLE_REPRESENTANTS_LEGAUX": (CARER,),
    "MASQUE_PS": (PROFESSIONAL,),
}
LEFT_TO_THE_ATTENDING = frozenset({"MASQUE_PS"})
"""Hidden from professionals, but not from the attending physician (médecin traitant) of the person."""
RESTRICTED = {"R": (COORDINATION,), "V": (PROFESSIONAL,)}
"""v3 Confidentiality: restricted is for those who care, very restricted for its authors."""

ANNOUNCED_WITHIN = timedelta(days=30)
"""What waits for an announcement opens to the person a month after its deposit (CSP R1111-53)."""
AUDIENCE_SYSTEM = "urn:maillage:audience"
CARE_ONLY, WHOLE_CIRCLE, PROFESSIONALS = "care-only", "circle", "professionals"
"""Categories of a Communication: those who coordinate do not see it; the whole circle sees it, though it is addressed to some; the person and their
carers do not see it. Of a document that was joined to a message: the same (`READER`: to whom it was addressed)."""
READER = "urn:maillage:reader"
CONVERSATION_SYSTEM, CONVERSATION = "urn:maillage:communication", "conversation"
OF_PLAN = frozenset({"meeting", "opinion", "plan-position"})
"""Categories of a Communication that says something of the person's plan: for those who read plans, as a carer who is let see the agenda does not."""
SOCIAL_ONLY = "social-only"
"""Label of any resource, of AUDIENCE_SYSTEM: money and rights, that those who care do not need (CSP L1110-4, « strictement nécessaires »)."""

CLASSED = frozenset({"Composition", "DocumentReference"})
"""Types of which every record is of a class, and has a row that says which."""


@dataclass(frozen=True, slots=True)
class Mask:
    """A record kept from an audience, except from these authors ("Practitioner/12", or `ATTENDING`), until an instant (None: for good)."""

    audience: str
    authors: tuple[str, ...] = ()
    until: datetime | None = None


def masks(resource: Resource, now: datetime) -> list[Mask]:
    """From whom a resource that is written now is kept, by what it says itself."""
    authors = _authors(resource)
    found = {mask.audience: mask for mask in _by_class(resource)}
    for audience, until, excepted in _by_labels(resource, now):
        known = found.get(audience)
        if known is None or (known.until is not None and until is None) or (ATTENDING in known.authors and not excepted):
            found[audience] = Mask(audience, (*authors, *excepted), until)
    if resource["resourceType"] == "Consent" and is_discreet(resource):
        audience = CARER if is_secret(resource) else PROFESSIONAL  # those whom it is about are not told of it
        found[audience] = Mask(audience, authors)
    if resource["resourceType"] in ("Communication", "DocumentReference"):
        found |= {mask.audience: mask for mask in _of_message(resource, authors)}
    return [found[audience] for audience in sorted(found)]


def _by_class(resource: Resource) -> Iterator[Mask]:
    if resource["resourceType"] in CLASSED:
        yield Mask(f"class:{class_of_document(resource)}", _authors(resource))
    elif resource["resourceType"] == "Communication" and not OF_PLAN.isdisjoint(_codes(resource, CONVERSATION_SYSTEM)):
        yield Mask("class:care-plan", _authors(resource))


def _by_labels(resource: Resource, now: datetime) -> Iterator[tuple[str, datetime | None, tuple[str, ...]]]:
    """Audience, until when, and who is excepted besides the authors."""
    labels = [coding for concept in resource.get("securityLabel", []) for coding in concept.get("coding", [])]
    for label in [*labels, *resource.get("meta", {}).get("security", [])]:
        code = label.get("code")
        if label.get("system") in VISIBILITY_SYSTEMS:
            until = now + ANNOUNCED_WITHIN if code == BEFORE_ANNOUNCEMENT else None
            excepted = (ATTENDING,) if code in LEFT_TO_THE_ATTENDING else ()
            yield from ((audience, until, excepted) for audience in HIDDEN_FROM.get(code, ()))
        elif label.get("system") in CONFIDENTIALITY_SYSTEMS:
            yield from ((audience, None, ()) for audience in RESTRICTED.get(code, ()))
        elif label.get("system") == AUDIENCE_SYSTEM and code == SOCIAL_ONLY:
            yield CARE, None, ()


def is_for_circle(message: Resource) -> bool:
    """Whether a Communication says that the whole circle sees it, whomever it is addressed to: they see it as members, and no longer than that."""
    return WHOLE_CIRCLE in audience_of(message)


def is_conversation(message: Resource) -> bool:
    """Whether a Communication is part of a conversation: who leaves the circle leaves it, whatever was addressed to them."""
    return CONVERSATION in _codes(message, CONVERSATION_SYSTEM)


def audience_of(resource: Resource) -> set[object]:
    """What a Communication, or a document that was joined to one, says of who sees it besides whom it names."""
    return _codes(resource, AUDIENCE_SYSTEM)


def _codes(resource: Resource, system: str) -> set[object]:
    return {
        coding.get("code")
        for concept in as_list(resource.get("category"))
        for coding in concept.get("coding", [])
        if coding.get("system") == system
    }


def _addressed(resource: Resource) -> list[object]:
    if resource["resourceType"] == "Communication":
        return as_list(resource.get("recipient"))
    return [one.get("valueReference") for one in resource.get("extension", []) if one.get("url") == READER]


def _of_message(message: Resource, authors: tuple[str, ...]) -> Iterator[Mask]:
    """A message with recipients is for them and its sender alone; without, or to a care team, for the whole circle, unless it is for care only."""
    said, addressed = audience_of(message), _addressed(message)
    recipients = tuple(filter(None, map(local, addressed)))
    for_all = WHOLE_CIRCLE in said or not addressed or any(one.startswith("CareTeam/") for one in recipients)
    if not for_all:
        yield Mask(PROFESSIONAL, (*authors, *recipients))
        for audience, kind in ((PATIENT, "Patient/"), (CARER, "RelatedPerson/")):
            if not any(one.startswith(kind) for one in (*authors, *recipients)):
                yield Mask(audience)
    elif PROFESSIONALS in said:
        yield from (Mask(audience, authors) for audience in (PATIENT, CARER))
    if CARE_ONLY in said:
        yield Mask(COORDINATION, authors)


def _authors(resource: Resource) -> tuple[str, ...]:
    """Who wrote it, as the record itself says: they go on seeing what others may not."""
    said = [*as_list(resource.get("author")), *as_list(resource.get("sender"))]
    if resource["resourceType"] == "Consent":  # who collected it
        said += as_list(resource.get("performer"))
    return tuple(dict.fromkeys(filter(None, map(local, said))))
