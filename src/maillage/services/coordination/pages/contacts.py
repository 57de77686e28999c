"""Calls about a person: what was said to whom, and the form of a call that was made."""

from uuid import uuid4

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission, permits
from maillage.http import Request, action, page, redirect
from maillage.services.coordination.forms.agenda import ContactForm, contact_form
from maillage.services.coordination.resources.contact import MEANS, OFFERED
from maillage.services.coordination.service import contacts
from maillage.services.identity import public as identity
from maillage.ui import render
from maillage.ui.places import record_tabs

SAID = {
    "note": "Contact noté. Le cercle le lit dès maintenant.",
    "suite": "Contact noté. Ce qui reste à faire est dans vos tâches.",
}


async def every(request: Request, ctx: Context) -> Response:
    """GET /patients/{id}/contacts: the calls and visits, the last first."""
    return await _page(request, ctx, ContactForm({"sens": "passe", "moyen": "PHONE", "joint": "oui"}))


async def say(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/contacts: `sens` passe or recu, `moyen`, `avec` (or `autre`), `joint` oui or non, `resultat`, `motif`, `jour` and `heure`; `suite` is what
    is to be done after it, for the day `pour_le`, once by `cle`."""
    patient = str(request.path_params["id"])
    form = contact_form({name: str(value) for name, value in (await request.form()).items()}, now=ctx.now)
    if form.said is None:
        return await _page(request, ctx, form, status=422)
    await contacts.say(ctx, patient=patient, said=form.said, key=form.values["cle"])
    return redirect(f"/patients/{patient}/contacts?fait={'suite' if form.said.then else 'note'}")


async def _page(request: Request, ctx: Context, form: ContactForm, *, status: int = 200) -> Response:
    patient = str(request.path_params["id"])
    banner = await identity.banner(ctx, patient)
    return render(
        request, ctx, "coordination/contacts.html", status=status, patient=patient, banner=banner, tabs=record_tabs(patient),
        contacts=await contacts.of_person(ctx, patient), values=form.values, faults=form.faults, key=form.values.get("cle") or str(uuid4()),
        people=[("", "Quelqu’un d’autre"), *await contacts.with_whom(ctx, patient)], means=[(code, MEANS[code]) for code in OFFERED],
        may_write=permits(ctx.actor, Permission.TASK_WRITE), said_words=SAID.get(request.query_params.get("fait", ""), ""),
    )  # fmt: skip


routes = [
    page("/patients/{id}/contacts", every, permission=Permission.RECORD_READ),
    action("/patients/{id}/contacts", say, permission=Permission.TASK_WRITE),
]
