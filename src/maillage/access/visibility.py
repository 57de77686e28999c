"""Which rows an actor may see: one SQL condition, made of fragments, that every read and search of theirs carries.

The fragments are in `queries.sql`. There is no flag that lifts the filter: only jobs see every row, and machine clients registered for
the whole system. What scopes open is in `reach`.
"""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from maillage.access import reach
from maillage.access.actors import CARE_ROLES, CIRCLE_ROLES, Actor, ActorKind, Role
from maillage.access.choices import EVERY_COORDINATOR, EVERY_PROFESSIONAL
from maillage.access.habilitation import DOCTOR, profession_of
from maillage.access.masks import CARE, CARER, COORDINATION, PATIENT, PROFESSIONAL
from maillage.access.references import ATTENDING, attending, grantee, own_name
from maillage.access.types import OPEN_TYPES, numbers
from maillage.db import load_queries
from maillage.fhir import definitions, ids
from maillage.fhir.scope import Scope

QUERIES = load_queries("maillage.access")

PARAMETERS = (("access_self", "uuid"), ("access_now", "timestamptz"))
OF_DOCTORS = (*PARAMETERS, ("access_attending", "uuid"))
EVERY_ROW = QUERIES.text("all_rows")


def visible_to(actor: Actor, now: datetime, letters: str = "s") -> Scope:
    """The condition on rows that this actor may see at this instant. An actor whom nothing lets in sees no row.

    For whoever acts by scopes: those rows that are opened for one of these letters of SMART ("s": what they may search).
    """
    seen = seen_by(actor, now)
    return reach.narrowing(actor, letters).of(seen) if reach.bound(actor) else seen


def seen_by(actor: Actor, now: datetime) -> Scope:
    """The same by the rights of who acts, whatever the software through which they do; a program by itself has none but its scopes."""
    text, among, own, circle, beyond = _seen_by(actor)
    if text == EVERY_ROW:
        return Scope(text)
    names = {"access_self": own, "access_now": now}
    if not _may_attend(actor):
        return Scope(text, names, PARAMETERS, among=among, circle=circle, beyond=beyond)
    return Scope(text, names | {"access_attending": _attending(actor)}, OF_DOCTORS, among=among, circle=circle, beyond=beyond)


@lru_cache(maxsize=1024)
def _seen_by(actor: Actor) -> tuple[str, str, UUID | None, str | None, frozenset[int]]:
    """The condition for an actor, the same for the rows of a list, the key under which the records name them, the list of their patients,
    and the types seen beyond it."""
    if actor.kind in (ActorKind.JOB, ActorKind.SYSTEM):
        return EVERY_ROW, "", None, None, frozenset()
    names = tuple(name for applies, name in _PARTS if applies(actor))
    binds = CARERS if actor.has(Role.CARER) else profession_of(actor)
    one, among = (_text(names, _audiences(actor), binds, listed=listed) for listed in (False, True))
    return one, among, own_name(actor), *_circle(names)


def _circle(names: tuple[str, ...]) -> tuple[str | None, frozenset[int]]:
    """The list of patients that the records give to an actor, and the types of which they see more than theirs."""
    if "granted" not in names:
        return None, frozenset()
    known = definitions.resource_types()
    seen = {name for name in OPEN_TYPES if name in known} | ({"Patient"} if "identities" in names else set())
    return QUERIES.text("circle"), frozenset(map(ids.number, seen))


def _may_attend(actor: Actor) -> bool:
    """Whether somebody could be the attending physician (médecin traitant) of a person: a doctor whom the directory knows."""
    return actor.reference is not None and profession_of(actor) == DOCTOR


@lru_cache(maxsize=1024)
def _attending(actor: Actor) -> UUID:
    return grantee(attending(actor.reference or ""))


@lru_cache(maxsize=256)
def _text(names: tuple[str, ...], audiences: tuple[str, ...], profession: str | None, *, listed: bool) -> str:
    text = " or ".join(f"({QUERIES.text(name)})" for name in names) or "false"
    kept, heard = _kept(profession)
    attends = QUERIES.text("attending").replace("{physician}", str(grantee(ATTENDING))) if profession == DOCTOR else ""
    parts = {
        "{sight}": QUERIES.text("sight_among" if listed else "sight_of_one"),
        "{unmasked}": QUERIES.text("unmasked") + " " if listed else "",
        "{said}": QUERIES.text("said"),
        "{told}": QUERIES.text("told"),
        "{attending}": attends,
        "{signed}": QUERIES.text("signed"),
        "{kept}": kept,
        "{audiences}": heard,
    }
    literals = {
        "{open}": numbers(OPEN_TYPES),
        "{identity}": numbers(frozenset({"Patient"})),
        "{names}": "{" + ",".join(audiences) + "}",
        "{groups}": "{" + ",".join(str(_GROUPS[audience]) for audience in audiences if audience in _GROUPS) + "}",
        "{profession}": profession or "",
    }
    for place, literal in (parts | literals).items():
        text = text.replace(place, literal)
    return text


def _kept(profession: str | None) -> tuple[str, str]:
    """The types, and the audiences, that are kept from a profession; from a carer, by the scope that they have now: none, and they see nothing."""
    if profession is None:
        return "'{}'::smallint[]", "'{names}'::text[]"
    by = "carer" if profession == CARERS else "kept"
    return QUERIES.text(f"{by}_types"), QUERIES.text(f"{by}_audiences")


CARERS = "carers"
"""In the place of a profession, for who sees what the person named them for."""
_GROUPS = {PROFESSIONAL: grantee(EVERY_PROFESSIONAL), COORDINATION: grantee(EVERY_COORDINATOR)}
"""By whose name a person keeps their record from a whole audience."""


def _sees_identities(actor: Actor) -> bool:
    return actor.has(Role.STEWARD)


def _sees_granted(actor: Actor) -> bool:
    return actor.reference is not None and actor.has(*CIRCLE_ROLES, Role.PATIENT, Role.CARER)


_PARTS: tuple[tuple[Callable[[Actor], bool], str], ...] = (
    (lambda _: True, "open_rows"),
    (_sees_identities, "identities"),
    (_sees_granted, "granted"),
)


def _audiences(actor: Actor) -> tuple[str, ...]:
    """The audiences this actor belongs to: a record masked to one of them is not theirs to see."""
    by_roles = ((CIRCLE_ROLES, PROFESSIONAL), ({Role.PATIENT}, PATIENT), ({Role.CARER}, CARER))
    found = [audience for roles, audience in by_roles if actor.has(*roles)]
    if PROFESSIONAL in found:
        found.append(CARE if actor.has(*CARE_ROLES) else COORDINATION)
    return tuple(found)
