"""Who cares for whom: the CareTeam and the carers of each person."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from maillage.access.habilitation.carers import CARER_SCOPE, REPRESENTATIVE
from maillage.demo.numbers import resource_id
from maillage.demo.people import Person
from maillage.demo.personas import persona
from maillage.demo.professionals import COLLEAGUES, Professional
from maillage.demo.structures import Structure
from maillage.services.coordination.public import identified, relative_role

Resource = dict[str, Any]

GP_PANEL, NURSE_PANEL, COORDINATOR_PANEL, SOCIAL_PANEL, HOSPITAL_PANEL = 140, 45, 118, 40, 60
SHARED = 7
"""One person in so many is followed by a colleague of the coordinator persona."""
CATEGORY = {"system": "http://loinc.org", "code": "LA28865-6", "display": "Longitudinal care-coordination focused care team"}


@dataclass(frozen=True, slots=True)
class Member:
    """A participant of a circle: reference, name, part played, since how many days."""

    reference: str
    name: str
    part: str
    since: int


@dataclass(frozen=True, slots=True)
class Circle:
    """The people around one person. `gp` is None when the person has no general practitioner, `referent` when no team coordinates."""

    person: Person
    gp: Professional | None
    nurse: Professional | None
    specialist: Professional | None
    members: tuple[Member, ...]
    carer: Resource | None
    referent: Professional | None = None


class Staff:
    """Professionals by what they do and where, to draw circles from."""

    def __init__(self, professionals: list[Professional], structures: list[Structure]) -> None:
        self.by_key = {one.key: one for one in professionals}
        self.gps = [one for one in professionals if one.title == "Médecin généraliste" and one.key not in ("gp", "outsider")]
        self.nurses = [one for one in professionals if one.title == "Infirmier"]
        self.specialists = [
            one for one in professionals if one.title in ("Cardiologue", "Endocrinologue", "Gériatre", "Néphrologue")
        ]
        self.physiotherapists = [one for one in professionals if one.title == "Masseur-kinésithérapeute"]
        self.pharmacies = [one for one in structures if one.kind == "pharmacie"]
        self.dac = next(one for one in structures if one.key == "dac")
        self.county = next(one for one in structures if one.key == "departement")
        self._near: dict[tuple[str, str], list[Professional]] = {}

    def near(self, trade: str, person: Person) -> list[Professional]:
        """Those of a trade who work in the person's commune, or all of them."""
        pool = {"gp": self.gps, "nurse": self.nurses}[trade]
        key = (trade, person.home.cog)
        if key not in self._near:
            self._near[key] = [one for one in pool if one.structure.commune.cog == person.home.cog] or pool
        return self._near[key]


def circle(person: Person, staff: Staff, *, chance: random.Random, at: datetime) -> Circle:
    """The circle of a person: personas for the first ranks (their panels), neighbours for the others."""
    age = person.age(at.date())
    official = person.key == "patient"
    gp = staff.by_key["gp"] if official or 0 < person.rank <= GP_PANEL else _maybe(chance, 0.93, staff.near("gp", person))
    nurse = (
        staff.by_key["nurse"]
        if official or 0 < person.rank <= NURSE_PANEL
        else _maybe(chance, 0.35 if age > 65 else 0.08, staff.near("nurse", person))
    )
    specialist = _maybe(chance, 0.4 if age > 60 else 0.1, staff.specialists)
    referent = None
    members = [
        *_professional(gp, "Médecin traitant", chance),
        *_professional(nurse, "Infirmière" if nurse and nurse.key == "nurse" else "Infirmier", chance),
        *_professional(specialist, specialist.title if specialist else "", chance),
    ]
    if official or (person.rank <= HOSPITAL_PANEL and person.rank % 3 == 1):
        members += _professional(staff.by_key["hospital"], "Médecin hospitalier", chance)
    if official or 0 < person.rank < COORDINATOR_PANEL:
        referent = staff.by_key["coordinator" if official or person.rank % SHARED else COLLEAGUES[0].key]
        members += _professional(referent, "Coordinatrice, référente", chance)
        members.append(Member(staff.dac.reference, staff.dac.name, "Équipe de coordination", 200))
    if official or 0 < person.rank <= SOCIAL_PANEL:
        members += _professional(staff.by_key["social-worker"], "Assistant social", chance)
    if age > 70 and chance.random() < 0.3:
        members += _professional(chance.choice(staff.physiotherapists), "Masseur-kinésithérapeute", chance)
    if chance.random() < 0.6:
        pharmacy = chance.choice(staff.pharmacies)
        members.append(Member(pharmacy.reference, pharmacy.name, "Pharmacie", chance.randrange(30, 900)))
    if carer := _carer_of(person, chance):
        members.append(Member(f"RelatedPerson/{carer['id']}", carer["name"][0]["text"], carer["relationship"][0]["text"], 300))
    return Circle(person, gp, nurse, specialist, tuple(members), carer, referent)


def care_team(drawn: Circle, *, at: datetime) -> Resource:
    """The circle as a CareTeam (profile `cds-ihe-careteam`)."""
    team = {
        "resourceType": "CareTeam",
        "id": resource_id("CareTeam", drawn.person.id),
        "identifier": [{"system": "urn:maillage:care-circle", "value": resource_id("circle", drawn.person.id)}],
        "status": "active",
        "category": [{"coding": [CATEGORY]}],
        "name": f"Cercle de soins de {drawn.person.name}",
        "subject": {"reference": drawn.person.reference},
        "period": {"start": (at - timedelta(days=900)).date().isoformat()},
    }
    participants = [
        {
            "role": [{"text": member.part}],
            "member": {"reference": member.reference, "display": member.name},
            "period": {"start": (at - timedelta(days=member.since)).date().isoformat()},
        }
        for member in drawn.members
    ]
    return team | ({"participant": participants} if participants else {})


def _carer_of(person: Person, chance: random.Random) -> Resource | None:
    """Who helps: a persona for two of the named people, often a relative for the eldest."""
    if person.key in _OF_PERSONAS:
        return _persona_carer(person, *_OF_PERSONAS[person.key])
    if person.key or person.traits.birth_date > "1950" or chance.random() > 0.35:
        return None
    given, part = chance.choice(
        (("Claire", "Fille"), ("Marc", "Fils"), ("Sylvie", "Belle-fille"), ("Alain", "Conjoint"), ("Odile", "Voisine"))
    )
    return _carer(
        resource_id("RelatedPerson", person.id),
        person,
        given,
        (person.traits.used_name or person.traits.birth_name).upper(),
        part,
    )


_OF_PERSONAS = {
    "patient": ("carer", "Conjoint, personne de confiance", "whole"),
    "two-hundred-documents": ("guardian", "Tutrice", REPRESENTATIVE),
}
"""By person: which persona helps them, as what, and what they may see."""


def _persona_carer(person: Person, id: str, part: str, scope: str) -> Resource:
    """A carer who signs in: FranceConnect proves the name and the birth date that are written here."""
    one = persona(id)
    assert one.birth is not None
    resource = _carer(one.reference.removeprefix("RelatedPerson/"), person, one.given, one.family, part)
    return resource | {"extension": [{"url": CARER_SCOPE, "valueCode": scope}], "birthDate": one.birth.date}


def _carer(id: str, person: Person, given: str, family: str, part: str) -> Resource:
    return identified(
        {
            "resourceType": "RelatedPerson",
            "id": id,
            "active": True,
            "patient": {"reference": person.reference},
            "extension": [{"url": CARER_SCOPE, "valueCode": "whole"}],
            "relationship": [{"text": part}, relative_role("CAREGIVER")],
            "name": [{"use": "official", "text": f"{given} {family}", "family": family, "given": [given]}],
            "telecom": [
                {
                    "system": "phone",
                    "value": f"06 39 98 {50 + person.rank // 100 % 50} {(person.rank + 9) % 100:02d}",
                    "use": "mobile",
                },
                {"system": "email", "value": f"{id[:8]}@aidants.example", "use": "home"},
            ],
        }
    )


def _professional(one: Professional | None, part: str, chance: random.Random) -> list[Member]:
    return [Member(one.reference, one.name, part, chance.randrange(30, 1500))] if one else []


def _maybe(chance: random.Random, share: float, pool: list[Professional]) -> Professional | None:
    return chance.choice(pool) if chance.random() < share else None
