"""Composition/$document and Composition/[id]/$document (R4 composition-operation-document)."""

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.fhir import ids, json
from maillage.fhir.change import Change, Verb
from maillage.fhir.operations.document import bundle
from maillage.http.fhir import answers, negotiation, operation
from maillage.http.fhir.operation import Level, Operation, Parameter, Sent, refused
from maillage.http.request import Request

PARAMETERS = (
    Parameter("id", "uri", "The composition, on the type only: an id, or its address here."),
    Parameter("persist", "boolean", "true: store the document as a Bundle (by POST); false unless said."),
)


async def assembled(request: Request, ctx: Context) -> Response:
    """The Bundle of type document; stored, with its Location, when that is asked."""
    sent, base = await operation.sent(request, PARAMETERS), negotiation.base_of(request)
    persist = _persist(sent, request)
    if persist:
        ctx.require(Permission.FHIR_WRITE)
    parts = await ctx.records.operations.document(_id(sent, request, base), base=base)
    text = bundle(parts, base=base, at=ctx.now)
    if not persist:
        return answers.fhir(text)
    stored = (await ctx.records.write_changes([Change(Verb.CREATE, json.stored(text))]))[0]
    return answers.written(stored, base=base, wants="representation")


def _persist(sent: Sent, request: Request) -> bool:
    persist = sent.get("persist")
    if persist not in (None, "true", "false"):
        raise refused("persist", f"{persist!r} is not true or false")
    if persist == "true" and request.method == "GET":
        raise refused("persist", "is asked by POST: a GET stores nothing")
    return persist == "true"


def _id(sent: Sent, request: Request, base: str) -> str:
    named, path = sent.get("id"), request.path_params.get("id")
    if path is not None:
        if named is not None:
            raise refused("id", "is not taken where the address names the composition")
        return str(path)
    id = (named or "").removeprefix(f"{base}/").removeprefix("Composition/")
    if not ids.legal(id):
        raise refused("id", "the id of a composition, or its address on this server, is expected")
    return id


DOCUMENT = Operation(
    "document", "Generate a Document", "The composition and every resource that it names; refused when one is not here.", "Composition",
    (Level.TYPE, Level.INSTANCE), assembled, PARAMETERS, "Bundle", by_post_writes=True,
)  # fmt: skip
