"""The pages of somebody's life, and the forms of every fact of a record."""

import uuid

from starlette.responses import Response

from maillage.access.actors import CARE_ROLES
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.http import Request, action, page, redirect
from maillage.services.coordination.resources import fact as resources
from maillage.services.coordination.resources import telling
from maillage.services.coordination.resources.fact import FACTS, FactKind
from maillage.services.coordination.service import facts
from maillage.services.coordination.service.meanwhile import Change, meanwhile
from maillage.services.identity import public as identity
from maillage.ui import render
from maillage.ui.places import record_tabs

ON_SUMMARY = {"probleme": "problemes", "traitement": "traitements", "allergie": ""}
WRITTEN = facts.Written()
SECTIONS = ("domicile", "proche", "protection", "aide", "droit", "suivi", "avis")


async def situation(request: Request, ctx: Context) -> Response:
    """GET /patients/{id}/situation-de-vie."""
    patient = str(request.path_params["id"])
    held = await facts.life(ctx, patient=patient)
    sections = [
        (FACTS[slug], [(telling.told(one, patient=patient), resources.may_be_edited(FACTS[slug], one), one["id"]) for one in held.facts[slug]])
        for slug in SECTIONS if slug in held.facts and slug != "domicile"
    ]  # fmt: skip
    home = next(iter(held.facts.get("domicile", [])), None)
    answers = FACTS["domicile"].values(home) if home else {}
    return render(
        request, ctx, "coordination/situation.html", patient=patient, banner=held.banner, tabs=record_tabs(patient), sections=sections,
        home=[(one.label, dict(one.options).get(answers[one.name], answers[one.name])) for one in resources.HOME if answers.get(one.name)],
        by=telling.who_of(home) if home else "", home_at=telling.date_of(home) if home else "",
        knows_home="domicile" in held.facts, said_words="C’est enregistré." if request.query_params.get("fait") else "",
    )  # fmt: skip


async def form(request: Request, ctx: Context) -> Response:
    """GET /patients/{id}/donnees/{kind} and …/{fact}: the form of a new fact, or of one that stands."""
    patient, slug, id = _named(request)
    kind, stored = await facts.to_edit(ctx, patient=patient, slug=slug, id=id)
    values = kind.values(stored) if stored else {}
    return await _form(request, ctx, patient, kind, values, stored.get("meta", {}).get("versionId", ""), id=id)


async def save(request: Request, ctx: Context) -> Response:
    """POST of that form: `cle` is its one-time key, `version` what it was made of."""
    patient, slug, id = _named(request)
    sent = {name: str(value) for name, value in (await request.form()).items()}
    done = await facts.save(
        ctx, patient=patient, slug=slug, id=id, version=sent.get("version", ""), key=sent.get("cle", ""), sent=sent
    )
    return await _answer(request, ctx, patient, FACTS[slug], id, sent, done)


async def end(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/donnees/{kind}/{fact}/fin: it is over."""
    patient, slug, id = _named(request)
    sent = {name: str(value) for name, value in (await request.form()).items()}
    done = await facts.end(ctx, patient=patient, slug=slug, id=id, version=sent.get("version", ""))
    values = FACTS[slug].values(done.stored) if done.stored else {}
    return await _answer(request, ctx, patient, FACTS[slug], id, {**values, "version": sent.get("version", "")}, done)


def _named(request: Request) -> tuple[str, str, str]:
    asked = request.path_params
    return str(asked["id"]), str(asked["kind"]), str(asked.get("fact", ""))


async def _answer(
    request: Request, ctx: Context, patient: str, kind: FactKind, id: str, sent: dict[str, str], done: facts.Written
) -> Response:
    if not done.faults and done.stored is None:
        if kind.slug in ON_SUMMARY:
            return redirect(f"/patients/{patient}#{ON_SUMMARY[kind.slug]}".rstrip("#"))
        return redirect(f"/patients/{patient}/situation-de-vie?fait={kind.slug}#{kind.slug}")
    status = 409 if done.stored is not None else 422
    return await _form(
        request, ctx, patient, kind, sent, sent.get("version", ""), id=id, status=status, done=done, key=sent.get("cle", "")
    )


async def _form(
    request: Request, ctx: Context, patient: str, kind: FactKind, values: dict[str, str], version: str, *, id: str = "", status: int = 200,
    done: facts.Written = WRITTEN, key: str = "",
) -> Response:  # fmt: skip
    cares = ctx.actor.has(*CARE_ROLES)
    fields = [one for one in kind.fields if not (one.name == "social" and cares) and not (one.name == "soin" and not cares)]
    changes: list[Change] = []
    if done.stored is not None:
        said = {one.name: dict(one.options) for one in fields}
        mine = {one.name: values.get(one.name, "") for one in fields}
        met = await meanwhile(
            ctx, kind.type, done.stored["id"], version=version, mine=mine, labels={one.name: one.label for one in fields}, shown=kind.values,
            words=lambda name, value: said[name].get(value, value),
        )  # fmt: skip
        values, version, changes = met.values, met.version, met.changes or [(kind.title, "Modifié entre-temps", None)]
    return render(
        request, ctx, "coordination/fact_form.html", status=status, patient=patient, banner=await identity.banner(ctx, patient), tabs=record_tabs(patient),
        kind=kind, fields=fields, values=values, version=version, fact=id, key=key or str(uuid.uuid4()), faults=done.faults,
        changes=changes, known=bool(version),
        back=f"/patients/{patient}" if kind.slug in ON_SUMMARY else f"/patients/{patient}/situation-de-vie",
    )  # fmt: skip


routes = [
    page("/patients/{id}/situation-de-vie", situation, permission=Permission.RECORD_READ),
    page("/patients/{id}/donnees/{kind}", form, permission=Permission.RECORD_WRITE),
    action("/patients/{id}/donnees/{kind}", save, permission=Permission.RECORD_WRITE),
    page("/patients/{id}/donnees/{kind}/{fact}", form, permission=Permission.RECORD_WRITE),
    action("/patients/{id}/donnees/{kind}/{fact}", save, permission=Permission.RECORD_WRITE),
    action("/patients/{id}/donnees/{kind}/{fact}/fin", end, permission=Permission.RECORD_WRITE),
]
