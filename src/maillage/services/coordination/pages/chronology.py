"""The thread of a record, with its filters; they are in the address."""

from urllib.parse import urlencode

from starlette.responses import Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.http import Request, page
from maillage.services.coordination.forms.fact import day
from maillage.services.coordination.service import threads
from maillage.services.coordination.service.threads import Narrowed
from maillage.ui import render
from maillage.ui.places import record_tabs

AUTHORED = ("Practitioner/", "Organization/", "RelatedPerson/", "Patient/")


async def chronology(request: Request, ctx: Context) -> Response:
    """GET /patients/{id}/chronologie: `vue` a kind, `auteur` a member of the circle, `du` and `au` days, `avant` the place after which to begin."""
    patient, asked = str(request.path_params["id"]), request.query_params
    since, until = day(asked.get("du", "")), day(asked.get("au", ""))
    faults = {
        name: "Écrivez la date ainsi : 28/03/2026"
        for name, found in (("du", since), ("au", until))
        if asked.get(name) and found is None
    }
    if since and until and since > until:
        faults["au"] = "La fin est avant le début : échangez les deux dates"
    kind = asked.get("vue", "") if asked.get("vue", "") in threads.KINDS else ""
    author = asked.get("auteur", "") if asked.get("auteur", "").startswith(AUTHORED) else ""
    narrowed = Narrowed(kind, author, None if faults else since, None if faults else until, asked.get("avant", ""))
    held = await threads.read(ctx, patient=patient, narrowed=narrowed)
    kept = {name: asked.get(name, "") for name in ("auteur", "du", "au")}
    return render(
        request, ctx, "coordination/chronology.html", status=422 if faults else 200, patient=patient, banner=held.banner, tabs=record_tabs(patient),
        lines=held.thread.lines, view=kind, author=author, values=kept, faults=faults, first=not narrowed.before,
        kinds=[("Tout", _address(patient, kept))] + [(words, _address(patient, kept | {"vue": key})) for key, words in held.kinds.items()],
        current=_address(patient, kept | {"vue": kind}),
        authors=[("", "Tous"), *((one.reference, one.name) for one in held.circle if one.reference.startswith(AUTHORED))],
        older=_address(patient, kept | {"vue": kind, "avant": held.thread.following}) if held.thread.following else "",
        narrowed=bool(kind or author or since or until),
    )  # fmt: skip


def _address(patient: str, values: dict[str, str]) -> str:
    said = urlencode({name: value for name, value in values.items() if value})
    return f"/patients/{patient}/chronologie" + (f"?{said}" if said else "")


routes = [
    page("/patients/{id}/chronologie", chronology, permission=Permission.RECORD_READ),
]
