"""The constants of a person: curves, what is logged on a phone, bounds."""

from decimal import Decimal
from urllib.parse import quote

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission, permits
from maillage.errors import PreconditionFailed
from maillage.http import Request, action, page, redirect
from maillage.services.coordination.forms.constant import ConstantForm, number_of, typed
from maillage.services.coordination.resources.constants import MEASURES, Bounds, bounds_of
from maillage.services.coordination.service import constants
from maillage.services.coordination.service.meanwhile import Meanwhile, meanwhile
from maillage.ui import render
from maillage.ui.drawings import curve
from maillage.ui.places import record_tabs

SHOWN = 20
LABELS = {"bas": "Au moins", "haut": "Au plus"}
SAID = {
    "note": "Constante enregistrée.",
    "erreur": "Mesure retirée des courbes ; la trace reste.",
    "seuil": "Seuils enregistrés.",
}
PERIOD_WORDS = (("30j", "30 jours"), ("6m", "6 mois"), ("2a", "2 ans"))


async def curves(request: Request, ctx: Context) -> Response:
    """GET /patients/{id}/constantes: the last of each, and the curve and table of `?mesure=` over `?periode=`."""
    patient = str(request.path_params["id"])
    period = request.query_params.get("periode", "6m")
    held = await constants.read(ctx, patient=patient, period=constants.PERIODS.get(period, constants.PERIODS["6m"]))
    key = request.query_params.get("mesure", "")
    chosen = key if key in MEASURES else next(iter(held.taken), "poids")
    return _curves(request, ctx, patient, held, chosen, period if period in constants.PERIODS else "6m")


def _curves(
    request: Request, ctx: Context, patient: str, held: constants.Constants, chosen: str, period: str, *, status: int = 200, asked: Meanwhile | None = None
) -> Response:  # fmt: skip
    taken, bounds = held.taken.get(chosen, []), held.bounds[chosen]
    limits = asked.values if asked else _typed(bounds)
    return render(
        request, ctx, "coordination/constants.html", status=status, patient=patient, banner=held.banner, tabs=record_tabs(patient), measures=MEASURES,
        taken=held.taken, bounds=held.bounds, chosen=MEASURES[chosen], shown=list(reversed(taken))[:SHOWN], period=period, periods=PERIOD_WORDS,
        curve=curve([(one.at, one.value) for one in taken], low=bounds.low, high=bounds.high) if len(taken) > 1 else None,
        may_log=permits(ctx.actor, Permission.CONSTANT_LOG), said_words=SAID.get(request.query_params.get("fait", ""), ""),
        limits=[limits["bas"], limits["haut"]], conflicts=asked.changes if asked else [],
    )  # fmt: skip


async def entry(request: Request, ctx: Context) -> Response:
    """GET /patients/{id}/constantes/saisir: one field, the number pad, the last value."""
    key = request.query_params.get("mesure", "")
    measured = MEASURES.get(key, MEASURES["poids"])
    measured = MEASURES["poids"] if measured.computed else measured
    return await _entry(request, ctx, ConstantForm(measured, {}), from_round="tournee" in request.query_params)


async def _entry(request: Request, ctx: Context, form: ConstantForm, *, from_round: bool, status: int = 200) -> Response:
    patient = str(request.path_params["id"])
    held = await constants.read(ctx, patient=patient, only=form.measured)
    taken, bounds = held.taken.get(form.measured.key, []), held.bounds[form.measured.key]
    return render(
        request, ctx, "coordination/constant.html", status=status, patient=patient, banner=held.banner, form=form, measures={key: one for key, one in MEASURES.items() if not one.computed}, bounds=bounds,
        last=taken[-1] if taken else None, curve=curve([(one.at, one.value) for one in taken], low=bounds.low, high=bounds.high) if len(taken) > 1 else None,
        from_round=from_round,
    )  # fmt: skip


async def log(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/constantes: writes, or asks again what cannot be or hardly can."""
    patient = str(request.path_params["id"])
    sent = {name: str(value) for name, value in (await request.form()).items()}
    form, written = await constants.log(ctx, patient=patient, sent=sent)
    if written is None:
        return await _entry(request, ctx, form, from_round=bool(sent.get("tournee")), status=422)
    return redirect(
        "/tournee?fait=constante"
        if sent.get("tournee")
        else f"/patients/{patient}/constantes?mesure={form.measured.key}&fait=note"
    )


async def retract(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/constantes/{observation}/erreur: `motif`, `version`; `plaie` where it was one look at a wound."""
    patient, form = str(request.path_params["id"]), await request.form()
    await constants.retract(
        ctx, patient=patient, observation=str(request.path_params["observation"]), version=str(form.get("version", "")),
        reason=str(form.get("motif", "")),
    )  # fmt: skip
    wound = str(form.get("plaie", ""))
    return redirect(
        f"/patients/{patient}/plaies/{quote(wound, safe='')}" if wound else f"/patients/{patient}/constantes?fait=erreur"
    )


async def bound(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/seuils: `mesure`, `bas`, `haut`, and the `seuil` and `version` that were read."""
    patient = str(request.path_params["id"])
    sent = {name: str(value) for name, value in (await request.form()).items()}
    low, high, id, version = (sent.get(name, "") for name in ("bas", "haut", "seuil", "version"))
    measured = constants.measured_of(sent.get("mesure", ""))
    try:
        async with ctx.savepoint():
            await constants.set_bounds(
                ctx, patient=patient, measure=measured.key, low=_bound(low), high=_bound(high), id=id, version=version,
            )  # fmt: skip
    except PreconditionFailed:
        held = await constants.read(ctx, patient=patient)
        asked = await meanwhile(
            ctx, "Goal", held.bounds[measured.key].id or id, version=version if id else "", mine={"bas": low, "haut": high}, labels=LABELS,
            shown=lambda goal: _typed(bounds_of(measured, [goal])),
        )  # fmt: skip
        return _curves(request, ctx, patient, held, measured.key, "6m", status=409, asked=asked)
    return redirect(f"/patients/{patient}/constantes?mesure={measured.key}&fait=seuil")


def _typed(bounds: Bounds) -> dict[str, str]:
    return {name: "" if one is None else typed(one) for name, one in (("bas", bounds.low), ("haut", bounds.high))}


def _bound(text: str) -> Decimal | None:
    return number_of(text) if text.strip() else None


routes = [
    page("/patients/{id}/constantes", curves, permission=Permission.RECORD_READ),
    page("/patients/{id}/constantes/saisir", entry, permission=Permission.CONSTANT_LOG),
    action("/patients/{id}/constantes", log, permission=Permission.CONSTANT_LOG),
    action("/patients/{id}/constantes/{observation}/erreur", retract, permission=Permission.CONSTANT_LOG),
    action("/patients/{id}/seuils", bound, permission=Permission.CONSTANT_LOG),
]
