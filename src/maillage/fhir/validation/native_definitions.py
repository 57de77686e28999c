"""Invariants of the resources that define others (StructureDefinition, Questionnaire, CodeSystem, ValueSet), in Python.

They are stated on every element of long lists: through FHIRPath one profile cost 100 ms, a code list of 5,000 codes minutes.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from maillage.fhir.validation.faults import Run

Value = dict[str, Any]
Holds = Callable[[Any, Run], bool]
"""(element, run) -> whether the invariant holds."""

_SLICE_NAME = re.compile(r"[a-zA-Z0-9/\-_\[\]@]+")
_CORE = "http://hl7.org/fhir/StructureDefinition"


def there(value: Value, name: str) -> bool:
    """Whether an element exists: a primitive may have extensions only."""
    return name in value or f"_{name}" in value


def any_of(value: Value, choice: str) -> bool:
    """Whether a choice[x] has a value of some type."""
    return any(key.startswith((choice, f"_{choice}")) for key in value)


def _distinct(values: Iterable[Any]) -> bool:
    listed = list(values)
    return len(set(listed)) == len(listed)


def _when(name: str, *said: str, none_of: tuple[str, ...] = (), one_of: tuple[str, ...] = ()) -> Holds:
    """Where `name` is one of `said`: none of some elements is there, and one of others is."""

    def holds(value: Value, run: Run) -> bool:
        if value.get(name) not in said:
            return True
        return not any(there(value, n) for n in none_of) and (not one_of or any(there(value, n) for n in one_of))

    return holds


def _only(name: str, said: tuple[str, ...], *elements: str) -> Holds:
    """The elements may be there only where `name` is one of `said`."""
    return lambda value, run: value.get(name) in said or not any(there(value, n) for n in elements)


def _with(name: str, needed: str) -> Holds:
    return lambda value, run: not there(value, name) or there(value, needed)


def _never_both(one: str, other: str) -> Holds:
    return lambda value, run: not (there(value, one) and there(value, other))


# Questionnaire


def _below(value: Any, key: str) -> Iterator[Value]:
    """Every object at `key`, at any depth: item.item, concept.concept."""
    for one in value.get(key, ()):
        yield one
        yield from _below(one, key)


def _link_ids(value: Value) -> Iterator[str]:
    return (item["linkId"] for item in _below(value, "item") if "linkId" in item)


def _group_or_display(value: Value, run: Run) -> bool:
    return {"group": "item" in value, "display": "item" not in value}.get(value.get("type", ""), True)


_ANSWERED = ("choice", "open-choice", "decimal", "integer", "date", "dateTime", "time", "string", "quantity")
_MEASURED = ("boolean", "decimal", "integer", "string", "text", "url", "open-choice")


def _one_initial(value: Value, run: Run) -> bool:
    return value.get("repeats") is True or len(value.get("initial", ())) <= 1


def _says_how_many(value: Value, run: Run) -> bool:
    return len(value.get("enableWhen", ())) <= 2 or there(value, "enableBehavior")


# ElementDefinition


def _cardinality(value: Value, run: Run) -> bool:
    most = value.get("max", "*")
    return "min" not in value or most == "*" or not most.isdigit() or value["min"] <= int(most)


def _whole_or_star(value: Any, run: Run) -> bool:
    return not isinstance(value, str) or value == "*" or not value.lstrip("-").isdigit() or int(value) >= 0


def _content_elsewhere(value: Value, run: Run) -> bool:
    if not there(value, "contentReference"):
        return True
    own = ("defaultValue", "fixed", "pattern", "minValue", "maxValue")
    return not any(n in value for n in ("type", "example", "binding")) and not there(value, "maxLength") and not any(
        any_of(value, choice) for choice in own
    )  # fmt: skip


def _single_type(choice: str) -> Holds:
    return lambda value, run: not any_of(value, choice) or len(value.get("type", ())) <= 1


def _slice_name(value: Value, run: Run) -> bool:
    return "sliceName" not in value or _SLICE_NAME.fullmatch(value["sliceName"]) is not None


def _modifier_reason(value: Value, run: Run) -> bool:
    return value.get("isModifier") is not True or there(value, "isModifierReason")


def _value_set_address(value: Value, run: Run) -> bool:
    return "valueSet" not in value or value["valueSet"].startswith(("http:", "https", "urn:"))


# StructureDefinition


def _elements(value: Value, *forms: str) -> Iterator[Value]:
    for form in forms or ("snapshot", "differential"):
        yield from value.get(form, {}).get("element", ())


def _roots(elements: Iterable[Value]) -> Iterator[Value]:
    return (element for element in elements if "." not in element.get("path", ""))


def _identified(form: str) -> Holds:
    def holds(value: Value, run: Run) -> bool:
        ids = [element.get("id") for element in _elements(value, form)]
        return None not in ids and _distinct(ids)

    return holds


def _all_have(*names: str) -> Holds:
    return lambda value, run: all(there(element, name) for element in value.get("element", ()) for name in names)


def _below_the_root(value: Value, run: Run) -> bool:
    first, *rest = (element["path"] for element in value["element"])
    right = run.resource.get("kind") == "logical" or first == run.resource.get("type")
    return right and all(path.startswith(f"{first}.") for path in rest)


def _no_default_in_core(value: Value, run: Run) -> bool:
    return not value["url"].startswith(_CORE) or not any(any_of(element, "defaultValue") for element in _elements(value))


def _plain_roots(value: Value, run: Run) -> bool:
    said = ("label", "code", "requirements")
    return not any(there(root, name) for root in _roots(_elements(value)) for name in said)


NATIVE: dict[str, Holds] = {
    "que-1": _group_or_display,
    "que-2": lambda value, run: _distinct(_link_ids(value)),
    "que-3": _when("type", "display", none_of=("code",)),
    "que-4": _never_both("answerOption", "answerValueSet"),
    "que-5": _only("type", _ANSWERED, "answerOption", "answerValueSet"),
    "que-6": _when("type", "display", none_of=("required", "repeats")),
    "que-8": _when("type", "group", "display", none_of=("initial",)),
    "que-9": _when("type", "display", none_of=("readOnly",)),
    "que-10": _only("type", _MEASURED, "maxLength"),
    "que-11": _never_both("answerOption", "initial"),
    "que-12": _says_how_many,
    "que-13": _one_initial,
    "csd-1": lambda value, run: _distinct(concept["code"] for concept in _below(value, "concept") if "code" in concept),
    "vsd-1": lambda value, run: there(value, "valueSet") or there(value, "system"),
    "vsd-2": lambda value, run: there(value, "system") or not (there(value, "concept") or there(value, "filter")),
    "vsd-3": _never_both("concept", "filter"),
    "vsd-6": lambda value, run: there(value, "code") or there(value, "display"),
    "vsd-9": lambda value, run: there(value, "code") or value.get("abstract") is True,
    "vsd-10": _with("code", "system"),
    "eld-1": lambda value, run: there(value, "discriminator") or there(value, "description"),
    "eld-2": _cardinality,
    "eld-3": _whole_or_star,
    "eld-4": _only("code", ("Reference", "canonical"), "aggregation"),
    "eld-5": _content_elsewhere,
    "eld-6": _single_type("fixed"),
    "eld-7": _single_type("pattern"),
    "eld-8": lambda value, run: not (any_of(value, "pattern") and any_of(value, "fixed")),
    "eld-12": _value_set_address,
    "eld-13": lambda value, run: _distinct(kind["code"] for kind in value.get("type", ()) if "code" in kind),
    "eld-14": lambda value, run: _distinct(rule["key"] for rule in value.get("constraint", ()) if "key" in rule),
    "eld-15": lambda value, run: not (any_of(value, "defaultValue") and there(value, "meaningWhenMissing")),
    "eld-16": _slice_name,
    "eld-17": _only("code", ("Reference", "canonical"), "targetProfile"),
    "eld-18": _modifier_reason,
    "eld-22": _with("sliceIsConstraining", "sliceName"),
    "sdf-1": lambda value, run: (
        value.get("derivation") == "constraint" or _distinct(e.get("path") for e in _elements(value, "snapshot"))
    ),
    "sdf-3": _all_have("definition", "min", "max"),
    "sdf-8": _below_the_root,
    "sdf-8b": _all_have("base"),
    "sdf-9": _plain_roots,
    "sdf-14": lambda value, run: all("id" in element for element in _elements(value)),
    "sdf-16": _identified("snapshot"),
    "sdf-17": _identified("differential"),
    "sdf-20": lambda value, run: not any("slicing" in root for root in _roots(value.get("element", ()))),
    "sdf-22": _no_default_in_core,
    "sdf-23": lambda value, run: not any(there(root, "sliceName") for root in _roots(_elements(value))),
}
