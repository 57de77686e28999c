"""« Faire effacer » of the person, the officer's page of decision, and « Conservation »: records that the law keeps no longer."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Invalid
from maillage.http import Request, action, page, redirect
from maillage.services.rights.rules import erasure as rules
from maillage.services.rights.rules import requests as kinds
from maillage.services.rights.rules import thing_words
from maillage.services.rights.service import erasing, requests
from maillage.services.rights.service.carers import today
from maillage.services.rights.service.visits import person_of
from maillage.ui import render

OWN, DECISION, ENDED = "/mes-demandes/effacement", "/demandes/{id}/effacement", "/conservation"
CONFIRMATION = "EFFACER"
FAULTS = {
    "mots": "Écrivez entre 10 et 1 000 caractères",
    "quoi": "Cela n’est pas dans votre dossier",
    "decision": "Choisissez une décision",
    "confirmation": f"Écrivez {CONFIRMATION} pour confirmer",
    "vu": "Le dossier a changé depuis que vous l’avez lu\u00a0: relisez la proposition",
}


async def own(request: Request, ctx: Context) -> Response:
    """GET /mes-demandes/effacement: what the law keeps, what may be erased, and the form; `?quoi=` is the one thing it is about."""
    return await _own_page(request, ctx, {"quoi": request.query_params.get("quoi", "")})


async def ask(request: Request, ctx: Context) -> Response:
    """POST /mes-demandes/effacement: `mots`, and `quoi`, the reference of one thing; without, all that may be."""
    sent = {name: str(value) for name, value in (await request.form()).items()}
    try:
        await requests.ask(ctx, await person_of(ctx), kinds.ERASURE, words=sent.get("mots", ""), about=sent.get("quoi", ""))
    except Invalid as fault:
        return await _own_page(request, ctx, sent, _faults(fault))
    return redirect("/mes-demandes?fait=1")


async def _own_page(request: Request, ctx: Context, values: Mapping[str, str], faults: dict[str, str] | None = None) -> Response:
    person = await person_of(ctx)
    named = await requests.titles(ctx, [{"about": values.get("quoi", "")}])
    return render(
        request, ctx, "rights/own_erasure.html", status=422 if faults else 200, values=values, faults=faults or {}, path_here=OWN, named=named,
        writings=await erasing.writings(ctx, person), years=rules.KEPT_YEARS, age=rules.KEPT_TO_AGE, after_death=rules.KEPT_AFTER_DEATH, proof=rules.PROOF_YEARS,
    )  # fmt: skip


async def decision(request: Request, ctx: Context) -> Response:
    """GET /demandes/{id}/effacement: what may be erased, what the law keeps, until when and why, and the form."""
    return await _decision_page(request, ctx, {})


async def decide(request: Request, ctx: Context) -> Response:
    """POST /demandes/{id}/effacement: `decision` (effacer, refuser), `mots`, `vu` (what was seen), and `confirmation` where it is erased."""
    sent = {name: str(value) for name, value in (await request.form()).items()}
    erase = sent.get("decision") == "effacer"
    if sent.get("decision") not in ("effacer", "refuser"):
        return await _decision_page(request, ctx, sent, {"decision": FAULTS["decision"]})
    if erase and sent.get("confirmation", "").strip() != CONFIRMATION:
        return await _decision_page(request, ctx, sent, {"confirmation": FAULTS["confirmation"]})
    try:
        await erasing.decide(
            ctx, str(request.path_params["id"]), erase=erase, words=sent.get("mots", ""), seen=sent.get("vu", "")
        )
    except Invalid as fault:
        return await _decision_page(request, ctx, sent, _faults(fault))
    return redirect("/demandes?vue=repondues&fait=1")


async def _decision_page(
    request: Request, ctx: Context, values: Mapping[str, str], faults: dict[str, str] | None = None
) -> Response:
    seen = await erasing.proposed(ctx, str(request.path_params["id"]))
    proposal = seen.proposal
    return render(
        request, ctx, "rights/erasure.html", status=422 if faults else 200, asked=seen.request, proposal=proposal, mark=seen.mark, values=values,
        faults=faults or {}, erased=_counted(proposal.erased), kept=_grouped(proposal.kept), path_here=request.url.path, confirmation=CONFIRMATION,
        by_retention=seen.request["asked_by"] == erasing.BY_RETENTION, kept_by=rules.REASONS[proposal.retention.rule], states=kinds.STATES,
    )  # fmt: skip


async def ended(request: Request, ctx: Context) -> Response:
    """GET /conservation: the records that the law keeps no longer; `?apres=` the page after."""
    found = await erasing.retentions_ended(ctx, after=request.query_params.get("apres", ""))
    return render(
        request, ctx, "rights/retention.html", found=found.found, path_here=ENDED, today=today(ctx), years=rules.KEPT_YEARS,
        older_href=f"{ENDED}?apres={found.next}" if found.next else "",
    )  # fmt: skip


async def take_up(request: Request, ctx: Context) -> Response:
    """POST /conservation/{record}: leads to the page of decision."""
    id = await erasing.begin_at_end(ctx, str(request.path_params["record"]))
    return redirect(DECISION.replace("{id}", id))


def _counted(parts: Iterable[rules.Part]) -> list[tuple[str, int]]:
    return sorted(Counter(thing_words(one.type) for one in parts).items())


def _grouped(kept: Iterable[rules.Kept]) -> list[dict[str, Any]]:
    """Reasons, each with what it keeps and until when."""
    groups: dict[tuple[str, Any], list[rules.Part]] = {}
    for one in kept:
        groups.setdefault((one.why, one.until), []).append(one.part)
    return [
        {"reason": rules.REASONS[why], "until": until, "things": _counted(parts)}
        for (why, until), parts in sorted(groups.items(), key=lambda group: (-len(group[1]), group[0][0]))
    ]


def _faults(fault: Invalid) -> dict[str, str]:
    place = str(fault.issues[0].expression)
    return {place: FAULTS[place]}


routes = [
    page(OWN, own, permission=Permission.CHOICES_MAKE),
    action(OWN, ask, permission=Permission.CHOICES_MAKE),
    page(DECISION, decision, permission=Permission.ERASURE_DECIDE),
    action(DECISION, decide, permission=Permission.ERASURE_DECIDE),
    page(ENDED, ended, permission=Permission.ERASURE_DECIDE),
    action(ENDED + "/{record}", take_up, permission=Permission.ERASURE_DECIDE),
]
