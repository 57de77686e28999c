"""The care circle of a person, what they said about sharing, what is kept from their representatives."""

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission, permits
from maillage.errors import Invalid
from maillage.http import Request, action, page, redirect
from maillage.services.coordination.service import invitations, records
from maillage.services.identity import public as identity
from maillage.services.rights import public as rights
from maillage.ui import render
from maillage.ui.places import record_tabs

COLLECTED = "Choix de la personne enregistré. Il s’applique dès maintenant."
KEPT = "C’est noté : ni les représentants légaux ni les aidants ne le voient, dès maintenant."


async def circle(request: Request, ctx: Context) -> Response:
    """Who is around the person, with what each does."""
    patient = str(request.path_params["id"])
    held = await records.circle(ctx, patient=patient)
    return render(
        request,
        ctx,
        "coordination/circle.html",
        patient=patient,
        banner=held.banner,
        tabs=record_tabs(patient),
        circle=held.circle,
        invited=await invitations.waiting(ctx, patient),
        chosen=await rights.choices_of(ctx, patient),
        may_keep=permits(ctx.actor, Permission.SECRETS_KEEP),
        purposes=rights.CHOICES,
        named=[(code, purpose.title) for code, purpose in rights.CHOICES.items()],
        ways=rights.WAYS,
        said_words=COLLECTED if request.query_params.get("fait") == "choix" else "",
    )


async def collect(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/choix: what the person said to whoever cares for them. `choix` is a purpose, `reponse` oui or non, `voie` how they said it."""
    patient, form = str(request.path_params["id"]), await request.form()
    answer = form.get("reponse")
    if answer not in ("oui", "non"):
        raise Invalid.at("reponse", "the answer is oui or non")
    await rights.choose(ctx, patient, str(form.get("choix", "")), denied=answer == "non", how=str(form.get("voie", "")))
    return redirect(f"/patients/{patient}/cercle?fait=choix")


async def secrets(request: Request, ctx: Context) -> Response:
    """GET /patients/{id}/secrets: what is kept from legal representatives, and what could be."""
    patient = str(request.path_params["id"])
    return render(
        request, ctx, "coordination/secrets.html", patient=patient, banner=await identity.banner(ctx, patient), tabs=record_tabs(patient),
        kept=await rights.secrets_of(ctx, patient), said_words=KEPT if request.query_params.get("fait") else "",
    )  # fmt: skip


async def keep_secret(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/secrets: `quoi` is the reference of a stay or a document."""
    patient, form = str(request.path_params["id"]), await request.form()
    await rights.mark_secret(ctx, patient, str(form.get("quoi", "")))
    return redirect(f"/patients/{patient}/secrets?fait=secret")


routes = [
    page("/patients/{id}/cercle", circle, permission=Permission.RECORD_READ),
    page("/patients/{id}/secrets", secrets, permission=Permission.SECRETS_KEEP),
    action("/patients/{id}/secrets", keep_secret, permission=Permission.SECRETS_KEEP),
    action("/patients/{id}/choix", collect, permission=Permission.CHOICES_COLLECT),
]
