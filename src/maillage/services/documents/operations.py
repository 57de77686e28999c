"""FHIR: `Binary/{id}` of a document gives its original (IHE ITI-68); any other Binary is FHIR's own affair."""

import base64

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.fhir import json
from maillage.http import Request, api, formats
from maillage.http.fhir import answers, instances
from maillage.http.fhir.binary import GUARDED
from maillage.services.documents.resources.document_reference import CDA_MEDIA_TYPE
from maillage.services.documents.service import reading


async def retrieve(request: Request, ctx: Context) -> Response:
    """The bytes as received, or a Binary in JSON or XML for who asks for it. Who may not see the document is told there is none. A software
    needs the scope of both: of the Binary, and of the DocumentReference that says what it is."""
    id = str(request.path_params["id"])
    if not await reading.is_original(ctx, id):
        request.path_params["kind"] = "Binary"
        return await instances.read(request, ctx)
    ctx.records.views.require("r", "Binary")
    content = await reading.bytes_of(ctx, id)
    if formats.native(request, CDA_MEDIA_TYPE):
        return Response(content, headers=GUARDED | {"Content-Type": CDA_MEDIA_TYPE})
    about = {"securityContext": {"reference": f"DocumentReference/{id}"}, "data": base64.b64encode(content).decode()}
    return answers.fhir(json.dumps({"resourceType": "Binary", "id": id, "contentType": CDA_MEDIA_TYPE, **about}))


routes = [api("/fhir/Binary/{id}", retrieve, permission=Permission.FHIR_READ)]
