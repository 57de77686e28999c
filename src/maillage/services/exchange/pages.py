"""Quarantaine (list, detail, correct and replay, dismiss) and Connecteurs (what comes in and goes out, and how it fares)."""

from __future__ import annotations

from urllib.parse import quote

from starlette.responses import Response

from maillage.access.access import Access
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Invalid
from maillage.http import Request, action, page
from maillage.http.wrapper import redirect
from maillage.jobs.dead_letters import dead_letters, try_again
from maillage.services.exchange.resources import sheets
from maillage.services.exchange.service import quarantine, watch
from maillage.ui import render

REASONS = {
    "refused": "Refusé",
    "failed": "Échec de notre côté",
    "truncated": "Message interrompu",
    "oversize": "Message trop long",
    "unframed": "Message hors trame",
}
STATES = {"open": "À traiter", "replayed": "Rejoué", "dismissed": "Écarté"}
CORRECTION_BODY = 8 * 1024 * 1024


async def quarantine_list(request: Request, ctx: Context) -> Response:
    """The refused messages in one state, the latest first."""
    state = request.query_params.get("etat", "open")
    after = request.query_params.get("apres")
    last = (await quarantine.detail(ctx, after)).entry if after else None
    found = await quarantine.entries(ctx, state=state if state in STATES else "open", after=last)
    older = f"/quarantaine?etat={state}&apres={found[-1].id}" if len(found) == quarantine.PAGE else ""
    return render(
        request, ctx, "exchange/quarantine.html", entries=found, state=state, states=STATES, reasons=REASONS, older_address=older,
        said_words=_SAID.get(request.query_params.get("fait", ""), ""),
    )  # fmt: skip


async def quarantine_detail(request: Request, ctx: Context) -> Response:
    """One refused message: what, where, why, its text, what was tried, the form to correct and replay it."""
    return await _detail_page(request, ctx, said_words=_SAID.get(request.query_params.get("fait", ""), ""))


async def replay(request: Request, ctx: Context) -> Response:
    """Replay the corrected text, then show how it went."""
    form = await request.form()
    access: Access = request.app.state.platform.access
    entry = request.path_params["id"]
    text = str(form.get("texte", ""))
    try:
        attempt = await quarantine.replay(ctx, access, entry_id=entry, text=text)
    except Invalid as fault:
        return await _detail_page(request, ctx, status=422, faults={"texte": fault.message}, text=text)
    return redirect("/quarantaine?fait=rejoue" if attempt.code == "AA" else f"/quarantaine/{quote(entry)}?fait=refuse#tentatives")


async def dismiss(request: Request, ctx: Context) -> Response:
    """Close an entry that will not be replayed."""
    form = await request.form()
    try:
        await quarantine.dismiss(ctx, entry_id=request.path_params["id"], reason=str(form.get("motif", "")))
    except Invalid as fault:
        return await _detail_page(request, ctx, status=422, faults={"motif": fault.message})
    return redirect("/quarantaine?fait=ecarte")


async def connectors(request: Request, ctx: Context) -> Response:
    """The MLLP sources, the lines that other services add, and the events that a reaction could not handle."""
    return render(
        request, ctx, "exchange/connectors.html",
        sources=await watch.sources(ctx), connectors=await watch.connectors(ctx), set_aside=await dead_letters(ctx),
        said_words=_SAID.get(request.query_params.get("fait", ""), ""),
    )  # fmt: skip


async def handle_again(request: Request, ctx: Context) -> Response:
    """Hand an event that was set aside to its reaction once more."""
    await try_again(ctx, dead_letter=request.path_params["id"])
    return redirect("/connecteurs?fait=repris#mis-de-cote")


_SAID = {
    "repris": "Événement rendu à son traitement : il disparaît de cette liste s’il aboutit.",
    "rejoue": "Message rejoué et accepté : la source en recevra la réponse si elle le renvoie.",
    "refuse": "Le texte rejoué a été refusé : le motif est dans les tentatives.",
    "ecarte": "Message écarté ; l'original est gardé avec le motif.",
}


async def _detail_page(
    request: Request,
    ctx: Context,
    *,
    status: int = 200,
    faults: dict[str, str] | None = None,
    text: str = "",
    said_words: str = "",
) -> Response:
    found = await quarantine.detail(ctx, request.path_params["id"])
    rows = sheets.sheet(found.original, found.entry.place)
    return render(
        request, ctx, "exchange/quarantined.html", status=status, entry=found.entry, attempts=found.attempts, rows=rows,
        text=text or sheets.editable(found.original), faults=faults or {}, reasons=REASONS, states=STATES, said_words=said_words,
        located=any(row.at_fault for row in rows),
    )  # fmt: skip


routes = [
    page("/quarantaine", quarantine_list, permission=Permission.QUARANTINE_READ),
    page("/quarantaine/{id}", quarantine_detail, permission=Permission.QUARANTINE_READ),
    action("/quarantaine/{id}/rejeu", replay, permission=Permission.QUARANTINE_REPLAY, max_body=CORRECTION_BODY),
    action("/quarantaine/{id}/ecarter", dismiss, permission=Permission.QUARANTINE_REPLAY),
    page("/connecteurs", connectors, permission=Permission.CONNECTORS_READ),
    action("/connecteurs/mis-de-cote/{id:int}/reprise", handle_again, permission=Permission.QUARANTINE_REPLAY),
]
