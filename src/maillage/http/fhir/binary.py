"""Binary resources in their own media type (R4 binary.html#rest)."""

import base64
from typing import Any

from starlette.responses import Response

from maillage.errors import Unsupported
from maillage.fhir.change import Stored
from maillage.http.fhir import answers, negotiation
from maillage.http.request import Request

# The bytes are somebody else's: a browser may save them, and must neither guess their type nor run them.
GUARDED = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Content-Disposition": "attachment",
}


def raw(stored: Stored) -> Response:
    """The bytes of a Binary, as the media type that it says."""
    resource = stored.resource
    content = base64.b64decode(resource.get("data", ""))
    return Response(content, headers=answers.headers_of(stored) | GUARDED | {"Content-Type": resource["contentType"]})


async def sent(request: Request, id: str | None) -> dict[str, Any]:
    """A Binary made of the bytes that were sent, and of their media type."""
    kind = negotiation.media_type(request)
    if not kind:
        raise Unsupported("a Binary needs its media type in Content-Type")
    named = {} if id is None else {"id": id}
    context = request.headers.get("x-security-context")
    about = {} if context is None else {"securityContext": {"reference": context}}
    data = base64.b64encode(await request.body()).decode()
    return {"resourceType": "Binary", **named, "contentType": kind, **about, **({"data": data} if data else {})}
