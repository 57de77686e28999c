"""What an actor may write, before it is known whose record it is (the store checks that, in SQL)."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from maillage.access.actors import CIRCLE_ROLES, Actor, ActorKind, Role
from maillage.access.permissions import Permission, permits
from maillage.access.types import DIRECTORY_TYPES, OPEN_TYPES
from maillage.fhir.change import Change, Verb

# Written by the platform and by machines only: who did what, and to whom it was sent.
NEVER_BY_HAND = frozenset({"AuditEvent", "Subscription", "SubscriptionStatus", "Person", "Linkage"})

RANDOM, NAMED = 4, 5  # UUID versions (RFC 9562)


def refusal(actor: Actor, change: Change) -> str | None:
    """Why this actor may not make this change at all, or None. Not seeing the patient is the store's refusal."""
    kind = change.resource["resourceType"]
    if kind == "AuditEvent":
        return f"{kind} is told by the platform's own trail of accesses: nobody may {change.verb} one"
    if actor.kind is ActorKind.JOB:
        return None
    if actor.kind is ActorKind.SYSTEM or _may(actor, change, kind):
        return None
    return f"{actor.name} may not {change.verb} {kind}"


def taken_as(actor: Actor, change: Change) -> Change:
    """The change as this actor may mean it: a PUT of a Patient updates one that is there, it does not choose the id of a new one."""
    of_patient = change.resource["resourceType"] == "Patient" and change.verb is Verb.PUT
    return replace(change, verb=Verb.UPDATE) if of_patient and not may_link(actor) else change


def by_client(actor: Actor, change: Change) -> Change:
    """The change as a person's client may ask for it: it takes no new id that is made from a name (UUID version 5), and updates what is there.

    The platform makes those of choices, requests and alerts: whoever took one first, in a record of their own, would keep it from being
    written where it belongs.
    """
    taken = limited(actor) and change.verb in (Verb.PUT, Verb.CREATE) and _version(change.resource.get("id")) == NAMED
    return replace(change, verb=Verb.UPDATE) if taken else change


def limited(actor: Actor) -> bool:
    """Whether everything this actor writes must be in the record of a patient they may see."""
    return actor.kind not in (ActorKind.JOB, ActorKind.SYSTEM)


def without_patient(kind: str) -> bool:
    """Whether a type is written without being anybody's record."""
    return kind in OPEN_TYPES


def may_link(actor: Actor) -> bool:
    """Whether this actor may say that two Patient records are one person: a link opens one record to the circle of the other."""
    return not limited(actor) or permits(actor, Permission.IDENTITY_STEWARD)


def only_identities(actor: Actor) -> bool:
    """Whether this actor writes Patients as a steward and cares for nobody."""
    return limited(actor) and not actor.has(*CIRCLE_ROLES)


def _may(actor: Actor, change: Change, kind: str) -> bool:
    return (
        (kind in DIRECTORY_TYPES and permits(actor, Permission.DIRECTORY_WRITE))
        or (kind == "Patient" and permits(actor, Permission.IDENTITY_STEWARD))
        or (actor.has(*CIRCLE_ROLES) and _in_the_circle(change, kind))
        or (actor.has(Role.PATIENT) and _about_oneself(actor, change, kind))
        or (actor.has(Role.CARER, Role.REPRESENTATIVE) and kind in _SIGNED_BY and _signs(actor, change, kind))
        or (actor.has(Role.PATIENT, Role.CARER, Role.REPRESENTATIVE) and _of_notebook(actor, change, kind))
        or (actor.has(Role.REPRESENTATIVE) and kind == "Consent" and change.verb is not Verb.DELETE)
    )


def _in_the_circle(change: Change, kind: str) -> bool:
    """Clinical and coordination records. A Patient's id is chosen by the platform: naming one could open an old compartment."""
    if kind == "Patient":
        return change.verb in (Verb.UPDATE, Verb.DELETE) or (change.verb is Verb.CREATE and _drawn(change.resource.get("id")))
    return kind not in OPEN_TYPES and kind not in NEVER_BY_HAND


def _about_oneself(actor: Actor, change: Change, kind: str) -> bool:
    """A patient answers questionnaires and writes messages, in their own name; what they choose, and whom they name, they may take back."""
    if kind == "Consent" or (
        kind == "RelatedPerson" and change.verb is not Verb.DELETE
    ):  # their guards say the rest (`services/rights`)
        return True
    return kind in _SIGNED_BY and _signs(actor, change, kind)


_SIGNED_BY = {"QuestionnaireResponse": "author", "Communication": "sender"}


def _signs(actor: Actor, change: Change, kind: str) -> bool:
    """Who is no professional writes in their own name; what they said they may correct where the guard of its type lets them: a message, a draft of answers."""
    if change.verb is Verb.DELETE:
        return False
    author: dict[str, Any] | None = change.resource.get(_SIGNED_BY[kind])
    return author is None or author.get("reference") == actor.reference


NOTES = "https://mos.esante.gouv.fr/NOS/TRE_R234-TypeNote/FHIR/TRE-R234-TypeNote"


def _of_notebook(actor: Actor, change: Change, kind: str) -> bool:
    """The person, and who helps them, write notes of the liaison notebook with their photographs, in their own name; what is another's the guard keeps."""
    resource = change.resource
    if change.verb is Verb.DELETE:
        return False
    if kind == "DocumentReference":
        typed = any(one.get("system") == NOTES for one in resource.get("type", {}).get("coding", []))
        return typed and [one.get("reference") for one in resource.get("author", [])] == [actor.reference]
    parts = [str(one.get("reference", "")) for one in resource.get("partOf", [])]
    return (
        kind == "Media"
        and resource.get("operator", {}).get("reference") == actor.reference
        and any(one.startswith("DocumentReference/") for one in parts)
    )


def _drawn(id: str | None) -> bool:
    """Whether an id is absent, or drawn at random by the door (as those of a bundle's new entries are)."""
    return id is None or _version(id) == RANDOM


def _version(id: str | None) -> int | None:
    """Of a UUID; None for any other id."""
    try:
        return UUID(id or "").version
    except ValueError:
        return None
