"""The label that keeps a stay or a document from legal representatives (TRE_A07 INVISIBLE_REPRESENTANTS_LEGAUX)."""

from collections.abc import Mapping
from typing import Any

LABEL = {
    "system": "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument",
    "code": "INVISIBLE_REPRESENTANTS_LEGAUX",
    "display": "Non visible par les représentants légaux du patient",
}
_STAYS = {"IMP": "Hospitalisation", "EMER": "Passage aux urgences", "AMB": "Consultation", "HH": "Visite à domicile"}


def is_labelled(resource: Mapping[str, Any]) -> bool:
    """Whether it carries the label, in either place that FHIR has for it."""
    return any(map(_is_it, _codings(resource)))


def labelled(resource: Mapping[str, Any]) -> dict[str, Any]:
    """It with the label: of a document where flows of documents look for it, of anything else in its meta."""
    if resource["resourceType"] == "DocumentReference":
        return {**resource, "securityLabel": [*resource.get("securityLabel", []), {"coding": [LABEL]}]}
    meta = resource.get("meta", {})
    return {**resource, "meta": meta | {"security": [*meta.get("security", []), LABEL]}}


def unlabelled(resource: Mapping[str, Any]) -> dict[str, Any]:
    """It without the label, and with all others."""
    left = dict(resource)
    if labels := [one for one in resource.get("securityLabel", []) if not any(map(_is_it, one.get("coding", [])))]:
        left["securityLabel"] = labels
    else:
        left.pop("securityLabel", None)
    meta = dict(resource.get("meta", {}))
    if security := [one for one in meta.get("security", []) if not _is_it(one)]:
        meta["security"] = security
    else:
        meta.pop("security", None)
    return left | {"meta": meta}


def stay_words(encounter: Mapping[str, Any]) -> str:
    """What a stay is called, with who received the person."""
    title = _STAYS.get(encounter.get("class", {}).get("code", ""), "Prise en charge")
    return ", ".join(filter(None, (title, encounter.get("serviceProvider", {}).get("display", ""))))


def _codings(resource: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    labels = [coding for one in resource.get("securityLabel", []) for coding in one.get("coding", [])]
    return [*labels, *resource.get("meta", {}).get("security", [])]


def _is_it(coding: Mapping[str, Any]) -> bool:
    return coding.get("code") == LABEL["code"]
