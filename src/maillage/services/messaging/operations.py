"""FHIR: who said that they read a conversation, and to say so (docs/adr/0055-read-marks-by-fhir.md)."""

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Forbidden, NotFound
from maillage.fhir import json
from maillage.http import Request
from maillage.http.fhir import answers, operation
from maillage.http.fhir.catalogue import add
from maillage.http.fhir.operation import Level, Operation, Parameter, refused
from maillage.http.routes import Declared
from maillage.services.messaging.resources.message import is_message
from maillage.services.messaging.service import threads
from maillage.services.messaging.service.guarding import PEOPLE

READ = (
    Parameter(
        "read",
        "boolean",
        "`true`, unless said: read as far as the conversation goes now; `false`: what was said before is taken back.",
    ),
)


async def readers(request: Request, ctx: Context) -> Response:
    """Parameters: a `reader` for each, with `who` (a reference) and `until`."""
    await operation.sent(request, ())
    id = await _seen(request, ctx)
    with ctx.records.views.unbound():
        return await _told(ctx, id)


async def mark(request: Request, ctx: Context) -> Response:
    """The same, once it is said."""
    said = (await operation.sent(request, READ)).get("read")
    if said not in (None, "true", "false"):
        raise refused("read", "true or false is expected")
    ctx.records.views.require("u", "Communication")
    id = await _seen(request, ctx)
    if ctx.actor.kind not in PEOPLE:
        raise Forbidden("people read, and programs do not: say it in the name of who read")
    with ctx.records.views.unbound():
        await threads.say_read(ctx, id, read=said != "false")
        return await _told(ctx, id)


async def _seen(request: Request, ctx: Context) -> str:
    """The id of the message, which whoever asks reads, by the scopes of their software too; who else is in the conversation is then the platform's affair."""
    id = str(request.path_params["id"])
    if not is_message(await ctx.records.read("Communication", id)):
        raise NotFound(f"Communication/{id} is of no conversation")
    return id


async def _told(ctx: Context, id: str) -> Response:
    marks = await threads.readers_of(ctx, id)
    listed = [
        {"name": "reader", "part": [
            {"name": "who", "valueReference": {"reference": one.who} | ({"display": one.name} if one.name else {})},
            {"name": "until", "valueInstant": one.until.isoformat(timespec="milliseconds")},
        ]}
        for one in marks
    ]  # fmt: skip
    return answers.fhir(json.dumps({"resourceType": "Parameters"} | ({"parameter": listed} if listed else {})))


READERS = Operation(
    "readers", "Who read a conversation", "Of a message: who said that they read its conversation, and until which instant. Oneself; of a message that one wrote, "
    "also those of its readers who read as far as that message.",
    "Communication", (Level.INSTANCE,), readers, (), "Parameters",
)  # fmt: skip
MARK = Operation(
    "mark-read", "Say that one read a conversation", "Of any message of a conversation: whoever asks says, for themself, that they read it, or takes that back. Answers as `$readers` does.",
    "Communication", (Level.INSTANCE,), mark, READ, "Parameters", permission=Permission.FHIR_WRITE, by_get=False, by_post_writes=True,
)  # fmt: skip
add(READERS, MARK)
routes: list[Declared] = []  # those of the catalogue are the FHIR door's
