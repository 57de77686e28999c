"""Binary resources in their own media type (R4 binary.html#rest)."""

import base64
import re
from typing import Any

from starlette.responses import Response

from maillage.errors import Invalid, Unsupported
from maillage.fhir.change import Stored
from maillage.fhir.json import Resource
from maillage.http.fhir import answers, negotiation
from maillage.http.formats import JSON_TYPES, XML_TYPES
from maillage.http.request import Request

# The bytes are somebody else's: a browser may save them, and must neither guess their type nor run them.
GUARDED = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Content-Disposition": "attachment",
}
UNKNOWN = "application/octet-stream"

_NAME = r"[\w!#$%&'*+.^`|~-]+"
_MEDIA_TYPE = re.compile(rf'{_NAME}/{_NAME}(\s?;\s?{_NAME}=({_NAME}|"[ !#-\[\]-~]*"))*', re.ASCII)
_REFERENCE = re.compile(r"[!-~]+")


def raw(stored: Stored) -> Response:
    """The bytes of a Binary, as the media type that it says, and whose rights decide about them."""
    resource = stored.resource
    headers = answers.headers_of(stored) | GUARDED | {"Content-Type": safe_type(resource["contentType"])}
    context = resource.get("securityContext", {}).get("reference", "")
    if _REFERENCE.fullmatch(context):
        headers["X-Security-Context"] = context
    return Response(base64.b64decode(resource.get("data", "")), headers=headers)


def safe_type(said: str) -> str:
    """What a Binary says of itself, where that may stand in a header."""
    return said if _MEDIA_TYPE.fullmatch(said) else UNKNOWN


async def sent(request: Request, id: str | None) -> Resource:
    """The Binary that was sent: as a resource, or as bytes with their media type (also FHIR of another type than Binary)."""
    said = request.headers.get("content-type", "").strip()
    if not _MEDIA_TYPE.fullmatch(said):
        raise Unsupported(f"a Binary needs its media type in Content-Type, not {said!r}")
    body = await request.body()
    resource = _resource(said.partition(";")[0].strip().lower(), body)
    if resource is not None:
        return resource
    named: dict[str, Any] = {} if id is None else {"id": id}
    context = request.headers.get("x-security-context")
    about = {} if context is None else {"securityContext": {"reference": context}}
    data = {"data": base64.b64encode(body).decode()} if body else {}
    return {"resourceType": "Binary", **named, "contentType": said, **about, **data}


def _resource(kind: str, body: bytes) -> Resource | None:
    """The resource, when the body is a Binary in JSON or XML; None for bytes. What calls itself FHIR and cannot be read is Invalid."""
    if kind not in (*JSON_TYPES, *XML_TYPES):
        return None
    try:
        resource = negotiation.read(kind, body)
    except Invalid:
        if kind in (JSON_TYPES[0], XML_TYPES[0]):
            raise
        return None
    return resource if resource.get("resourceType") == "Binary" else None
