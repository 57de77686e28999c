"""Communication (FHIR R4 §8.12) ↔ notices."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from maillage.access.masks import AUDIENCE_SYSTEM, WHOLE_CIRCLE
from maillage.ui.words import person_name

NOTICE_SYSTEM = "urn:maillage:notice"  # "<document id>|<recipient reference>": one notice each
DOCUMENT_SYSTEM = "urn:maillage:notice-document"  # "<document id>": every notice about a document
CATEGORY = {"system": "http://terminology.hl7.org/CodeSystem/communication-category", "code": "notification"}
TO_ALL = {"system": AUDIENCE_SYSTEM, "code": WHOLE_CIRCLE}
"""Whoever sees the document may know who else it was put before."""

NOTIFICATION = f"{CATEGORY['system']}|{CATEGORY['code']}"  # searched for, beside what else is sent to the same people

TO_TREAT = "in-progress"
TREATED = "completed"
WITHDRAWN = "entered-in-error"


@dataclass(frozen=True, slots=True)
class Notice:
    """One line of an inbox. `sent` is when it was posted; `document`, `patient` and `id` are ids."""

    id: str
    version: str
    patient: str
    document: str
    status: str
    sent: datetime


def notice_for(*, document: str, patient: str, recipient: str, sender: str | None, at: datetime) -> dict[str, Any]:
    """The Communication that puts a document before a recipient."""
    reference = {"reference": f"DocumentReference/{document}"}
    resource: dict[str, Any] = {
        "resourceType": "Communication",
        "identifier": [
            {"system": NOTICE_SYSTEM, "value": notice_key(document, recipient)},
            {"system": DOCUMENT_SYSTEM, "value": document},
        ],
        "status": TO_TREAT,
        "category": [{"coding": [CATEGORY]}, {"coding": [TO_ALL]}],
        "subject": {"reference": f"Patient/{patient}"},
        "about": [reference],
        "sent": at.isoformat(timespec="milliseconds"),
        "recipient": [{"reference": recipient}],
        "payload": [{"contentReference": reference}],
    }
    if sender:
        resource["sender"] = {"reference": sender}
    return resource


def is_notice(resource: dict[str, Any]) -> bool:
    """Whether a Communication has what `notice_for` gives: other clients write their own, to the same people."""
    systems = {identifier.get("system") for identifier in resource.get("identifier", []) if "value" in identifier}
    about = resource.get("subject", {}).get("reference", "")
    return DOCUMENT_SYSTEM in systems and about.startswith("Patient/") and "T" in resource.get("sent", "")


def notice_key(document: str, recipient: str) -> str:
    """What makes a notice the only one of its kind."""
    return f"{document}|{recipient}"


def notice_from(resource: dict[str, Any]) -> Notice:
    """The notice of a Communication that `notice_for` made."""
    return Notice(
        id=resource["id"],
        version=resource["meta"]["versionId"],
        patient=resource["subject"]["reference"].removeprefix("Patient/"),
        document=document_of(resource),
        status=resource["status"],
        sent=datetime.fromisoformat(resource["sent"]),
    )


def document_of(resource: dict[str, Any]) -> str:
    """The id of the document a notice is about."""
    return next(str(i["value"]) for i in resource["identifier"] if i.get("system") == DOCUMENT_SYSTEM)


def recipient_of(resource: dict[str, Any]) -> str:
    """The reference of the one a notice is for; empty where a client's Communication names nobody."""
    return str((resource.get("recipient") or [{}])[0].get("reference", ""))


def with_status(resource: dict[str, Any], status: str) -> dict[str, Any]:
    """The same notice with another status."""
    return {**resource, "status": status}


def name_of(recipient: dict[str, Any]) -> str:
    """How a page names a recipient: a person's prefix and name, or the name of a structure."""
    names = recipient.get("name", "")
    if isinstance(names, str):
        return names
    prefix = next((p for p in (names[0].get("prefix") or [])), "") if names else ""
    return f"{prefix} {person_name(names)}".strip()
