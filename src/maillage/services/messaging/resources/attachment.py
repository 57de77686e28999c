"""DocumentReference ↔ files joined to a message: filed in the record, seen by who reads the message."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from maillage.access.masks import READER, audience_of
from maillage.services.messaging.resources.message import CATEGORY, Message, Readers, categories
from maillage.ui.words import care_date, clock_time

TYPE = "Pièce jointe d’une conversation"


def document_for(
    *, id: str, patient: str, author: str, at: str, title: str, kind: str, content: bytes, readers: Readers
) -> dict[str, Any]:
    """The document of one file; `kind` is its media type as it was sent."""
    resource: dict[str, Any] = {
        "resourceType": "DocumentReference",
        "id": id,
        "status": "current",
        "type": {"text": TYPE},
        "category": [one for one in categories(readers) if one["coding"] != [CATEGORY]] or [{"text": TYPE}],
        "subject": {"reference": f"Patient/{patient}"},
        "author": [{"reference": author}],
        "date": at,
        "content": [
            {"attachment": {"contentType": kind, "title": title, "creation": at, "data": base64.b64encode(content).decode()}}
        ],
    }
    if readers.chosen:
        resource["extension"] = [{"url": READER, "valueReference": {"reference": one}} for one in readers.chosen]
    return resource


def is_joined(document: dict[str, Any]) -> bool:
    """Whether a document was joined to a message, or says as one does who reads it."""
    return document.get("type", {}).get("text") == TYPE or bool(audience_of(document))


def file_of(document: dict[str, Any]) -> tuple[str, str, bytes] | None:
    """Title, media type and bytes of the first file that a document carries itself; None where it carries none."""
    for content in document.get("content", []):
        attachment = content.get("attachment", {})
        if "data" in attachment:
            data = base64.b64decode(attachment["data"])
            return (
                str(attachment.get("title") or "document"),
                str(attachment.get("contentType") or "application/octet-stream"),
                data,
            )
    return None


def as_text(topic: str, messages: Iterable[Message], names: Mapping[str, str], *, read_by: Sequence[str], at: datetime) -> str:
    """A conversation to be kept: who said what and when, oldest first; of what its author took back, that they did."""
    lines = [
        f"Conversation : {topic}",
        f"Versée au dossier le {care_date(at)} à {clock_time(at)}",
        f"Lecteurs : {', '.join(read_by)}",
        "",
    ]
    for one in messages:
        marks = ", urgent" * one.urgent + ", corrigé" * one.corrected
        lines.append(f"{care_date(one.sent)}, {clock_time(one.sent)}, {names.get(one.sender, 'auteur inconnu')}{marks}")
        lines.append("(message retiré par son auteur)" if one.retired else one.text)
        lines += [f"Pièce jointe : {title}" for _, title in one.attached if not one.retired]
        lines.append("")
    return "\n".join(lines)
