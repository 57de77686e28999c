"""A slow reading of R4 search over resources in memory, written from the standard and not from our index: the oracle of search tests.

Known types and parameters are those of PATHS; a group of a composite is `path:first:second`. Strings are compared after folding case, accents and blanks, partial dates in Europe/Paris.
"""

import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from maillage.fhir import ids
from tests.support.naive_values import interval as interval_of
from tests.support.naive_values import is_near, is_quantity, passes
from tests.support.naive_words import has_text

Resource = dict[str, Any]
Span = tuple[datetime, datetime]
Tree = tuple[Any, ...]

PATHS: dict[str, dict[str, tuple[str, tuple[str, ...]]]] = {
    "Patient": {
        "family": ("string", ("name.family",)),
        "given": ("string", ("name.given",)),
        "name": ("string", ("name.family", "name.given", "name.text")),
        "address-city": ("string", ("address.city",)),
        "birthdate": ("date", ("birthDate",)),
        "death-date": ("date", ("deceasedDateTime",)),
        "gender": ("token", ("gender",)),
        "identifier": ("token", ("identifier",)),
        "active": ("token", ("active",)),
        "_profile": ("uri", ("meta.profile",)),
        "general-practitioner": ("reference", ("generalPractitioner",)),
        "link": ("reference", ("link.other",)),
    },
    "Observation": {
        "code": ("token", ("code",)),
        "category": ("token", ("category",)),
        "status": ("token", ("status",)),
        "identifier": ("token", ("identifier",)),
        "date": ("date", ("effectiveDateTime", "effectivePeriod")),
        "value-date": ("date", ("valueDateTime", "valuePeriod")),
        "value-string": ("string", ("valueString", "valueCodeableConcept.text")),
        "subject": ("reference", ("subject",)),
        "patient": ("reference", ("subject",)),
        "performer": ("reference", ("performer",)),
        "has-member": ("reference", ("hasMember",)),
        "component-code": ("token", ("component.code",)),
        "value-concept": ("token", ("valueCodeableConcept",)),
        "value-quantity": ("quantity", ("valueQuantity",)),
        "component-value-quantity": ("quantity", ("component.valueQuantity",)),
        "combo-value-quantity": ("quantity", ("valueQuantity", "component.valueQuantity")),
        "code-value-quantity": ("composite", (":code:valueQuantity",)),
        "component-code-value-quantity": ("composite", ("component:code:valueQuantity",)),
        "combo-code-value-quantity": ("composite", (":code:valueQuantity", "component:code:valueQuantity")),
        "code-value-concept": ("composite", (":code:valueCodeableConcept",)),
        "component-code-value-concept": ("composite", ("component:code:valueCodeableConcept",)),
        "combo-code-value-concept": ("composite", (":code:valueCodeableConcept", "component:code:valueCodeableConcept")),
        "code-value-string": ("composite", (":code:valueString",)),
        "code-value-date": ("composite", (":code:valueDateTime", ":code:valuePeriod")),
    },
    "List": {
        "title": ("string", ("title",)),
        "status": ("token", ("status",)),
        "subject": ("reference", ("subject",)),
        "item": ("reference", ("entry.item",)),
    },
    "Practitioner": {
        "family": ("string", ("name.family",)),
        "given": ("string", ("name.given",)),
        "address-city": ("string", ("address.city",)),
        "gender": ("token", ("gender",)),
        "active": ("token", ("active",)),
        "name": ("string", ("name.family", "name.given", "name.text")),
        "identifier": ("token", ("identifier",)),
    },
    "Condition": {
        "subject": ("reference", ("subject",)),
        "code": ("token", ("code",)),
        "onset-age": ("quantity", ("onsetAge", "onsetRange")),
    },
    "Location": {"near": ("near", ("position",)), "name": ("string", ("name",)), "partof": ("reference", ("partOf",))},
    "MolecularSequence": {
        "variant-start": ("number", ("variant.start",)),
        "window-end": ("number", ("referenceSeq.windowEnd",)),
        "chromosome": ("token", ("referenceSeq.chromosome",)),
    },
    "RiskAssessment": {"subject": ("reference", ("subject",)), "probability": ("number", ("prediction.probabilityDecimal",))},
}
PARTS = {
    "valueQuantity": "quantity",
    "valueCodeableConcept": "token",
    "valueString": "string",
    "valueDateTime": "date",
    "valuePeriod": "date",
}
IMPLIED = {"gender": "http://hl7.org/fhir/administrative-gender", "status": "http://hl7.org/fhir/observation-status"}
PLACED = {
    "Patient": {
        "Patient": ("link",),
        "Observation": ("subject", "performer"),
        "List": ("subject",),
        "Condition": ("subject",),
        "RiskAssessment": ("subject",),
    },
    "Practitioner": {"Practitioner": (), "Patient": ("general-practitioner",), "Observation": ("performer",)},
}
"""Compartments: by owner and type of resource, the parameters that place one in it (its own type too)."""
ORDERED = ("date", "number", "quantity")
"""Forms whose `ne` is about each value, not about the resource."""
MAIN_DATE = {"Patient": "birthdate", "Observation": "date"}


def values(resource: Resource, path: str) -> Iterator[Any]:
    nodes: list[Any] = [resource]
    for step in path.split("."):
        found = [node[step] for node in nodes if step in node]
        nodes = [item for value in found for item in (value if isinstance(value, list) else [value])]
    yield from nodes


def alternatives(value: str) -> list[str]:
    """The parts between commas; a backslash makes the next character plain."""
    parts, characters = [""], iter(value)
    for character in characters:
        if character == ",":
            parts.append("")
        else:
            parts[-1] += next(characters) if character == "\\" else character
    return parts


def groups(resource: Resource, path: str) -> Iterator[tuple[Any, str, Any]]:
    """(first, name of the second, second) of each group that has both."""
    where, first, second = path.split(":")
    for group in values(resource, where) if where else [resource]:
        if first in group and second in group:
            yield group[first], second, group[second]


class Naive:
    """Searches among `resources`, as somebody who may see those for which `seen` holds."""

    def __init__(self, resources: list[Resource], hidden: set[str], filters: dict[str, Tree] | None = None) -> None:
        self.filters = {} if filters is None else filters
        self.resources = [r for r in resources if f"{r['resourceType']}/{r['id']}" not in hidden]
        self.by_reference = {f"{r['resourceType']}/{r['id']}": r for r in self.resources}

    def search(self, kind: str, params: list[tuple[str, str]]) -> list[Resource]:
        return [r for r in self.resources if r["resourceType"] == kind and all(self.matches(r, n, v) for n, v in params)]

    def within(self, resource: Resource, owner: str) -> bool:
        """Whether the resource is in the compartment of `owner` (`Patient/1`)."""
        codes = PLACED[owner.partition("/")[0]].get(resource["resourceType"], ())
        return reference_to(resource) == owner or any(owner in self.references(resource, code) for code in codes)

    def included(self, matches: list[Resource], rules: list[tuple[str, str]]) -> set[str]:
        """What these resources include by `_include`, `_revinclude` and their `:iterate`, as `Type/id`."""
        known, news = {reference_to(one) for one in matches}, matches
        found: set[str] = set()
        applied = rules
        while news:
            reached = {to for one in news for name, rule in applied for to in self._followed(one, name, rule)} - known - found
            found |= reached
            news, applied = [self.by_reference[to] for to in reached], [rule for rule in rules if rule[0].endswith(":iterate")]
        return found

    def _followed(self, one: Resource, name: str, rule: str) -> set[str]:
        kind, code, target = (*rule.split(":"), "", "")[:3]
        forward = name.startswith("_include")
        sources = [one] if forward else [r for r in self.resources if reference_to(one) in self._all_references(r, kind, code)]
        sources = [r for r in sources if kind in ("*", r["resourceType"])]
        if not forward:
            return {reference_to(r) for r in sources if target in ("", one["resourceType"])}
        named = {to for r in sources for to in self._all_references(r, kind, code)}
        return {to for to in named if to in self.by_reference and target in ("", to.partition("/")[0])}

    def _all_references(self, resource: Resource, kind: str, code: str) -> set[str]:
        if kind not in ("*", resource["resourceType"]):
            return set()
        known = PATHS[resource["resourceType"]]
        codes = [one for one, (form, _) in known.items() if form == "reference"] if "*" in (kind, code) else [code]
        return {to for one in codes for to in self.references(resource, one)}

    def holds(self, resource: Resource, tree: Tree) -> bool:
        """Whether a filter holds: ("and" | "or", left, right), ("not", part) or (path, operator, value)."""
        match tree:
            case ("and", left, right):
                return self.holds(resource, left) and self.holds(resource, right)
            case ("or", left, right):
                return self.holds(resource, left) or self.holds(resource, right)
            case ("not", part):
                return not self.holds(resource, part)
        path, operator, value = tree
        first, _, rest = path.partition(".")
        step, _, typed = first.partition(":")
        kind, paths = PATHS[resource["resourceType"]][step]
        if operator == "ne" and kind not in ORDERED:
            return not self.holds(resource, (path, "eq", value))
        if rest:
            targets = [self.by_reference[one] for one in self.references(resource, step) if one in self.by_reference]
            targets = [one for one in targets if typed in ("", one["resourceType"])]
            below = re.split("[.:]", rest, maxsplit=1)[0]
            return any(below in PATHS[one["resourceType"]] and self.holds(one, (rest, operator, value)) for one in targets)
        if operator == "pr":
            return self.matches(resource, f"{step}:missing", "false" if value == "true" else "true")
        items = [item for one in paths for item in values(resource, one)]
        match kind:
            case "string":
                return any(_compared(fold(item), operator, fold(value)) for item in items)
            case "date" if operator == "po":
                return any(a < y and x < b for x, y in map(span_of, items) for a, b in [span(value)])
            case "date" | "number" | "quantity":
                return self.matches(resource, step, f"{operator}{value}")
        return self.matches(resource, step, value)

    def matches(self, resource: Resource, name: str, value: str) -> bool:
        if name.startswith("_has:"):
            _, kind, parameter, rest = name.split(":", 3)
            own = f"{resource['resourceType']}/{resource['id']}"
            referring = [r for r in self.resources if r["resourceType"] == kind and own in self.references(r, parameter)]
            return any(self.matches(r, rest, value) for r in referring)
        if name == "_id":
            return resource["id"] in value.split(",")
        if name == "_filter":
            return self.holds(resource, self.filters[value])
        if name == "_text":
            return any(has_text(resource, one) for one in alternatives(value))
        if name == "_list":
            lists = [r for r in self.resources if r["resourceType"] == "List" and r["id"] in value.split(",")]
            own = f"{resource['resourceType']}/{resource['id']}"
            return any(own in self.references(one, "item") for one in lists)
        head, _, chain = name.partition(".")
        parameter, _, modifier = head.partition(":")
        if chain:
            return any(self.chained(reference, modifier, chain, value) for reference in self.references(resource, parameter))
        kind, paths = PATHS[resource["resourceType"]][parameter]
        present = [item for path in paths for item in (groups if kind == "composite" else values)(resource, path)]
        if kind == "reference":
            present = [item for item in present if parameter != "patient" or item["reference"].startswith("Patient/")]
        if modifier == "missing":
            return (not present) == (value == "true")
        if modifier == "not":
            return not self.matches(resource, parameter, value)
        return any(getattr(self, f"is_{kind}")(item, one, modifier, parameter) for one in alternatives(value) for item in present)

    def chained(self, reference: str, kind: str, chain: str, value: str) -> bool:
        target = self.by_reference.get(reference)
        if target is None or (kind and target["resourceType"] != kind):
            return False
        parameter = re.split("[:.]", chain, maxsplit=1)[0]
        return (parameter in ("_has", "_text") or parameter in PATHS[target["resourceType"]]) and self.matches(
            target, chain, value
        )

    def ancestors(self, place: str, met: set[str]) -> set[str]:
        """The Location, and those that it is part of."""
        above = self.by_reference.get(place, {}).get("partOf", {}).get("reference", place)
        return met | {place} if above in met | {place} else self.ancestors(above, met | {place})

    def references(self, resource: Resource, parameter: str) -> list[str]:
        items = [i for path in PATHS[resource["resourceType"]][parameter][1] for i in values(resource, path)]
        found = [i["reference"] for i in items if "reference" in i]
        return [one for one in found if parameter != "patient" or one.startswith("Patient/")]

    def is_reference(self, item: Resource, value: str, modifier: str, parameter: str) -> bool:
        if modifier in ("above", "below"):
            low, high = (item["reference"], value) if modifier == "below" else (value, item["reference"])
            return high in self.ancestors(low, set())
        if modifier == "identifier":
            known = item.get("identifier")
            return known is not None and _token(known.get("system", ""), known["value"], value)
        kind, _, id = item.get("reference", "").rpartition("/")
        return (not modifier or kind == modifier) and value in {id, f"{kind}/{id}"}

    @staticmethod
    def is_string(item: str, value: str, modifier: str, parameter: str) -> bool:
        if modifier == "exact":
            return item == value
        return fold(value) in fold(item) if modifier == "contains" else fold(item).startswith(fold(value))

    @staticmethod
    def is_token(item: Any, value: str, modifier: str, parameter: str) -> bool:
        if modifier == "text":
            return any(fold(text).startswith(fold(value)) for text in _beside(item))
        if modifier == "of-type":
            typed = [
                f"{c['system']}|{c['code']}|{item['value']}" for c in item.get("type", {}).get("coding", []) if "system" in c
            ]
            return value in typed
        return any(_token(system, code, value) for system, code in _codings(item, parameter))

    @staticmethod
    def is_uri(item: str, value: str, modifier: str, parameter: str) -> bool:
        plain = item.split("|")[0]
        if modifier == "below":
            return plain == value or plain.startswith(f"{value.removesuffix('/')}/")
        if modifier == "above":
            return plain == value or value.startswith(plain if plain.endswith("/") else f"{plain}/")
        return value in (item, plain)

    @staticmethod
    def is_quantity(item: Resource, value: str, modifier: str, parameter: str) -> bool:
        return is_quantity(item, value)

    @staticmethod
    def is_number(item: Any, value: str, modifier: str, parameter: str) -> bool:
        return passes(interval_of({"value": item}), value)

    @staticmethod
    def is_near(item: Resource, value: str, modifier: str, parameter: str) -> bool:
        return is_near(item, value)

    def is_composite(self, item: tuple[Any, str, Any], value: str, modifier: str, parameter: str) -> bool:
        code, _, rest = value.partition("$")
        meets: bool = getattr(self, f"is_{PARTS[item[1]]}")(item[2], rest, "", "")
        return meets and self.is_token(item[0], code, "", "")

    @staticmethod
    def is_date(item: Any, value: str, modifier: str, parameter: str) -> bool:
        prefix, text = (value[:2], value[2:]) if value[0].isalpha() else ("eq", value)
        (a, b), (x, y) = span(text), span_of(item)
        inside, above, below = a <= x and y <= b, y > b, x < a
        return {
            "eq": inside, "ne": not inside, "gt": above, "lt": below, "ge": above or inside, "le": below or inside, "sa": x >= b, "eb": y <= a,
        }[prefix]  # fmt: skip


def _beside(item: Any) -> list[str]:
    """CodeableConcept.text and Coding.display, or Identifier.type.text."""
    if not isinstance(item, dict):
        return []
    texts = [item.get("text"), item.get("type", {}).get("text"), *(coding.get("display") for coding in item.get("coding", []))]
    return [text for text in texts if text]


def _compared(item: str, operator: str, value: str) -> bool:
    return {"eq": item == value, "co": value in item, "sw": item.startswith(value), "ew": item.endswith(value)}[operator]


def _codings(item: Any, parameter: str) -> list[tuple[str, str]]:
    if isinstance(item, dict):
        listed = item.get("coding", [item])
        return [(coding.get("system", ""), coding.get("code", coding.get("value", ""))) for coding in listed]
    return [(IMPLIED.get(parameter, ""), {True: "true", False: "false"}[item] if isinstance(item, bool) else item)]


def _token(system: str, code: str, value: str) -> bool:
    wanted_system, bar, wanted = value.rpartition("|")
    if not bar:
        return code == wanted
    return system == wanted_system and wanted in ({code, ""} if wanted_system else {code})


def fold(text: str) -> str:
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(bare.casefold().split())


def span(text: str) -> Span:
    paris = ZoneInfo("Europe/Paris")
    if "T" in text:
        start = datetime.fromisoformat(text)
        return start, start + timedelta(seconds=1)
    parts = [int(part) for part in text.split("-")]
    year, month, day = (*parts, 1, 1)[:3]
    if len(parts) == 1:
        after = datetime(year + 1, 1, 1)
    elif len(parts) == 2:
        after = datetime(year + month // 12, month % 12 + 1, 1)
    else:
        after = datetime(year, month, day) + timedelta(days=1)
    return datetime(year, month, day, tzinfo=paris).astimezone(UTC), after.replace(tzinfo=paris).astimezone(UTC)


def span_of(item: Any) -> Span:
    if isinstance(item, str):
        return span(item)
    start = span(item["start"])[0] if "start" in item else datetime.min.replace(tzinfo=UTC)
    return start, span(item["end"])[1] if "end" in item else datetime.max.replace(tzinfo=UTC)


def reference_to(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def sort_value(resource: Resource, parameter: str, descending: bool) -> Any:
    """What a resource is sorted by: of several values the first in that order; what has none is below all."""
    if parameter == "_id":
        return ids.key(resource["id"]).bytes
    if parameter == MAIN_DATE.get(resource["resourceType"]):
        return _at_least(main_date(resource))
    kind, paths = PATHS[resource["resourceType"]][parameter]
    items = [item for path in paths for item in values(resource, path)]
    first = max if descending else min
    if kind == "date":
        return _at_least(first((span_of(item)[0] for item in items), default=None))
    if kind == "number":
        return first((Decimal(str(item)) for item in items), default=Decimal("-Infinity"))
    if kind == "string":
        return first((fold(item) for item in items), default="")
    return first((code for item in items for _, code in _codings(item, parameter)), default="")


def _at_least(when: datetime | None) -> tuple[bool, datetime]:
    """No date is below every date, also below what has no beginning."""
    return when is not None, when or datetime.min.replace(tzinfo=UTC)


def main_date(resource: Resource) -> datetime | None:
    parameter = MAIN_DATE.get(resource["resourceType"])
    paths = PATHS[resource["resourceType"]][parameter][1] if parameter else ()
    found = [span_of(item)[0] for path in paths for item in values(resource, path)]
    return found[0] if found else None
