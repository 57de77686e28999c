"""The verbs of pathways: hear a fact, announce what is due."""

import json
from functools import cache
from importlib.resources import files

from maillage.access.context import Context
from maillage.errors import NotFound
from maillage.services.pathways import rules
from maillage.services.pathways.events import ActionDue
from maillage.services.pathways.resources import Action, actions_of


@cache
def actions() -> tuple[Action, ...]:
    """The actions of every protocol in `definitions/`."""
    plans = sorted(files(__package__).joinpath("definitions").iterdir(), key=lambda f: f.name)
    return tuple(action for plan in plans for action in actions_of(json.loads(plan.read_text("utf-8"))))


def action(protocol: str, id: str) -> Action:
    """One action by protocol and id; NotFound where the protocol no longer has it."""
    for candidate in actions():
        if (candidate.protocol, candidate.id) == (protocol, id):
            return candidate
    raise NotFound(f"no action {id} in the protocol {protocol}")


def follow(ctx: Context, *, fact: str, patient: str, focus: str, type_code: str | None = None) -> list[ActionDue]:
    """Announces the actions that a fact about a person calls for, and answers them."""
    announced = [
        ActionDue(protocol=a.protocol, action=a.id, patient=patient, focus=focus, due=rules.due(a, ctx.now))
        for a in rules.called_for(actions(), fact=fact, type_code=type_code)
    ]
    for event in announced:
        ctx.announce(event)
    return announced
