"""The values of reference parameters: resources by id or address, canonicals, and parts of a whole (R4 search.html#reference)."""

from maillage.errors import Invalid
from maillage.fhir import ids
from maillage.fhir.definitions import SearchParameter
from maillage.fhir.search.criteria import Criterion, RefersTo, Target, TokenIs
from maillage.fhir.search.hierarchies import RefersWithin, part_of
from maillage.fhir.search.values import alternatives, split, token_number, uri_is
from maillage.fhir.tokens import token

MAX_FORMS = 10_000
"""Ways to write the canonicals that one value asks for: each is looked up."""


def refers_to(kind: str, parameter: SearchParameter, text: str, modifier: str | None, *, home: bool, base: str) -> Criterion:
    """`Type/id`, `id`, an absolute URL, or any canonical; with `:Type` an id of that type; with `:identifier` a token."""
    values = alternatives(text)
    if modifier == "identifier":
        return TokenIs(
            tuple(token_number(kind, f"{parameter.code}:identifier", value) for value in split(text, ",")), parameter.code
        )
    if not any(place["type"] == "Reference" for place in parameter.places):
        return _canonical_is(kind, parameter, text, modifier, base)
    values = [value.removeprefix(f"{base}/") if base else value for value in values]
    if modifier in {"above", "below"}:
        return _within(parameter, values, below=modifier == "below")
    targets, tokens = [], []
    for value in values:
        target = _target(parameter, value, modifier)
        if target:
            targets.append(target)
        else:
            tokens.append(token(kind, parameter.code, value))
    return RefersTo(parameter.code, tuple(targets), tuple(tokens), home)


def _canonical_is(kind: str, parameter: SearchParameter, text: str, modifier: str | None, base: str) -> Criterion:
    """Canonicals as they stand: a URI is absolute or relative (R4 datatypes.html#uri), and the official examples have `Library/x`."""
    if modifier in {"above", "below"}:
        return uri_is(kind, parameter, text, modifier)
    forms = dict.fromkeys(form for value in alternatives(text) for form in _written(parameter, value, modifier, base))
    if len(forms) > MAX_FORMS:
        raise Invalid(f"an id may be of {len(parameter.targets)} types here, and these of too many: say which (Type/id)")
    return RefersTo(parameter.code, (), tuple(token(kind, parameter.code, form) for form in forms), home=False)


def _written(parameter: SearchParameter, value: str, modifier: str | None, base: str) -> list[str]:
    """How a canonical may stand: as it is asked for, or relative to this server; an id with any type that is referred to."""
    relative = value.removeprefix(f"{base}/") if base else value
    if modifier is not None:
        _target(parameter, relative, modifier)
    kinds = (modifier,) if modifier else parameter.targets
    typed = [f"{kind}/{relative}" for kind in kinds] if ids.legal(relative) else []
    return [form for form in (value, relative, *typed) if modifier is None or "/" in form]


def _target(parameter: SearchParameter, value: str, modifier: str | None) -> Target | None:
    parts = value.split("/")
    if len(parts) == 4 and parts[2] == "_history":
        parts = parts[:2]
    if len(parts) == 1 and ids.legal(value):
        only = parameter.targets[0] if len(parameter.targets) == 1 else None
        return Target(ids.key(value), modifier or only)
    if len(parts) == 2 and parts[0] in ids.TYPES and ids.legal(parts[1]):
        if modifier not in {None, parts[0]}:
            raise Invalid(f"{value!r} is no {modifier}")
        return Target(ids.key(parts[1]), parts[0])
    if modifier is not None or ":" not in value:
        raise Invalid(f"{value!r} is not an id, Type/id or an absolute URL")
    return None


def _within(parameter: SearchParameter, values: list[str], *, below: bool) -> Criterion:
    targets = [_target(parameter, value, None) for value in values]
    kinds = {target.kind if target else None for target in targets}
    kind = kinds.pop() if len(kinds) == 1 else None
    part = part_of(kind) if kind else None
    if kind is None or part is None:
        raise Invalid(":above and :below take Type/id of one type whose resources are part of each other, as Location/1")
    return RefersWithin(parameter.code, kind, part, tuple(target.key for target in targets if target), below)
