"""« Développeurs »: an editor describes their software, sees what became of it, its calls, and how to begin. Nothing of anybody's health."""

from starlette.responses import Response

from maillage.access.audit import Action
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import TooMany
from maillage.http import Request, action, page, redirect
from maillage.services.software.forms import KINDS, SoftwareForm, software_form
from maillage.services.software.operations import base_of, config_of, issuer_of
from maillage.services.software.pages.administration import CHIPS, METHODS
from maillage.services.software.service import granting, registry
from maillage.ui import render

PATH = "/developpeurs"
NEW = "/developpeurs/nouveau"
ACTIONS = {"C": "Création", "R": "Lecture", "U": "Modification", "D": "Suppression", "E": "Recherche"}
OUTCOMES = {"0": ("Fait", "done"), "4": ("Refusé", "watch"), "8": ("Échoué", "danger"), "12": ("Échoué", "danger")}


async def mine(request: Request, ctx: Context) -> Response:
    """GET /developpeurs."""
    config = config_of(request)
    return render(
        request, ctx, "software/developers.html", found=[(one, CHIPS[one.state]) for one in await registry.mine(ctx)], new=NEW, path_here=PATH,
        base=base_of(config), own=issuer_of(config), sandbox=config.software_sandbox,
    )  # fmt: skip


async def ask(request: Request, ctx: Context) -> Response:
    """GET /developpeurs/nouveau: the form."""
    return _form(request, ctx, SoftwareForm({}))


async def register(request: Request, ctx: Context) -> Response:
    """POST /developpeurs/nouveau: it is kept; its secret is on this answer and nowhere else."""
    sent = {name: str(value) for name, value in (await request.form()).items()}
    filled = software_form(sent, granting.fault_of)
    if filled.described is None:
        return _form(request, ctx, filled)
    try:
        made = await registry.register(
            ctx, filled.described, by=ctx.actor.id, origin=None, at_once=config_of(request).software_sandbox
        )
    except TooMany:
        filled.faults["nom"] = "Vous avez déjà demandé vingt logiciels aujourd’hui : revenez demain"
        return _form(request, ctx, filled)
    if made.secret is None:
        return redirect(f"{PATH}/{made.id}")
    return render(
        request,
        ctx,
        "software/secret.html",
        name=filled.described.name,
        id=made.id,
        secret=made.secret,
        go_on=f"{PATH}/{made.id}",
    )


async def one(request: Request, ctx: Context) -> Response:
    """GET /developpeurs/{id}: its state, its last calls, examples to copy."""
    found, config = await registry.own(ctx, str(request.path_params["id"])), config_of(request)
    calls = [
        (line, _operation(line["action"], line["type"]), OUTCOMES[line["outcome"]]) for line in await registry.calls(ctx, found)
    ]
    return render(
        request, ctx, "software/own_software.html", one=found, chip_of=CHIPS[found.state], methods=METHODS, calls=calls, path_here=PATH,
        base=base_of(config), own=issuer_of(config),
    )  # fmt: skip


async def new_secret(request: Request, ctx: Context) -> Response:
    """POST /developpeurs/{id}/secret: another secret, on this answer and nowhere else."""
    found = await registry.own(ctx, str(request.path_params["id"]))
    secret = await registry.new_secret(ctx, found.id)
    return render(request, ctx, "software/secret.html", name=found.name, id=found.id, secret=secret, go_on=f"{PATH}/{found.id}")


def _operation(act: str, type: str) -> str:
    """What was called, in words: « Recherche Observation », « Jeton »."""
    return {"sign-in": "Jeton demandé", "sign-out": "Jeton rendu"}.get(type, f"{ACTIONS[Action(act)]} {type}")


def _form(request: Request, ctx: Context, filled: SoftwareForm) -> Response:
    return render(
        request, ctx, "software/describe.html", status=422 if filled.faults else 200, values=filled.values, faults=filled.faults,
        kinds=list(KINDS.items()), path_here=PATH, action_path=NEW,
    )  # fmt: skip


routes = [
    page(PATH, mine, permission=Permission.SOFTWARE_OWN),
    page(NEW, ask, permission=Permission.SOFTWARE_OWN),
    action(NEW, register, permission=Permission.SOFTWARE_OWN),
    page(f"{PATH}/{{id}}", one, permission=Permission.SOFTWARE_OWN),
    action(f"{PATH}/{{id}}/secret", new_secret, permission=Permission.SOFTWARE_OWN, fresh=True),
]
