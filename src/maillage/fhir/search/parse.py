"""From the parameters of a request to a `SearchQuery`. What is not understood is refused with what would be."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from maillage.errors import Invalid, Issue
from maillage.fhir import ids
from maillage.fhir.compartment import home
from maillage.fhir.definitions import SearchParameter, resource_types, search_parameters
from maillage.fhir.rows import present
from maillage.fhir.search import values
from maillage.fhir.search.chains import Chained, HasReferrer
from maillage.fhir.search.compartments import in_compartment, members
from maillage.fhir.search.composites import composite_is
from maillage.fhir.search.criteria import Criterion, Present
from maillage.fhir.search.filtering import condition
from maillage.fhir.search.filters import read_filter
from maillage.fhir.search.logic import parts
from maillage.fhir.search.orders import sort_key
from maillage.fhir.search.query import DEFAULT_COUNT, MAX_COUNT, Include, SearchQuery, SeveralQuery, SortKey
from maillage.fhir.search.readers import READERS
from maillage.fhir.search.words import PARAMETERS as WORDS
from maillage.fhir.search.words import has_words
from maillage.fhir.sounds import PARAMETER as PHONETIC

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
MAX_LENGTH = 200_000
"""Characters of all values of one search: longer ones come from nobody, and would be read for seconds."""

OF_ALL_TYPES = ("_filter", "_list")
"""Parameters of every search that no definition of a type has."""


class Unknown(Invalid):
    """A parameter that is not known here, or not answered."""


Owner = tuple[str, str]
"""Type and id of the resource whose compartment is meant."""

_NAME = re.compile(r"(?P<code>[A-Za-z_][\w\-]*)(?::(?P<modifier>[A-Za-z\-]+))?(?:\.(?P<chain>.+))?")
_HAS = re.compile(r"_has:(?P<kind>\w+):(?P<code>[\w\-]+):(?P<rest>.+)")


def parse(
    kind: str, params: Sequence[tuple[str, str]], *, lenient: bool = False, base: str = "", within: Owner | None = None
) -> SearchQuery:  # fmt: skip
    """The search of `kind` that these parameters ask for. `base` is this server's own address, to be taken off references.

    Whatever is not understood raises Invalid with an issue for each parameter; a lenient search leaves out parameters that are not known and says
    so in `issues`, but no value that is wrong (R4 search.html#errors): it would find what nobody asked for.
    `within`: only what is in the compartment of this resource.
    """
    ids.number(kind)
    draft = _read(_Draft((kind,), base, within), params, lenient)
    return SearchQuery(
        kind, draft.of(kind), draft.sort, draft.count, draft.cursor, tuple(draft.includes), tuple(draft.revincludes),
        draft.total or draft.count == 0, tuple(draft.applied), tuple(draft.issues), draft.place,
    )  # fmt: skip


def parse_several(
    params: Sequence[tuple[str, str]], *, lenient: bool = False, base: str = "", within: Owner | None = None
) -> SeveralQuery:
    """The search of the types that `_type` names: of all without it, or of those that are in the compartment `within`."""
    known = members(within[0]) if within else resource_types()
    named = [value for name, value in params if name == "_type"]
    kinds = _types(named, known) if named else known
    draft = _read(_Draft(kinds, base, within), [pair for pair in params if pair[0] != "_type"], lenient)
    if len(draft.sort) > 1:
        raise Invalid("_sort: several types are sorted by one key", issues=[Issue("invalid", "one key is expected", "_sort")])
    return SeveralQuery(
        tuple(SearchQuery(kind, draft.of(kind), draft.sort) for kind in kinds), "Resource", draft.sort, draft.count, draft.cursor,
        tuple(draft.includes), tuple(draft.revincludes), draft.total or draft.count == 0,
        (*(("_type", value) for value in named), *draft.applied), tuple(draft.issues), draft.place,
    )  # fmt: skip


def _types(named: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    kinds = tuple(dict.fromkeys(kind for value in named for kind in value.split(",")))
    unknown = [kind for kind in kinds if kind not in known]
    if unknown or len(named) > 1:
        message = f"{', '.join(unknown)} is not one of {_list(known)}" if unknown else "one list of types is expected"
        raise Invalid(f"_type: {message}", issues=[Issue("invalid", f"_type: {message}", "_type")])
    return kinds


def _read(draft: "_Draft", params: Sequence[tuple[str, str]], lenient: bool) -> "_Draft":
    _refuse_too_much(params, len(draft.kinds))
    _refuse_unkept(params)
    for name, value in params:
        try:
            draft.take(name, value)
        except Invalid as fault:
            left_out = lenient and isinstance(fault, Unknown)
            code, severity = ("not-supported", "warning") if left_out else ("invalid", "error")
            draft.issues.append(Issue(code, f"{name}: {fault.message}", name, severity))
        else:
            if name != "_cursor":
                draft.applied.append((name, value))
    if refused := [issue for issue in draft.issues if issue.severity == "error"]:
        raise Invalid("; ".join(issue.diagnostics for issue in refused), issues=refused)
    return draft


@dataclass(slots=True)
class _Draft:
    """A search of these types while its parameters are read."""

    kinds: tuple[str, ...]
    base: str
    within: Owner | None = None
    criteria: list[dict[str, Criterion]] = field(default_factory=list)
    """By type, each parameter."""
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
                self.sort = tuple(sort_key(self.kinds, key) for key in values.split(value, ","))
            case "_count":
                self.count = min(_whole(value), MAX_COUNT)
            case "_cursor":
                self.cursor = value
            case "_include" | "_include:iterate":
                self.includes.append(_include(value, self.kinds, iterate=name != "_include"))
            case "_revinclude" | "_revinclude:iterate":
                self.revincludes.append(_revinclude(value, self.kinds, iterate=name != "_revinclude"))
            case "_total":
                self.total = _one_of(value, ("none", "estimate", "accurate")) != "none"
            case "_summary":
                self.count = 0 if _one_of(value, ("count", "false")) == "count" else self.count
            case "_list":
                self.criteria.append(dict.fromkeys(self.kinds, values.on_list(value)))
            case "_filter":
                self.criteria.append({kind: filtered(kind, value, base=self.base) for kind in self.kinds})
            case "_text" | "_content" if len(self.kinds) > 1:
                self.criteria.append(dict.fromkeys(self.kinds, has_words(name, values.alternatives(value))))
            case _ if name.startswith(("_include:", "_revinclude:")):
                raise Invalid("an include takes the modifier :iterate and no other")
            case _:
                self.criteria.append({kind: criterion(kind, name, value, base=self.base) for kind in self.kinds})

    def of(self, kind: str) -> tuple[Criterion, ...]:
        """The criteria of one type."""
        home_first = (in_compartment(*self.within, kind),) if self.within else ()
        return (*home_first, *(part for one in self.criteria for part in parts(one[kind])))

    @property
    def place(self) -> str | None:
        return "/".join(self.within) if self.within else None


def _refuse_too_much(params: Sequence[tuple[str, str]], kinds: int) -> None:
    if len(params) > MAX_PARAMETERS:
        message = f"a search has {MAX_PARAMETERS} parameters at most, not {len(params)}"
        raise Invalid(message, issues=[Issue("too-costly", message)])
    most = max(MAX_VALUES // kinds, MAX_PARAMETERS)
    if (values_given := sum(value.count(",") + 1 for _, value in params)) > most:
        message = f"a search of {kinds} types has {most} values at most, not {values_given}"
        raise Invalid(message, issues=[Issue("too-costly", message)])
    if (length := sum(len(value) for _, value in params)) > MAX_LENGTH:
        message = f"the values of a search have {MAX_LENGTH} characters at most, not {length}"
        raise Invalid(message, issues=[Issue("too-costly", message)])


def _refuse_unkept(params: Sequence[tuple[str, str]]) -> None:
    """The database holds no text with this character, and takes none in a question. What is no name of a parameter is refused as such."""
    if named := [name for name, value in params if "\0" in value and (_NAME.fullmatch(name) or _HAS.fullmatch(name))]:
        message = "no value has the character U+0000"
        raise Invalid(message, issues=[Issue("invalid", f"{name}: {message}", name) for name in named])


def searchable(kind: str) -> list[SearchParameter]:
    """The parameters that a search of this type answers, by name."""
    return [one for _, one in sorted(search_parameters(kind).items()) if _answered(one)]


@dataclass(slots=True)
class _Reading:
    """Reads the conditions of one parameter, which may lie several steps away, and counts them."""

    base: str
    steps: int = 0
    depth: int = 0
    too_costly: bool = False

    def known(self, kind: str, code: str) -> SearchParameter:
        """The parameter of a type; Invalid when there is none, or none that is answered."""
        return _known(kind, code)

    def plain(self, kind: str, name: str, value: str) -> Criterion:
        """The condition of one parameter and value."""
        return self.read(kind, name, value)

    def chained(
        self, kind: str, parameter: SearchParameter, target: str | None, far: Callable[[str], Criterion]
    ) -> Criterion:  # fmt: skip
        """That the reference leads to a resource for which `far(its type)` holds: of one type, or of any for which it can be asked."""
        if parameter.type != "reference":
            raise Invalid(f"{parameter.code} is no reference: nothing can be chained to it")
        _refuse_carried(parameter)
        if target is not None and target not in parameter.targets:
            raise Invalid(f"{parameter.code} does not refer to {target}, but to {_list(parameter.targets)}")
        if target is None and len(parameter.targets) > MAX_WAYS:
            raise Invalid(f"{parameter.code} refers to {len(parameter.targets)} types: say which one ({parameter.code}:Type…)")
        ways, faults = [], []
        depth = self.depth
        for one in (target,) if target else parameter.targets:
            self.depth = depth + 1
            try:
                ways.append((one, far(one)))
            except Invalid as fault:
                if self.too_costly:
                    raise
                faults.append(fault)
        self.depth = depth
        if not ways:
            raise faults[0]
        return Chained(parameter.code, tuple(ways), parameter.code in home(kind))

    def read(self, kind: str, name: str, value: str) -> Criterion:
        """The condition of one parameter, `name` with its modifier, chain or reverse chain."""
        self._step()
        if found := _HAS.fullmatch(name):
            return self._has(kind, found, value)
        parts = _NAME.fullmatch(name)
        if parts is None:
            raise Unknown(f"{name!r} is not the name of a search parameter")
        if parts["chain"]:
            parameter = _known(kind, parts["code"])
            return self.chained(kind, parameter, parts["modifier"], lambda target: self.read(target, parts["chain"], value))
        return _plain(kind, parts["code"], parts["modifier"], value, self.base)

    def _has(self, kind: str, found: re.Match[str], value: str) -> Criterion:
        ids.number(found["kind"])
        parameter = _known(found["kind"], found["code"])
        if parameter.type != "reference" or kind not in parameter.targets:
            raise Invalid(f"{found['kind']}.{parameter.code} does not refer to {kind}")
        _refuse_carried(parameter)
        self.depth += 1
        inner = self.read(found["kind"], found["rest"], value)
        self.depth -= 1
        return HasReferrer(found["kind"], parameter.code, inner, parameter.code in home(found["kind"]))

    def _step(self) -> None:
        self.steps += 1
        if self.too_costly or self.steps > MAX_STEPS or self.depth > MAX_DEPTH:
            self.too_costly = True
            message = f"a chain goes {MAX_DEPTH} steps, and {MAX_STEPS} in all its ways: name the types that it leads to"
            raise Invalid(message, issues=[Issue("too-costly", message)])


def criterion(kind: str, name: str, value: str, *, base: str = "") -> Criterion:
    """The condition of one parameter of a type, `name` with its modifier or chain."""
    return _Reading(base).read(kind, name, value)


def filtered(kind: str, text: str, *, base: str = "") -> Criterion:
    """The condition of `_filter`."""
    return condition(read_filter(text), kind, _Reading(base))


def _plain(kind: str, code: str, modifier: str | None, value: str, base: str) -> Criterion:
    parameter = _known(kind, code)
    _check_modifier(parameter, modifier)
    if modifier == "missing":
        return Present(present(kind, parameter.code), _one_of(value, ("true", "false")) == "true")
    if parameter.code == "_id":
        return values.id_is(value)
    if parameter.code in WORDS:
        return has_words(parameter.code, values.alternatives(value))
    if parameter.code == PHONETIC:
        return values.sounds_like(kind, parameter, value)
    if parameter.type == "reference":
        return values.refers_to(kind, parameter, value, modifier, home=parameter.code in home(kind), base=base)
    if parameter.type == "composite":
        return composite_is(kind, parameter, value, base=base)
    return READERS[parameter.type](kind, parameter, value, modifier)


def _known(kind: str, code: str) -> SearchParameter:
    parameter = search_parameters(kind).get(code)
    if parameter is None:
        raise Unknown(f"{kind} has no search parameter {code}; it has {', '.join(one.code for one in searchable(kind))}")
    if not _answered(parameter):
        raise Unknown(f"searching {kind} by {code} ({parameter.type}) is not supported")
    return parameter


def _answered(parameter: SearchParameter) -> bool:
    if parameter.code in {"_id", "_lastUpdated", *WORDS}:
        return True
    return parameter.supported and parameter.type in values.MODIFIERS


def _check_modifier(parameter: SearchParameter, modifier: str | None) -> None:
    if modifier is None or (parameter.type == "reference" and modifier in parameter.targets):
        return
    if modifier not in values.modifiers(parameter):
        raise Invalid(values.refusal(parameter, modifier))


def _include(text: str, kinds: Sequence[str], *, iterate: bool) -> Include:
    """`Type:parameter[:Type]`, `Type:*` or `*`, beginning at one of the searched types; what is followed in turn may begin anywhere."""
    if text == "*":
        return Include(None, (), None, iterate)
    kind, code, target = _parts(text)
    if kind not in kinds and not iterate:
        raise Invalid(f"an include from {kind} does not begin at {_list(kinds)}")
    return Include(kind, _edges(kind, code, (target,) if target else ()), target, iterate)


def _revinclude(text: str, kinds: Sequence[str], *, iterate: bool) -> Include:
    """As `_include`, ending at one of the searched types."""
    if text == "*":
        return Include(None, (), None, iterate)
    kind, code, target = _parts(text)
    if target and target not in kinds and not iterate:
        raise Invalid(f"a reverse include to {target} does not end at {_list(kinds)}")
    return Include(kind, _edges(kind, code, (target,) if target else () if iterate else kinds), target, iterate)


def _parts(text: str) -> tuple[str, str, str | None]:
    kind, code, target = (*text.split(":"), "", "")[:3]
    if text.count(":") not in {1, 2} or kind not in ids.TYPES or (target and target not in ids.TYPES):
        raise Invalid(f"{text!r} is not Type:parameter, Type:parameter:Type, Type:* or *")
    return kind, code, target or None


def _edges(kind: str, code: str, ends: Sequence[str]) -> tuple[str, ...]:
    """The one parameter (none stands for all), when it refers to one of these types."""
    if code == "*":
        return ()
    parameter = _known(kind, code)
    if parameter.type != "reference" or (ends and parameter.targets and not set(ends) & set(parameter.targets)):
        raise Invalid(f"{kind}.{code} is no reference" + (f" to {_list(ends)}" if ends else ""))
    _refuse_carried(parameter)
    return (code,)


def _refuse_carried(parameter: SearchParameter) -> None:
    if parameter.carried:
        message = (
            "is a resource inside the Bundle, found by its fullUrl or Type/id: chains and includes through it are not supported"
        )
        raise Invalid(f"{parameter.code} {message}")


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
