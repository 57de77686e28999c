"""Communication ↔ notices: what is put before somebody, in « Nouveautés »."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from maillage.access.masks import AUDIENCE_SYSTEM, WHOLE_CIRCLE
from maillage.fhir import ids
from maillage.ui.words import person_name

NOTICE_SYSTEM = "urn:maillage:notice"  # "<document id>|<recipient reference>": one notice each
DOCUMENT_SYSTEM = "urn:maillage:notice-document"  # "<document id>": every notice about a document
MATTER_SYSTEM = "urn:maillage:notice-matter"  # "Task/<id>": every notice about anything else
KIND_SYSTEM = "urn:maillage:notice-kind"
DOCUMENT = "document"
CATEGORY = {"system": "http://terminology.hl7.org/CodeSystem/communication-category", "code": "notification"}
TO_ALL = {"system": AUDIENCE_SYSTEM, "code": WHOLE_CIRCLE}
"""Whoever sees the document may know who else it was put before."""

NOTIFICATION = f"{CATEGORY['system']}|{CATEGORY['code']}"  # searched for, beside what else is sent to the same people

TO_TREAT = "in-progress"
TREATED = "completed"
WITHDRAWN = "entered-in-error"


@dataclass(frozen=True, slots=True)
class Notice:
    """One line of an inbox. `sent` is when it was posted; `about` is a reference, `kind` what it is to the one who treats it; `patient` and `id` are ids."""

    id: str
    version: str
    patient: str
    kind: str
    about: str
    status: str
    sent: datetime

    @property
    def document(self) -> str | None:
        """The id of the document it is about."""
        return self.about.removeprefix("DocumentReference/") if self.kind == DOCUMENT else None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """Something about a person that is put before somebody: `kind` says what it asks of them, `about` is its reference, `key` what makes it the only one of its kind."""

    kind: str
    about: str
    patient: str
    key: str
    sender: str | None = None


def notice_of(matter: Matter, *, recipient: str, at: datetime) -> dict[str, Any]:
    """The Communication that puts a matter before a recipient, who alone sees it."""
    resource: dict[str, Any] = {
        "resourceType": "Communication",
        "identifier": [
            {"system": NOTICE_SYSTEM, "value": matter_key(matter, recipient)},
            {"system": MATTER_SYSTEM, "value": matter.about},
        ],
        "status": TO_TREAT,
        "category": [{"coding": [CATEGORY]}],
        "topic": {"coding": [{"system": KIND_SYSTEM, "code": matter.kind}]},
        "subject": {"reference": f"Patient/{matter.patient}"},
        "about": [{"reference": matter.about}],
        "sent": at.isoformat(timespec="milliseconds"),
        "recipient": [{"reference": recipient}],
        "payload": [{"contentReference": {"reference": matter.about}}],
    }
    if matter.sender:
        resource["sender"] = {"reference": matter.sender}
    return resource


def matter_key(matter: Matter, recipient: str) -> str:
    """What makes a notice about a matter the only one for its recipient."""
    return f"{matter.kind}|{matter.key}|{recipient}"


def key_of(resource: dict[str, Any]) -> str:
    """The key of a notice."""
    return next((str(i["value"]) for i in resource.get("identifier", []) if i.get("system") == NOTICE_SYSTEM), "")


def is_notice(resource: dict[str, Any]) -> bool:
    """Whether a Communication has what `notice_for` or `notice_of` gives: other clients write their own, to the same people."""
    named = {
        identifier.get("system"): identifier["value"] for identifier in resource.get("identifier", []) if "value" in identifier
    }
    subject = resource.get("subject", {}).get("reference", "")
    kind, _, id = str(named.get(MATTER_SYSTEM, "")).partition("/")
    about = DOCUMENT_SYSTEM in named or (kind in ids.TYPES and bool(id))
    return about and subject.startswith("Patient/") and "T" in resource.get("sent", "")


def names_one(resource: dict[str, Any]) -> bool:
    """Whether a Communication has an identifier by which the platform knows a notice: only the platform writes those."""
    return any(one.get("system") in (NOTICE_SYSTEM, DOCUMENT_SYSTEM, MATTER_SYSTEM) for one in resource.get("identifier", []))


def notice_key(document: str, recipient: str) -> str:
    """What makes a notice the only one of its kind."""
    return f"{document}|{recipient}"


def notice_from(resource: dict[str, Any]) -> Notice:
    """The notice of a Communication that `notice_for` made."""
    return Notice(
        id=resource["id"],
        version=resource["meta"]["versionId"],
        patient=resource["subject"]["reference"].removeprefix("Patient/"),
        kind=_kind(resource),
        about=_about(resource),
        status=resource["status"],
        sent=datetime.fromisoformat(resource["sent"]),
    )


def document_of(resource: dict[str, Any]) -> str:
    """The id of the document a notice is about."""
    return _value(resource, DOCUMENT_SYSTEM) or ""


def _kind(resource: dict[str, Any]) -> str:
    if _value(resource, DOCUMENT_SYSTEM):
        return DOCUMENT
    codings = resource.get("topic", {}).get("coding", [])
    return next((str(c["code"]) for c in codings if c.get("system") == KIND_SYSTEM and "code" in c), "")


def _about(resource: dict[str, Any]) -> str:
    document = _value(resource, DOCUMENT_SYSTEM)
    return f"DocumentReference/{document}" if document else _value(resource, MATTER_SYSTEM) or ""


def _value(resource: dict[str, Any], system: str) -> str | None:
    return next((str(i["value"]) for i in resource.get("identifier", []) if i.get("system") == system and "value" in i), None)


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
