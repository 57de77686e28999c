"""Directory resources → lines of a result list."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from maillage.fhir.national import FINESS, RPPS
from maillage.services.directory.resources.members import MAIL_TYPE, display_name, profession


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: who or what, what they do, where, their number with its name, how to reach them."""

    name: str
    words: str
    place: str
    structure: str
    number: str
    phone: str
    mailbox: str


def professional(role: Mapping[str, Any], practitioner: Mapping[str, Any], organization: Mapping[str, Any]) -> Entry:
    number = _number(practitioner, RPPS)
    return Entry(
        name=display_name(practitioner) or str(role.get("practitioner", {}).get("display", "")),
        words=profession(role) or profession(practitioner),
        place=_place(organization),
        structure=str(organization.get("name") or role.get("organization", {}).get("display", "")),
        number=f"RPPS {number}" if number else "",
        phone=_phone(role) or _phone(organization),
        mailbox=_mailbox(role) or _mailbox(practitioner),
    )


def structure(organization: Mapping[str, Any]) -> Entry:
    number = _number(organization, FINESS)
    return Entry(
        name=display_name(organization),
        words=_type(organization),
        place=_place(organization),
        structure="",
        number=f"FINESS {number}" if number else "",
        phone=_phone(organization),
        mailbox=_mailbox(organization),
    )


def service(offer: Mapping[str, Any], organization: Mapping[str, Any]) -> Entry:
    types = [t.get("text") or next((c.get("display", "") for c in t.get("coding", [])), "") for t in offer.get("type", [])]
    return Entry(
        name=str(offer.get("name", "")),
        words=", ".join(filter(None, types)),
        place=_place(organization),
        structure=str(organization.get("name") or offer.get("providedBy", {}).get("display", "")),
        number="",
        phone=_phone(offer) or _phone(organization),
        mailbox="",
    )


def _number(resource: Mapping[str, Any], system: str) -> str:
    return next((str(i["value"]) for i in resource.get("identifier", []) if i.get("system") == system), "")


def _type(organization: Mapping[str, Any]) -> str:
    codings = [c for t in organization.get("type", []) for c in t.get("coding", [])]
    return next((str(c["display"]) for c in codings if c.get("display")), "")


def _place(organization: Mapping[str, Any]) -> str:
    address: Mapping[str, str] = next(iter(organization.get("address", [])), {})
    return " ".join(part for part in (address.get("postalCode", ""), address.get("city", "")) if part)


def _phone(resource: Mapping[str, Any]) -> str:
    return next((str(t["value"]) for t in resource.get("telecom", []) if t.get("system") == "phone" and "value" in t), "")


def _mailbox(resource: Mapping[str, Any]) -> str:
    """The secure mailbox (MSSanté)."""
    for telecom in resource.get("telecom", []):
        if (
            telecom.get("system") == "email"
            and "value" in telecom
            and any(e.get("url") == MAIL_TYPE for e in telecom.get("extension", []))
        ):
            return str(telecom["value"])
    return ""
