"""A resource against an official profile, from the snapshot of its StructureDefinition.

Checked: base R4 (as every write is), how often each element is there, fixed values and patterns, slices (by value, pattern, type, extension; closed ones), required
bindings whose codes a package or R4 lists, the types a reference may lead to, invariants of severity error, and profiles of extensions and of entries of a bundle.

Not checked: whether what a reference leads to is itself of the profile named there; bindings that are not required, and value sets that no package at hand lists
(`OPEN`, and those of R4 that are another standard's: media types, languages); elements that are marked « must support »; slices by a profile are told apart by the type of resource.
"""

import json
import tarfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from maillage.access.references import as_list
from maillage.fhir.definitions.value_sets import ValueSets
from maillage.fhir.validation import structure
from maillage.fhir.validation.expressions import compiled
from maillage.fhir.validation.faults import Run

Resource = dict[str, Any]
PACKAGES = ("cdl", "cds", "frcore", "annuaire")
NOS = "https://mos.esante.gouv.fr/NOS/"
OPEN = {
    f"{NOS}JDV_J23-TypeNoteCahierLiaison-CISIS/FHIR/JDV-J23-TypeNoteCahierLiaison-CISIS",
    "https://hl7.fr/ig/fhir/core/ValueSet/fr-core-vs-insee-code",
    f"{NOS}JDV_J110-StatutVisibiliteDocument-CISIS/FHIR/JDV-J110-StatutVisibiliteDocument-CISIS",
}
"""Required value sets of the national servers: none of the packages lists their codes."""
R4 = "http://hl7.org/fhir/"


class Profiles:
    """The profiles and value sets of the official packages, read when they are asked for."""

    def __init__(self, data: Path) -> None:
        self._texts: dict[str, bytes] = {}
        for name in reversed(PACKAGES):
            with tarfile.open(data / "fr-profiles-packages" / f"{name}.tgz") as package:
                for member in package:
                    kind = member.name.removeprefix("package/").partition("-")[0]
                    if kind in ("StructureDefinition", "ValueSet") and (file := package.extractfile(member)):
                        self._texts[member.name.rsplit("/", 1)[1].partition("-")[2].removesuffix(".json")] = file.read()
        self._data = data
        self._known: dict[str, Resource | None] = {}

    def definition(self, url: str) -> Resource | None:
        """The StructureDefinition or ValueSet of this address, whatever its version; None where no package has it."""
        tail = url.partition("|")[0].rsplit("/", 1)[1]
        if tail not in self._known:
            text = self._texts.get(tail)
            self._known[tail] = json.loads(text) if text else None
        found = self._known[tail]
        return found if found and found["url"] == url.partition("|")[0] else None

    def codes(self, url: str) -> set[tuple[str, str]] | None:
        """System and code of each concept of a value set, None where they are not listed."""
        return self._sets().concepts(url)

    @cache  # noqa: B019  # one of these lives as long as the tests
    def _sets(self) -> ValueSets:
        with tarfile.open(self._data / "fhir-r4" / "hl7.fhir.r4.core-rebuilt-4.0.1.tar.xz") as archive:
            found = [
                json.load(file)
                for member in archive
                if member.name.startswith(("package/ValueSet-", "package/CodeSystem-")) and (file := archive.extractfile(member))
            ]
        sets = [json.loads(text) for text in self._texts.values() if b'"ValueSet"' in text[:60]]
        return ValueSets([*found, *sets])

    def faults(self, resource: Resource, url: str) -> list[str]:
        """What is not as the profile says, each as place: reason."""
        run = Run(resource, resource)
        return self.plain(resource) + list(self._by_profile(resource, url, resource["resourceType"], run))

    @staticmethod
    def plain(resource: Resource) -> list[str]:
        """What is not as R4 itself says."""
        return [f"{one.path}: {one.message}" for one in structure.any_resource(resource, None, Run(resource, resource)) or []]

    def _by_profile(self, value: Resource, url: str, place: str, run: Run) -> Iterator[str]:
        definition = self.definition(url)
        if definition is None:
            yield f"{place}: no package has {url}"
            return
        elements = {one["id"]: one for one in definition["snapshot"]["element"]}
        root = definition["snapshot"]["element"][0]["id"]
        yield from _Reading(self, elements, run).element(value, root, place)


class _Reading:
    """One resource (or extension) beside the elements of one snapshot."""

    def __init__(self, profiles: Profiles, elements: dict[str, Resource], run: Run) -> None:
        self.profiles, self.elements, self.run = profiles, elements, run

    def element(self, value: Any, id: str, place: str, key: str = "") -> Iterator[str]:
        """What is wrong of one value, that stands under `key`, and of all below."""
        yield from self._own(value, self.elements[id], place, key)
        if not isinstance(value, dict):
            return
        for child in self._children(id):
            name = child[len(id) + 1 :]
            found = _values(value, name)
            yield from self._count(found, child, f"{place}.{name}")
            for at, (key, one) in enumerate(found):
                yield from self.element(one, child, f"{place}.{key}[{at}]", key)
            yield from self._slices([one for _, one in found], [key for key, _ in found], child, f"{place}.{name}")

    def _children(self, id: str) -> list[str]:
        return [one for one in self.elements if one.startswith(f"{id}.") and not {".", ":"} & set(one[len(id) + 1 :])]

    def _count(self, found: list[Any], id: str, place: str) -> Iterator[str]:
        element = self.elements[id]
        if len(found) < element["min"] or (element["max"] != "*" and len(found) > int(element["max"])):
            yield f"{place}: {len(found)} of {element['min']}..{element['max']}"

    def _slices(self, values: list[Any], keys: list[str], id: str, place: str) -> Iterator[str]:
        slicing = self.elements[id].get("slicing")
        names = [one for one in self.elements if one.startswith(f"{id}:") and "." not in one[len(id) :]]
        if not slicing or not names:
            return
        told = set()
        for name in names:
            mine = [
                at for at, one in enumerate(values)
                if all(self._is(one, keys[at], name, by) for by in slicing.get("discriminator", []))
            ]  # fmt: skip
            told |= set(mine)
            yield from self._count(mine, name, f"{place}:{name.rsplit(':', 1)[1]}")
            for at in mine:
                yield from self.element(values[at], name, f"{place}:{name.rsplit(':', 1)[1]}", keys[at])
        if slicing["rules"] == "closed":
            yield from (f"{place}[{at}]: is none of the slices" for at in range(len(values)) if at not in told)

    def _is(self, value: Any, key: str, slice: str, by: Resource) -> bool:
        """Whether a value is of this slice."""
        path, element = by["path"], self.elements[slice]
        kinds = [one["code"] for one in element.get("type", [])]
        if by["type"] in ("type", "profile"):
            if path == "$this":
                return any(key.lower().endswith(kind.lower()) for kind in kinds)
            kinds = [one["code"] for one in self.elements[f"{slice}.{path}"].get("type", [])]
            return isinstance(value.get(path), dict) and value[path].get("resourceType") in kinds
        if path == "url" and "Extension" in kinds:
            return any(value.get("url") == url.partition("|")[0] for one in element["type"] for url in one.get("profile", []))
        wanted = self._wanted(slice, path)
        return bool(wanted) and any(_like(one, want) for want in wanted for one in _at(value, path))

    def _wanted(self, slice: str, path: str) -> list[Any]:
        below = slice if path == "$this" else f"{slice}.{path}"
        same = [one for id, one in self.elements.items() if id.startswith(slice) and _plain(id, slice) == below]
        return [value for one in same for key, value in one.items() if key.startswith(("fixed", "pattern"))]

    def _own(self, value: Any, element: Resource, place: str, key: str) -> Iterator[str]:
        kind = element["path"]
        if kind.endswith("[x]"):
            kinds = {one["code"].lower(): one["code"] for one in element["type"]}
            kind = kinds.get(key[len(kind.rsplit(".", 1)[1]) - 3 :].lower(), "")
            if not kind:
                yield f"{place}: is none of {sorted(kinds.values())}"
                return
        for name, wanted in element.items():
            if (name.startswith("fixed") and value != wanted) or (name.startswith("pattern") and not _like(value, wanted)):
                yield f"{place}: {value!r} is not {wanted!r}"
        binding = element.get("binding", {})
        if binding.get("strength") == "required" and binding["valueSet"].partition("|")[0] not in OPEN:
            yield from self._bound(value, binding["valueSet"], place)
        for rule in element.get("constraint", []):
            of_base = rule.get("source", "").startswith(R4) and rule["source"].rsplit("/", 1)[1][0].isupper()
            if rule["severity"] == "error" and not of_base and "expression" in rule:
                try:
                    holds = compiled(rule["expression"], kind)(value, self.run) in ([], [True])
                except Exception as fault:  # noqa: BLE001  # the engine raises plain Exception; what it cannot evaluate is said
                    yield f"{place}: {rule['key']} cannot be evaluated ({fault})"
                    continue
                if not holds:
                    yield f"{place}: {rule['human']} ({rule['key']})"
        yield from self._typed(value, element, place)

    def _bound(self, value: Any, value_set: str, place: str) -> Iterator[str]:
        known = self.profiles.codes(value_set)
        if known is None:
            if not value_set.startswith(R4):
                yield f"{place}: no package lists {value_set}"
            return
        codings = (
            [(one.get("system"), one.get("code")) for one in as_list(value.get("coding", value))]
            if isinstance(value, dict)
            else []
        )
        codes = {code for _, code in known}
        if not (any(one in known for one in codings) if isinstance(value, dict) else value in codes):
            yield f"{place}: {value!r} is not of {value_set}"

    def _typed(self, value: Any, element: Resource, place: str) -> Iterator[str]:
        if not isinstance(value, dict):
            return
        for kind in element.get("type", []):
            if kind["code"] == "Reference" and (targets := kind.get("targetProfile")):
                reached, allowed = str(value.get("reference", "")).partition("/")[0], {self._kind(one) for one in targets}
                if reached and not reached.startswith(("urn:", "http", "#")) and not {reached, "Resource"} & allowed:
                    yield f"{place}: {value['reference']} is none of {sorted(allowed)}"
            elif (profiles := kind.get("profile")) and (kind["code"] == "Extension" or value.get("resourceType") == kind["code"]):
                for url in profiles:
                    if self.profiles.definition(url):
                        yield from self.profiles._by_profile(value, url, place, self.run)

    def _kind(self, url: str) -> str:
        found = self.profiles.definition(url)
        return str(found["type"]) if found else url.partition("|")[0].rsplit("/", 1)[1]


def _values(value: Resource, name: str) -> list[tuple[str, Any]]:
    if name.endswith("[x]"):
        stem = name.removesuffix("[x]")
        return [(key, one) for key, one in value.items() if key.startswith(stem) and key[len(stem) : len(stem) + 1].isupper()]
    return [(name, one) for one in as_list(value.get(name))]


def _plain(id: str, slice: str) -> str:
    """The id without the names of slices below `slice`."""
    rest = id[len(slice) :].split(".")
    return slice + ".".join(one.partition(":")[0] for one in rest) if not id[len(slice) :].startswith(":") else ""


def _at(value: Any, path: str) -> list[Any]:
    found = [value]
    for name in [] if path == "$this" else path.split("."):
        found = [below for one in found if isinstance(one, dict) for below in as_list(one.get(name))]
    return found


def _like(value: Any, wanted: Any) -> bool:
    """Whether a value has all that a pattern says."""
    if isinstance(wanted, dict):
        return isinstance(value, dict) and all(_like(value.get(name), one) for name, one in wanted.items())
    if isinstance(wanted, list):
        return isinstance(value, list) and all(any(_like(one, want) for one in value) for want in wanted)
    return bool(value == wanted)
