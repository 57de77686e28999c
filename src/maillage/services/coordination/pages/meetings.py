"""Multi-professional meetings about a person (RCP, concertation)."""

from datetime import date, datetime, time
from uuid import uuid4

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission, permits
from maillage.clock import PARIS
from maillage.errors import Conflict
from maillage.http import Request, action, page, redirect
from maillage.services.coordination.forms import plan as forms
from maillage.services.coordination.forms.plan import PlanForm
from maillage.services.coordination.resources import meeting as resources
from maillage.services.coordination.service import meetings, plans
from maillage.services.directory import public as directory
from maillage.services.identity import public as identity
from maillage.ui import render
from maillage.ui.places import record_tabs

SAID = {
    "convoquee": "Concertation prévue.",
    "reponse": "Réponse enregistrée.",
    "avis": "C’est noté. Les autres participants le lisent dès maintenant.",
    "decision": "Décision enregistrée : elle est dans le plan.",
}


async def every(request: Request, ctx: Context) -> Response:
    """GET /patients/{id}/concertations."""
    return await _list(request, ctx, PlanForm())


async def call(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/concertations: `question`, `jour`, `heure`, `lieu`, `quorum` and the references `invites`."""
    patient, raw = str(request.path_params["id"]), await request.form()
    sent = {name: str(value) for name, value in raw.items()}
    form = forms.read("convoquer", sent, needed=("question", "jour"), days=("jour",), today=plans.today(ctx))
    faults, guests = dict(form.faults), [str(one) for one in raw.getlist("invites")]
    start = _moment(form.values.get("jour", ""), form.values.get("heure", ""))
    if start is None and "jour" not in faults:
        faults["heure"] = "Écrivez l’heure ainsi : 13:30"
    if not guests:
        faults["invites"] = "Invitez au moins une personne du cercle"
    quorum = form.values.get("quorum", "")
    if quorum and not (quorum.isdecimal() and len(quorum) < 3):
        faults["quorum"] = "Un nombre de personnes"
    if faults or start is None:
        return await _list(request, ctx, PlanForm("convoquer", form.values, faults), status=422)
    try:
        async with ctx.savepoint():
            made = await meetings.call(
                ctx, patient=patient, question=form.values["question"], start=start, place=form.values.get("lieu", ""), quorum=int(quorum or 0),
                guests=guests, key=form.values["cle"],
            )  # fmt: skip
    except Conflict as taken:
        return await _list(request, ctx, PlanForm("convoquer", form.values, {"heure": taken.french}), status=409)
    return redirect(f"/patients/{patient}/concertations/{made}?fait=convoquee")


async def one(request: Request, ctx: Context) -> Response:
    """GET /patients/{id}/concertations/{meeting}."""
    return await _meeting(request, ctx, PlanForm())


async def answer(request: Request, ctx: Context) -> Response:
    """POST …/reponse: `reponse` is accepted, declined or tentative."""
    patient, meeting = (str(request.path_params[name]) for name in ("id", "meeting"))
    said = str((await request.form()).get("reponse", ""))
    try:
        async with ctx.savepoint():
            await meetings.answer(ctx, patient=patient, meeting=meeting, answer=said)
    except Conflict as taken:
        return await _meeting(request, ctx, PlanForm(), status=409, warning=taken.french)
    return redirect(f"/patients/{patient}/concertations/{meeting}?fait=reponse")


async def say(request: Request, ctx: Context) -> Response:
    """POST …/avis: `genre` is opinion, summary or option, and `avis` what is said."""
    patient, meeting, form = await _read(request, ctx, "avis", ("avis",))
    if form.faults:
        return await _meeting(request, ctx, form, status=422)
    v = form.values
    try:
        await meetings.say(
            ctx, patient=patient, meeting=meeting, kind=v.get("genre", resources.OPINION), words=v["avis"], key=v["cle"]
        )
    except Conflict as refusal:
        return await _meeting(request, ctx, form, status=409, warning=refusal.french)
    return redirect(f"/patients/{patient}/concertations/{meeting}?fait=avis")


async def conclude(request: Request, ctx: Context) -> Response:
    """POST …/decision: `decision`, `qui` has it, `echeance`."""
    patient, meeting, form = await _read(request, ctx, "decision", ("decision",), ("echeance",))
    if form.faults:
        return await _meeting(request, ctx, form, status=422)
    v = form.values
    try:
        await meetings.conclude(
            ctx, patient=patient, meeting=meeting, words=v["decision"], owner=v.get("qui", ""), due=v.get("echeance", ""),
            despite_quorum=v.get("malgre") == "1", key=v["cle"],
        )  # fmt: skip
    except Conflict as refusal:
        return await _meeting(request, ctx, form, status=409, warning=refusal.french)
    return redirect(f"/patients/{patient}/concertations/{meeting}?fait=decision")


async def _read(
    request: Request, ctx: Context, about: str, needed: tuple[str, ...], days: tuple[str, ...] = ()
) -> tuple[str, str, PlanForm]:
    sent = {name: str(value) for name, value in (await request.form()).items()}
    form = forms.read(about, sent, needed=needed, days=days, today=plans.today(ctx))
    return str(request.path_params["id"]), str(request.path_params["meeting"]), form


def _moment(day: str, hour: str) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(day), time.fromisoformat(hour.replace("h", ":").replace(" ", "")), PARIS)
    except ValueError:
        return None


async def _list(request: Request, ctx: Context, form: PlanForm, *, status: int = 200) -> Response:
    patient = str(request.path_params["id"])
    found = await meetings.of_person(ctx, patient)
    circle = await directory.circle(ctx, patient)
    return render(
        request, ctx, "coordination/meetings.html", status=status, patient=patient, banner=await identity.banner(ctx, patient),
        tabs=record_tabs(patient), meetings=found, form=form, plan=None, key=lambda: uuid4().hex, may_write=permits(ctx.actor, Permission.PLAN_WRITE),
        invitable=[(one.reference, ", ".join(filter(None, (one.name, one.title)))) for one in circle if one.reference != ctx.actor.reference],
    )  # fmt: skip


async def _meeting(request: Request, ctx: Context, form: PlanForm, *, status: int = 200, warning: str = "") -> Response:
    patient, id = str(request.path_params["id"]), str(request.path_params["meeting"])
    held = await meetings.read(ctx, patient=patient, meeting=id)
    circle = await directory.circle(ctx, patient)
    own = {ctx.actor.reference, *ctx.actor.organizations}
    asked = [guest.answer for guest in held.guests if guest.reference in own]
    return render(
        request, ctx, "coordination/meeting.html", status=status, patient=patient, banner=await identity.banner(ctx, patient),
        tabs=record_tabs(patient), meeting=held, form=form, plan=None, key=lambda: uuid4().hex, warning=warning,
        may_write=permits(ctx.actor, Permission.PLAN_WRITE), invited=bool(asked), answered=next(iter(asked), ""),
        owners=[(one.reference, ", ".join(filter(None, (one.name, one.title)))) for one in circle],
        said_words=SAID.get(request.query_params.get("fait", ""), ""), report=await meetings.report(ctx, held),
    )  # fmt: skip


routes = [
    page("/patients/{id}/concertations", every, permission=Permission.RECORD_READ),
    action("/patients/{id}/concertations", call, permission=Permission.PLAN_WRITE),
    page("/patients/{id}/concertations/{meeting}", one, permission=Permission.RECORD_READ),
    action("/patients/{id}/concertations/{meeting}/reponse", answer, permission=Permission.PLAN_WRITE),
    action("/patients/{id}/concertations/{meeting}/avis", say, permission=Permission.PLAN_WRITE),
    action("/patients/{id}/concertations/{meeting}/decision", conclude, permission=Permission.PLAN_WRITE),
]
