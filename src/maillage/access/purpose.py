"""Why someone acts: the codes of HL7 v3 PurposeOfUse that the platform uses."""

from enum import StrEnum

from maillage.access.actors import Actor, ActorKind, Role


class Purpose(StrEnum):
    """http://terminology.hl7.org/CodeSystem/v3-ActReason, value set v3-PurposeOfUse."""

    TREAT = "TREAT"
    COC = "COC"
    CAREMGT = "CAREMGT"
    ETREAT = "ETREAT"
    BTG = "BTG"
    PATRQT = "PATRQT"
    FAMRQT = "FAMRQT"
    HOPERAT = "HOPERAT"
    HSYSADMIN = "HSYSADMIN"
    SYSADMIN = "SYSADMIN"
    RECORDMGT = "RECORDMGT"
    PUBHLTH = "PUBHLTH"
    HQUALIMP = "HQUALIMP"


_BY_ROLE = (
    (Role.GP, Purpose.TREAT),
    (Role.NURSE, Purpose.TREAT),
    (Role.HOSPITAL, Purpose.TREAT),
    (Role.PROFESSIONAL, Purpose.TREAT),
    (Role.COORDINATOR, Purpose.COC),
    (Role.SOCIAL_WORKER, Purpose.COC),
    (Role.PATIENT, Purpose.PATRQT),
    (Role.CARER, Purpose.FAMRQT),
    (Role.STEWARD, Purpose.RECORDMGT),
    (Role.OPERATOR, Purpose.SYSADMIN),
    (Role.OFFICER, Purpose.HSYSADMIN),
    (Role.ARS, Purpose.PUBHLTH),
)


def usual_purpose(actor: Actor) -> Purpose:
    """The purpose of an actor who stated none: that of the first of their roles in the order above."""
    for role, purpose in _BY_ROLE:
        if role in actor.roles:
            return purpose
    return Purpose.SYSADMIN if actor.kind is ActorKind.JOB else Purpose.HOPERAT
