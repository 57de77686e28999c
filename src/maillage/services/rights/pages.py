"""The pages of a person's rights: who looked at their record; what the officer reviews; which profession reads what."""

from itertools import groupby

from starlette.responses import Response

from maillage.access import matrix
from maillage.access.context import Context
from maillage.access.emergency import Verdict
from maillage.access.habilitation import classes, professions
from maillage.access.permissions import Permission, permits
from maillage.errors import Invalid, NotFound
from maillage.http import Request, action, page, redirect
from maillage.services.rights import rules
from maillage.services.rights.rules import Visit
from maillage.services.rights.service import emergencies
from maillage.services.rights.service.visits import person_of
from maillage.services.rights.service.visits import who_looked as read_visits
from maillage.ui import render
from maillage.ui.people import role_words
from maillage.ui.words import full_date

PATH = "/qui-a-vu"
EMERGENCIES = "/acces-urgence"
HABILITATIONS = "/habilitations"
CHANGED = "C’est noté. La nouvelle règle s’applique dès maintenant, pour tous."
SOCIAL = {"coordinator", "social-worker"}
VERDICTS = {Verdict.JUSTIFIED: "Justifié", Verdict.UNJUSTIFIED: "Non justifié"}


async def who_looked(request: Request, ctx: Context) -> Response:
    """GET /qui-a-vu: who consulted the record, day by day; `?logiciels=1` with software, `?avant=` for the page after."""
    machines = request.query_params.get("logiciels") == "1"
    patient = await person_of(ctx)
    found = await read_visits(ctx, patient, before=request.query_params.get("avant"), machines=machines)
    days = [(day, [_shown(visit, found.organizations) for visit in visits]) for day, visits in groupby(found.visits, _day)]
    following = f"{PATH}?avant={found.next}{'&logiciels=1' if machines else ''}".replace("+", "%2B") if found.next else ""
    own = ctx.actor.reference == f"Patient/{patient}"
    return render(
        request, ctx, "rights/who_looked.html", days=days, older_href=following, machines=machines, own=own, path_here=PATH
    )


def _day(visit: Visit) -> str:
    return full_date(visit.at)


def _shown(visit: Visit, organizations: dict[str, str]) -> dict[str, object]:
    """A visit with the words and the mark that the template shows."""
    houses = [organizations[reference] for reference in visit.organizations if organizations.get(reference)]
    knot = "alert" if visit.refused or visit.emergency else "social" if SOCIAL & set(visit.roles) else "care"
    if visit.kind in ("system", "job"):
        knot = "plain"
    role = rules.OTHERS.get(visit.kind, role_words(visit.roles))
    return {"visit": visit, "role": role, "houses": ", ".join(houses), "knot": knot}


async def openings(request: Request, ctx: Context) -> Response:
    """GET /acces-urgence: the records opened in an emergency that wait for the officer; `?vue=examines` those reviewed, `?apres=` the page after."""
    return await _openings_page(request, ctx)


async def review(request: Request, ctx: Context) -> Response:
    """POST /acces-urgence/{id}: the officer's word on one."""
    form, id = await request.form(), str(request.path_params["id"])
    verdict, remark = str(form.get("avis", "")), str(form.get("remarque", ""))
    try:
        if verdict not in list(Verdict):
            raise Invalid.at("verdict", "a verdict is justified or unjustified")
        await emergencies.review(ctx, id, verdict=Verdict(verdict), remark=remark)
    except Invalid as fault:
        words = REMARK_MISSING if fault.issues[0].expression == "remark" else VERDICT_MISSING
        return await _openings_page(request, ctx, status=422, fault=(id, words))
    return redirect(f"{EMERGENCIES}?fait={verdict}")


async def _openings_page(request: Request, ctx: Context, *, status: int = 200, fault: tuple[str, str] = ("", "")) -> Response:
    reviewed = request.query_params.get("vue") == "examines"
    page = await emergencies.waiting(ctx, reviewed=reviewed, after=request.query_params.get("apres", ""))
    view = "vue=examines&" if reviewed else ""
    return render(
        request, ctx, "rights/emergencies.html", status=status, openings=page,
        reviewed=reviewed, reasons=rules.EMERGENCY_REASONS, verdicts=VERDICTS, role_words=role_words, path_here=EMERGENCIES,
        older_href=f"{EMERGENCIES}?{view}apres={page.next}" if page.next else "", fault_id=fault[0], fault_words=fault[1],
        said_words=SAID.get(request.query_params.get("fait", ""), ""),
    )  # fmt: skip


async def habilitations(request: Request, ctx: Context) -> Response:
    """GET /habilitations: which class of records each profession reads."""
    return render(
        request, ctx, "rights/habilitations.html", rows=await matrix.in_force(ctx), classes=classes(), professions=professions(),
        editable=permits(ctx.actor, Permission.HABILITATION_WRITE), always=matrix.ALWAYS, path_here=HABILITATIONS,
        said_words=CHANGED if request.query_params.get("fait") else "",
    )  # fmt: skip


async def habilitation(request: Request, ctx: Context) -> Response:
    """GET /habilitations/{class}: the professions that read it, to be changed."""
    code = str(request.path_params["class"])
    one = next((known for known in classes() if known.code == code and code not in matrix.ALWAYS), None)
    if one is None:
        raise NotFound(f"no class {code} that could be changed")
    row = (await matrix.in_force(ctx))[code]
    return render(request, ctx, "rights/habilitation.html", one=one, row=row, professions=professions(), path_here=HABILITATIONS)


async def change_habilitation(request: Request, ctx: Context) -> Response:
    """POST /habilitations/{class}: `lecteur`, once for each profession that reads it from now on."""
    form = await request.form()
    await matrix.change(ctx, str(request.path_params["class"]), [str(value) for value in form.getlist("lecteur")])
    return redirect(f"{HABILITATIONS}?fait=1")


REMARK_MISSING = "Dites en dix lettres au moins pourquoi cet accès n’est pas justifié"
VERDICT_MISSING = "Choisissez un avis"
SAID = {
    "justified": "Accès examiné\u00a0: justifié.",
    "unjustified": "Accès examiné\u00a0: non justifié. Voyez la suite à donner avec l’établissement.",
}


routes = [
    page(PATH, who_looked, permission=Permission.OWN_ACCESS_READ),
    page(EMERGENCIES, openings, permission=Permission.EMERGENCY_REVIEW),
    page(HABILITATIONS, habilitations, permission=Permission.SIGNED_IN),
    page(HABILITATIONS + "/{class}", habilitation, permission=Permission.HABILITATION_WRITE),
    action(HABILITATIONS + "/{class}", change_habilitation, permission=Permission.HABILITATION_WRITE),
    action(EMERGENCIES + "/{id}", review, permission=Permission.EMERGENCY_REVIEW),
]
