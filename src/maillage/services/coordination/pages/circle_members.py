"""The members of a circle: found in the directory, added, removed with a reason, or leaving by themselves."""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Invalid, PreconditionFailed, Unprocessable
from maillage.http import Request, action, page, redirect
from maillage.services.coordination.resources import circle as resources
from maillage.services.coordination.service import circles, invitations
from maillage.services.identity import public as identity
from maillage.ui import render
from maillage.ui.places import record_tabs
from maillage.ui.words import care_date

SEES = {
    "care": "Voit le dossier selon sa profession",
    "coordination": "Voit le dossier, sauf ce qui est réservé au soin",
    "social": "Voit le plan, les tâches, les messages et les documents sociaux",
    "person": "Voit ce que la personne lui ouvre",
}
PARTS = [("", "Selon sa profession"), *((code, words) for code, (_, words) in resources.PARTS.items())]
KIN = [("", "Selon le lien"), *((code, words) for code, (_, words) in resources.KIN.items())]
SAID = {
    "role": "C’est noté. Le cercle le lit dans l’historique.",
    "invitation": "Invitation envoyée. Elle attend dans la liste ci-dessous.",
    "invitation-retiree": "Invitation retirée. Le lien n’ouvre plus rien, et l’accès qu’elle avait donné est fermé.",
    "ajout": "Membre ajouté. Il voit le dossier dès maintenant.",
    "retrait": "Membre retiré. Il ne voit plus le dossier.",
}
STALE = "Un collègue a changé le cercle entre-temps : le voici à jour. Recommencez si c’est encore utile."
PAST = "Le dernier jour est un jour à venir, écrit en entier"
REASON = "Dites en quelques mots pourquoi : le cercle le lit"
FEWEST = 5


async def members(request: Request, ctx: Context) -> Response:
    """GET /patients/{id}/cercle/membres: `?nom=` looks somebody up in the directory."""
    return await show(request, ctx)


async def add(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/cercle/membres: `membre` (a PractitionerRole, or a RelatedPerson), `version`, `part`."""
    patient, form = str(request.path_params["id"]), {name: str(value) for name, value in (await request.form()).items()}
    try:
        await circles.add(ctx, patient, form.get("membre", ""), version=form.get("version", ""), part=form.get("part", ""))
    except PreconditionFailed:
        return await show(request, ctx, stale=True, meant=(form.get("membre", ""), f"ajouter, {_part(form)}"), status=409)
    return redirect(f"/patients/{patient}/cercle/membres?fait=ajout")


async def change(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/cercle/role: `membre`, `part`, `jusqu`, `version`."""
    patient, form = str(request.path_params["id"]), {name: str(value) for name, value in (await request.form()).items()}
    try:
        last = day_of(form.get("jusqu", ""))
        await circles.change(
            ctx, patient, form.get("membre", ""), part=form.get("part", ""), until=last, version=form.get("version", "")
        )
    except Invalid as fault:
        if str(fault.issues[0].expression) != "jusqu":
            raise
        return await show(request, ctx, fault=PAST, status=422)
    except Unprocessable as fault:
        return await show(request, ctx, fault=fault.french or fault.message, status=422)
    except PreconditionFailed:
        until = f", jusqu’au {care_date(last)}" if last else ""
        return await show(request, ctx, stale=True, meant=(form.get("membre", ""), _part(form) + until), status=409)
    return redirect(f"/patients/{patient}/cercle/membres?fait=role")


async def remove(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/cercle/retrait: `membre`, `raison`, `version`."""
    patient, form = str(request.path_params["id"]), {name: str(value) for name, value in (await request.form()).items()}
    words = " ".join(form.get("raison", "").split())[:500]
    if len(words) < FEWEST:
        return await show(request, ctx, fault=REASON, status=422)
    try:
        own = await circles.remove(ctx, patient, form.get("membre", ""), words=words, version=form.get("version", ""))
    except Unprocessable as fault:
        return await show(request, ctx, fault=fault.french or fault.message, status=422)
    except PreconditionFailed:
        return await show(request, ctx, stale=True, meant=(form.get("membre", ""), f"retirer, « {words} »"), status=409)
    return redirect("/patients?fait=referme" if own else f"/patients/{patient}/cercle/membres?fait=retrait")


async def show(
    request: Request,
    ctx: Context,
    *,
    fault: str = "",
    values: Mapping[str, str] = MappingProxyType({}),
    faults: Mapping[str, str] = MappingProxyType({}),
    stale: bool = False,
    meant: tuple[str, str] = ("", ""),
    status: int = 200,
) -> Response:
    """The page, with what was sent and what is wrong with it; `stale` where a colleague changed the circle meanwhile, `meant` of whom what was about to be
    written then."""
    patient, words = str(request.path_params["id"]), request.query_params.get("nom", "").strip()[:100]
    held = await circles.of_person(ctx, patient)
    if stale:
        who = next((one.name for one in (*held.now, *held.past) if one.reference == meant[0]), "")
        fault = f"{STALE} Ce que vous alliez enregistrer : {' : '.join(filter(None, (who, meant[1])))}." if meant[1] else STALE
    return render(
        request, ctx, "coordination/circle_members.html", status=status, patient=patient, banner=await identity.banner(ctx, patient),
        tabs=record_tabs(patient), held=held, found=await circles.found(ctx, words), q=words, sees=SEES, fault=fault,
        invitations=await invitations.of_record(ctx, patient), parts=PARTS, kin_parts=KIN, kin=await circles.kin(ctx, patient), values=values, faults=faults,
        said_words=SAID.get(request.query_params.get("fait", ""), ""),
    )  # fmt: skip


def _part(form: Mapping[str, str]) -> str:
    """The part that was chosen for somebody, in words."""
    code, kin = form.get("part", ""), form.get("membre", "").startswith("RelatedPerson/")
    return f"rôle « {dict(KIN if kin else PARTS).get(code, code)} »"


def day_of(text: str) -> date | None:
    """A day of a form, None where none is said; Invalid for what is none."""
    try:
        return date.fromisoformat(text) if text.strip() else None
    except ValueError:
        raise Invalid.at("jusqu", "a day is written YYYY-MM-DD") from None


routes = [
    page("/patients/{id}/cercle/membres", members, permission=Permission.CIRCLE_WRITE),
    action("/patients/{id}/cercle/membres", add, permission=Permission.CIRCLE_WRITE),
    action("/patients/{id}/cercle/role", change, permission=Permission.CIRCLE_WRITE),
    action("/patients/{id}/cercle/retrait", remove, permission=Permission.CIRCLE_WRITE),
]
