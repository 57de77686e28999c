"""CareTeam, Patient and the people they name → members of a circle."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from maillage.access.actors import Actor, ActorKind, Role
from maillage.access.references import as_list
from maillage.services.directory.rules import Kind, kind_of
from maillage.ui.words import honorific

Resource = dict[str, Any]

MAIL_TYPE = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-contact-point-email-type"
SECTORS = "https://mos.esante.gouv.fr/NOS/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite"
PROFESSIONS = "https://mos.esante.gouv.fr/NOS/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante"
SOCIAL_PROFESSIONS = "https://mos.esante.gouv.fr/NOS/TRE_R94-ProfessionSocial/FHIR/TRE-R94-ProfessionSocial"
GENERAL_PRACTITIONER = "Médecin traitant"
_ROLES: dict[Kind, Role] = {
    "care": Role.PROFESSIONAL,
    "coordination": Role.COORDINATOR,
    "social": Role.SOCIAL_WORKER,
    "person": Role.CARER,
}
"""By what the directory knows of somebody, how they sign in; their profession says the rest."""


@dataclass(frozen=True, slots=True)
class Member:
    """Someone of a circle. `reference` is Practitioner, Organization or RelatedPerson; `title` French words for the part played.

    `email` is an ordinary address for notices without health data, None when there is none. `profession` is a code of TRE_G15, and
    `role` the PractitionerRole by which the circle names them; None where nothing says it.
    """

    reference: str
    name: str
    title: str
    kind: Kind
    organization: str | None = None
    organization_name: str | None = None
    email: str | None = None
    profession: str | None = None
    role: str | None = None


def members(
    patient: Mapping[str, Any], teams: Iterable[Mapping[str, Any]], known: Iterable[Resource], *, today: str
) -> list[Member]:
    """The members on this day (ISO), general practitioner first, each once; `known` are the resources that the records name."""
    by_reference = {f"{one['resourceType']}/{one['id']}": one for one in known}
    found: dict[str, Member] = {}
    for reference in patient.get("generalPractitioner", []):
        _add(found, reference, GENERAL_PRACTITIONER, by_reference)
    for team in teams:
        for participant in team.get("participant", []):
            if _within(participant.get("period", {}), today) and "member" in participant:
                part = next((words for role in participant.get("role", []) if (words := _words(role))), "")
                _add(found, participant["member"], part, by_reference)
    return sorted(found.values(), key=lambda member: member.title != GENERAL_PRACTITIONER)


def _add(found: dict[str, Member], reference: Mapping[str, Any], part: str, known: Mapping[str, Resource]) -> None:
    member = _member(reference, part, known)
    if member and (member.reference not in found or part == GENERAL_PRACTITIONER):
        found[member.reference] = member


def _member(reference: Mapping[str, Any], part: str, known: Mapping[str, Resource]) -> Member | None:
    target = str(reference.get("reference", ""))
    resource = known.get(target, {})
    if target.startswith("PractitionerRole/"):
        return _from_role(reference, resource, part, known)
    kind = target.partition("/")[0]
    if kind not in ("Practitioner", "Organization", "RelatedPerson"):
        return None
    return Member(
        reference=target,
        name=display_name(resource) or str(reference.get("display", "")) or target,
        title=part or profession(resource),
        kind=kind_of(kind, sectors=sectors(resource), social=_social(resource), part=part),
        organization=target if kind == "Organization" else None,
        organization_name=resource.get("name") if kind == "Organization" else None,
        email=email(resource),
        profession=trade(resource),
    )


def _from_role(reference: Mapping[str, Any], role: Resource, part: str, known: Mapping[str, Resource]) -> Member | None:
    """A PractitionerRole stands for its practitioner, in its organisation."""
    practitioner, organization = role.get("practitioner", {}), role.get("organization", {})
    if "reference" not in practitioner:
        return None
    person = known.get(practitioner["reference"], {})
    place = known.get(organization.get("reference", ""), {})
    words = part or next((_words(code) for code in role.get("code", [])), "")
    return Member(
        reference=practitioner["reference"],
        name=display_name(person) or practitioner.get("display") or str(reference.get("display", "")),
        title=words,
        kind=kind_of("Practitioner", sectors=sectors(place), social=_social(person), part=words),
        organization=organization.get("reference"),
        organization_name=place.get("name") or organization.get("display"),
        email=email(person) or email(role),
        profession=trade(role) or trade(person),
        role=str(reference["reference"]),
    )


def reader(member: Member) -> Actor:
    """A professional of a circle as they will be when they sign in, as far as the directory knows: where it names no profession, they read next to nothing."""
    return Actor(
        id=member.reference, kind=ActorKind.PROFESSIONAL, name=member.name, roles=frozenset({_ROLES[member.kind]}),
        reference=member.reference, profession=member.profession, situation=member.role,
    )  # fmt: skip


def somebody(reference: str) -> Actor:
    """A professional of no circle, of whom nothing is known: they see what they signed."""
    return reader(Member(reference=reference, name=reference, title="", kind="care"))


def display_name(resource: Mapping[str, Any]) -> str:
    """« Dr Camille EXEMPLE », or the name of a structure."""
    name = resource.get("name", "")
    if isinstance(name, str):
        return name
    said: Mapping[str, Any] = next(iter(name), {})
    if text := said.get("text"):
        return str(text)
    prefix = next((honorific(code) for code in said.get("suffix", []) if code in ("DR", "PR")), "")
    return " ".join(
        part for part in (prefix, *filter(None, said.get("given", [])[:1]), str(said.get("family", "")).upper()) if part
    )


def profession(resource: Mapping[str, Any]) -> str:
    """Words for what a professional does, from the qualifications or the role's codes."""
    concepts = [q.get("code", {}) for q in resource.get("qualification", [])]
    concepts += resource.get("code", []) if isinstance(resource.get("code"), list) else []
    return next((words for concept in concepts if (words := _words(concept))), "")


def trade(resource: Mapping[str, Any]) -> str | None:
    """The code of TRE_G15 of a Practitioner or of a PractitionerRole, None where it has none."""
    concepts = [q.get("code", {}) for q in resource.get("qualification", [])] + as_list(resource.get("code"))
    codings = [c for concept in concepts for c in concept.get("coding", [])]
    return next((c["code"] for c in codings if c.get("system") == PROFESSIONS and "code" in c), None)


def sectors(organization: Mapping[str, Any]) -> frozenset[str]:
    """The TRE_R02 sectors of a structure."""
    types = organization.get("type", [])
    codings = [c for t in types if isinstance(t, Mapping) for c in t.get("coding", [])]
    return frozenset(c.get("code", "") for c in codings if c.get("system") == SECTORS)


def email(resource: Mapping[str, Any]) -> str | None:
    """The ordinary e-mail address: secure mailboxes (type MSSANTE) are for documents."""
    for telecom in resource.get("telecom", []):
        if (
            telecom.get("system") == "email"
            and "value" in telecom
            and not any(e.get("url") == MAIL_TYPE for e in telecom.get("extension", []))
        ):
            return str(telecom["value"])
    return None


def _social(resource: Mapping[str, Any]) -> bool:
    codings = [c for q in resource.get("qualification", []) for c in q.get("code", {}).get("coding", [])]
    return any(c.get("system") == SOCIAL_PROFESSIONS for c in codings)


def _within(period: Mapping[str, str], today: str) -> bool:
    return period.get("start", "")[:10] <= today <= (period.get("end", "")[:10] or "9999")


def _words(concept: Mapping[str, Any]) -> str:
    codings = concept.get("coding", [])
    return str(concept.get("text") or next((c["display"] for c in codings if c.get("display")), ""))
