"""Communication ↔ conversations: a root that has a topic, and messages that are part of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from maillage.access.masks import (
    AUDIENCE_SYSTEM,
    CARE_ONLY,
    CONVERSATION,
    CONVERSATION_SYSTEM,
    PROFESSIONALS,
    audience_of,
    is_conversation,
)
from maillage.access.references import as_list, local
from maillage.fhir.dates import span

CATEGORY = {"system": CONVERSATION_SYSTEM, "code": CONVERSATION}
WANTED = f"{CONVERSATION_SYSTEM}|{CONVERSATION}"
MENTION = "urn:maillage:mention"
SENT, RETIRED = "completed", "entered-in-error"
URGENT = frozenset({"urgent", "asap", "stat"})

Resource = dict[str, Any]
Label = tuple[str, str]
"""System and code of a `meta.security`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readers:
    """To whom a conversation is open: the circle less whom the flags leave out, or `chosen` (references) and nobody else."""

    care_only: bool = False
    professionals: bool = False
    chosen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message. `thread` is the id of its root, `topic` that of the root only; `attached` and `asked` are references, `mentions` too; `labels` keep it from some."""

    id: str
    version: str
    thread: str
    patient: str
    topic: str
    sender: str
    sent: datetime
    text: str
    readers: Readers
    attached: tuple[tuple[str, str], ...] = ()
    asked: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    urgent: bool = False
    retired: bool = False
    labels: tuple[Label, ...] = ()

    @property
    def corrected(self) -> bool:
        """Whether its author changed what they wrote: the earlier text is in the history."""
        return self.version != "1" and not self.retired


def message_for(
    *, id: str, patient: str, sender: str, at: datetime, text: str, readers: Readers, thread: str | None = None, topic: str = "",
    attached: Sequence[tuple[str, str]] = (), asked: Sequence[str] = (), mentions: Sequence[str] = (), urgent: bool = False, name: str = "",
) -> Resource:  # fmt: skip
    """The Communication of a message: the root of a conversation about `topic`, or part of `thread`."""
    payload: list[Resource] = [{"contentString": text}] if text else []
    payload += [{"contentReference": {"reference": one, "display": title}} for one, title in attached]
    payload += [{"contentReference": {"reference": one}} for one in asked]
    resource: Resource = {
        "resourceType": "Communication",
        "id": id,
        "status": SENT,
        "category": categories(readers),
        "subject": {"reference": f"Patient/{patient}"},
        "sender": {"reference": sender, **({"display": name} if name else {})},
        "sent": at.isoformat(timespec="milliseconds"),
        "payload": payload,
    }
    if topic:
        resource["topic"] = {"text": topic}
    if thread:
        resource["partOf"] = [{"reference": f"Communication/{thread}"}]
    if readers.chosen:
        resource["recipient"] = [{"reference": one} for one in readers.chosen]
    if mentions:
        resource["extension"] = [{"url": MENTION, "valueReference": {"reference": one}} for one in mentions]
    if urgent:
        resource["priority"] = "urgent"
    return resource


def categories(readers: Readers) -> list[Resource]:
    """What a conversation of these readers says of itself."""
    said = [(CARE_ONLY, readers.care_only), (PROFESSIONALS, readers.professionals)]
    return [
        {"coding": [CATEGORY]},
        *({"coding": [{"system": AUDIENCE_SYSTEM, "code": code}]} for code, applies in said if applies),
    ]


def readers_of(resource: Mapping[str, Any]) -> Readers:
    """To whom a Communication, whoever wrote it, is open, besides its sender."""
    said = audience_of(dict(resource))
    named = tuple(one for one in map(local, as_list(resource.get("recipient"))) if one)
    whole = any(one.startswith("CareTeam/") for one in named) or "circle" in said
    return Readers(care_only=CARE_ONLY in said, professionals=PROFESSIONALS in said, chosen=() if whole else named)


def root_of(resource: Mapping[str, Any]) -> str | None:
    """The id of the Communication that a message is part of, None for a root."""
    named = (local(one) or "" for one in as_list(resource.get("partOf")))
    return next((one.removeprefix("Communication/") for one in named if one.startswith("Communication/")), None)


def message_from(resource: Mapping[str, Any]) -> Message:
    """The message of a Communication, as far as it says what one needs: editors write their own."""
    payload = as_list(resource.get("payload"))
    named = [one["contentReference"] for one in payload if "contentReference" in one]
    references = [(local(one) or "", str(one.get("display") or "")) for one in named]
    sent = resource.get("sent") or resource.get("meta", {}).get("lastUpdated") or "1970-01-01T00:00:00Z"
    extensions = [one.get("valueReference") for one in as_list(resource.get("extension")) if one.get("url") == MENTION]
    return Message(
        id=str(resource["id"]),
        version=str(resource.get("meta", {}).get("versionId", "1")),
        thread=root_of(resource) or str(resource["id"]),
        patient=str(local(resource.get("subject")) or "").removeprefix("Patient/"),
        topic=_words(resource.get("topic", {})),
        sender=local(resource.get("sender")) or "",
        sent=span(str(sent))[0],
        text="\n\n".join(str(one["contentString"]) for one in payload if "contentString" in one),
        readers=readers_of(resource),
        attached=tuple((one, title or "Document") for one, title in references if one.startswith("DocumentReference/")),
        asked=tuple(one for one, _ in references if one.startswith(("Task/", "ServiceRequest/"))),
        mentions=tuple(one for one in map(local, extensions) if one),
        urgent=resource.get("priority") in URGENT,
        retired=resource.get("status") == RETIRED,
        labels=tuple(
            (str(one.get("system", "")), str(one.get("code", ""))) for one in as_list(resource.get("meta", {}).get("security"))
        ),
    )


def is_message(resource: Mapping[str, Any]) -> bool:
    """Whether a Communication belongs to a conversation about a person."""
    return is_conversation(dict(resource)) and (local(resource.get("subject")) or "").startswith("Patient/")


def _words(concept: Mapping[str, Any]) -> str:
    coded = next((c["display"] for c in concept.get("coding", []) if c.get("display")), "")
    return str(concept.get("text") or coded)
