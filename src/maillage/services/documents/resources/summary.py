"""What a page says of a document without opening it, taken out of its DocumentReference."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from maillage.clock import PARIS
from maillage.services.documents.resources.document_reference import RECIPIENT, hidden_from

Resource = dict[str, Any]

OLDEST = "1900"
LATE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class DocumentSummary:
    """One document on a list or at the head of its page.

    `created` is when its author made it, else when it came, `received` when it came (FHIR dateTimes, never empty for a stored record); `start` and `end` bound the care it is about;
    `hidden` are codes of TRE_A07; `replaces` are ids of our records; `status` is current, superseded or entered-in-error.
    """

    id: str
    patient: str
    title: str
    type_label: str
    type_code: str
    author: str
    specialty: str
    organisation: str
    signatory: str
    created: str
    received: str
    start: str
    end: str
    status: str
    unique_id: str
    size: int
    hidden: tuple[str, ...]
    recipients: tuple[str, ...]
    replaces: tuple[str, ...]
    events: tuple[str, ...]

    @property
    def at(self) -> datetime:
        """When its author made it, aware; what is not said of the date counts as its beginning, in French time; unknown is oldest."""
        if "T" in self.created:
            return datetime.fromisoformat(self.created)
        year, month, day = (int(part) for part in [*(self.created or OLDEST).split("-"), "1", "1"][:3])
        return datetime(year, month, day, tzinfo=PARIS)

    @property
    def late(self) -> bool:
        """Whether it came long enough after it was made for its place in a list by arrival to surprise."""
        return datetime.fromisoformat(self.received) - self.at > LATE

    @property
    def current(self) -> bool:
        """Whether it is the version to read."""
        return self.status == "current"


def summary(resource: Resource) -> DocumentSummary:
    """The summary of one record; what it does not say is empty."""
    content = (resource.get("content") or [{}])[0]
    attachment = content.get("attachment", {})
    context = resource.get("context", {})
    period = context.get("period", {})
    title = attachment.get("title") or resource.get("description") or _text(resource.get("type"))
    authors = resource.get("author", [])
    came = resource.get("date") or resource.get("meta", {}).get("lastUpdated", "")
    return DocumentSummary(
        id=resource["id"],
        patient=resource.get("subject", {}).get("reference", "").removeprefix("Patient/"),
        title=title or "Document sans titre",
        type_label=_text(resource.get("type")),
        type_code=_code(resource.get("type")),
        author=next((a["display"] for a in authors if a.get("display")), ""),
        specialty=_specialty(resource, authors),
        organisation=resource.get("custodian", {}).get("display", ""),
        signatory=resource.get("authenticator", {}).get("display", ""),
        created=attachment.get("creation") or came,
        received=came,
        start=period.get("start", ""),
        end=period.get("end", ""),
        status=resource["status"],
        unique_id=resource.get("masterIdentifier", {}).get("value", ""),
        size=int(attachment.get("size", 0)),
        hidden=hidden_from(resource),
        recipients=tuple(
            e["valueReference"]["display"]
            for e in resource.get("extension", [])
            if e.get("url") == RECIPIENT and e.get("valueReference", {}).get("display")
        ),
        replaces=tuple(
            target.removeprefix("DocumentReference/")
            for relation in resource.get("relatesTo", [])
            if relation.get("code") == "replaces" and (target := relation.get("target", {}).get("reference"))
        ),
        events=tuple(text for event in context.get("event", []) if (text := _text(event))),
    )


def newest_first(documents: list[DocumentSummary]) -> list[DocumentSummary]:
    """By the time their authors made them, the newest first."""
    return sorted(documents, key=lambda one: (one.at, one.received, one.id), reverse=True)


def _specialty(resource: Resource, authors: list[Resource]) -> str:
    first = next((a.get("reference", "") for a in authors), "")
    held = (one for one in resource.get("contained", []) if f"#{one.get('id')}" == first)
    return next((_text(concept) for one in held for concept in one.get("specialty", [])), "")


def _text(concept: Resource | None) -> str:
    if not concept:
        return ""
    shown = (c["display"] for c in concept.get("coding", []) if c.get("display"))
    return concept.get("text") or next(shown, "") or _code(concept)


def _code(concept: Resource | None) -> str:
    return next((c["code"] for c in (concept or {}).get("coding", []) if c.get("code")), "")
