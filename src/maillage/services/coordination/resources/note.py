"""DocumentReference of the national liaison notebook (ANS CdL 3.0.0, profile cdl-document-reference) ↔ a note of the notebook."""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from maillage.access.masks import AUDIENCE_SYSTEM, CARE_ONLY, PROFESSIONALS, audience_of
from maillage.services.coordination.resources.photo import named

Resource = dict[str, Any]

PROFILE = "https://interop.esante.gouv.fr/ig/fhir/cdl/StructureDefinition/cdl-document-reference"
EMERGENCY = "https://interop.esante.gouv.fr/ig/fhir/cdl/StructureDefinition/cdl-ext-is-emergency"
TYPES = "https://mos.esante.gouv.fr/NOS/TRE_R234-TypeNote/FHIR/TRE-R234-TypeNote"
KINDS = {
    "OBS": "Note d’observation", "INTERV": "Note d’intervention", "INST": "Instruction", "DEM-AVIS": "Demande d’avis", "GEN": "Note générale",
}  # fmt: skip
"""JDV_J23-TypeNoteCahierLiaison-CISIS, all of it; another type that an editor wrote is read by its display."""
READERS = {
    "": ("Tous : le cercle, la personne et ses proches qui voient son dossier", ()),
    "professionals": ("Les professionnels seulement", (PROFESSIONALS,)),
    "care": ("Les soignants seulement, pas la coordination", (PROFESSIONALS, CARE_ONLY)),
}
"""For whom a note is: words, and the codes of AUDIENCE_SYSTEM that say so."""
DAY = "urn:maillage:day"
DAYS = {
    "": "Je ne dis rien de la journée",
    "good": "Bonne journée",
    "usual": "Journée comme d’habitude",
    "hard": "Journée difficile",
}
"""How somebody at home says that the day went: codes of DAY, in `context.event`."""
SHOWN = "current"
LONGEST = 5000


NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Note:
    """One note: `replies` those that answer it, oldest first; `kind` its type in words; `written` when its last version was; `readers` a key of READERS."""

    id: str
    version: str
    at: datetime
    author: str
    by: str
    kind: str
    text: str
    important: bool
    answers: str
    replies: tuple["Note", ...] = ()
    photos: tuple[str, ...] = ()
    corrected: datetime | None = None
    written: datetime = NEVER
    readers: str = ""
    day: str = ""
    hard: bool = False


def note_for(
    text: str,
    *,
    kind: str,
    patient: str,
    by: str,
    name: str,
    at: datetime,
    important: bool = False,
    answers: str = "",
    photos: Iterable[str] = (),
    readers: str = "",
    day: str = "",
) -> Resource:
    """The DocumentReference of a note, as the profile asks: type, subject and author; `answers` the id of the note that it replies to, `photos` those of its Media."""
    when = at.isoformat(timespec="seconds")
    attachment = {
        "contentType": "text/plain; charset=utf-8", "language": "fr", "data": base64.b64encode(text.encode()).decode(),
        "title": KINDS[kind], "creation": when,
    }  # fmt: skip
    return {
        "resourceType": "DocumentReference", "meta": {"profile": [PROFILE]}, "status": SHOWN,
        "type": {"coding": [{"system": TYPES, "code": kind, "display": KINDS[kind]}]},
        "subject": {"reference": f"Patient/{patient}"}, "date": when, "author": [{"reference": by, "display": name}],
        "content": [{"attachment": attachment}],
        **({"category": [{"coding": [{"system": AUDIENCE_SYSTEM, "code": one}]} for one in READERS[readers][1]]} if readers else {}),
        **({"extension": [{"url": EMERGENCY, "valueBoolean": True}]} if important else {}),
        **({"context": context} if (context := _context(photos, day)) else {}),
        **({"relatesTo": [{"code": "appends", "target": {"reference": f"DocumentReference/{answers}"}}]} if answers else {}),
    }  # fmt: skip


def _context(photos: Iterable[str], day: str) -> Resource:
    related = [{"reference": f"Media/{one}"} for one in photos]
    went = {"coding": [{"system": DAY, "code": day, "display": DAYS[day]}]}
    return {**({"event": [went]} if day else {}), **({"related": related} if related else {})}


def corrected(resource: Resource, text: str, *, at: datetime) -> Resource:
    """The note with other words: its date stays, its attachment says since when it reads so; what it said is in its history."""
    attachment: Resource = next((one["attachment"] for one in resource["content"] if "data" in one.get("attachment", {})), {})
    said = {**attachment, "data": base64.b64encode(text.encode()).decode(), "creation": at.isoformat(timespec="seconds")}
    return {**resource, "content": [{"attachment": said}]}


def is_note(resource: Resource) -> bool:
    """Whether a DocumentReference is of the notebook: by its type, whoever wrote it."""
    return any(coding.get("system") == TYPES for coding in resource.get("type", {}).get("coding", []))


def thread(resources: Iterable[Resource]) -> list[Note]:
    """The notes, newest first, each with its replies; one whose first note is not there stands by itself."""
    notes = sorted((note_from(one) for one in resources if is_note(one) and "date" in one), key=lambda one: one.at)
    known = {one.id for one in notes}
    replies = {id: tuple(one for one in notes if one.answers == id) for id in known}
    return [
        replace(one, replies=replies[one.id])
        for one in reversed(notes) if one.answers not in known
    ]  # fmt: skip


def note_from(resource: Resource) -> Note:
    """The note of a resource that `is_note` and has a date, our own or an editor's."""
    coding: Resource = next((one for one in resource["type"]["coding"] if one.get("system") == TYPES), {})
    names = [one.get("display", "") for one in resource.get("author", [])]
    return Note(
        id=resource["id"],
        version=resource.get("meta", {}).get("versionId", ""),
        at=datetime.fromisoformat(resource["date"]),
        author=next((one for one in names if one), ""),
        by=next((one["reference"] for one in resource.get("author", []) if "reference" in one), ""),
        kind=KINDS.get(coding.get("code", ""), str(coding.get("display", "Note"))),
        text=text_of(resource),
        important=any(one.get("url") == EMERGENCY and one.get("valueBoolean") is True for one in resource.get("extension", [])),
        answers=next(
            (one["target"].get("reference", "").removeprefix("DocumentReference/") for one in resource.get("relatesTo", []) if one.get("code") == "appends"),
            "",
        ),
        photos=named(resource.get("context", {}).get("related", [])),
        corrected=_corrected(resource),
        written=datetime.fromisoformat(resource.get("meta", {}).get("lastUpdated") or NEVER.isoformat()),
        readers=readers_of(resource),
        day=DAYS.get(_day(resource), "") if _day(resource) else "",
        hard=_day(resource) == "hard",
    )  # fmt: skip


def _day(resource: Resource) -> str:
    events = [coding for one in resource.get("context", {}).get("event", []) for coding in one.get("coding", [])]
    return next((str(one.get("code", "")) for one in events if one.get("system") == DAY), "")


def readers_of(resource: Resource) -> str:
    """For whom a note says that it is: a key of READERS."""
    said = audience_of(resource)
    return "care" if CARE_ONLY in said else "professionals" if PROFESSIONALS in said else ""


def _corrected(resource: Resource) -> datetime | None:
    """When its words were last changed, if after it was written."""
    contents: list[Resource] = resource.get("content") or [{}]
    said = str(contents[0].get("attachment", {}).get("creation", ""))
    if "T" not in said or "T" not in resource["date"]:
        return None
    at = datetime.fromisoformat(said)
    return at if at > datetime.fromisoformat(resource["date"]) else None


def text_of(resource: Resource) -> str:
    """The words of a note: its attachments of plain text, else its description."""
    texts = []
    for content in resource.get("content", []):
        attachment = content.get("attachment", {})
        if attachment.get("contentType", "").startswith("text/plain") and "data" in attachment:
            try:
                texts.append(_decoded(base64.b64decode(attachment["data"])))
            except binascii.Error:
                continue
    return "\n\n".join(texts) or str(resource.get("description", ""))


def _decoded(content: bytes) -> str:
    """UTF-8, else the Latin alphabet of Windows: the published example of the profile is in it, and says no charset."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")
