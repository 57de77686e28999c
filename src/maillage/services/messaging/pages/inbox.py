"""The page « Nouveautés »: what arrived, grouped by person, with a preview; treated is said explicitly and can be taken back."""

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.http import Request, action, page, redirect
from maillage.services.documents import public as documents
from maillage.services.identity import public as identity
from maillage.services.messaging.resources.notice import Notice
from maillage.services.messaging.resources.wording import Words, words_of
from maillage.services.messaging.rules import notices as rules
from maillage.services.messaging.service import inbox as service
from maillage.services.messaging.service import threads
from maillage.services.messaging.service.inbox import Inbox
from maillage.ui import render


async def inbox(request: Request, ctx: Context) -> Response:
    """The inbox; `?notice=` opens the preview of one (on a phone it then stands alone)."""
    treated = request.query_params.get("vue") == "traites"
    held = await service.inbox(ctx, treated=treated, cursor=request.query_params.get("suite"))
    waiting = await service.count_to_treat(ctx)
    chosen = _chosen(held, request.query_params.get("notice"))
    picked = bool(chosen and request.query_params.get("notice"))
    document = documents.summary(held.matters[chosen.about]) if chosen and chosen.document else None
    preview = await documents.preview(ctx, chosen.document) if chosen and chosen.document else None
    banner = await identity.banner(ctx, chosen.patient) if chosen and chosen.patient in held.patients else None
    return render(
        request,
        ctx,
        "messaging/inbox.html",
        groups=rules.grouped(_shown(held), key=lambda n: n.patient),
        patients=held.patients,
        words={n.id: _words(n, held) for n in _shown(held)},
        treated=treated,
        chosen=chosen,
        picked=picked,
        document=document,
        preview=preview,
        banner=banner,
        next=held.next,
        waiting=waiting,
        counts={"/nouveautes": waiting, "/messages": await threads.unread(ctx)},
        said=request.query_params.get("fait", ""),
    )


def _words(notice: Notice, held: Inbox) -> Words:
    resource = held.matters[notice.about]
    if not notice.document:
        return words_of(notice.kind, resource, patient=notice.patient)
    document = documents.summary(resource)
    kind = document.type_label if document.type_label != document.title else ""
    return Words(
        document.title,
        kind or "",
        ", ".join(filter(None, [document.organisation, document.author])),
        f"/documents/{notice.document}",
    )


def _shown(held: Inbox) -> list[Notice]:
    """The notices of what the reader may still see: one masked since leaves no trace (UI.md, confidentiality).

    A matter that is sent to somebody (a request for support) they see also where the record is not open to them; a document never.
    """
    return [n for n in held.notices if n.about in held.matters and (n.patient in held.patients or not n.document)]


def _chosen(held: Inbox, wanted: str | None) -> Notice | None:
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
