"""The page « Nouveautés »: what arrived, grouped by person, with a preview; treated is said explicitly and can be taken back."""

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.http import Request, action, page, redirect
from maillage.services.documents import public as documents
from maillage.services.identity import public as identity
from maillage.services.messaging import resources, rules, service
from maillage.services.messaging.service import Inbox
from maillage.ui import render


async def inbox(request: Request, ctx: Context) -> Response:
    """The inbox; `?notice=` opens the preview of one (on a phone it then stands alone)."""
    treated = request.query_params.get("vue") == "traites"
    held = await service.inbox(ctx, treated=treated, cursor=request.query_params.get("suite"))
    waiting = await service.count_to_treat(ctx)
    chosen = _chosen(held, request.query_params.get("notice"))
    picked = bool(chosen and request.query_params.get("notice"))
    preview = await documents.preview(ctx, chosen.document) if chosen else None
    banner = await identity.banner(ctx, chosen.patient) if chosen else None
    return render(
        request,
        ctx,
        "messaging/inbox.html",
        groups=rules.grouped(_shown(held), key=lambda n: n.patient),
        patients=held.patients,
        documents={id: documents.summary(r) for id, r in held.documents.items()},
        treated=treated,
        chosen=chosen,
        picked=picked,
        preview=preview,
        banner=banner,
        next=held.next,
        waiting=waiting,
        counts={"/nouveautes": waiting},
        said=request.query_params.get("fait", ""),
    )


def _shown(held: Inbox) -> list[resources.Notice]:
    """The notices whose document the reader may still see: one masked since leaves no trace (UI.md, confidentiality)."""
    return [n for n in held.notices if n.document in held.documents and n.patient in held.patients]


def _chosen(held: Inbox, wanted: str | None) -> resources.Notice | None:
    shown = _shown(held)
    if wanted:
        return next((n for n in shown if n.id == wanted), None)
    return shown[0] if shown else None


async def treat(request: Request, ctx: Context) -> Response:
    """Marks a notice as treated and goes back to the list, where it can be taken back."""
    notice = str(request.path_params["id"])
    await service.mark(ctx, notice=notice, treated=True)
    return redirect(f"/nouveautes?fait={notice}")


async def take_back(request: Request, ctx: Context) -> Response:
    """Puts a treated notice back among those to treat."""
    notice = str(request.path_params["id"])
    await service.mark(ctx, notice=notice, treated=False)
    return redirect(f"/nouveautes?notice={notice}")


routes = [
    page("/nouveautes", inbox, permission=Permission.INBOX_READ),
    action("/nouveautes/{id}/traite", treat, permission=Permission.INBOX_TREAT),
    action("/nouveautes/{id}/a-traiter", take_back, permission=Permission.INBOX_TREAT),
]
