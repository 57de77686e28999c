"""From one parameter of a search and its value to a condition, which may lie several steps away (chains, `_has`, `_filter`)."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from maillage.errors import Invalid, Issue
from maillage.fhir import ids
from maillage.fhir.compartment import home
from maillage.fhir.definitions import SearchParameter
from maillage.fhir.rows import present
from maillage.fhir.search import values
from maillage.fhir.search.answered import Unknown, check_modifier, known, refuse_carried
from maillage.fhir.search.chains import Chained, HasReferrer, walks
from maillage.fhir.search.composites import composite_is
from maillage.fhir.search.criteria import Criterion, Present
from maillage.fhir.search.filtering import condition
from maillage.fhir.search.filters import read_filter
from maillage.fhir.search.near import near
from maillage.fhir.search.quantities import number_is, quantity_is
from maillage.fhir.search.references import refers_to
from maillage.fhir.search.words import PARAMETERS as WORDS
from maillage.fhir.search.words import has_words
from maillage.fhir.sounds import PARAMETER as PHONETIC

MAX_WAYS = 16
"""Types that a chain without a type is tried on."""
MAX_DEPTH = 12
"""Steps that a chain or a reverse chain goes: the statement of a longer one would take longer to plan than to run."""
MAX_STEPS = 100
"""Conditions of one parameter, the ways and steps of its chains counted: each is a join of its statement."""

_NAME = re.compile(r"(?P<code>[A-Za-z_][\w\-]*)(?::(?P<modifier>[A-Za-z\-]+))?(?:\.(?P<chain>.+))?")
_HAS = re.compile(r"_has:(?P<kind>\w+):(?P<code>[\w\-]+):(?P<rest>.+)")
_READERS: dict[str, Callable[[str, SearchParameter, str, str | None], Criterion]] = {
    **values.READERS,
    "number": number_is,
    "quantity": quantity_is,
    "special": near,
}
"""What reads the values of each type of parameter, but for references and composites, which also know this server's address."""


def is_name(text: str) -> bool:
    """Whether a parameter of a search may be called so, with its modifier, chain or reverse chain."""
    return bool(_NAME.fullmatch(text) or _HAS.fullmatch(text))


@dataclass(slots=True)
class _Reading:
    """Reads the conditions of one parameter, which may lie several steps away, and counts them."""

    base: str
    steps: int = 0
    depth: int = 0
    too_costly: bool = False

    def known(self, kind: str, code: str) -> SearchParameter:
        """The parameter of a type; Invalid when there is none, or none that is answered."""
        return known(kind, code)

    def plain(self, kind: str, name: str, value: str) -> Criterion:
        """The condition of one parameter and value."""
        return self.read(kind, name, value)

    def chained(
        self, kind: str, parameter: SearchParameter, target: str | None, far: Callable[[str], Criterion]
    ) -> Criterion:  # fmt: skip
        """That the reference leads to a resource for which `far(its type)` holds: of one type, or of any for which it can be asked."""
        if parameter.type != "reference":
            raise Invalid(f"{parameter.code} is no reference: nothing can be chained to it")
        refuse_carried(parameter)
        if target is not None and target not in parameter.targets:
            raise Invalid(f"{parameter.code} does not refer to {target}, but to {values.named(parameter.targets)}")
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
        return Chained(parameter.code, tuple(ways), parameter.code in home(kind), walks(parameter))

    def read(self, kind: str, name: str, value: str) -> Criterion:
        """The condition of one parameter, `name` with its modifier, chain or reverse chain."""
        self._step()
        if found := _HAS.fullmatch(name):
            return self._has(kind, found, value)
        parts = _NAME.fullmatch(name)
        if parts is None:
            raise Unknown(f"{name!r} is not the name of a search parameter")
        if parts["chain"]:
            parameter = known(kind, parts["code"])
            return self.chained(kind, parameter, parts["modifier"], lambda target: self.read(target, parts["chain"], value))
        return _plain(kind, parts["code"], parts["modifier"], value, self.base)

    def _has(self, kind: str, found: re.Match[str], value: str) -> Criterion:
        ids.number(found["kind"])
        parameter = known(found["kind"], found["code"])
        if parameter.type != "reference" or kind not in parameter.targets:
            raise Invalid(f"{found['kind']}.{parameter.code} does not refer to {kind}")
        refuse_carried(parameter)
        self.depth += 1
        inner = self.read(found["kind"], found["rest"], value)
        self.depth -= 1
        return HasReferrer(found["kind"], parameter.code, inner, parameter.code in home(found["kind"]), walks(parameter))

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
    parameter = known(kind, code)
    check_modifier(parameter, modifier)
    if modifier == "missing":
        return Present(present(kind, parameter.code), values.one_of(value, ("true", "false")) == "true")
    if parameter.code == "_id":
        return values.id_is(value)
    if parameter.code in WORDS:
        return has_words(parameter.code, values.alternatives(value))
    if parameter.code == PHONETIC:
        return values.sounds_like(kind, parameter, value)
    if parameter.type == "reference":
        return refers_to(kind, parameter, value, modifier, home=parameter.code in home(kind), base=base)
    if parameter.type == "composite":
        return composite_is(kind, parameter, value, base=base)
    return _READERS[parameter.type](kind, parameter, value, modifier)
