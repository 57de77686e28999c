"""The places that a professional works in, one of which a session is of."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from maillage.access.actors import Actor, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """A place and function: `reference` is the PractitionerRole, `organization` its organisation, `name` what people call it."""

    reference: str
    organization: str
    name: str
    role: Role


def acting(actor: Actor, situation: Situation) -> Actor:
    """The same person in this situation: its role, its organisation, and what that place sees."""
    return replace(
        actor, roles=frozenset({situation.role}), organizations=(situation.organization,), situation=situation.reference
    )  # fmt: skip


def chosen(situations: Sequence[Situation], reference: str) -> Situation | None:
    """The one of this reference, None where it is not among them."""
    return next((one for one in situations if one.reference == reference), None)
