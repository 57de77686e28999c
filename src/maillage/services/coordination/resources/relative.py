"""RelatedPerson of a circle (CDS v2.0.1, `cds-fr-related-person`): one identifier, a family name, a role of TRE_R260, a telephone or an address to write to."""

from collections.abc import Mapping
from typing import Any

from maillage.access.references import as_list
from maillage.services.coordination.resources.circle import CLASSES, KIN

Resource = dict[str, Any]
PROFILE = "https://interop.esante.gouv.fr/ig/fhir/cds/StructureDefinition/cds-fr-related-person"
SYSTEM = "urn:maillage:related-person"
"""System of the identifier of somebody whom the platform wrote down: their id."""


def role(code: str) -> Resource:
    """What somebody close is to the person, by the national list."""
    return {"coding": [{"system": CLASSES, "code": code, "display": KIN[code][1]}], "text": KIN[code][1]}


def is_role(concept: Mapping[str, Any]) -> bool:
    """Whether a relationship is a role of that list, and not what ties them (« Fille »)."""
    return any(one.get("system") == CLASSES for one in concept.get("coding", []))


def role_of(related: Mapping[str, Any]) -> str:
    """The code of their role, empty where none is said."""
    codings = [coding for concept in as_list(related.get("relationship")) for coding in concept.get("coding", [])]
    return next((str(one.get("code", "")) for one in codings if one.get("system") == CLASSES), "")


def named(family: str, given: str = "") -> list[Resource]:
    """The name of a RelatedPerson."""
    text = f"{given} {family}".strip()
    return [{"use": "official", "text": text, "family": family, **({"given": [given]} if given else {})}]


def identified(related: Resource) -> Resource:
    """The same with an identifier where it has none, and with the profile where it is of it: without a telephone or an address nobody is."""
    resource = {**related, "identifier": related.get("identifier") or [{"system": SYSTEM, "value": related["id"]}]}
    name: Resource = next(iter(as_list(resource.get("name"))), {})
    of_profile = (
        len(resource["identifier"]) == 1 and len(resource.get("name", [])) == 1 and name.get("family") and resource.get("telecom")
        and role_of(resource) and len([one for one in resource["relationship"] if is_role(one)]) == 1
    )  # fmt: skip
    meta = resource.get("meta", {})
    profiles = [one for one in meta.get("profile", []) if one != PROFILE] + ([PROFILE] if of_profile else [])
    kept = {name: value for name, value in meta.items() if name != "profile"} | ({"profile": profiles} if profiles else {})
    return {name: value for name, value in {**resource, "meta": kept}.items() if value or name != "meta"}
