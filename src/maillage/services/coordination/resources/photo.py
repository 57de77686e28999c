"""Media (FHIR R4 §9.7) ↔ a photograph of the record: of a wound, of a note of the notebook."""

import base64
import binascii
from datetime import datetime
from typing import Any

from maillage.files.photographs import KIND

Resource = dict[str, Any]

IMAGE = {"system": "http://terminology.hl7.org/CodeSystem/media-type", "code": "image", "display": "Image"}


def photo_for(
    content: bytes,
    *,
    id: str,
    patient: str,
    by: str | None,
    name: str,
    at: datetime,
    title: str,
    site: Resource | None = None,
    note: str = "",
) -> Resource:
    """The Media of a photograph that `files.photographs` wrote anew; `site` is where on the body, as a CodeableConcept.

    `note`: the id of the document of which it is a part; it is then hidden with it (`access.grants.TELLERS`).
    """
    when = at.isoformat(timespec="seconds")
    return {
        "resourceType": "Media", "id": id, "status": "completed", "type": {"coding": [IMAGE]},
        "subject": {"reference": f"Patient/{patient}"}, "createdDateTime": when,
        **({"operator": {"reference": by, "display": name}} if by else {}),
        **({"bodySite": site} if site else {}),
        **({"partOf": [{"reference": f"DocumentReference/{note}"}]} if note else {}),
        "content": {"contentType": KIND, "title": title, "creation": when, "data": base64.b64encode(content).decode()},
    }  # fmt: skip


def bytes_of(resource: Resource) -> tuple[str, bytes] | None:
    """Media type and bytes of a Media that carries them and stands; None otherwise, whoever wrote it."""
    attachment = resource.get("content", {})
    if resource.get("status") == "entered-in-error" or "data" not in attachment:
        return None
    try:
        return str(attachment.get("contentType", "")), base64.b64decode(attachment["data"])
    except binascii.Error:
        return None


def named(references: list[Resource]) -> tuple[str, ...]:
    """The ids of the Media among these references."""
    found = (str(one.get("reference", "")) for one in references)
    return tuple(one.removeprefix("Media/") for one in found if one.startswith("Media/"))
