"""From the parameters of a request to a `SearchQuery`. What is not understood is refused with what would be."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from maillage.errors import Invalid, Issue
from maillage.fhir import ids
from maillage.fhir.compartment import home
from maillage.fhir.definitions import SearchParameter, search_parameters
from maillage.fhir.index import main_date
from maillage.fhir.rows import present
from maillage.fhir.search import values
from maillage.fhir.search.chains import Chained, HasReferrer
from maillage.fhir.search.composites import composite_is
from maillage.fhir.search.criteria import Criterion, Present
from maillage.fhir.search.query import DEFAULT_COUNT, MAX_COUNT, Include, SearchQuery, SortKey
from maillage.fhir.search.readers import READERS

MAX_WAYS = 16
"""Types that a chain without a type is tried on."""
MAX_DEPTH = 12
"""Steps that a chain or a reverse chain goes: the statement of a longer one would take longer to plan than to run."""
MAX_STEPS = 100
"""Conditions of one parameter, the ways and steps of its chains counted: each is a join of its statement."""
MAX_PARAMETERS = 100
"""Of one search: each is a condition or a step of its statement, and one request must not hold the database for minutes."""
MAX_VALUES = 2_000
"""Between the commas of all parameters of one search."""

_RESULTS = ("_sort", "_count", "_cursor", "_include", "_revinclude", "_total", "_summary")
_NAME = re.compile(r"(?P<code>[A-Za-z_][\w\-]*)(?::(?P<modifier>[A-Za-z\-]+))?(?:\.(?P<chain>.+))?")
_HAS = re.compile(r"_has:(?P<kind>\w+):(?P<code>[\w\-]+):(?P<rest>.+)")


def parse(kind: str, params: Sequence[tuple[str, str]], *, lenient: bool = False, base: str = "") -> SearchQuery:
    """The search of `kind` that these parameters ask for. `base` is this server's own address, to be taken off references.

    Whatever is not understood raises Invalid with an issue for each parameter; a lenient search leaves it out and says so in `issues`.
    """
    ids.number(kind)
    _refuse_too_much(params)
    draft = _Draft(kind, base)
    for name, value in params:
        try:
            draft.take(name, value)
        except Invalid as fault:
            severity = "warning" if lenient else "error"
            draft.issues.append(Issue("not-supported" if lenient else "invalid", f"{name}: {fault.message}", name, severity))
        else:
            if name != "_cursor":
                draft.applied.append((name, value))
    if draft.issues and not lenient:
        raise Invalid("; ".join(issue.diagnostics for issue in draft.issues), issues=draft.issues)
    return draft.query()


@dataclass(slots=True)
class _Draft:
    """A search while its parameters are read."""

    kind: str
    base: str
    criteria: list[Criterion] = field(default_factory=list)
    sort: tuple[SortKey, ...] = ()
    count: int = DEFAULT_COUNT
    cursor: str | None = None
    includes: list[Include] = field(default_factory=list)
    revincludes: list[Include] = field(default_factory=list)
    total: bool = False
    applied: list[tuple[str, str]] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)

    def take(self, name: str, value: str) -> None:
        match name:
            case "_sort":
                self.sort = tuple(_sort_key(self.kind, key) for key in values.split(value, ","))
            case "_count":
                self.count = min(_whole(value), MAX_COUNT)
            case "_cursor":
                self.cursor = value
            case "_include" | "_include:iterate":
                self.includes.append(_include(value, iterate=name != "_include", source=self.kind))
            case "_revinclude" | "_revinclude:iterate":
                self.revincludes.append(_include(value, iterate=name != "_revinclude", target=self.kind))
            case "_total":
                self.total = _one_of(value, ("none", "estimate", "accurate")) != "none"
            case "_summary":
                self.count = 0 if _one_of(value, ("count", "false")) == "count" else self.count
            case _ if name.startswith(("_include:", "_revinclude:")):
                raise Invalid("an include takes the modifier :iterate and no other")
            case _:
                self.criteria.append(criterion(self.kind, name, value, base=self.base))

    def query(self) -> SearchQuery:
        return SearchQuery(
            self.kind, tuple(self.criteria), self.sort, self.count, self.cursor, tuple(self.includes), tuple(self.revincludes),
            self.total or self.count == 0, tuple(self.applied), tuple(self.issues),
        )  # fmt: skip


def _refuse_too_much(params: Sequence[tuple[str, str]]) -> None:
    if len(params) > MAX_PARAMETERS:
        message = f"a search has {MAX_PARAMETERS} parameters at most, not {len(params)}"
        raise Invalid(message, issues=[Issue("too-costly", message)])
    if (values_given := sum(value.count(",") + 1 for _, value in params)) > MAX_VALUES:
        message = f"a search has {MAX_VALUES} values at most, not {values_given}"
        raise Invalid(message, issues=[Issue("too-costly", message)])


def searchable(kind: str) -> list[SearchParameter]:
    """The parameters that a search of this type answers, by name."""
    return [one for _, one in sorted(search_parameters(kind).items()) if _answered(one)]


@dataclass(slots=True)
class _Reading:
    """What the conditions of one parameter have in common: the address of this server, and how many there are by now."""

    base: str
    steps: int = 0
    too_costly: bool = False

    def step(self, depth: int) -> None:
        """Count one condition, that many steps away."""
        self.steps += 1
        if self.too_costly or self.steps > MAX_STEPS or depth > MAX_DEPTH:
            self.too_costly = True
            message = f"a chain goes {MAX_DEPTH} steps, and {MAX_STEPS} in all its ways: name the types that it leads to"
            raise Invalid(message, issues=[Issue("too-costly", message)])


def criterion(kind: str, name: str, value: str, *, base: str = "") -> Criterion:
    """The condition of one parameter of a type, `name` with its modifier or chain."""
    return _criterion(kind, name, value, _Reading(base))


def _criterion(kind: str, name: str, value: str, reading: _Reading, depth: int = 0) -> Criterion:
    reading.step(depth)
    if found := _HAS.fullmatch(name):
        return _has(kind, found, value, reading, depth)
    parts = _NAME.fullmatch(name)
    if parts is None:
        raise Invalid(f"{name!r} is not the name of a search parameter")
    parameter, modifier = _known(kind, parts["code"]), parts["modifier"]
    if parts["chain"]:
        return _chain(kind, parameter, modifier, parts["chain"], value, reading, depth)
    _check_modifier(parameter, modifier)
    if modifier == "missing":
        return Present(present(kind, parameter.code), _one_of(value, ("true", "false")) == "true")
    if parameter.code == "_id":
        return values.id_is(value)
    if parameter.type == "reference":
        return values.refers_to(kind, parameter, value, modifier, home=parameter.code in home(kind), base=reading.base)
    if parameter.type == "composite":
        return composite_is(kind, parameter, value, base=reading.base)
    return READERS[parameter.type](kind, parameter, value, modifier)


def _known(kind: str, code: str) -> SearchParameter:
    parameter = search_parameters(kind).get(code)
    if parameter is None:
        raise Invalid(f"{kind} has no search parameter {code}; it has {', '.join(one.code for one in searchable(kind))}")
    if not _answered(parameter):
        raise Invalid(f"searching {kind} by {code} ({parameter.type}) is not supported")
    return parameter


def _answered(parameter: SearchParameter) -> bool:
    if parameter.code in {"_id", "_lastUpdated"}:
        return True
    return parameter.supported and parameter.type in values.MODIFIERS


def _check_modifier(parameter: SearchParameter, modifier: str | None) -> None:
    if modifier is None or (parameter.type == "reference" and modifier in parameter.targets):
        return
    if modifier not in values.modifiers(parameter):
        raise Invalid(values.refusal(parameter, modifier))


def _chain(
    kind: str, parameter: SearchParameter, modifier: str | None, rest: str, value: str, reading: _Reading, depth: int
) -> Criterion:  # fmt: skip
    if parameter.type != "reference":
        raise Invalid(f"{parameter.code} is no reference: nothing can be chained to it")
    if modifier is not None and modifier not in parameter.targets:
        raise Invalid(f"{parameter.code} does not refer to {modifier}, but to {_list(parameter.targets)}")
    if modifier is None and len(parameter.targets) > MAX_WAYS:
        raise Invalid(f"{parameter.code} refers to {len(parameter.targets)} types: say which one ({parameter.code}:Type.{rest})")
    ways, faults = [], []
    for target in (modifier,) if modifier else parameter.targets:
        try:
            ways.append((target, _criterion(target, rest, value, reading, depth + 1)))
        except Invalid as fault:
            if reading.too_costly:
                raise
            faults.append(fault)
    if not ways:
        raise faults[0]
    return Chained(parameter.code, tuple(ways), parameter.code in home(kind))


def _has(kind: str, found: re.Match[str], value: str, reading: _Reading, depth: int) -> Criterion:
    ids.number(found["kind"])
    parameter = _known(found["kind"], found["code"])
    if parameter.type != "reference" or kind not in parameter.targets:
        raise Invalid(f"{found['kind']}.{parameter.code} does not refer to {kind}")
    inner = _criterion(found["kind"], found["rest"], value, reading, depth + 1)
    return HasReferrer(found["kind"], parameter.code, inner, parameter.code in home(found["kind"]))


def _sort_key(kind: str, text: str) -> SortKey:
    code = text.removeprefix("-")
    columns = {"_lastUpdated": "updated", "_id": "id"}
    if main := main_date(kind):
        columns[main] = "date"
    if code not in columns:
        raise Invalid(f"{kind} is sorted by {_list(sorted(columns))}, not by {code}")
    return SortKey(columns[code], descending=text.startswith("-"))


def _include(text: str, *, iterate: bool, source: str | None = None, target: str | None = None) -> Include:
    """`Type:parameter[:Type]`, `Type:*` or `*`. `source` is the type that an _include begins at, `target` the one a _revinclude ends at.

    What is followed in turn may begin and end at any type.
    """
    if text == "*":
        return Include(None, (), None, iterate)
    kind, code, narrowed = (*text.split(":"), "", "")[:3]
    if text.count(":") not in {1, 2} or kind not in ids.TYPES or (narrowed and narrowed not in ids.TYPES):
        raise Invalid(f"{text!r} is not Type:parameter, Type:parameter:Type, Type:* or *")
    if source and kind != source and not iterate:
        raise Invalid(f"an include from {kind} does not begin at {source}")
    if target and narrowed not in {"", target} and not iterate:
        raise Invalid(f"a reverse include to {narrowed} does not end at {target}")
    end = narrowed or (target if not iterate else None)
    if code != "*":
        parameter = _known(kind, code)
        if parameter.type != "reference" or (end and parameter.targets and end not in parameter.targets):
            raise Invalid(f"{kind}.{code} is no reference" + (f" to {end}" if end else ""))
    return Include(kind, () if code == "*" else (code,), narrowed or None, iterate)


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Invalid(f"{text!r} is not a whole number")
    return int(text)


def _one_of(text: str, known: tuple[str, ...]) -> str:
    if text not in known:
        raise Invalid(f"{text!r} is not one of {_list(known)}")
    return text


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
