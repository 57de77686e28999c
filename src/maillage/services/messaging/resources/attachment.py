"""DocumentReference ↔ files joined to a message: filed in the record, seen by who reads the message."""

import base64
from collections.abc import Sequence
from typing import Any

from maillage.access.masks import READER, audience_of
from maillage.services.messaging.resources.message import CATEGORY, Label, Readers, categories

JOINED, EXPORTED = "Pièce jointe d’une conversation", "Conversation versée au dossier"


def document_for(
    *, id: str, patient: str, author: str, at: str, title: str, kind: str, content: bytes, readers: Readers, words: str = JOINED,
    labels: Sequence[Label] = (),
) -> dict[str, Any]:  # fmt: skip
    """The document of one file; `kind` is its media type as it was sent, `words` what it is, `labels` (`meta.security`) from whom it is kept besides."""
    resource: dict[str, Any] = {
        "resourceType": "DocumentReference",
        "id": id,
        "status": "current",
        "type": {"text": words},
        "category": [one for one in categories(readers) if one["coding"] != [CATEGORY]] or [{"text": words}],
        "subject": {"reference": f"Patient/{patient}"},
        "author": [{"reference": author}],
        "date": at,
        "content": [
            {"attachment": {"contentType": kind, "title": title, "creation": at, "data": base64.b64encode(content).decode()}}
        ],
    }
    if readers.chosen:
        resource["extension"] = [{"url": READER, "valueReference": {"reference": one}} for one in readers.chosen]
    if labels:
        resource["meta"] = {"security": [{"system": system, "code": code} for system, code in labels]}
    return resource


def is_joined(document: dict[str, Any]) -> bool:
    """Whether a document was joined to a message, or says as one does who reads it."""
    return document.get("type", {}).get("text") in (JOINED, EXPORTED) or bool(audience_of(document))


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
