"""Professionals of the territory: Practitioner and PractitionerRole, personas first."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from maillage.demo.numbers import resource_id, rpps
from maillage.demo.people import Population
from maillage.demo.personas import PERSONAS, Persona
from maillage.demo.structures import IDENTIFIER_TYPES, Structure
from maillage.fhir.national import IDNPS, RPPS

Resource = dict[str, Any]

PROFESSIONS = "https://mos.esante.gouv.fr/NOS/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante"
SOCIAL_PROFESSIONS = "https://mos.esante.gouv.fr/NOS/TRE_R94-ProfessionSocial/FHIR/TRE-R94-ProfessionSocial"
SKILLS = "https://mos.esante.gouv.fr/NOS/TRE_R38-SpecialiteOrdinale/FHIR/TRE-R38-SpecialiteOrdinale"
MAIL_TYPE = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-contact-point-email-type"
MAIL_TYPES = "https://mos.esante.gouv.fr/NOS/TRE_R256-TypeMessagerie/FHIR/TRE-R256-TypeMessagerie"

SUPERVISOR = {"system": "urn:maillage:role", "code": "supervisor"}


@dataclass(frozen=True, slots=True)
class Trade:
    """A profession: title on screen, TRE_G15 code, TRE_R38 skill, kinds of structure it works in, how many."""

    title: str
    profession: str
    skill: str
    kinds: tuple[str, ...]
    count: int
    doctor: bool = False


TRADES = (
    Trade("Médecin généraliste", "10", "SM54", ("msp",), 90, doctor=True),
    Trade("Infirmier", "60", "", ("msp", "ssiad"), 70),
    Trade("Gériatre", "10", "SM18", ("ch", "ssr", "ehpad"), 16, doctor=True),
    Trade("Cardiologue", "10", "SM04", ("ch", "clinique"), 14, doctor=True),
    Trade("Endocrinologue", "10", "SM16", ("ch",), 6, doctor=True),
    Trade("Chirurgien orthopédiste", "10", "SM08", ("ch", "clinique"), 8, doctor=True),
    Trade("Biologiste médical", "10", "SM03", ("labo",), 6, doctor=True),
    Trade("Néphrologue", "10", "SM30", ("ch",), 4, doctor=True),
    Trade("Pharmacien", "21", "", ("pharmacie",), 24),
    Trade("Masseur-kinésithérapeute", "70", "", ("msp", "ssr"), 34),
    Trade("Pédicure-podologue", "80", "", ("msp",), 10),
    Trade("Sage-femme", "50", "", ("msp", "ch"), 10),
    Trade("Orthophoniste", "91", "", ("msp", "ssr"), 10),
    Trade("Chirurgien-dentiste", "40", "", ("msp",), 14),
)


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody of the coordination team beside the persona; `supervisor`: who is responsible for it."""

    key: str
    given: str
    family: str
    title: str
    supervisor: bool = False


COLLEAGUES = (
    Colleague("coordinator-2", "Awa", "ÉBAUCHE", "Coordinatrice"),
    Colleague("coordinator-3", "Bruno", "CANEVAS", "Coordinateur"),
    Colleague("supervisor", "Marthe", "CHARPENTE", "Responsable de la coordination", supervisor=True),
)


@dataclass(frozen=True, slots=True)
class Professional:
    """One professional where they work."""

    key: str
    given: str
    family: str
    title: str
    prefix: str
    profession: str
    skill: str
    rpps: str
    structure: Structure
    also: tuple[Structure, ...] = ()
    supervisor: bool = False

    @property
    def id(self) -> str:
        return resource_id("Practitioner", self.key)

    @property
    def reference(self) -> str:
        return f"Practitioner/{self.id}"

    @property
    def name(self) -> str:
        return " ".join(part for part in (self.prefix, self.given, self.family) if part)


def professionals(population: Population, structures: list[Structure], scale: float) -> list[Professional]:
    """The personas who work, then `scale` times the usual trades."""
    found = personas_at_work(structures)
    by_kind: dict[str, list[Structure]] = {}
    for structure in structures:
        by_kind.setdefault(structure.kind, []).append(structure)
    for trade in TRADES:
        places = [structure for kind in trade.kinds for structure in by_kind[kind]]
        for rank in range(max(1, round(trade.count * scale))):
            given, family = population.name("female" if rank % 2 else "male")
            number = len(found) + 100
            found.append(
                Professional(
                    f"professional-{number}", given, family.upper(), trade.title, "Dr" if trade.doctor else "",
                    trade.profession, trade.skill, rpps(number), places[rank % len(places)],
                )
            )  # fmt: skip
    found += [
        Professional(one.key, one.given, one.family, one.title, "", "", "", "", by_kind["dac"][0], supervisor=one.supervisor)
        for one in COLLEAGUES
    ]
    return found


def personas_at_work(structures: list[Structure]) -> list[Professional]:
    """The personas who are professionals, in their establishments."""
    by_key = {structure.key: structure for structure in structures}
    return [_from_persona(one, by_key) for one in PERSONAS if one.resource == "Practitioner"]


def resources(one: Professional) -> Iterator[Resource]:
    yield practitioner(one)
    yield role(one, one.structure, one.key)
    for place in one.also:
        yield role(one, place, f"{one.key}-{place.key}")


def practitioner(one: Professional) -> Resource:
    name: Resource = {"use": "official", "text": one.name, "family": one.family, "given": [one.given]}
    if one.prefix:
        name["suffix"] = ["DR"]
    resource: Resource = {
        "resourceType": "Practitioner",
        "id": one.id,
        "active": True,
        "name": [name],
        "telecom": _mailboxes(one),
        "qualification": [{"code": _concept(_codes(one), one.title)}],
    }
    if one.rpps:
        resource["identifier"] = [
            _identifier("IDNPS", IDNPS, f"8{one.rpps}"),
            _identifier("RPPS", RPPS, one.rpps),
        ]
    return resource


def role(one: Professional, place: Structure, name: str) -> Resource:
    return {
        "resourceType": "PractitionerRole",
        "id": resource_id("PractitionerRole", name),
        "active": True,
        "practitioner": {"reference": one.reference, "display": one.name},
        "organization": {"reference": place.reference, "display": place.name},
        "code": [_concept(_codes(one)[:1], one.title), *([{"coding": [SUPERVISOR]}] if one.supervisor else [])],
        **({"specialty": [{"coding": [_skill(one.skill)], "text": one.title}]} if one.skill else {}),
    }


def _mailboxes(one: Professional) -> list[Resource]:
    """A secure mailbox for those who have a national number, an ordinary address for notices to everybody."""
    local = resource_id("mail", one.key)[:8]
    boxes: list[Resource] = [{"system": "email", "value": f"{local}@professionnels.example", "use": "work", "rank": 2}]
    if one.rpps:
        extension = {"url": MAIL_TYPE, "valueCoding": {"system": MAIL_TYPES, "code": "MSSANTE"}}
        boxes.insert(
            0, {"extension": [extension], "system": "email", "value": f"{local}@mssante.example", "use": "work", "rank": 1}
        )
    return boxes


def _codes(one: Professional) -> list[Resource]:
    if not one.profession:
        return []
    system = PROFESSIONS if one.rpps else SOCIAL_PROFESSIONS
    trade = {"system": system, "code": one.profession, "display": one.title}
    return [trade, *([_skill(one.skill)] if one.skill else [])]


def _concept(codings: list[Resource], text: str) -> Resource:
    return {"coding": codings, "text": text} if codings else {"text": text}


def _skill(code: str) -> Resource:
    return {"system": SKILLS, "code": code}


def _identifier(code: str, system: str, value: str) -> Resource:
    return {"use": "official", "type": {"coding": [{"system": IDENTIFIER_TYPES, "code": code}]}, "system": system, "value": value}


def _from_persona(one: Persona, structures: dict[str, Structure]) -> Professional:
    if one.workplace is None:
        raise ValueError(f"persona {one.id} is a practitioner without a workplace")
    structure = structures[one.workplace.key]
    also = tuple(structures[place.key] for place in one.also)
    return Professional(
        one.id, one.given, one.family, one.title, one.prefix, one.profession, one.skill, one.rpps, structure, also
    )
