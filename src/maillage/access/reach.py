"""What a software may reach with the scopes it was granted: for each letter of SMART, which types, and by which condition on rows.

A person who acts through a software sees the rows that they see by themselves and that its scopes open, and no other; a program
registered by itself sees those that its `system/` scopes open (docs/adr/0033-scopes.md). Nobody else has anything to do with this module.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import UUID

from maillage.access.actors import Actor, ActorKind
from maillage.access.scopes import ANY, Level, ResourceScope, scope_of
from maillage.access.types import OPEN_TYPES, numbers
from maillage.db import load_queries
from maillage.errors import InsufficientScope, Invalid
from maillage.fhir import ids
from maillage.fhir.index import IndexRows, index
from maillage.fhir.scope import Scope
from maillage.fhir.search.compose import Composer, Row
from maillage.fhir.search.conditions import criterion
from maillage.fhir.search.criteria import Criterion, IdIs, RefersTo, TokenIs

QUERIES = load_queries("maillage.access")
Resource = dict[str, Any]

EVERY = "true"
_ROW = "narrowed"
"""The alias under which a restricted row is looked at."""


def bound(actor: Actor) -> bool:
    """Whether scopes bind this actor."""
    return actor.client is not None or actor.kind is ActorKind.SYSTEM


def opened(actor: Actor) -> tuple[ResourceScope, ...]:
    """The scopes that count for this actor: of a program by itself `system/`, of a person `user/`, and `patient/` once a record is chosen."""
    levels = {Level.SYSTEM} if actor.kind is ActorKind.SYSTEM else {Level.USER}
    if Level.USER in levels and actor.patient is not None:
        levels.add(Level.PATIENT)
    return tuple(one for one in _parsed(actor.scopes) if one.level in levels)


def opens(actor: Actor, letter: str, kind: str) -> bool:
    """Whether the scopes open an interaction on some resource of a type."""
    return any(one.opens(kind, letter) for one in opened(actor))


def opens_all(actor: Actor, letter: str, kind: str) -> bool:
    """Whether the scopes open an interaction on every resource of a type, whatever it says and whoever it is about."""
    found = (one for one in opened(actor) if one.opens(kind, letter))
    return any(not one.restrictions and one.level is not Level.PATIENT for one in found)


def require(actor: Actor, letter: str, kind: str) -> None:
    """InsufficientScope where scopes bind the actor and none opens the interaction on any resource of the type."""
    if bound(actor) and not opens(actor, letter, kind):
        raise InsufficientScope(f"the scopes granted to {actor.client or actor.name} do not open {letter} of {kind}")


@lru_cache(maxsize=1024)
def _parsed(scopes: frozenset[str]) -> tuple[ResourceScope, ...]:
    """Those that open records; whatever is no scope opens nothing."""
    found = []
    for text in sorted(scopes):
        try:
            found.append(scope_of(text))
        except Invalid:
            continue
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Narrowing:
    """The rows that some scopes open, as a condition of SQL on a row (see `fhir.scope.Scope`); "true" for every row.

    `home`: rows are in the record of one person, or in none.
    """

    text: str
    params: dict[str, Any] = field(default_factory=dict)
    types: tuple[tuple[str, str], ...] = ()
    home: bool = False

    def of(self, seen: Scope) -> Scope:
        """What of `seen` is left."""
        if self.text == EVERY:
            return seen
        text = self.text if seen.unlimited else f"({self.text}) and ({seen.text})"
        among = f"({self.text}) and ({seen.among})" if seen.among else ""
        circle = QUERIES.text("narrowed_circle") if self.home and seen.circle else seen.circle
        return Scope(
            text, {**seen.params, **self.params}, (*seen.types, *self.types), among=among, circle=circle, beyond=seen.beyond
        )


def narrowing(actor: Actor, letters: str, *, whole_types: bool = False) -> Narrowing:
    """The rows that the scopes open for one of these letters. `whole_types`: restrictions left out, for rows that are not stored yet."""
    found = [one for one in opened(actor) if not set(letters).isdisjoint(one.letters)]
    if whole_types:
        found = [one._replace(restrictions=()) for one in found]
    return _narrowing(tuple(dict.fromkeys(one._replace(letters="") for one in found)), actor.patient)


@lru_cache(maxsize=1024)
def _narrowing(scopes: tuple[ResourceScope, ...], patient: str | None) -> Narrowing:
    composer = _Composer(Scope.all())
    at_home = [one for one in scopes if one.level is Level.PATIENT]
    anywhere = [one for one in scopes if one.level is not Level.PATIENT]
    parts = _parts(anywhere, composer)
    if EVERY in parts:
        return Narrowing(EVERY)
    if at_home:
        home = QUERIES.text("narrowed_home").replace("{open}", numbers(OPEN_TYPES))
        parts.append(f"{home} and ({' or '.join(_parts(at_home, composer))})")
        composer.bind_as("access_of", ids.key((patient or "").removeprefix("Patient/")), "uuid")
    text = " or ".join(f"({part})" for part in parts) or "false"
    return Narrowing(text, composer.params, tuple(composer.types.items()), home=not anywhere)


def _parts(scopes: Sequence[ResourceScope], composer: "_Composer") -> list[str]:
    """Conditions of which one must hold: the type is opened whole, or the row fulfils the restrictions of a scope."""
    whole = frozenset(one.kind for one in scopes if not one.restrictions)
    if ANY in whole:
        return [EVERY]
    parts = [QUERIES.text("rows_of_types").replace("{types}", numbers(whole))] if whole else []
    return parts + [_restricted(one, composer) for one in scopes if one.restrictions and one.kind not in whole]


def _restricted(scope: ResourceScope, composer: "_Composer") -> str:
    row = Row(_ROW, scope.kind)
    conditions = " and ".join(f"({one.sql(row, composer)})" for one in _criteria(scope))
    return QUERIES.text("narrowed_row").replace("{type}", str(row.rt)).replace("{conditions}", conditions)


def _criteria(scope: ResourceScope) -> tuple[Criterion, ...]:
    return tuple(criterion(scope.kind, one.parameter, ",".join(one.values)) for one in scope.restrictions)


@dataclass(slots=True)
class _Composer(Composer):
    """Binds values under the names that scopes have in a statement, and remembers their types."""

    types: dict[str, str] = field(default_factory=dict)

    def bind(self, value: Any, cast: str) -> str:
        return self.bind_as(f"access_{len(self.params)}", value, cast)

    def bind_as(self, name: str, value: Any, cast: str) -> str:
        self.params[name], self.types[name] = value, cast
        return f"%({name})s::{cast}"


def only_patient(actor: Actor, kind: str) -> UUID | None:
    """The key of the one person whose records of a type are opened; None where they are not opened by `patient/` scopes alone."""
    levels = {one.level for one in opened(actor) if one.kind in (ANY, kind)} if actor.client else set()
    return ids.key((actor.patient or "").removeprefix("Patient/")) if levels == {Level.PATIENT} else None


def restricted(actor: Actor, letter: str, kind: str) -> bool:
    """Whether of some resources of a type it counts what they say: a restriction opens them, and no scope opens the whole type anywhere."""
    if not bound(actor) or opens_all(actor, letter, kind):
        return False
    return any(one.restrictions for one in opened(actor) if one.opens(kind, letter))


def admits(actor: Actor, letter: str, resource: Resource, patient: UUID | None, *, strictly: bool = False) -> bool:
    """Whether the scopes open an interaction on a resource with this content, in the record of that patient (its key).

    `strictly`: `patient/` scopes open nothing that is in no record, as they write no directory.
    """
    return any(
        _admits(actor, one, resource, patient, strictly) for one in opened(actor) if one.opens(resource["resourceType"], letter)
    )


def _admits(actor: Actor, scope: ResourceScope, resource: Resource, patient: UUID | None, strictly: bool) -> bool:
    if scope.level is Level.PATIENT:
        own = ids.key((actor.patient or "").removeprefix("Patient/"))
        outside = patient is None and not strictly and resource["resourceType"] in OPEN_TYPES
        if patient != own and not outside:
            return False
    return not scope.restrictions or _fulfils(scope, index(resource))


def _fulfils(scope: ResourceScope, rows: IndexRows) -> bool:
    return all(_holds(one, rows) for one in _criteria(scope))


def _holds(condition: Criterion, rows: IndexRows) -> bool:
    """What the condition's SQL asks of the stored row, asked of what would be stored."""
    match condition:
        case TokenIs(values=values):
            return not rows.tokens.isdisjoint(values)
        case IdIs(keys=keys):
            return ids.key(rows.id) in keys
        case RefersTo(parameter=parameter, targets=targets, tokens=tokens):
            named = {(kind, ids.key(id)) for code, kind, id in rows.references if code == parameter}
            return not rows.tokens.isdisjoint(tokens) or any(
                target.key == key and target.kind in (None, kind) for target in targets for kind, key in named
            )
    raise AssertionError("a scope is restricted by no other condition")
