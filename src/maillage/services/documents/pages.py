"""Pages: a document, its PDF, its files and its original; the documents of a person."""

from datetime import date
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.clock import PARIS
from maillage.errors import Unsupported
from maillage.http import Request, action, page, redirect
from maillage.http.headers import framed_by_us
from maillage.services.documents import rules
from maillage.services.documents.resources.coding import TYPE_WORDS
from maillage.services.documents.resources.narrative import INLINE_IMAGES
from maillage.services.documents.service import announcing, listing, reading
from maillage.services.documents.service.delivery import deliveries
from maillage.services.documents.service.reading import PDF
from maillage.services.identity import public as identity
from maillage.ui import render
from maillage.ui.places import is_public, record_tabs

SHOWN_TYPES = INLINE_IMAGES | {PDF}
"""What a browser may show by itself; any other file is only ever saved."""

AUDIENCES = {
    "INVISIBLE_PATIENT": "Cercle soignant seulement",
    "MASQUE_PS": "Auteur, médecin traitant et patient seulement",
    "INVISIBLE_REPRESENTANTS_LEGAUX": "Sans les représentants légaux",
}
"""Who can see a document that is hidden from someone (TRE_A07), in the words of the screens."""

ANNOUNCED = "C’est noté\u00a0: la personne peut lire ce document dès maintenant."
FILTERS = ("type", "periode", "etablissement", "titre")
"""The parameters of the address that say which documents of a person to list."""


async def show(request: Request, ctx: Context) -> Response:
    """A document: whose it is, what it is, its body, its versions."""
    opened = await reading.opened(ctx, _id(request), level=3)
    about = opened.about
    professional = not is_public(ctx.actor.roles)
    return render(
        request,
        ctx,
        "documents/document.html",
        document=about,
        opened=opened,
        banner=await identity.banner(ctx, about.patient),
        tabs=record_tabs(about.patient) if professional else [],
        audience=[AUDIENCES[code] for code in about.hidden] if professional else [],
        deliveries=await deliveries(ctx, about.id) if professional else [],
        pdf=opened.body_type == PDF,
    )


async def pdf(request: Request, ctx: Context) -> Response:
    """The PDF that is the body of a document, shown in a frame of our own page."""
    file = await reading.body_file(ctx, _id(request))
    if file.media_type != PDF:
        raise Unsupported("The body of this document is not a PDF.")
    return _shown(file.media_type, file.data, f"{_id(request)}.pdf")


async def attached(request: Request, ctx: Context) -> Response:
    """A file that the document carries: an image of its text, an annex."""
    number = int(request.path_params["number"])
    file = await reading.media_file(ctx, _id(request), number)
    return _shown(file.media_type, file.data, f"{_id(request)}-{number}")


async def original(request: Request, ctx: Context) -> Response:
    """The bytes as they were received, to be saved."""
    content = await reading.original(ctx, _id(request))
    return _saved("text/xml", content, f"{_id(request)}.xml")


async def of_person(request: Request, ctx: Context) -> Response:
    """The documents of a person, fifty a page, the last received first; the filters and `?avant=` are in the address."""
    patient = str(request.path_params["id"])
    asked = {name: request.query_params.get(name, "").strip() for name in FILTERS}
    today = ctx.now.astimezone(PARIS).date()
    cursor = request.query_params.get("avant")
    found = await listing.documents_of(ctx, patient, wanted=_wanted(asked, today), cursor=cursor)
    address = f"/patients/{patient}/documents"
    return render(
        request,
        ctx,
        "documents/list.html",
        banner=await identity.banner(ctx, patient),
        tabs=record_tabs(patient),
        address=address,
        asked=asked,
        filtered=any(asked.values()),
        types=_types(asked["type"]),
        periods=_periods(today, asked["periode"]),
        houses=sorted({one.organisation for one in found.documents if one.organisation}),
        found=found,
        later=bool(cursor),
        newest=_address(address, asked),
        following=_address(address, asked, found.next) if found.next else "",
    )


def _wanted(asked: dict[str, str], today: date) -> rules.Wanted:
    return rules.wanted(
        type=asked["type"], period=asked["periode"], title=asked["titre"], establishment=asked["etablissement"], today=today
    )


def _types(kept: str) -> list[tuple[str, str]]:
    known = sorted(TYPE_WORDS.items(), key=lambda pair: pair[1])
    unknown = [(kept, f"Type {kept}")] if kept and kept not in TYPE_WORDS else []
    return [("", "Tous"), *known, *unknown]


def _periods(today: date, kept: str) -> list[tuple[str, str]]:
    years = [(str(year), f"En {year}") for year in rules.years(today)]
    offered = [("", "Depuis toujours"), ("3-mois", "Depuis 3 mois"), ("12-mois", "Depuis 12 mois"), *years]
    return offered if kept in dict(offered) else [*offered, (kept, f"En {kept}")]


def _address(path: str, asked: dict[str, str], cursor: str = "") -> str:
    said = {**{name: value for name, value in asked.items() if value}, **({"avant": cursor} if cursor else {})}
    return f"{path}?{urlencode(said)}" if said else path


def _id(request: Request) -> str:
    return str(request.path_params["id"])


def _shown(media_type: str, content: bytes, name: str) -> Response:
    if media_type not in SHOWN_TYPES:
        return _saved("application/octet-stream", content, name)
    response = Response(content, media_type=media_type, headers={"Content-Disposition": f'inline; filename="{name}"'})
    framed_by_us(response.headers)
    return response


def _saved(media_type: str, content: bytes, name: str) -> Response:
    headers: dict[str, Any] = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=media_type, headers=headers)


async def announcements(request: Request, ctx: Context) -> Response:
    """GET /annonces: what its author is to tell the person of first."""
    said = ANNOUNCED if request.query_params.get("fait") else ""
    return render(request, ctx, "documents/announcements.html", waiting=await announcing.waiting(ctx), said_words=said)


async def announced(request: Request, ctx: Context) -> Response:
    """POST /annonces/{id}: the person was told; it opens to them now."""
    await announcing.announce(ctx, _id(request))
    return redirect("/annonces?fait=1")


routes = [
    page("/annonces", announcements, permission=Permission.DOCUMENT_WRITE),
    action("/annonces/{id}", announced, permission=Permission.DOCUMENT_WRITE),
    page("/documents/{id}", show, permission=Permission.DOCUMENT_READ),
    page("/documents/{id}/pdf", pdf, permission=Permission.DOCUMENT_READ),
    page("/documents/{id}/fichiers/{number:int}", attached, permission=Permission.DOCUMENT_READ),
    page("/documents/{id}/original", original, permission=Permission.DOCUMENT_READ),
    page("/patients/{id}/documents", of_person, permission=Permission.DOCUMENT_READ),
]
