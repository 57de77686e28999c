"""The R4 definitions as the engine uses them: compiled by `build`, read here lazily, a type at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from maillage.errors import SetupError

GENERATED = Path(__file__).parent / "generated"
COMPARTMENTS = Path(__file__).parent / "compartments.json"
"""What the R4 CompartmentDefinitions say, but for the Patient's (HL7 content, CC0), which the compiled definitions have."""


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """One search parameter of one resource type."""

    code: str
    type: str
    """token, string, date, reference, uri, number, quantity, composite or special."""
    url: str
    targets: tuple[str, ...]
    """Types that a reference parameter may lead to: all of them where R4 names none."""
    places: tuple[dict[str, Any], ...]
    """Where its values stand (`definitions.parameters`); empty when searching by it is not supported yet."""

    @property
    def supported(self) -> bool:
        return bool(self.places)

    @property
    def carried(self) -> bool:
        """Whether its value is a resource inside the one that is searched, to which nothing refers."""
        return any(place["type"] == "carried" for place in self.places)


@cache
def resource_types() -> tuple[str, ...]:
    """The names of the 146 concrete resource types of R4, in alphabetical order."""
    return tuple(_read("types.json"))


@cache
def search_parameters(resource_type: str) -> Mapping[str, SearchParameter]:
    """The R4 search parameters of a type by code, supported or not, the common ones (`_id`, `_tag` …) included."""
    return {code: _parameter(code, said) for code, said in _read(f"parameters/{resource_type}.json").items()}


def _parameter(code: str, said: dict[str, Any]) -> SearchParameter:
    anything = resource_types() if said["type"] == "reference" else ()
    return SearchParameter(code, said["type"], said["url"], tuple(said.get("targets", anything)), tuple(said.get("places", ())))


@cache
def compartment() -> Mapping[str, tuple[str, ...]]:
    """For each type of the Patient compartment, the reference parameters that place a resource in it."""
    return {name: tuple(codes) for name, codes in _read("compartment.json").items()}


@cache
def compartments() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """For each type that has a compartment: by type of resource, the reference parameters that place one in it (its own type too)."""
    said = msgspec.json.decode(COMPARTMENTS.read_bytes())
    others = {owner: {name: tuple(codes) for name, codes in types.items()} for owner, types in said.items()}
    return {"Patient": {"Patient": (), **compartment()}, **others}


def shapes(name: str) -> dict[str, Any]:
    """The shapes of a resource type, or of every data type (`_datatypes`): see `definitions.shapes`."""
    found: dict[str, Any] = _read(f"shapes/{name}.json")
    return found


@cache
def codes() -> Mapping[str, frozenset[str]]:
    """The concepts (`system|code`) of the required value sets that are small and wholly known."""
    return {url: frozenset(concepts) for url, concepts in _read("codes.json").items()}


def index_sources() -> list[Path]:
    """The compiled files that decide what a resource is found by."""
    return sorted([GENERATED / "compartment.json", *GENERATED.glob("parameters/*.json"), *GENERATED.glob("shapes/*.json")])


def _read(name: str) -> Any:
    try:
        return msgspec.json.decode((GENERATED / name).read_bytes())
    except FileNotFoundError as error:
        raise SetupError("The FHIR definitions are not compiled: run `make setup`.") from error
