"""The caseload: the people whom a team supports, narrowed by filters that stand in the address, are kept by name, and go into a file."""

from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.http import Request, action, page, redirect
from maillage.services.coordination import rules
from maillage.services.coordination.rules import Followed, Wanted
from maillage.services.coordination.service import caseload, contacts
from maillage.ui import render
from maillage.ui.sheets import download
from maillage.ui.words import care_date, person_name

PAGE = 50
NAMES = {
    "vue": "view",
    "referent": "referent",
    "niveau": "level",
    "commune": "commune",
    "nom": "words",
    "programme": "programme",
    "qui": "whose",
}
LONGEST = 100
SILENCE = ("Sans action depuis 30 jours", "silence")


async def people(request: Request, ctx: Context) -> Response:
    """The caseload, the nearest deadline first; without a filter, as the view says on which it opens."""
    kept = await caseload.views(ctx)
    opening = next((one.query for one in kept if one.opens), "") if not request.url.query else ""
    if opening:
        return redirect(f"/file-active?{opening}")
    wanted = _wanted(request.query_params)
    held = await caseload.read(ctx)
    lines = [line for line in held.people if wanted.keeps(line, ctx.now)]
    first = _first_line(request)
    shown = lines[first : first + PAGE]
    return render(
        request, ctx, "coordination/caseload.html", held=held, lines=shown, wanted=wanted, delay=rules.delay, query=_query(wanted),
        first=first, found=len(lines), following=first + PAGE if first + PAGE < len(lines) else 0, counts={"/taches": held.open}, kept=kept,
        picks=_picks(held, ctx, wanted), contacts=await contacts.last_of(ctx, [one.person.id for one in shown]), whose=_whose(held, wanted),
        current=f"/file-active?{_query(wanted) or 'vue='}", programmes=_several("Tous programmes", (one.programme for one in held.people)),
        here=f"/file-active?vue={wanted.view}" + _kept(wanted),
        referents=_several("Tous les référents", (one.referent for one in held.people)),
        levels=_several("Tous niveaux", (one.level for one in held.people)), communes=_several("Toutes communes", (one.commune for one in held.people)),
    )  # fmt: skip


async def file(request: Request, ctx: Context) -> Response:
    """GET /file-active.csv: the same lines as a file; taking it away is itself in the trail."""
    wanted = _wanted(request.query_params)
    lines = [line for line in (await caseload.read(ctx)).people if wanted.keeps(line, ctx.now)]
    await caseload.taken_away(ctx, len(lines))
    head = (
        "Personne",
        "Naissance",
        "Commune",
        "Référent",
        "Niveau",
        "Prochaine échéance",
        "Le",
        "Tâches",
        "Alertes",
        "Dernière action",
    )
    return download("file-active.csv", [head, *(_row(line) for line in lines)])


async def keep(request: Request, ctx: Context) -> Response:
    """Keeps the filters of the page under a name."""
    form = await request.form()
    name = " ".join(str(form.get("nom_vue", "")).split())
    query = _query(_wanted(QueryParams(str(form.get("filtres", ""))[:500]))) or "vue="
    if name:
        await caseload.keep_view(ctx, name=name, query=query, opens=bool(form.get("ouvre")))
    return redirect(f"/file-active?{query}")


async def drop(request: Request, ctx: Context) -> Response:
    """Forgets a view."""
    await caseload.drop_view(ctx, name=str((await request.form()).get("nom_vue", "")))
    return redirect("/file-active?vue=")


def _wanted(asked: QueryParams) -> Wanted:
    return Wanted(**{field: asked.get(name, "")[:LONGEST] for name, field in NAMES.items()})


def _query(wanted: Wanted) -> str:
    """The filters as they stand in the address, also for a view that is kept."""
    return urlencode({name: value for name, field in NAMES.items() if (value := getattr(wanted, field))})


def _picks(held: caseload.Caseload, ctx: Context, wanted: Wanted) -> list[tuple[str, str]]:
    silent = sum(Wanted(view="silence").keeps(line, ctx.now) for line in held.people)
    views = (
        ("Toutes les personnes", ""), (f"Ce qui a changé ({held.changed})", "change"), ("Avec une échéance", "tache"), ("En retard", "retard"),
        (f"Alertes ({held.alerts})", "alerte"), (f"{SILENCE[0]} ({silent})", SILENCE[1]),
    )  # fmt: skip
    return [(words, f"/file-active?vue={code}{_kept(wanted)}") for words, code in views]


def _kept(wanted: Wanted) -> str:
    """Whose people they are stays when the view changes."""
    return f"&qui={rules.MINE}" if wanted.whose == rules.MINE else ""


def _whose(held: caseload.Caseload, wanted: Wanted) -> list[tuple[str, str]]:
    """Everybody of the team, or only those whose referent whoever looks is; the other filters stay."""
    own = sum(one.own for one in held.people)
    choices = (("Toute l’équipe", ""), (f"Mes personnes ({own})", rules.MINE))
    return [(words, f"/file-active?{_query(replace(wanted, whose=code)) or 'vue='}") for words, code in choices]


def _several(all_: str, values: Iterable[str]) -> list[tuple[str, str]]:
    return [("", all_), *((one, one) for one in sorted({one for one in values if one}))]


def _row(line: Followed) -> tuple[object, ...]:
    due, patient = line.next, line.patient
    return (
        person_name(patient.get("name", [])), patient.get("birthDate", ""), line.commune, line.referent, line.level,
        due.title if due else "", care_date(due.due) if due else "", line.open, line.alerts, care_date(line.last) if line.last else "",
    )  # fmt: skip


def _first_line(request: Request) -> int:
    """The `?depuis=` of a long list: a whole number of lines to pass over, anything else is the beginning."""
    text = request.query_params.get("depuis", "0")
    return int(text) if text.isdecimal() and len(text) < 6 else 0


routes = [
    page("/file-active", people, permission=Permission.CASELOAD_READ),
    page("/file-active.csv", file, permission=Permission.CASELOAD_READ),
    action("/file-active/vues", keep, permission=Permission.CASELOAD_READ),
    action("/file-active/vues/retirer", drop, permission=Permission.CASELOAD_READ),
]
