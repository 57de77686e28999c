"""The pages of a person's rights: who looked at their record; what the officer reviews and searches; which profession reads what."""

from collections.abc import Iterator, Mapping
from datetime import date
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from maillage.access import checking, matrix
from maillage.access.audit_event import event_id
from maillage.access.context import Context
from maillage.access.emergency import Verdict
from maillage.access.habilitation import classes, professions
from maillage.access.permissions import Permission, permits
from maillage.clock import PARIS
from maillage.errors import Invalid, NotFound
from maillage.http import Request, action, page, redirect
from maillage.http.searches import WORDS
from maillage.services.rights import rules
from maillage.services.rights.pages.answering import NONE, Fault, fault_in
from maillage.services.rights.rules import Visit, tracing, unusual
from maillage.services.rights.service import emergencies
from maillage.services.rights.service import unusual as found_unusual
from maillage.services.rights.service.tracing import Traces
from maillage.services.rights.service.tracing import traces as read_traces
from maillage.services.rights.service.visits import Visits, person_of
from maillage.services.rights.service.visits import who_looked as read_visits
from maillage.ui import render
from maillage.ui.people import role_words
from maillage.ui.sheets import download
from maillage.ui.words import care_date, full_date

PATH = "/qui-a-vu"
EMERGENCIES = "/acces-urgence"
HABILITATIONS = "/habilitations"
CHANGED = "C’est noté. La nouvelle règle s’applique dès maintenant, pour tous."
TRACES = "/traces"
UNUSUAL = "/acces-inhabituels"
SHOWN = 3  # records named on a line of the page
SOCIAL = {"coordinator", "social-worker"}
VERDICTS = {Verdict.JUSTIFIED: "Justifié", Verdict.UNJUSTIFIED: "Non justifié"}


async def who_looked(request: Request, ctx: Context) -> Response:
    """GET /qui-a-vu: who consulted the record, day by day; `?logiciels=1` with software, `?avant=` for the page after."""
    machines = request.query_params.get("logiciels") == "1"
    patient = await person_of(ctx)
    found = await read_visits(ctx, patient, before=request.query_params.get("avant"), machines=machines)
    days = [(day, [_shown(visit, found) for visit in visits]) for day, visits in groupby(found.visits, _day)]
    following = f"{PATH}?avant={found.next}{'&logiciels=1' if machines else ''}".replace("+", "%2B") if found.next else ""
    own = ctx.actor.reference == f"Patient/{patient}"
    return render(
        request, ctx, "rights/who_looked.html", days=days, older_href=following, machines=machines, own=own, path_here=PATH
    )


def _day(visit: Visit) -> str:
    return full_date(visit.at)


def _shown(visit: Visit, found: Visits) -> dict[str, object]:
    """A visit with the words and the mark that the template shows."""
    houses = [found.organizations[reference] for reference in visit.organizations if found.organizations.get(reference)]
    knot = "alert" if visit.refused or visit.emergency else "social" if SOCIAL & set(visit.roles) else "care"
    if visit.kind in ("system", "job"):
        knot = "plain"
    role = rules.OTHERS.get(visit.kind, role_words(visit.roles))
    return {
        "visit": visit,
        "role": role,
        "houses": ", ".join(houses),
        "knot": knot,
        "software": found.software.get(visit.software or ""),
    }


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
        return await _openings_page(request, ctx, fault_in(id, words, form, choice="avis", remark="remarque"))
    return redirect(f"{EMERGENCIES}?fait={verdict}")


async def _openings_page(request: Request, ctx: Context, fault: Fault = NONE) -> Response:
    reviewed = request.query_params.get("vue") == "examines"
    page = await emergencies.waiting(ctx, reviewed=reviewed, after=request.query_params.get("apres", ""))
    view = "vue=examines&" if reviewed else ""
    return render(
        request, ctx, "rights/emergencies.html", status=422 if fault.id else 200, openings=page,
        reviewed=reviewed, reasons=rules.EMERGENCY_REASONS, verdicts=VERDICTS, role_words=role_words, path_here=EMERGENCIES,
        older_href=f"{EMERGENCIES}?{view}apres={page.next}" if page.next else "", fault=fault,
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


async def traces(request: Request, ctx: Context) -> Response:
    """GET /traces: what the officer looks for in the trail, page by page (`?avant=`); a form that cannot be meant shows why."""
    asked = tracing.asked(request.query_params, _today(ctx))
    found = None if asked.faults else await read_traces(ctx, asked, before=request.query_params.get("avant"))
    sealed = request.query_params.get(WORDS)
    query = urlencode({WORDS: sealed} if sealed else asked.said)
    return render(
        request, ctx, "rights/traces.html", status=422 if asked.faults else 200, asked=asked, check=await checking.last_seen(ctx),
        lines=[_traced(line, found) for line in found.lines] if found else [], query=query, path_here=TRACES,
        older_href=f"{TRACES}?{query}&{urlencode({'avant': found.next})}" if found and found.next else "",
        title="Lignes à l’origine du signalement" if asked.places else f"Du {care_date(asked.since)} au {care_date(asked.until)}",
        kinds=_choices(tracing.KINDS), actions=_choices(tracing.ACTIONS), outcomes=_choices(tracing.OUTCOMES), purposes=_choices(rules.REASONS),
    )  # fmt: skip


async def traces_file(request: Request, ctx: Context) -> Response:
    """GET /traces.csv: the same search as a file, ten thousand lines at most; taking it away is itself in the trail."""
    asked = tracing.asked(request.query_params, _today(ctx))
    if asked.faults:
        raise Invalid("; ".join(f"{name} : {words}" for name, words in asked.faults.items()))
    found = await read_traces(ctx, asked, export=True)
    return download(f"traces-{asked.since}-{asked.until}.csv", _rows_of(found))


def _today(ctx: Context) -> date:
    return ctx.now.astimezone(PARIS).date()


def _choices(words: Mapping[str, str]) -> list[tuple[str, str]]:
    """What a list offers: all, then each of these; words that two codes share are told apart by the code."""
    said = list(words.values())
    return [("", "Tous"), *((code, f"{one} ({code})" if said.count(one) > 1 else one) for code, one in words.items())]


def _traced(line: Mapping[str, Any], found: Traces) -> dict[str, object]:
    """A line with the words and addresses that the template shows."""
    shown = [found.records.get(key, str(key)) for key in line["patients"][:SHOWN]]
    return {
        "at": line["at"], "name": line["name"], "role": role_words(line["roles"]), "origin": line["origin"],
        "houses": tracing.listed(line["organizations"], found.organizations),
        "actor_href": f"{TRACES}?{urlencode({'acteur': line['reference']})}" if line["reference"] else "",
        "words": f"{tracing.ACTIONS[line['action']]} : {tracing.NO_RECORD.get(line['type']) or rules.thing_words(line['type'])}", "object": _object(line),
        "records": [(id, f"{TRACES}?{urlencode({'dossier': id})}") for id in shown], "more": len(line["patients"]) - len(shown),
        "reason": rules.REASONS.get(line["purpose"], line["purpose"]), "outcome": tracing.OUTCOMES.get(line["outcome"], line["outcome"]),
        "mark": {"0": "", "4": "danger"}.get(line["outcome"], "watch"),
    }  # fmt: skip


def _object(line: Mapping[str, Any]) -> str:
    named = f"{line['type']}/{line['id']}" if line["id"] else line["type"]
    return f"{named} : {line['query']}" if line["query"] else str(named)


def _rows_of(found: Traces) -> Iterator[tuple[object, ...]]:
    yield (
        "quand",
        "qui",
        "identifiant",
        "référence",
        "rôles",
        "pour",
        "depuis",
        "porte",
        "action",
        "objet",
        "dossiers",
        "motif",
        "issue",
        "ligne",
    )
    for line in found.lines:
        yield (
            line["at"].astimezone(PARIS).isoformat(), line["name"], line["actor"], line["reference"], ", ".join(line["roles"]),
            tracing.listed(line["organizations"], found.organizations), line["origin"], line["door"], tracing.ACTIONS[line["action"]],
            _object(line), ", ".join(found.records.get(key, str(key)) for key in line["patients"]), line["purpose"],
            tracing.OUTCOMES.get(line["outcome"], line["outcome"]), event_id(line),
        )  # fmt: skip


async def unusual_accesses(request: Request, ctx: Context) -> Response:
    """GET /acces-inhabituels: what the night found and waits for the officer; `?vue=examines` what was decided, `?apres=` the page after."""
    return await _unusual_page(request, ctx)


async def decide(request: Request, ctx: Context) -> Response:
    """POST /acces-inhabituels/{id}: the officer's decision on one."""
    form, id = await request.form(), str(request.path_params["id"])
    verdict, remark = str(form.get("avis", "")), str(form.get("remarque", ""))
    try:
        if verdict not in list(unusual.Verdict):
            raise Invalid.at("verdict", "a decision is explained or followed")
        await found_unusual.decide(ctx, id, verdict=unusual.Verdict(verdict), remark=remark)
    except Invalid as fault:
        words = WHY_MISSING if fault.issues[0].expression == "remark" else DECISION_MISSING
        return await _unusual_page(request, ctx, fault_in(id, words, form, choice="avis", remark="remarque"))
    return redirect(f"{UNUSUAL}?fait={verdict}")


async def _unusual_page(request: Request, ctx: Context, fault: Fault = NONE) -> Response:
    decided = request.query_params.get("vue") == "examines"
    page = await found_unusual.found(ctx, decided=decided, after=request.query_params.get("apres", ""))
    view = "vue=examines&" if decided else ""
    return render(
        request, ctx, "rights/unusual.html", status=422 if fault.id else 200, rows=[_unusual(row, page.organizations) for row in page.found],
        decided=decided, verdicts=DECISIONS, path_here=UNUSUAL, older_href=f"{UNUSUAL}?{view}apres={page.next}" if page.next else "",
        fault=fault, said_words=DECIDED.get(request.query_params.get("fait", ""), ""),
    )  # fmt: skip


def _unusual(row: Mapping[str, Any], organizations: dict[str, str]) -> dict[str, Any]:
    """One with the words and the address of the lines behind it."""
    asked = {"acteur": row["reference"], "du": row["day"].isoformat(), "au": row["day"].isoformat()}
    behind = {"lignes": ",".join(row["lines"])} if row["lines"] else asked | ({"dossier": row["record"]} if row["record"] else {})
    return dict(row) | {
        "title": unusual.TITLES[row["kind"]],
        "reason": unusual.reason(row["kind"], row["facts"]),
        "role": role_words(row["roles"]),
        "houses": tracing.listed(row["organizations"], organizations),
        "href": f"{TRACES}?{urlencode(behind)}",
    }


WHY_MISSING = "Dites en dix lettres au moins ce qui l’explique ou ce qui reste à faire"
DECISION_MISSING = "Choisissez une décision"
DECISIONS = {unusual.Verdict.EXPLAINED: "Expliqué", unusual.Verdict.FOLLOWED: "À suivre"}
DECIDED = {
    "explained": "Accès examiné\u00a0: expliqué.",
    "followed": "Accès examiné\u00a0: à suivre. Voyez la suite à donner avec l’établissement.",
}
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
    page(UNUSUAL, unusual_accesses, permission=Permission.AUDIT_READ),
    action(UNUSUAL + "/{id}", decide, permission=Permission.AUDIT_READ),
    page(TRACES, traces, permission=Permission.AUDIT_READ),
    page(f"{TRACES}.csv", traces_file, permission=Permission.AUDIT_READ),
    action(EMERGENCIES + "/{id}", review, permission=Permission.EMERGENCY_REVIEW),
]
