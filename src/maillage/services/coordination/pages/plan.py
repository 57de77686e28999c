"""The plan of a person: read on one page, changed by small forms, each with the version it read and a key that counts once."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

from starlette.datastructures import UploadFile
from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission, permits
from maillage.errors import Conflict, Infected, MaillageError, PreconditionFailed, TooLarge, Unprocessable, Unsupported
from maillage.http import Request, action, page, redirect
from maillage.http.routes import API_BODY, PAGE_BODY
from maillage.services.coordination.forms import plan as forms
from maillage.services.coordination.forms.plan import PlanForm
from maillage.services.coordination.resources import action as actions
from maillage.services.coordination.resources import goal as goals
from maillage.services.coordination.resources import position as positions
from maillage.services.coordination.resources import template
from maillage.services.coordination.rules import plan as rules
from maillage.services.coordination.service import (
    goal_curves,
    letter_changes,
    plan_guarding,
    plan_publishing,
    plan_versions,
    plans,
    words_guard,
)
from maillage.services.coordination.service import positions as standing
from maillage.services.coordination.service.meanwhile import Change, Resource, meanwhile
from maillage.services.directory import public as directory
from maillage.services.identity import public as identity
from maillage.services.messaging.public import File
from maillage.ui import render
from maillage.ui.drawings import Curve, curve
from maillage.ui.places import record_tabs
from maillage.ui.words import care_date, number

keep_plans, keep_words = (
    plan_guarding.keep_plans,
    words_guard.keep_words,
)  # what holds for plans holds wherever their page is served
SAID = {
    "plan": "Plan commencé. Complétez-le avec la personne.",
    "paroles": "C’est noté, dans ses mots.",
    "synthese": "Synthèse et suivi enregistrés.",
    "objectif": "Objectif enregistré.",
    "issue": "C’est noté : l’objectif reste dans le plan, avec ce qu’il en est.",
    "action": "Action enregistrée.",
    "donnee": "Action confiée : elle est dans ses tâches.",
    "etat": "État de l’action enregistré.",
    "accord": "C’est noté, avec qui, quand et comment.",
    "desaccord": "Désaccord enregistré. Le plan est à revoir.",
    "reponse": "Réponse enregistrée, à côté de ce qui a été dit.",
    "revu": "Plan revu.",
    "publie": "Version publiée : le document arrive dans le dossier, le cercle en est prévenu et la personne peut le lire.",
    "lettre": "Votre réponse est notée dans les traitements, avec la lettre.",
    "demande": "C’est demandé : la demande est dans ses tâches.",
    "archive": "Plan archivé. Il reste lisible ici.",
}
NOTHING = "application/octet-stream"
REFUSED_FILES = (TooLarge, Unsupported, Infected, Unprocessable)
OTHERS = "Quelqu’un d’autre a changé le plan entre-temps. Ce que vous avez écrit est gardé dans le formulaire : relisez, puis enregistrez."

NOT_FOR_THEM = "Un accord ou un refus est celui de la personne, ou de qui la représente selon la loi (parent, tuteur, habilitation, mandat). Un proche peut contester un point."


class _Refused(Exception):
    """What a form says cannot be: its faults by field. Nothing was written."""

    def __init__(self, faults: dict[str, str]) -> None:
        super().__init__(", ".join(faults))
        self.faults = faults


Verb = Callable[[Context, str, str, PlanForm], Awaitable[None]]
DAYS = ("revue", "echeance")


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of a form that tell what a record holds: of which type, in which field the form has its id, their labels, and what they hold for a version of it."""

    type: str
    id: str
    labels: Mapping[str, str]
    shown: Callable[[Resource], Mapping[str, str]]


async def plan(request: Request, ctx: Context) -> Response:
    """GET /patients/{id}/plan."""
    return await _page(request, ctx, PlanForm())


async def start(request: Request, ctx: Context) -> Response:
    """POST /patients/{id}/plan: `modele` is the id of a template."""
    patient, form = await _form(request, ctx, "commencer")
    if form.faults:
        return await _page(request, ctx, form, status=422)
    try:
        await plans.start(ctx, patient=patient, model=form.values.get("modele", ""), key=form.values["cle"])
    except Conflict as refusal:
        return await _page(request, ctx, form, status=409, warning=refusal.french)
    return redirect(f"/patients/{patient}/plan?fait=plan")


async def _form(
    request: Request, ctx: Context, about: str, needed: tuple[str, ...] = (), days: tuple[str, ...] = ()
) -> tuple[str, PlanForm]:
    form = await request.form()
    sent = {name: value for name, value in form.items() if isinstance(value, str)}
    joined = [one for one in form.getlist("preuve") if isinstance(one, UploadFile) and one.filename]
    files = [File(str(one.filename), one.content_type or NOTHING, await one.read()) for one in joined]
    read = forms.read(about, sent, needed=needed, days=days, today=plans.today(ctx))
    return str(request.path_params["id"]), replace(read, files=files)


def _changing(
    name: str, verb: Verb, *, needed: tuple[str, ...] = (), days: tuple[str, ...] = (), after: str = "",
    more: Callable[[PlanForm], PlanForm] = lambda form: form, fields: Fields | None = None,
) -> Callable[[Request, Context], Awaitable[Response]]:  # fmt: skip
    """The door of one small form of the plan whose id it carries (`plan`): its faults, or what others wrote meanwhile, on the page, else the verb."""

    async def door(request: Request, ctx: Context) -> Response:
        patient, form = await _form(request, ctx, name, needed, days)
        form = more(form)
        fold = form.values.get("pli", "") or name
        form = replace(form, about=fold)
        form = await _as_stored(ctx, form, fields)
        if form.faults:
            return await _page(request, ctx, form, status=422)
        try:
            await verb(ctx, patient, form.values.get("plan", ""), form)
        except PreconditionFailed:
            return await _faster(request, ctx, form, fields, verb, after or name)
        except _Refused as refusal:
            return await _page(request, ctx, replace(form, faults=refusal.faults), status=422)
        except REFUSED_FILES as refusal:
            if not form.files:
                raise
            faults = {"preuve": f"Rien n’a été enregistré : {_of_file(refusal)}"}
            return await _page(request, ctx, replace(form, faults=faults), status=refusal.status)
        except Conflict as refusal:
            return await _page(request, ctx, form, status=409, warning=refusal.french)
        return redirect(f"/patients/{patient}/plan?fait={after or name}")

    door.__doc__ = f"POST: {name}."
    return door


async def _as_stored(ctx: Context, form: PlanForm, fields: Fields | None) -> PlanForm:
    """A day that has passed is no fault where it is the one that stands in the record: who changes other words left it alone."""
    if fields is None or not form.values.get(fields.id) or form.faults.keys().isdisjoint(DAYS):
        return form
    held = fields.shown(await ctx.records.read(fields.type, form.values[fields.id]))
    return replace(
        form, faults={name: words for name, words in form.faults.items() if name not in DAYS or form.values[name] != held[name]}
    )


async def _faster(request: Request, ctx: Context, form: PlanForm, fields: Fields | None, verb: Verb, said: str) -> Response:
    """Somebody else was faster: what they changed of these fields is shown before anything is written (409); where it was something else, this is written."""
    patient = str(request.path_params["id"])
    if fields is None or not form.values.get(fields.id):
        form = replace(form, values={name: text for name, text in form.values.items() if name != "version"})
        return await _page(request, ctx, form, status=409, warning=OTHERS)
    now = await meanwhile(
        ctx, fields.type, form.values[fields.id], version=form.values.get("version", ""), mine=form.values, labels=fields.labels, shown=fields.shown,
        words=lambda name, value: care_date(value) if name in DAYS and value else value,
    )  # fmt: skip
    form = replace(form, values={**now.values, "version": now.version})
    if now.changes:
        return await _page(request, ctx, form, status=409, changes=now.changes)
    try:
        await verb(ctx, patient, form.values.get("plan", ""), form)
    except PreconditionFailed:
        return await _page(request, ctx, form, status=409, warning=OTHERS)
    return redirect(f"/patients/{patient}/plan?fait={said}")


async def _describe(ctx: Context, patient: str, plan: str, form: PlanForm) -> None:
    v = form.values
    await plans.describe(
        ctx, patient=patient, plan=plan, version=form.number("version"), synthesis=v.get("synthese", ""), alert=v.get("alerte", ""),
        review=v.get("revue", ""),
    )  # fmt: skip


async def _say(ctx: Context, patient: str, plan: str, form: PlanForm) -> None:
    v = form.values
    collected = f"Recueilli par {ctx.actor.name}, le {plans.today(ctx):%d/%m/%Y}"
    await plans.say(
        ctx, patient=patient, plan=plan, words=v["paroles"], collected=collected, goal=v.get("but", ""), version=form.number("version"),
        key=v["cle"],
    )  # fmt: skip


async def _goal(ctx: Context, patient: str, plan: str, form: PlanForm) -> None:
    v = form.values
    aim = {
        "words": v["objectif"],
        "measure": v.get("indicateur", ""),
        "target": v.get("critere", ""),
        "due": v.get("echeance", ""),
    }
    if v.get("but"):
        await plans.change_goal(ctx, patient=patient, plan=plan, goal=v["but"], version=form.number("version"), **aim)
    else:
        await plans.add_goal(ctx, patient=patient, plan=plan, **aim, by_the_person=v.get("de") == "personne", key=v["cle"])


async def _outcome(ctx: Context, patient: str, plan: str, form: PlanForm) -> None:
    v = form.values
    await plans.end_goal(ctx, patient=patient, plan=plan, goal=v.get("but", ""), outcome=v["issue"], reason=v.get("raison", ""))


async def _action(ctx: Context, patient: str, plan: str, form: PlanForm) -> None:
    v = form.values
    await plans.add_action(
        ctx, patient=patient, plan=plan, what=v["action"], how=v.get("comment", ""), due=v.get("echeance", ""), goal=v.get("but", ""),
        owner=v.get("qui", ""), key=v["cle"],
    )  # fmt: skip


async def _give(ctx: Context, patient: str, plan: str, form: PlanForm) -> None:
    v = form.values
    await plans.give(ctx, patient=patient, plan=plan, key=v.get("quoi", ""), owner=v.get("qui", ""))


async def _move(ctx: Context, patient: str, plan: str, form: PlanForm) -> None:
    v = form.values
    await plans.move(ctx, patient=patient, plan=plan, key=v.get("quoi", ""), status=v["etat"])


async def _agree(ctx: Context, patient: str, plan: str, form: PlanForm) -> None:
    v = form.values
    who = next((one for one in await standing.speakers(ctx, patient) if one.reference == v.get("qui")), None)
    if who and v["accord"] != positions.CONTESTED:
        if not who.represents:
            raise _Refused({"qui": NOT_FOR_THEM})
        if who.proof and not form.files:
            raise _Refused({"preuve": "Joignez l’acte qui désigne cette personne : jugement, habilitation ou mandat"})
    await standing.collect(
        ctx, patient=patient, plan=plan, kind=v["accord"], of=v.get("qui", "") or f"Patient/{patient}", medium=v["voie"],
        words=v.get("mots", ""), files=form.files, about=v.get("but", ""), key=v["cle"],
    )  # fmt: skip


async def _contest(ctx: Context, patient: str, plan: str, form: PlanForm) -> None:
    v = form.values
    await standing.contest(ctx, patient=patient, plan=plan, words=v["desaccord"], about=v.get("but", ""), key=v["cle"])


async def _answer(ctx: Context, patient: str, plan: str, form: PlanForm) -> None:
    v = form.values
    await standing.answer(
        ctx, patient=patient, plan=plan, to=v.get("dit", ""), words=v["reponse"], settled=v.get("resolu") == "1", key=v["cle"]
    )


async def _reviewed(ctx: Context, patient: str, plan: str, form: PlanForm) -> None:
    await plans.reviewed(ctx, patient=patient, plan=plan, review=form.values["revue"])


async def _archive(ctx: Context, patient: str, plan: str, form: PlanForm) -> None:
    await plans.archive(ctx, patient=patient, plan=plan, version=form.number("version"))


async def _publish(ctx: Context, patient: str, plan: str, form: PlanForm) -> None:
    await plan_publishing.publish(ctx, patient=patient, plan=plan, version=form.number("version"))


async def _letter(ctx: Context, patient: str, plan: str, form: PlanForm) -> None:
    v = form.values
    await letter_changes.answer(
        ctx, patient=patient, plan=plan, key=v["quoi"], version=form.number("version"), accepts=v["reponse"] == "oui",
        reason=v.get("raison", "") if v["reponse"] == "non" else "",
    )  # fmt: skip


async def _ask_doctor(ctx: Context, patient: str, plan: str, form: PlanForm) -> None:
    await letter_changes.ask(ctx, patient=patient, plan=plan, letter=form.values["quoi"], owner=form.values["qui"])


async def as_pdf(request: Request, ctx: Context) -> Response:
    """GET /patients/{id}/plan/pdf: the plan as it stands now, on paper."""
    patient = str(request.path_params["id"])
    ctx.require(Permission.RECORD_READ, patient=patient)
    content = await plan_publishing.as_pdf(ctx, patient)
    return Response(content, media_type="application/pdf", headers={"Content-Disposition": 'inline; filename="plan.pdf"'})


async def versions(request: Request, ctx: Context) -> Response:
    """GET /patients/{id}/plan/versions: `?de=&a=` are numbers of published versions; without them, what changed since the last one."""
    patient = str(request.path_params["id"])
    before, after = (_number(request.query_params.get(name, "")) for name in ("de", "a"))
    held = await plan_versions.compare(ctx, patient=patient, before=before or None, after=after)
    return render(
        request, ctx, "coordination/plan_versions.html", patient=patient, banner=await identity.banner(ctx, patient), held=held,
        tabs=record_tabs(patient), numbers=[(str(one.number), f"Version {one.number}") for one in held.versions],
    )  # fmt: skip


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 6 else 0


def _chosen(name: str, options: object, words: str) -> Callable[[PlanForm], PlanForm]:
    def check(form: PlanForm) -> PlanForm:
        known = form.values.get(name, "") in options  # type: ignore[operator]
        return form if known else replace(form, faults={**form.faults, name: words})

    return check


def _agreement(form: PlanForm) -> PlanForm:
    faults = dict(form.faults)
    if form.values.get("accord") not in (positions.AGREED, positions.REFUSED, positions.CONTESTED):
        faults["accord"] = "Choisissez ce que dit la personne"
    elif form.values["accord"] != positions.AGREED and not form.values.get("mots"):
        faults["mots"] = "Écrivez ce qu’elle refuse ou conteste, dans ses mots"
    if form.values.get("voie") not in positions.MEDIA:
        faults["voie"] = "Dites comment cela a été recueilli"
    return replace(form, faults=faults)


def _of_file(fault: MaillageError) -> str:
    if isinstance(fault, TooLarge):
        return "ce fichier est trop lourd, réduisez-le."
    if isinstance(fault, Infected):
        return f"{fault.french}."
    return "ce fichier n’est pas un document que nous savons lire. Un PDF ou une photo l’est."


async def _page(
    request: Request, ctx: Context, form: PlanForm, *, status: int = 200, warning: str = "", changes: Sequence[Change] = ()
) -> Response:
    patient = str(request.path_params["id"])
    held = await plans.read(ctx, patient=patient)
    now = held.current
    circle = await directory.circle(ctx, patient)
    letters = await letter_changes.waiting(ctx, patient=patient, held=held)
    return render(
        request, ctx, "coordination/plan.html", letters=letters, doctor=bool(letters) and await letter_changes.may_answer(ctx, patient=patient),
        doctors=[one for one in circle if one.reference.startswith("Practitioner/") and (one.profession == "10" or "médecin" in one.title.lower())],
        status=status, patient=patient, banner=await identity.banner(ctx, patient),
        tabs=record_tabs(patient), plan=now, past=held.past, causes=held.causes, form=form, warning=warning, changes=changes, key=lambda: uuid4().hex,
        today=plans.today(ctx).isoformat(), templates=template.templates().values(), circle=circle,
        kinds={one.reference: one.kind for one in circle}, names={one.reference: one.name for one in circle},
        owners=[(one.reference, ", ".join(filter(None, (one.name, one.title)))) for one in circle],
        speakers=[
            (one.reference, f"{one.name}, {'qui la représente' if one.represents else 'en son propre nom'}")
            for one in (await standing.speakers(ctx, patient, circle) if now and now.open else [])
        ],
        aims=[(one.reference, one.words) for one in now.pursued] if now else [],
        may_write=permits(ctx.actor, Permission.PLAN_WRITE), said_words=SAID.get(request.query_params.get("fait", ""), ""),
        disagreements=rules.disagreements(now.positions) if now else [],
        measured=_drawn(await goal_curves.of_goals(ctx, patient=patient, goals=now.pursued)) if now else {},
        agreement=rules.agreement(now.positions, now.number) if now else None,
        media=[(code, words) for code, words in positions.MEDIA.items() if code != "ELECTRONIC"], outcomes=goals.OUTCOMES, moves=actions.MOVES,
    )  # fmt: skip


def _drawn(found: Mapping[str, goal_curves.Followed]) -> dict[str, tuple[goal_curves.Followed, Curve, str]]:
    """By goal what is measured of it, its curve, and what the curve shows, in words."""
    return {
        goal: (one, curve([(each.at, each.value) for each in one.taken], low=one.bounds.low, high=one.bounds.high), told(one))
        for goal, one in found.items()
    }


def told(one: goal_curves.Followed) -> str:
    """« Poids : de 74,3 kg le 2 nov. 2026 à 72 kg le 21 nov. 2026 »."""
    first, last = (f"{number(each.value)} {one.measured.unit} le {care_date(each.at)}" for each in (one.taken[0], one.taken[-1]))
    return f"{one.measured.words} : de {first} à {last}"


_PLAN = Fields(
    "CarePlan", "plan", {"synthese": "Synthèse de la situation", "alerte": "Conduite à tenir en cas d’alerte", "revue": "À revoir le"}, forms.described
)  # fmt: skip
_GOAL = Fields(
    "Goal", "but", {"objectif": "Objectif", "indicateur": "Indicateur", "critere": "Critère", "echeance": "Échéance"}, forms.aimed
)  # fmt: skip
_WORDS = Fields("Goal", "but", {"paroles": "Ce que dit la personne"}, forms.said)
_DOORS = {
    "synthese": _changing("synthese", _describe, days=("revue",), fields=_PLAN),
    "paroles": _changing("paroles", _say, needed=("paroles",), fields=_WORDS),
    "objectifs": _changing("objectif", _goal, needed=("objectif",), days=("echeance",), fields=_GOAL),
    "issue": _changing("issue", _outcome, more=forms.with_outcome),
    "actions": _changing("action", _action, needed=("action",), days=("echeance",)),
    "confier": _changing("confier", _give, needed=("qui",), after="donnee"),
    "etat": _changing("etat", _move, more=_chosen("etat", actions.MOVES, "Choisissez où en est l’action")),
    "accord": _changing("accord", _agree, more=_agreement),
    "desaccord": _changing("desaccord", _contest, needed=("desaccord",)),
    "reponse": _changing("reponse", _answer, needed=("reponse",)),
    "revu": _changing("revu", _reviewed, needed=("revue",), days=("revue",)),
    "publier": _changing("publier", _publish, after="publie"),
    "lettre": _changing(
        "lettre",
        _letter,
        needed=("quoi",),
        more=_chosen("reponse", ("oui", "non"), "Confirmez, ou dites que le dossier reste tel quel"),
    ),
    "demander": _changing("demande", _ask_doctor, needed=("quoi", "qui")),
    "archiver": _changing("archiver", _archive, after="archive"),
}
routes = [
    page("/patients/{id}/plan", plan, permission=Permission.RECORD_READ),
    page("/patients/{id}/plan/pdf", as_pdf, permission=Permission.RECORD_READ),
    page("/patients/{id}/plan/versions", versions, permission=Permission.RECORD_READ),
    action("/patients/{id}/plan", start, permission=Permission.PLAN_WRITE),
    *(
        action(
            f"/patients/{{id}}/plan/{name}",
            door,
            permission=Permission.PLAN_WRITE,
            max_body=API_BODY if name == "accord" else PAGE_BODY,
        )
        for name, door in _DOORS.items()
    ),
]
