"""What a session is of, where somebody has several: the places that a professional works in; one's own record and those of the people one helps."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from maillage.access.actors import Actor, ActorKind, Role

CITIZENS = {Role.PATIENT: ActorKind.PATIENT, Role.CARER: ActorKind.CARER, Role.REPRESENTATIVE: ActorKind.CARER}


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """A place and function: `reference` is the PractitionerRole, `organization` its organisation, `name` what people call it.

    `profession` is that of the work there (TRE_G15), None where the register does not say it: it then stays what it was.

    For a citizen, `reference` is their Patient, or the RelatedPerson that says whom they help, and there is no organisation.
    """

    reference: str
    organization: str
    name: str
    role: Role
    profession: str | None = None


def acting(actor: Actor, situation: Situation) -> Actor:
    """The same person in this situation: its role, its organisation, and what that place sees; or, for a citizen, whose record it is."""
    if situation.role in CITIZENS:
        roles = {situation.role, *([Role.CARER] if situation.role is Role.REPRESENTATIVE else [])}
        return replace(
            actor, id=situation.reference, kind=CITIZENS[situation.role], roles=frozenset(roles), reference=situation.reference
        )  # fmt: skip
    regulates = actor.roles & {Role.REGULATOR}  # said by the card, wherever they work
    return replace(
        actor, roles=frozenset({situation.role}) | regulates, organizations=(situation.organization,), situation=situation.reference,
        profession=situation.profession or actor.profession,
    )  # fmt: skip


def chosen(situations: Sequence[Situation], reference: str) -> Situation | None:
    """The one of this reference, None where it is not among them."""
    return next((one for one in situations if one.reference == reference), None)
