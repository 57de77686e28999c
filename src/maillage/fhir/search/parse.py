"""From the parameters of a request to a `SearchQuery`. What is not understood is refused with what would be."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from maillage.errors import Invalid, Issue
from maillage.fhir import ids
from maillage.fhir.definitions import resource_types
from maillage.fhir.search import values
from maillage.fhir.search.answered import Unknown
from maillage.fhir.search.compartments import in_compartment, members
from maillage.fhir.search.conditions import criterion, filtered, is_name
from maillage.fhir.search.criteria import Criterion
from maillage.fhir.search.inclusions import include, revinclude
from maillage.fhir.search.logic import parts
from maillage.fhir.search.orders import sort_key
from maillage.fhir.search.query import DEFAULT_COUNT, MAX_COUNT, Include, SearchQuery, SeveralQuery, SortKey
from maillage.fhir.search.words import has_words

MAX_PARAMETERS = 100
"""Of one search: each is a condition or a step of its statement, and one request must not hold the database for minutes."""
MAX_VALUES = 2_000
"""Between the commas of all parameters of one search."""
MAX_LENGTH = 200_000
"""Characters of all values of one search: longer ones come from nobody, and would be read for seconds."""

OF_ALL_TYPES = ("_filter", "_list")
"""Parameters of every search that no definition of a type has."""
Owner = tuple[str, str]
"""Type and id of the resource whose compartment is meant."""


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
        message = f"{', '.join(unknown)} is not one of {values.named(known)}" if unknown else "one list of types is expected"
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
                self.count = min(values.whole(value), MAX_COUNT)
            case "_cursor":
                self.cursor = value
            case "_include" | "_include:iterate":
                self.includes.append(include(value, self.kinds, iterate=name != "_include"))
            case "_revinclude" | "_revinclude:iterate":
                self.revincludes.append(revinclude(value, self.kinds, iterate=name != "_revinclude"))
            case "_total":
                self.total = values.one_of(value, ("none", "estimate", "accurate")) != "none"
            case "_summary":
                self.count = 0 if values.one_of(value, ("count", "false")) == "count" else self.count
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
    if named := [name for name, value in params if "\0" in value and is_name(name)]:
        message = "no value has the character U+0000"
        raise Invalid(message, issues=[Issue("invalid", f"{name}: {message}", name) for name in named])
