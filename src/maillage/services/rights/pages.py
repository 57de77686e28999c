"""The pages of a person's rights: who looked at their record."""

from itertools import groupby

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.http import Request, page
from maillage.services.rights import rules, service
from maillage.services.rights.rules import Visit
from maillage.ui import render
from maillage.ui.people import role_words
from maillage.ui.words import full_date

PATH = "/qui-a-vu"
SOCIAL = {"coordinator", "social-worker"}


async def who_looked(request: Request, ctx: Context) -> Response:
    """GET /qui-a-vu: who consulted the record, day by day; `?logiciels=1` with software, `?avant=` for the page after."""
    machines = request.query_params.get("logiciels") == "1"
    patient = await service.person_of(ctx)
    found = await service.who_looked(ctx, patient, before=request.query_params.get("avant"), machines=machines)
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


routes = [page(PATH, who_looked, permission=Permission.OWN_ACCESS_READ)]
