"""Checks of objects, made from the compiled shapes: elements known, types, cardinalities, choices, bindings, then the invariants.

Each type becomes one closure the first time it meets a value; a walk makes no path text unless there is a fault.
"""

import re
from functools import cache
from typing import Any

from maillage.fhir import definitions, json
from maillage.fhir.validation.faults import Check, Fault, Run
from maillage.fhir.validation.invariants import Rule, rule
from maillage.fhir.validation.narrative import narrative
from maillage.fhir.validation.primitives import coded, primitive

Faults = list[Fault]
_NOTHING: dict[str, Any] = {}

_REPEATED = frozenset({"CodeableConcept", "Coding", "Quantity"})
"""Data types whose values come again and again, and of which nothing but the value decides whether it is right."""
_SHORT, _KEPT = 400, 4_096  # bytes of a value that is remembered; how many are, of each type


@cache
def resource_check(kind: str) -> Check:
    """The check of a whole resource of this type."""
    return _Types(kind).own(kind)


def any_resource(value: Any, holder: Any, run: Run) -> Faults | None:
    """A resource inside another (Bundle.entry.resource, Parameters.parameter.resource): it stands alone."""
    known = run.known if value is run.resource else None
    return _typed(value) or resource_check(value["resourceType"])(value, holder, Run(value, value, known))


def contained(value: Any, holder: Any, run: Run) -> Faults | None:
    """A contained resource: its root is the container."""
    return _typed(value) or resource_check(value["resourceType"])(value, holder, Run(value, run.root))


def _typed(value: Any) -> Faults | None:
    if type(value) is not dict:
        return [Fault("", "structure", "a resource (an object) is expected")]
    kind = value.get("resourceType")
    if type(kind) is not str or kind not in definitions.resource_types():
        return [Fault(".resourceType", "structure", f"{kind!r} is not a resource type of FHIR R4")]
    return None


class _Types:
    """The closures of one resource type, and (shared) of the data types."""

    def __init__(self, name: str) -> None:
        self._shapes = definitions.shapes(name)
        self._made: dict[str, Check] = {}

    def check(self, kind: str) -> Check:
        """The check of a primitive, data type, backbone element or resource."""
        if kind in self._shapes:
            return self.own(kind)
        if kind == "Resource" or kind in definitions.resource_types():
            return any_resource
        return narrative if kind == "xhtml" else primitive(kind) or _lazy(kind)

    def own(self, kind: str) -> Check:
        """The check of a type of these shapes, made when first asked for; types nest in themselves (Questionnaire.item.item)."""
        if kind not in self._made:
            self._made[kind] = lambda value, holder, run: self._made[kind](value, holder, run)
            made = _object(kind, self._shapes[kind], self)
            self._made[kind] = _remembered(made) if kind in _REPEATED else made
        return self._made[kind]


@cache
def _data_types() -> _Types:
    return _Types("_datatypes")


def _lazy(kind: str) -> Check:
    """A data type that is compiled at its first value: an Extension may hold any of them."""
    made: list[Check] = []

    def check(value: Any, holder: Any, run: Run) -> Faults | None:
        if not made:
            made.append(_data_types().own(kind))
        return made[0](value, holder, run)

    return check


def _remembered(check: Check) -> Check:
    """The same check, which knows again the values that were right. One with an extension may point elsewhere: it is checked each time."""
    right: set[bytes] = set()

    def known(value: Any, holder: Any, run: Run) -> Faults | None:
        text = json.dumps(value)
        if text in right:
            return None
        faults = check(value, holder, run)
        if not faults and len(text) <= _SHORT and b'"extension"' not in text:
            if len(right) >= _KEPT:
                right.clear()
            right.add(text)
        return faults

    return known


def _object(kind: str, shape: dict[str, Any], types: _Types) -> Check:
    """The check of one object; `members` maps each JSON key to (check, FHIRPath step)."""
    is_resource = "." not in kind and kind in definitions.resource_types()
    members = _members(kind, shape, types)
    required = tuple((key, f"_{key}") for key in shape["required"])
    choices = tuple((needed, frozenset(keys) | {f"_{key}" for key in keys}) for needed, keys in shape["choices"])
    rules = tuple(made for made in (rule(kind, *stated) for stated in shape["rules"]) if made)

    def check(value: Any, holder: Any, run: Run) -> Faults | None:
        if type(value) is not dict:
            return [Fault("", "structure", f"an object ({kind}) is expected")]
        faults: Faults = []
        known = (run.known if is_resource else None) or _NOTHING
        for key, item in value.items():
            member = members.get(key)
            if item is known.get(key, known):
                continue
            if member is None:
                faults.append(Fault(f".{key}", "structure", f"{kind} has no element {key!r} in FHIR R4"))
            else:
                found = member[0](item, value, run)
                if found:
                    faults += [Fault(member[1] + path, code, message, key_) for path, code, message, key_ in found]
        for key, sibling in required:
            if key not in value and sibling not in value:
                faults.append(Fault(f".{key}", "required", f"{kind}.{key} is required"))
        for needed, keys in choices:
            _choose(kind, value, keys, needed, faults)
        if len(value) < 2 and (not value or "id" in value) and not is_resource:
            faults.append(Fault("", "invariant", "an element must have a value or children (ele-1)", "ele-1"))
        if faults or not rules:
            return faults
        return [stated.fault for stated in rules if not stated.holds(value, run)]

    return check


def _choose(kind: str, value: dict[str, Any], keys: frozenset[str], needed: bool, faults: Faults) -> None:
    """At most one type of a choice[x]; exactly one when it is required."""
    if not needed and keys.isdisjoint(value):
        return
    present = keys & value.keys()
    if len(present) > 1 and len({key.lstrip("_") for key in present}) > 1:
        names = " and ".join(sorted(present))
        faults.append(Fault("", "structure", f"{kind} may have only one of the choice {names}"))
    elif needed and not present:
        names = ", ".join(sorted(key for key in keys if key[0] != "_"))
        faults.append(Fault("", "required", f"{kind} must have one of {names}"))


def _members(kind: str, shape: dict[str, Any], types: _Types) -> dict[str, tuple[Check, str]]:
    members: dict[str, tuple[Check, str]] = {}
    element = types.own("Element") if kind == "Element" else _data_types().own("Element")
    for key, member in shape["members"].items():
        step = f".{member['of']}.ofType({member['as']})" if "of" in member else f".{key}"
        one = _member(key, member, types)
        is_primitive = member["type"] == "code" or primitive(member["type"]) is not None
        if member.get("many"):
            members[key] = (_values(key, one) if is_primitive else _many(one), step)
        else:
            members[key] = (one, step)
        if is_primitive:
            beside = _beside(key, element)
            members[f"_{key}"] = (_siblings(key, beside) if member.get("many") else beside, step)
    if kind in definitions.resource_types():
        members["resourceType"] = (_no_fault, ".resourceType")
    return members


def _no_fault(value: Any, holder: Any, run: Run) -> None:
    return None


def _member(key: str, member: dict[str, Any], types: _Types) -> Check:
    kind = member["type"]
    codes = definitions.codes().get(member.get("codes", ""))
    if key == "contained":
        return contained
    if kind == "code" and codes:
        return coded(codes, member["codes"])
    check = types.check(kind)
    if codes:
        check = _both(check, _bound(kind, codes, member["codes"]))
    if "targets" in member:
        check = _both(check, _target(frozenset(member["targets"])))
    rules = tuple(made for made in (rule(kind, *stated) for stated in member.get("rules", ())) if made)
    return _both(check, _ruled(rules)) if rules else check


def _both(first: Check, then: Check) -> Check:
    return lambda value, holder, run: first(value, holder, run) or then(value, holder, run)


def _ruled(rules: tuple[Rule, ...]) -> Check:
    return lambda value, holder, run: [stated.fault for stated in rules if not stated.holds(value, run)]


def _bound(kind: str, codes: frozenset[str], value_set: str) -> Check:
    """A Coding, or at least one coding of a CodeableConcept, is in the value set."""

    def check(value: dict[str, Any], holder: Any, run: Run) -> Faults | None:
        codings = value.get("coding", ()) if kind == "CodeableConcept" else (value,)
        if any(f"{coding.get('system')}|{coding.get('code')}" in codes for coding in codings):
            return None
        shown = ", ".join(f"{coding.get('system')}|{coding.get('code')}" for coding in codings) or "no coding"
        return [Fault("", "code-invalid", f"{shown}: not in the value set {value_set}")]

    return check


_RELATIVE = re.compile(r"[A-Za-z]+")
"""How a relative reference begins: what has a scheme is an address of somewhere else."""


def _target(targets: frozenset[str]) -> Check:
    """A relative reference names a type that this element may point to."""

    def check(value: dict[str, Any], holder: Any, run: Run) -> Faults | None:
        kind, slash, _ = value.get("reference", "").partition("/")
        if slash and kind not in targets and (kind in definitions.resource_types() or _RELATIVE.fullmatch(kind)):
            return [Fault(".reference", "value", f"a reference to {' or '.join(sorted(targets))} is expected, not to {kind}")]
        return None

    return check


def _many(one: Check) -> Check:
    """An array of objects."""

    def check(value: Any, holder: Any, run: Run) -> Faults | None:
        if type(value) is not list or not value:
            return _no_array(value)
        faults: Faults = []
        for place, item in enumerate(value):
            found = one(item, holder, run)
            if found:
                faults += [Fault(f"[{place}]{path}", code, message, key) for path, code, message, key in found]
        return faults

    return check


def _values(key: str, one: Check) -> Check:
    """An array of primitive values, where null stands for a value that has only extensions (in the sibling `_key`)."""
    return _with_nulls(one, f"_{key}")


def _siblings(key: str, beside: Check) -> Check:
    """The array `_key` of the ids and extensions of primitive values, null where a value has none."""
    return _with_nulls(beside, key, paired=True)


def _beside(key: str, element: Check) -> Check:
    """The id and extensions of a primitive. An id may stand alone beside a value: they are one element (ele-1)."""
    identified = _member("id", {"type": "string"}, _data_types())

    def check(value: Any, holder: Any, run: Run) -> Faults | None:
        if type(value) is dict and value.keys() == {"id"} and holder.get(key) is not None:
            return [Fault(f".id{path}", code, message) for path, code, message, _ in identified(value["id"], value, run) or ()]
        return element(value, holder, run)

    return check


def _with_nulls(one: Check, other: str, *, paired: bool = False) -> Check:
    """`paired`: each item is checked beside the one of `other` at its place alone."""

    def check(value: Any, holder: Any, run: Run) -> Faults | None:
        if type(value) is not list or not value:
            return _no_array(value)
        others = holder.get(other)
        listed = others if type(others) is list else ()
        faults: Faults = []
        for place, item in enumerate(value):
            beside = listed[place] if place < len(listed) else None
            if item is None:
                if beside is None:
                    faults.append(Fault(f"[{place}]", "structure", f"null is allowed only where {other} has something"))
                continue
            found = one(item, {other: beside} if paired else holder, run)
            if found:
                faults += [Fault(f"[{place}]{path}", code, message, key) for path, code, message, key in found]
        return faults

    return check


def _no_array(value: Any) -> Faults:
    return [Fault("", "structure", "an array may not be empty" if value == [] else "an array is expected")]
