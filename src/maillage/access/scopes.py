"""SMART scopes (SMART App Launch 2.2, « Scopes and Launch Context »): read, compared, and written in one canonical form.

`patient/Observation.rs?category=…|laboratory` is the record of one person, `user/…` what the person who is signed in may do, `system/…`
what a program registered by itself may. Version 1 (`read`, `write`, `*`) is read as the letters of version 2 that it stands for.
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple, Self
from urllib.parse import quote

from maillage.errors import Invalid, Issue
from maillage.fhir.definitions import resource_types
from maillage.fhir.query_strings import of_query
from maillage.fhir.search.answered import known
from maillage.fhir.search.conditions import criterion
from maillage.fhir.search.criteria import IdIs, RefersTo, TokenIs
from maillage.fhir.search.values import split

LETTERS = "cruds"
"""create; read, vread and the history of a resource; update and patch; delete; search and the history of a type or of all."""
ANY = "*"
VERSION_1 = {"read": "rs", "write": "cud", "*": LETTERS}
MOST_RESTRICTIONS = 8
MOST_VALUES = 50
MOST_SCOPES = 100
LONGEST = 8_000
"""Characters of a list of scopes."""
SPECIAL = ("openid", "fhirUser", "launch", "launch/patient", "offline_access", "online_access")
"""Scopes that open no record: who it is, where the launch came from, how long it goes on."""
RESTRICTABLE = ("token", "uri", "reference")
"""The types of the search parameters that may restrict a scope: what a resource says itself, exactly."""

UNRESTRICTED = frozenset({"AuditEvent", "Binary"})
"""Types that are told from elsewhere than the store: the trail, the originals of documents."""

_FORM = re.compile(r"(?P<level>[a-z]+)/(?P<kind>\*|[A-Za-z]+)\.(?P<may>\*|[a-z]+)(?:\?(?P<query>.*))?", re.DOTALL)
_SAFE = ":/|,-._~$"


class Level(StrEnum):
    """Whose rights a scope is about."""

    PATIENT = "patient"
    USER = "user"
    SYSTEM = "system"


class Restriction(NamedTuple):
    """One search parameter, and the values (unescaped of the address, escaped as in a search) of which a resource has one."""

    parameter: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.parameter}={quote(','.join(self.values), safe=_SAFE)}"

    def within(self, other: "Restriction") -> bool:
        """Whether what has one of these values has one of the other's."""
        return self.parameter == other.parameter and set(self.values) <= set(other.values)


class ResourceScope(NamedTuple):
    """What one scope opens: on resources of a type (`*`: of all) that fulfil all restrictions, the interactions of these letters."""

    level: Level
    kind: str
    letters: str
    restrictions: tuple[Restriction, ...] = ()

    def __str__(self) -> str:
        """The canonical form: letters in order, restrictions sorted, whatever is no plain character escaped."""
        query = "&".join(map(str, self.restrictions))
        return f"{self.level}/{self.kind}.{self.letters}" + (f"?{query}" if query else "")

    def opens(self, kind: str, letter: str) -> bool:
        """Whether it opens an interaction on some resources of a type."""
        return self.kind in (ANY, kind) and letter in self.letters

    def within(self, other: Self) -> bool:
        """Whether all that this opens is opened by the other."""
        return (
            self.level is other.level
            and other.kind in (ANY, self.kind)
            and set(self.letters) <= set(other.letters)
            and all(any(mine.within(theirs) for mine in self.restrictions) for theirs in other.restrictions)
        )

    def meet(self, other: Self) -> Self | None:
        """What both open, None for nothing (restrictions of both hold)."""
        letters = "".join(letter for letter in self.letters if letter in other.letters)
        if self.level is not other.level or not letters or (ANY not in (self.kind, other.kind) and self.kind != other.kind):
            return None
        kept = [one for one in other.restrictions if not any(mine.within(one) for mine in self.restrictions)]
        mine = [one for one in self.restrictions if not any(theirs.within(one) for theirs in kept)]
        kind = other.kind if self.kind == ANY else self.kind
        return type(self)(self.level, kind, letters, tuple(sorted({*mine, *kept})))


class Scopes(NamedTuple):
    """A list of scopes: those that open records, and the special ones, each once and in its canonical order."""

    resources: tuple[ResourceScope, ...] = ()
    special: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join(self.texts)

    @property
    def texts(self) -> tuple[str, ...]:
        """Each in its canonical form: what `Actor.scopes` holds, and what a token answer says."""
        return (*self.special, *map(str, self.resources))

    @property
    def levels(self) -> frozenset[Level]:
        """Whose rights they are about."""
        return frozenset(one.level for one in self.resources)


def scope_of(text: str) -> ResourceScope:
    """One scope that opens records. Invalid says what is wrong with it, and what would be right."""
    return _read(text)


def scopes_of(text: str | Iterable[str]) -> Scopes:
    """A list of scopes (separated by spaces, or already apart). Invalid with an issue for each that is not one."""
    parts = text.split() if isinstance(text, str) else list(text)
    if len(parts) > MOST_SCOPES or sum(map(len, parts)) > LONGEST:
        raise Invalid(f"a list of scopes has {MOST_SCOPES} scopes and {LONGEST} characters at most")
    resources, special, faults = [], [], []
    for part in parts:
        if part in SPECIAL:
            special.append(part)
            continue
        try:
            resources.append(_read(part))
        except Invalid as fault:
            faults.append(Issue("invalid", fault.message, "scope"))
    if faults:
        raise Invalid("; ".join(issue.diagnostics for issue in faults), issues=faults)
    return Scopes(joined(resources), tuple(one for one in SPECIAL if one in special))


def grantable(asked: Scopes, registered: Scopes) -> Scopes:
    """What of the asked scopes may be granted to who is registered for others: of each that part which a registered one opens too.

    `patient/Observation.rs` within `patient/*.cruds` is granted as it is; `patient/*.cruds` where `patient/Observation.rs` is registered is
    granted as the latter. A level never stands for another one: who is registered for `user/` is not for `patient/`.
    """
    met = [found for one in asked.resources for other in registered.resources if (found := one.meet(other))]
    return Scopes(joined(met), tuple(one for one in asked.special if one in registered.special))


def joined(resources: Iterable[ResourceScope]) -> tuple[ResourceScope, ...]:
    """The same scopes with the letters of those that differ in nothing else put together, less those within another, sorted."""
    letters: dict[ResourceScope, set[str]] = {}
    for one in resources:
        letters.setdefault(one._replace(letters=""), set()).update(one.letters)
    whole = [key._replace(letters="".join(letter for letter in LETTERS if letter in found)) for key, found in letters.items()]
    return tuple(sorted(one for one in whole if not any(one.within(other) for other in whole if other != one)))


@lru_cache(maxsize=4_096)
def _read(text: str) -> ResourceScope:
    form = _FORM.fullmatch(text)
    if form is None:
        raise _refused(
            text,
            f"a scope is patient/, user/ or system/ with a type or *, a dot and letters of {LETTERS}; or {', '.join(SPECIAL)}",
        )
    if form["level"] not in set(Level):
        raise _refused(text, f"{form['level']!r} is not one of {', '.join(Level)}")
    if form["kind"] != ANY and form["kind"] not in resource_types():
        raise _refused(text, f"FHIR R4 has no resource type {form['kind']!r}")
    letters = VERSION_1.get(form["may"], form["may"])
    if letters != "".join(letter for letter in LETTERS if letter in letters):
        raise _refused(text, f"{form['may']!r} is not letters of {LETTERS}, each once and in this order, nor read, write or *")
    if form["query"] is None:
        return ResourceScope(Level(form["level"]), form["kind"], letters)
    if form["may"] in VERSION_1:
        raise _refused(text, "scopes of version 1 (read, write, *) take no restriction: spell the letters")
    return ResourceScope(Level(form["level"]), form["kind"], letters, _restrictions(text, form["kind"], form["query"]))


def _restrictions(text: str, kind: str, query: str) -> tuple[Restriction, ...]:
    if kind == ANY:
        raise _refused(text, "a restriction needs a type: * has no search parameters of its own")
    if kind in UNRESTRICTED:
        raise _refused(
            text, f"{kind} is not told from the store of resources alone, and no restriction narrows it: ask for it without one"
        )
    pairs = of_query(query)
    if not pairs:
        raise _refused(text, "a restriction (name=value) is expected behind the question mark")
    found = sorted({_restriction(text, kind, name, value) for name, value in pairs})
    if len(found) > MOST_RESTRICTIONS or sum(len(one.values) for one in found) > MOST_VALUES:
        raise _refused(text, f"{MOST_RESTRICTIONS} restrictions with {MOST_VALUES} values in all are the most")
    return tuple(found)


def _restriction(text: str, kind: str, name: str, value: str) -> Restriction:
    if not re.fullmatch(r"[A-Za-z_][\w\-]*", name):
        raise _refused(
            text, f"{name}: modifiers, chains and _has do not restrict a scope here; the plain name of a search parameter does"
        )
    try:
        parameter = known(kind, name)
        condition = criterion(kind, name, value)
        found = Restriction(name, tuple(sorted(set(split(value, ",")))))
    except Invalid as fault:
        raise _refused(text, fault.message) from fault
    if not isinstance(condition, TokenIs | IdIs | RefersTo) or parameter.carried or "\0" in value:
        kinds = ", ".join(RESTRICTABLE)
        raise _refused(text, f"{name} ({parameter.type}) does not restrict a scope here; parameters of type {kinds} do")
    return found


def _refused(text: str, why: str) -> Invalid:
    return Invalid(f"the scope {text[:200]!r} cannot be granted: {why}")
