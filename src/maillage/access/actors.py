"""Who acts: a person or a program, with roles, and the FHIR resource that stands for them."""

from dataclasses import dataclass
from enum import StrEnum


class ActorKind(StrEnum):
    """What sort of thing acts. Kinds differ in how they are let in; roles say what they may do."""

    PROFESSIONAL = "professional"
    PATIENT = "patient"
    CARER = "carer"
    SYSTEM = "system"
    JOB = "job"


class Role(StrEnum):
    """The part an actor plays on the platform, as the sign-in or the registration says."""

    GP = "gp"
    NURSE = "nurse"
    HOSPITAL = "hospital"
    PROFESSIONAL = "professional"
    COORDINATOR = "coordinator"
    SOCIAL_WORKER = "social-worker"
    PATIENT = "patient"
    CARER = "carer"
    REPRESENTATIVE = "representative"
    REGULATOR = "regulator"
    STEWARD = "steward"
    OPERATOR = "operator"
    OFFICER = "officer"
    ARS = "ars"
    ADMINISTRATOR = "administrator"
    EDITOR = "editor"
    SYSTEM = "system"
    JOB = "job"


CARE_ROLES = frozenset({Role.GP, Role.NURSE, Role.HOSPITAL, Role.PROFESSIONAL})
CIRCLE_ROLES = CARE_ROLES | {Role.COORDINATOR, Role.SOCIAL_WORKER}
# Roles that see all identities, traces or accounts, or change how the platform works: only a proof that cannot be phished opens them.
GUARDED_ROLES = frozenset({Role.STEWARD, Role.OPERATOR, Role.OFFICER, Role.ARS, Role.ADMINISTRATOR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Someone or something that acts, as the audit will name it.

    `reference` is the FHIR resource that stands for the actor ("Practitioner/12", "Patient/7", "Device/lab"), or None
    (an operator is in no directory). `organizations` ("Organization/3") are shown and audited; what a professional may
    see by an organisation is read from PractitionerRole at the instant of the query, so that a removed member is out
    at once. `profession` is a code of TRE_G15-ProfessionSante ("60"), which says with the roles what they read. `situation`
    ("PractitionerRole/7") is the place and function that a professional works in now: they then see what that
    place sees and what is theirs, and not what their other places see. `scopes` are SMART scopes: what a machine client may do
    ("system/*.*", "system/Patient.rs"). `client` is the registered software through which a person acts, and `patient`
    ("Patient/7") the person whose record it was opened on (SMART App Launch 2.2 §4): None for somebody at our own pages.
    """

    id: str
    kind: ActorKind
    name: str
    roles: frozenset[Role]
    reference: str | None = None
    organizations: tuple[str, ...] = ()
    scopes: frozenset[str] = frozenset()
    profession: str | None = None
    situation: str | None = None
    client: str | None = None
    patient: str | None = None

    def has(self, *roles: Role) -> bool:
        """Whether the actor plays one of these roles."""
        return not self.roles.isdisjoint(roles)


def job_actor(name: str) -> Actor:
    """The actor of a background job: "jobs/reminders" is audited by that name like a person."""
    return Actor(id=f"job:{name}", kind=ActorKind.JOB, name=name, roles=frozenset({Role.JOB}))
