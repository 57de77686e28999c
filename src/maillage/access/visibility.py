"""Which rows an actor may see: one SQL condition, made of fragments, that every read and search of theirs carries.

The fragments are in `queries.sql`. There is no flag that lifts the filter: seeing every row is one of the scopes below, held only
by jobs and by machine clients registered for the whole system.
"""

import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from maillage.access.actors import CARE_ROLES, CIRCLE_ROLES, Actor, ActorKind, Role
from maillage.access.choices import EVERY_COORDINATOR, EVERY_PROFESSIONAL
from maillage.access.habilitation import profession_of
from maillage.access.masks import CARER, COORDINATION, PATIENT, PROFESSIONAL
from maillage.access.references import at_work_in, grantee
from maillage.db import load_queries
from maillage.fhir import definitions, ids
from maillage.fhir.scope import Scope

QUERIES = load_queries("maillage.access")

# Rows without a patient that whoever is signed in may read: the directory, the offer of care, and definitions.
OPEN_TYPES = frozenset({
    "ActivityDefinition", "CapabilityStatement", "CodeSystem", "CompartmentDefinition", "ConceptMap", "Device",
    "DeviceDefinition", "Endpoint", "EventDefinition", "GraphDefinition", "HealthcareService", "ImplementationGuide",
    "InsurancePlan", "Library", "Location", "Measure", "Medication", "MedicationKnowledge", "MessageDefinition",
    "NamingSystem", "OperationDefinition", "Organization", "OrganizationAffiliation", "PlanDefinition", "Practitioner",
    "PractitionerRole", "Questionnaire", "Schedule", "SearchParameter", "Slot", "StructureDefinition", "StructureMap",
    "Substance", "TerminologyCapabilities", "ValueSet",
})  # fmt: skip
DIRECTORY_TYPES = frozenset(
    {"Endpoint", "HealthcareService", "Location", "Organization", "OrganizationAffiliation", "Practitioner", "PractitionerRole"}
)

PARAMETERS = (("access_self", "uuid"), ("access_now", "timestamptz"))
EVERY_ROW = QUERIES.text("all_rows")
_SCOPE = re.compile(r"^system/(?P<type>\*|[A-Za-z]+)\.(?P<may>\*|read|write|c?r?u?d?s?)$")


def visible_to(actor: Actor, now: datetime) -> Scope:
    """The condition on rows that this actor may see at this instant. An actor whom nothing lets in sees no row."""
    return _scope(actor, now, types_read)


def writable_by(actor: Actor, now: datetime) -> Scope:
    """The condition on rows that this actor may change: what they see, or for a machine what its scopes let it write."""
    return _scope(actor, now, types_written)


def types_read(actor: Actor) -> frozenset[str]:
    """The types that a machine client's scopes open for reading; "*" among them means all."""
    return _types(actor, "rs", "read")


def types_written(actor: Actor) -> frozenset[str]:
    """The types that a machine client's scopes open for writing; "*" among them means all."""
    return _types(actor, "cud", "write")


def _types(actor: Actor, letters: str, word: str) -> frozenset[str]:
    """SMART scopes of version 2 spell what they open ("rs"), those of version 1 name it ("read"); "*" is both."""
    matches = [match for scope in actor.scopes if (match := _SCOPE.match(scope))]
    return frozenset(m["type"] for m in matches if m["may"] in {"*", word} or _spells(m["may"], letters))


def _spells(may: str, letters: str) -> bool:
    return may not in {"*", "read", "write"} and all(letter in may for letter in letters)


def _scope(actor: Actor, now: datetime, types: Callable[[Actor], frozenset[str]]) -> Scope:
    text, own, circle, beyond = _seen_by(actor, types)
    if text == EVERY_ROW:
        return Scope(text)
    return Scope(text, {"access_self": own, "access_now": now}, PARAMETERS, circle=circle, beyond=beyond)


@lru_cache(maxsize=1024)
def _seen_by(
    actor: Actor, types: Callable[[Actor], frozenset[str]]
) -> tuple[str, UUID | None, str | None, frozenset[int]]:  # fmt: skip
    """The condition for an actor, the key under which the records name them, the list of their patients, and the types seen beyond it."""
    opened = types(actor)
    if actor.kind is ActorKind.JOB or (actor.kind is ActorKind.SYSTEM and "*" in opened):
        return EVERY_ROW, None, None, frozenset()
    names = tuple(name for applies, name in _PARTS if applies(actor))
    own = at_work_in(actor.situation) if actor.situation else grantee(actor.reference) if actor.reference else None
    binds = CARERS if actor.has(Role.CARER) else profession_of(actor)
    return _text(names, opened, _audiences(actor), binds), own, *_circle(names)


def _circle(names: tuple[str, ...]) -> tuple[str | None, frozenset[int]]:
    """The list of patients that the records give to an actor, and the types of which they see more than theirs."""
    if "granted" not in names:
        return None, frozenset()
    known = definitions.resource_types()
    seen = {name for name in OPEN_TYPES if name in known} | ({"Patient"} if "identities" in names else set())
    return QUERIES.text("circle"), frozenset(map(ids.number, seen))


@lru_cache(maxsize=256)
def _text(names: tuple[str, ...], types: frozenset[str], audiences: tuple[str, ...], profession: str | None) -> str:
    text = " or ".join(f"({QUERIES.text(name)})" for name in names) or "false"
    kept, heard = _kept(profession)
    parts = {"{signed}": QUERIES.text("signed"), "{kept}": kept, "{audiences}": heard}
    literals = {
        "{types}": _numbers(types),
        "{open}": _numbers(OPEN_TYPES),
        "{identity}": _numbers(frozenset({"Patient"})),
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


def _sees_types(actor: Actor) -> bool:
    return actor.kind is ActorKind.SYSTEM


def _sees_open(actor: Actor) -> bool:
    return actor.kind not in (ActorKind.JOB, ActorKind.SYSTEM)


def _sees_identities(actor: Actor) -> bool:
    return _sees_open(actor) and actor.has(Role.STEWARD)


def _sees_granted(actor: Actor) -> bool:
    return _sees_open(actor) and actor.reference is not None and actor.has(*CIRCLE_ROLES, Role.PATIENT, Role.CARER)


_PARTS: tuple[tuple[Callable[[Actor], bool], str], ...] = (
    (_sees_types, "rows_of_types"),
    (_sees_open, "open_rows"),
    (_sees_identities, "identities"),
    (_sees_granted, "granted"),
)


def _audiences(actor: Actor) -> tuple[str, ...]:
    """The audiences this actor belongs to: a record masked to one of them is not theirs to see."""
    by_roles = ((CIRCLE_ROLES, PROFESSIONAL), ({Role.PATIENT}, PATIENT), ({Role.CARER}, CARER))
    found = [audience for roles, audience in by_roles if actor.has(*roles)]
    if PROFESSIONAL in found and not actor.has(*CARE_ROLES):
        found.append(COORDINATION)
    return tuple(found)


def _numbers(types: frozenset[str]) -> str:
    """The numbers of these types as a PostgreSQL array literal; names that R4 does not have are left out."""
    known = definitions.resource_types()
    return "{" + ",".join(str(ids.number(name)) for name in sorted(types) if name in known) + "}"
