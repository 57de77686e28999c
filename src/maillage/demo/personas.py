"""The people one can sign in as on the demonstration: who they are, where they work, what they may do.

Plain data, used by the emulated identity providers (`claims`), by the seed and by `maillage demo --json`.
"""

from dataclasses import dataclass
from typing import Any

from maillage.access.actors import GUARDED_ROLES, Role
from maillage.demo.numbers import finess, resource_id, rpps


@dataclass(frozen=True, slots=True)
class Workplace:
    """An establishment the personas work for: key of its id, name, FINESS, sector (TRE_R02), commune rank in `places`."""

    key: str
    name: str
    finess: str
    sector: str
    category: str
    commune: int

    @property
    def reference(self) -> str:
        return f"Organization/{resource_id('Organization', self.key)}"


HOSPITAL = Workplace("ch-demoville", "CH de Démoville", finess(1), "SA01", "355", 3)
PRACTICE = Workplace("msp-exemple", "Maison de santé des Exemples", finess(2), "SA52", "603", 3)
NURSING = Workplace("cabinet-fictive", "Cabinet infirmier Fictive", finess(3), "SA08", "698", 3)
DAC = Workplace("dac", "DAC de la Marne", finess(4), "SA57", "696", 1)
COUNTY = Workplace("departement", "Département de la Marne, action sociale", finess(5), "SA27", "219", 1)
OTHER_PRACTICE = Workplace("cabinet-essai", "Cabinet médical Essai", finess(6), "SA07", "698", 4)
OPERATOR = Workplace("grades", "GRADeS de démonstration", finess(7), "SA26", "696", 0)
AGENCY = Workplace("ars", "Agence régionale de santé (démonstration)", finess(8), "SA26", "698", 1)
WORKPLACES = (HOSPITAL, PRACTICE, NURSING, DAC, COUNTY, OTHER_PRACTICE, OPERATOR, AGENCY)


@dataclass(frozen=True, slots=True)
class Birth:
    """What the civil registry holds of a citizen besides their family name: all given names, ISO date, sex, COG code of the place."""

    given_names: str
    date: str
    sex: str
    place: str


@dataclass(frozen=True, slots=True)
class Persona:
    """One person (or machine) to sign in as.

    `role` is a value of `access.Role`; `profession` a TRE_G15 or JDV_J01 code; `skill` a TRE_R38 code; `also` are the places they work in
    besides; `regulates` whether they answer the calls of a centre 15. Who has a `card` is known to Pro Santé Connect, who has a `birth` to
    FranceConnect, the others to the accounts of the region.
    """

    id: str
    role: str
    given: str
    family: str
    title: str
    resource: str
    workplace: Workplace | None = None
    prefix: str = ""
    civility: str = "M"
    profession: str = ""
    skill: str = ""
    rpps: str = ""
    card: bool = False
    also: tuple[Workplace, ...] = ()
    regulates: bool = False
    birth: Birth | None = None

    @property
    def name(self) -> str:
        return " ".join(part for part in (self.prefix, self.given, self.family) if part)

    @property
    def reference(self) -> str:
        """`Type/id` of the resource that is this persona."""
        return f"{self.resource}/{resource_id(self.resource, self.id)}"

    @property
    def proofs(self) -> tuple[str, ...]:
        """By what they prove who they are (RFC 8176): those whose role is guarded by a passkey, the others by a password and a code."""
        guarded = Role(granted_role(self)) in GUARDED_ROLES and self.id not in {one.id for one in UNPROVEN}
        return ("fido", "user") if guarded else ("pwd", "otp")

    @property
    def organizations(self) -> tuple[str, ...]:
        return (self.workplace.reference,) if self.workplace else ()

    @property
    def subject(self) -> str:
        """The subject identifier at the identity provider: IDNPS of a professional card, else a local account."""
        return f"8{self.rpps}" if self.rpps else f"maillage:{self.id}"


def _doctor(**said: Any) -> Persona:
    return Persona(resource="Practitioner", prefix="Dr", profession="10", card=True, **said)


def _staff(**said: Any) -> Persona:
    return Persona(resource="Practitioner", **said)


PERSONAS = (
    _doctor(id="gp", role="gp", given="Camille", family="EXEMPLE", title="Médecin généraliste", workplace=PRACTICE,
            civility="MME", skill="SM54", rpps=rpps(1)),
    _staff(id="nurse", role="nurse", given="Nora", family="FICTIVE", title="Infirmière libérale", workplace=NURSING,
           civility="MME", profession="60", rpps=rpps(2), card=True),
    _doctor(id="hospital", role="hospital", given="Élie", family="SPÉCIMEN", title="Médecin hospitalier", workplace=HOSPITAL,
            skill="SM27", rpps=rpps(3), also=(PRACTICE,)),
    _doctor(id="regulator", role="regulator", given="Nadia", family="MODÈLE", title="Médecin régulatrice, centre 15", workplace=HOSPITAL,
            civility="MME", skill="SM54", rpps=rpps(6), regulates=True),
    _staff(id="coordinator", role="coordinator", given="Lise", family="MAQUETTE", title="Coordinatrice, DAC", workplace=DAC,
           civility="MME", profession="60", rpps=rpps(4), card=True),
    _staff(id="social-worker", role="social-worker", given="Théo", family="GABARIT", title="Assistant social", workplace=COUNTY,
           profession="41"),
    Persona(id="patient", role="patient", given="Dominique", family="PAT-TROIS", title="Patiente", resource="Patient", civility="MME",
            birth=Birth("Dominique Marie-Louise", "1979-03-28", "female", "51215")),
    Persona(id="carer", role="carer", given="Claude", family="PAT-TROIS", title="Aidant de Dominique PAT-TROIS", resource="RelatedPerson",
            birth=Birth("Claude", "1976-09-12", "male", "51454")),
    Persona(id="guardian", role="guardian", given="Hélène", family="VOLUMINEUX", title="Tutrice d’André VOLUMINEUX", resource="RelatedPerson",
            civility="MME", birth=Birth("Hélène Jeanne", "1970-02-08", "female", "51649")),
    _staff(id="steward", role="steward", given="Yann", family="GABARIT", title="Identitovigilance", workplace=OPERATOR),
    _staff(id="operator", role="operator", given="Rose", family="PROTOTYPE", title="Opératrice du GRADeS", workplace=OPERATOR,
           civility="MME"),
    _staff(id="officer", role="officer", given="Zoé", family="CALIBRE", title="Déléguée à la protection des données",
           workplace=OPERATOR, civility="MME"),
    _staff(id="ars", role="ars", given="Agnès", family="SPÉCIMEN", title="ARS", workplace=AGENCY, civility="MME"),
    Persona(id="other-patient", role="other-patient", given="Inès", family="CALIBRE", title="Patiente", resource="Patient",
            civility="MME", birth=Birth("Inès Louise", "1986-11-04", "female", "51454")),
    _doctor(id="outsider", role="outsider", given="Paul", family="ESSAI", title="Médecin généraliste, hors cercle",
            workplace=OTHER_PRACTICE, skill="SM54", rpps=rpps(5)),
    Persona(id="editor", role="editor", given="Ada", family="CROQUIS", title="Éditrice de logiciels", resource="Person", civility="MME"),
    Persona(id="system", role="system", given="", family="Système d’information partenaire", title="Machine", resource="Device",
            workplace=HOSPITAL),
)  # fmt: skip

UNPROVEN = (
    _staff(id="operator-password", role="operator", given="Rose", family="PROTOTYPE", title="Opératrice du GRADeS, sans clé d’accès",
           workplace=OPERATOR, civility="MME"),
)  # fmt: skip
"""Whom the emulator knows besides, to be refused: a guarded role with a proof that can be phished."""

GRANTED_ROLES = {"other-patient": "patient", "outsider": "gp", "regulator": "hospital", "guardian": "representative"}
"""`access.Role` of the personas whose name on the demonstration says more than their role."""


def persona(persona_id: str) -> Persona:
    """The persona of this id. Raises KeyError when nobody has it."""
    return {one.id: one for one in PERSONAS}[persona_id]


def granted_role(one: Persona) -> str:
    """The role (`access.Role`) the platform grants this persona."""
    return GRANTED_ROLES.get(one.role, one.role)
