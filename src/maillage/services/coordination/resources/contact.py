"""Communication (FHIR R4 §8.12) ↔ a call or a visit that was made: who, with whom, what came of it (docs/adr/0050-agenda.md)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from maillage.access.masks import AUDIENCE_SYSTEM, PROFESSIONALS, WHOLE_CIRCLE
from maillage.access.references import local

Resource = dict[str, Any]
CATEGORY_SYSTEM, CATEGORY = "urn:maillage:communication", "contact"
SEARCHED = f"{CATEGORY_SYSTEM}|{CATEGORY}"
MODES = "http://terminology.hl7.org/CodeSystem/v3-ParticipationMode"
MADE, NOT_MADE = "completed", "not-done"
MEANS = {"PHONE": "Appel", "PHYSICAL": "Visite à domicile", "VIDEOCONF": "Visio"}
RECEIVED = {"PHONE": "Appel reçu", "VIDEOCONF": "Visio reçue"}
DIRECTION, INCOMING = "urn:maillage:contact-direction", "incoming"
"""Extension of a contact that the other one began. Who noted it stays its sender: a caller may not read what is noted of their call."""
OFFERED = ("PHONE", "VIDEOCONF")
"""A visit at home is planned, then said to be made on its own page."""


@dataclass(frozen=True, slots=True)
class Contact:
    """A call or a visit. `reached`: somebody was there; `with_whom` names them; `incoming`: it was they who called."""

    id: str
    patient: str
    means: str
    by: str
    by_name: str
    with_whom: str
    subject: str
    result: str
    at: datetime
    reached: bool
    incoming: bool = False

    @property
    def kind(self) -> str:
        """« Appel », « Appel reçu », « Visite à domicile »."""
        return _words(self.means, incoming=self.incoming) or "Contact"


def contact_for(
    *, patient: str, means: str, by: Mapping[str, str], with_whom: Mapping[str, str], subject: str, result: str, at: datetime,
    reached: bool, about: str = "", incoming: bool = False,
) -> Resource:  # fmt: skip
    """The Communication of a contact, for the professionals of the circle: what is said of somebody to a colleague is not said to their family. `by` and `with_whom` are FHIR references; `about` is that of what it answers."""
    words = _words(means, incoming=incoming)
    label = f"{words} : {subject}" if subject else words
    resource: Resource = {
        "resourceType": "Communication",
        "status": MADE if reached else NOT_MADE,
        "category": [
            {"coding": [{"system": CATEGORY_SYSTEM, "code": CATEGORY}], "text": "Contact"},
            *({"coding": [{"system": AUDIENCE_SYSTEM, "code": code}]} for code in (WHOLE_CIRCLE, PROFESSIONALS)),
        ],
        "medium": [{"coding": [{"system": MODES, "code": means}], "text": MEANS[means]}],
        "subject": {"reference": f"Patient/{patient}"},
        "topic": {"text": label},
        "sent": at.isoformat(timespec="seconds"),
        "sender": dict(by),
        "recipient": [dict(with_whom)],
    }
    if not reached:
        resource["statusReason"] = {"text": "Sans réponse"}
    if incoming:
        resource["extension"] = [{"url": DIRECTION, "valueCode": INCOMING}]
    return (
        resource
        | ({"basedOn": [{"reference": about}]} if about else {})
        | ({"payload": [{"contentString": result}]} if result else {})
    )


def _words(means: str, *, incoming: bool) -> str:
    return (RECEIVED if incoming else MEANS).get(means, MEANS.get(means, ""))


def is_contact(resource: Mapping[str, Any]) -> bool:
    """Whether a Communication is a contact."""
    codings = [coding for concept in resource.get("category", []) for coding in concept.get("coding", [])]
    return any(coding.get("system") == CATEGORY_SYSTEM and coding.get("code") == CATEGORY for coding in codings)


def contact_from(resource: Mapping[str, Any]) -> Contact | None:
    """The contact of a Communication; None where it says no moment or nobody it is about."""
    patient = local(resource.get("subject")) or ""
    try:
        at = datetime.fromisoformat(str(resource.get("sent") or resource.get("received")))
    except ValueError:
        return None
    if not patient.startswith("Patient/") or at.tzinfo is None:
        return None
    means = next(
        (str(coding["code"]) for one in resource.get("medium", []) for coding in one.get("coding", []) if "code" in coding), ""
    )
    sender, recipients = resource.get("sender", {}), resource.get("recipient", [])
    subject = str(resource.get("topic", {}).get("text", ""))
    incoming = any(one.get("url") == DIRECTION and one.get("valueCode") == INCOMING for one in resource.get("extension", []))
    words = _words(means, incoming=incoming)
    return Contact(
        id=str(resource["id"]),
        patient=patient.removeprefix("Patient/"),
        means=means,
        by=local(sender) or "",
        by_name=str(sender.get("display", "")),
        with_whom=", ".join(str(one["display"]) for one in recipients if one.get("display")),
        subject=subject.removeprefix(f"{words} : ") if subject != words else "",
        result="\n".join(str(one["contentString"]) for one in resource.get("payload", []) if "contentString" in one),
        at=at,
        reached=resource.get("status") != NOT_MADE,
        incoming=incoming,
    )
