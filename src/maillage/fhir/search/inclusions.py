"""From the values of `_include` and `_revinclude` to what is included."""

from collections.abc import Sequence

from maillage.errors import Invalid
from maillage.fhir import ids
from maillage.fhir.search.answered import known, refuse_carried
from maillage.fhir.search.query import Include
from maillage.fhir.search.values import named


def include(text: str, kinds: Sequence[str], *, iterate: bool) -> Include:
    """`Type:parameter[:Type]`, `Type:*` or `*`, beginning at one of the searched types; what is followed in turn may begin anywhere."""
    if text == "*":
        return Include(None, (), None, iterate)
    kind, code, target = _parts(text)
    if kind not in kinds and not iterate:
        raise Invalid(f"an include from {kind} does not begin at {named(kinds)}")
    return Include(kind, _edges(kind, code, (target,) if target else ()), target, iterate)


def revinclude(text: str, kinds: Sequence[str], *, iterate: bool) -> Include:
    """As `include`, ending at one of the searched types."""
    if text == "*":
        return Include(None, (), None, iterate)
    kind, code, target = _parts(text)
    if target and target not in kinds and not iterate:
        raise Invalid(f"a reverse include to {target} does not end at {named(kinds)}")
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
    parameter = known(kind, code)
    if parameter.type != "reference" or (ends and not set(ends) & set(parameter.targets)):
        raise Invalid(f"{kind}.{code} is no reference" + (f" to {named(ends)}" if ends else ""))
    refuse_carried(parameter)
    return (code,)
