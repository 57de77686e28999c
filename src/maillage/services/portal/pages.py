"""The pages of a person and of their carer: home, documents, one document."""

from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import IO, Any
from urllib.parse import urlencode

from starlette.responses import Response, StreamingResponse

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.access.unannounced import any_overdue
from maillage.errors import Invalid
from maillage.http import Request, action, page, redirect
from maillage.services.assessment import public as assessment
from maillage.services.documents import public as documents
from maillage.services.identity import public as identity
from maillage.services.portal import rules
from maillage.services.portal.service import spaces
from maillage.services.portal.service.copying import file_name, write_copy
from maillage.services.portal.service.spaces import Shelf, Space
from maillage.services.rights import public as rights
from maillage.services.rights.public import OTHERS, Visit, Visits, who_opened
from maillage.ui import render
from maillage.ui.people import role_words

SOCIAL = {"coordinator", "social-worker"}
HOME, DOCUMENTS, CHOICES, SECRETS = "/accueil", "/mes-documents", "/mes-choix", "/mes-secrets"


async def home(request: Request, ctx: Context) -> Response:
    """GET /accueil: what there is to read, who looked, who is in the team."""
    whose = await spaces.space(ctx)
    shelf = await spaces.shelf(ctx, whose.patient)
    sees_trail = await rights.sees_the_trail(ctx)
    values: dict[str, Any] = {
        "shelf": shelf,
        "team": await spaces.team(ctx, whose.patient),
        "openings": await rights.emergencies_of(ctx, whose.patient) if sees_trail else rights.NO_OPENINGS,
        "reasons": rights.EMERGENCY_REASONS,
        "sees_trail": sees_trail,
        "visits": _shown(await spaces.visits(ctx, whose.patient)) if sees_trail else [],
        "sight": await rights.own_sight(ctx),
        "unannounced": await any_overdue(ctx, whose.patient),
        "asked": await assessment.asked_of(ctx, whose.patient),
    }
    return render(request, ctx, "portal/home.html", **await _common(ctx, whose, shelf), **values)


async def all_documents(request: Request, ctx: Context) -> Response:
    """GET /mes-documents: every document, fifty a page, the last received first; `?avant=` for the page after."""
    whose = await spaces.space(ctx)
    shelf = await spaces.shelf(ctx, whose.patient)
    cursor = request.query_params.get("avant")
    library = await spaces.library(ctx, whose.patient, cursor=cursor)
    following = f"{DOCUMENTS}?{urlencode({'avant': library.next})}" if library.next else ""
    return render(
        request,
        ctx,
        "portal/documents.html",
        **await _common(ctx, whose, shelf),
        library=library,
        later=bool(cursor),
        following=following,
    )


async def one_document(request: Request, ctx: Context) -> Response:
    """GET /mes-documents/{id}: what it is in plain words, then what its author wrote."""
    whose = await spaces.space(ctx)
    id = str(request.path_params["id"])
    about = documents.summary(await documents.document(ctx, id))
    shelf = await spaces.shelf(ctx, whose.patient)
    return render(
        request,
        ctx,
        "portal/document.html",
        **await _common(ctx, whose, shelf),
        document=about,
        preview=await documents.preview(ctx, id, level=2),
        read_at=await spaces.read_at(ctx, about),
        openings=_openings(await who_opened(ctx, whose.patient, id)) if await rights.sees_the_trail(ctx) else [],
        said=request.query_params.get("fait", ""),
        chosen=await rights.choices_of(ctx, whose.patient) if whose.own else None,
    )


async def read(request: Request, ctx: Context) -> Response:
    """POST /mes-documents/{id}/lu."""
    id = str(request.path_params["id"])
    await spaces.mark_read(ctx, id)
    return redirect(f"{DOCUMENTS}/{id}?fait=lu")


async def unread(request: Request, ctx: Context) -> Response:
    """POST /mes-documents/{id}/a-lire."""
    id = str(request.path_params["id"])
    await spaces.take_back(ctx, id)
    return redirect(f"{DOCUMENTS}/{id}?fait=a-lire")


def _shown(found: Visits) -> list[dict[str, Any]]:
    """Visits with their words and their knot."""
    return [{"visit": visit, "words": _words(visit, found.organizations), "knot": _knot(visit)} for visit in found.visits]


def _openings(visits: list[Visit]) -> list[dict[str, Any]]:
    """Who opened a document, each person once with their last visit; refused attempts are told with the others on « Qui a vu »."""
    last = {visit.actor: visit for visit in reversed(visits) if not visit.refused}
    ordered = sorted(last.values(), key=lambda visit: visit.at, reverse=True)
    return [{"visit": visit, "words": _role(visit)} for visit in ordered]


def _words(visit: Visit, names: dict[str, str]) -> str:
    places = (names.get(reference, "") for reference in visit.organizations)
    return ", ".join(word for word in (_role(visit), *places) if word)


def _role(visit: Visit) -> str:
    return OTHERS.get(visit.kind, role_words(visit.roles).lower())


def _knot(visit: Visit) -> str:
    return "alert" if visit.emergency or visit.refused else "social" if SOCIAL & set(visit.roles) else "care"


async def _common(ctx: Context, whose: Space, shelf: Shelf) -> dict[str, Any]:
    """What every page of the space shows: whose it is, and how much there is to read."""
    return {
        "banner": await identity.banner(ctx, whose.patient),
        "own": whose.own,
        "plain": rules.plain,
        "counts": {DOCUMENTS: len(shelf.to_read)},
    }


async def choices(request: Request, ctx: Context) -> Response:
    """GET /mes-choix: what the person says yes or no to, whom they excluded, what they hid."""
    whose = await spaces.space(ctx)
    shelf = await spaces.shelf(ctx, whose.patient)
    return render(
        request,
        ctx,
        "portal/choices.html",
        **await _common(ctx, whose, shelf),
        chosen=await rights.choices_of(ctx, whose.patient),
        purposes=rights.CHOICES,
        ways=rights.WAYS,
        team=[one for one in await spaces.team(ctx, whose.patient) if one.reference.startswith(EXCLUDABLE)],
        said_words=SAID.get(request.query_params.get("fait", ""), ""),
    )


async def choose(request: Request, ctx: Context) -> Response:
    """POST /mes-choix: `choix` is a purpose, `reponse` oui or non."""
    whose, form = await spaces.space(ctx), await request.form()
    await rights.choose(ctx, whose.patient, str(form.get("choix", "")), denied=_refused(form.get("reponse")))
    return redirect(f"{CHOICES}?fait=choix")


async def exclude(request: Request, ctx: Context) -> Response:
    """POST /mes-choix/professionnels: `qui` is a reference, `reponse` non to exclude them and oui to let them in again."""
    whose, form = await spaces.space(ctx), await request.form()
    excluded = _refused(form.get("reponse"))
    await rights.exclude(ctx, whose.patient, str(form.get("qui", "")), excluded=excluded)
    return redirect(f"{CHOICES}?fait={'exclu' if excluded else 'admis'}")


async def secrets(request: Request, ctx: Context) -> Response:
    """GET /mes-secrets: what the person keeps from who helps or represents them, and what they could."""
    whose = await spaces.space(ctx)
    said = KEPT.get(request.query_params.get("fait", ""), "")
    return render(request, ctx, "portal/secrets.html", kept=await rights.secrets_of(ctx, whose.patient), said_words=said)


async def keep_secret(request: Request, ctx: Context) -> Response:
    """POST /mes-secrets: `quoi` is the reference of a stay or a document, `reponse` oui to keep it secret."""
    whose, form = await spaces.space(ctx), await request.form()
    secret = not _refused(form.get("reponse"))
    await rights.say_secret(ctx, whose.patient, str(form.get("quoi", "")), secret=secret)
    return redirect(f"{SECRETS}?fait={'secret' if secret else 'leve'}")


async def hide(request: Request, ctx: Context) -> Response:
    """POST /mes-documents/{id}/masquer: kept from professionals, its author excepted."""
    whose, id = await spaces.space(ctx), str(request.path_params["id"])
    await rights.hide(ctx, whose.patient, id)
    return redirect(f"{DOCUMENTS}/{id}?fait=masque")


async def show(request: Request, ctx: Context) -> Response:
    """POST /mes-documents/{id}/montrer: seen by the circle again."""
    whose, id = await spaces.space(ctx), str(request.path_params["id"])
    await rights.hide(ctx, whose.patient, id, hidden=False)
    return redirect(f"{DOCUMENTS}/{id}?fait=montre")


async def copy(request: Request, ctx: Context) -> Response:
    """POST /mes-choix/copie: the whole record as a ZIP, kept by nobody once it is sent."""
    whose = await spaces.space(ctx)
    file = TemporaryFile()  # noqa: SIM115  # it has no name, and is gone when whoever reads it is
    try:
        await write_copy(ctx, whose.patient, file)
    except BaseException:
        file.close()
        raise
    size = file.tell()
    file.seek(0)
    headers = {"Content-Disposition": f'attachment; filename="{file_name(ctx.now)}"', "Content-Length": str(size)}
    return StreamingResponse(_parts(file), media_type="application/zip", headers=headers)


def _parts(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while part := file.read(64 * 1024):
            yield part


def _refused(answer: object) -> bool:
    if answer not in ("oui", "non"):
        raise Invalid.at("reponse", "the answer is oui or non")
    return answer == "non"


KEPT = {
    "secret": "C’est noté\u00a0: vos proches et vos représentants ne le voient plus, dès maintenant.",
    "leve": "C’est noté\u00a0: le secret est levé.",
}
EXCLUDABLE = ("Practitioner/", "Organization/")
SAID = {
    "choix": "C’est noté. Votre choix s’applique dès maintenant.",
    "exclu": "C’est noté\u00a0: cette personne ne voit plus votre dossier.",
    "admis": "C’est noté\u00a0: cette personne voit de nouveau votre dossier.",
}


routes = [
    page(HOME, home, permission=Permission.OWN_RECORD_READ),
    page(DOCUMENTS, all_documents, permission=Permission.OWN_RECORD_READ),
    page(DOCUMENTS + "/{id}", one_document, permission=Permission.OWN_RECORD_READ),
    page(CHOICES, choices, permission=Permission.CHOICES_MAKE),
    action(CHOICES, choose, permission=Permission.CHOICES_MAKE),
    page(SECRETS, secrets, permission=Permission.SECRETS_SAY),
    action(SECRETS, keep_secret, permission=Permission.SECRETS_SAY),
    action(CHOICES + "/copie", copy, permission=Permission.RECORD_COPY),
    action(CHOICES + "/professionnels", exclude, permission=Permission.CHOICES_MAKE),
    action(DOCUMENTS + "/{id}/masquer", hide, permission=Permission.CHOICES_MAKE),
    action(DOCUMENTS + "/{id}/montrer", show, permission=Permission.CHOICES_MAKE),
    action(DOCUMENTS + "/{id}/lu", read, permission=Permission.OWN_RECORD_READ),
    action(DOCUMENTS + "/{id}/a-lire", unread, permission=Permission.OWN_RECORD_READ),
]
