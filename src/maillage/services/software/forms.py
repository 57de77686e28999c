"""The form by which an editor describes their software, as metadata of RFC 7591."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from maillage.services.software.rules.refusals import Refused
from maillage.services.software.rules.registration import BACKEND, CODE, Described, described

FIELDS = ("nom", "editeur", "contact", "sorte", "retours", "lancement", "droits", "cles", "adresse-cles")
KINDS = {
    "publique": "Une application que des personnes utilisent, dans un navigateur ou un téléphone (sans secret)",
    "secret": "Une application que des personnes utilisent, avec un serveur qui garde un secret",
    "cle": "Une application que des personnes utilisent, avec un serveur qui signe par une clé",
    "seul": "Un logiciel qui agit seul, sans personne devant (signe par une clé)",
}
_METHODS = {"publique": "none", "secret": "client_secret_basic", "cle": "private_key_jwt", "seul": "private_key_jwt"}
_PLACES = {
    "client_name": "nom", "client_uri": "editeur", "contacts": "contact", "token_endpoint_auth_method": "sorte", "grant_types": "sorte",
    "redirect_uris": "retours", "initiate_login_uri": "lancement", "scope": "droits", "jwks": "cles", "jwks_uri": "adresse-cles",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SoftwareForm:
    """The form as it was filled in, its faults by field in French, and what it describes where there are none."""

    values: Mapping[str, str]
    faults: dict[str, str] = field(default_factory=dict)
    described: Described | None = None


def software_form(sent: Mapping[str, str], fault_of: Callable[[str], str]) -> SoftwareForm:
    """Reads the form; the first fault that the rules find is told beside its field."""
    values = {name: sent.get(name, "").strip() for name in FIELDS}
    if values["sorte"] not in KINDS:
        return SoftwareForm(values, {"sorte": "Choisissez la sorte de logiciel"})
    try:
        return SoftwareForm(values, {}, described(_metadata(values), fault_of))
    except Refused as fault:
        return SoftwareForm(values, {_PLACES.get(fault.field, "nom"): fault.french or fault.message})


def _metadata(values: Mapping[str, str]) -> dict[str, Any]:
    alone = values["sorte"] == "seul"
    signs = _METHODS[values["sorte"]] == "private_key_jwt"
    return {
        "client_name": values["nom"],
        "client_uri": values["editeur"],
        "contacts": [values["contact"]] if values["contact"] else [],
        "token_endpoint_auth_method": _METHODS[values["sorte"]],
        "grant_types": [BACKEND] if alone else [CODE, "refresh_token"],
        "redirect_uris": [] if alone else values["retours"].split(),
        "initiate_login_uri": "" if alone else values["lancement"],
        "scope": " ".join(values["droits"].split()),
        "jwks": _keys(values["cles"]) if signs else None,
        "jwks_uri": values["adresse-cles"] if signs else "",
    }


def _keys(text: str) -> object:
    """A JWK Set, or the one key of it that was pasted."""
    if not text:
        return None
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    return {"keys": [found]} if isinstance(found, dict) and "kty" in found else found
