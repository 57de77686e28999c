"""Who is told of a request for support, and in which words: the team that it was sent to, its requester at each step."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from maillage.access.context import Context
from maillage.services.coordination.resources import support as resources
from maillage.services.coordination.rules import support as rules
from maillage.services.coordination.rules.support import Delay, State
from maillage.services.messaging import public as messaging

Resource = dict[str, Any]
ASKED, ANSWERED = "support-asked", "support-answered"
DESK = "/demandes-d-appui"


async def tell_the_team(ctx: Context, *, request: str) -> None:
    """A new request is before the team."""
    resource = await ctx.records.read("ServiceRequest", request)
    asked = resources.request_from(resource)
    messaging.notify(
        ctx, kind=ASKED, about=f"ServiceRequest/{request}", patient=asked.patient, to=[asked.team], sender=asked.requester or None
    )


async def tell_of_the_answer(ctx: Context, *, request: str, task: str) -> None:
    """Each step is before the requester (people read theirs on « Mon appui »), each of the requester's own before the team."""
    asked = resources.request_from(await ctx.records.read("ServiceRequest", request))
    answer = await ctx.records.read("Task", task)
    step = resources.request_from({"resourceType": "ServiceRequest", "id": request}, answer)
    about, key = f"Task/{task}", f"Task/{task}#{step.version}"
    by = next((one.get("authorReference", {}).get("reference") for one in reversed(answer.get("note", []))), None)
    to = [asked.team] if by == asked.requester else [asked.requester]
    messaging.notify(ctx, kind=ANSWERED, about=about, patient=asked.patient, to=to, key=key, sender=by or asked.team)
    if step.state.decides or step.state is State.WITHDRAWN:
        messaging.settle(ctx, about=f"ServiceRequest/{request}", kind=ASKED)


def message_to_the_person(asked: resources.Request, *, at: datetime) -> Resource:
    """What the person reads from the team that sees their record from now on: who asked, and that they may say no (CSP L1110-4, L1110-12)."""
    by = f" à la demande de {asked.requester_name}" if asked.requester_name else ""
    text = (
        f"{asked.team_name} vous accompagne désormais{by}, et voit votre dossier : vous aviez donné votre accord. "
        "Si ce n’est pas le cas, répondez ici, ou dites non à la coordination dans « Mes choix ». "
        "Vous voyez aussi qui ouvre votre dossier, et quand."
    )
    return messaging.message_for(
        id=str(uuid.uuid4()), patient=asked.patient, sender=asked.team, name=asked.team_name, at=at, text=text, topic="Une équipe vous accompagne",
        readers=messaging.Readers(chosen=(f"Patient/{asked.patient}",)),
    )  # fmt: skip


@messaging.renders(ASKED)
def words_of_a_request(resource: Mapping[str, Any]) -> messaging.Words:
    """« Demande d’appui », why, from whom."""
    one = resources.request_from(resource)
    return messaging.Words(
        f"Demande d’appui : {one.person}", detail=rules.REASONS.get(one.reason, one.words[:120]), source=one.requester_name,
        address=f"{DESK}/{one.id}", urgent=one.delay is Delay.TWO_DAYS,
    )  # fmt: skip


@messaging.renders(ANSWERED)
def words_of_an_answer(resource: Mapping[str, Any]) -> messaging.Words:
    """Where the request stands, and what was said."""
    focus = str(resource.get("focus", {}).get("reference", "")).partition("/")[2]
    one = resources.request_from({"resourceType": "ServiceRequest", "id": focus}, resource)
    last = one.steps[-1] if one.steps else None
    said = last.words if last and last.words not in set(State) else ""
    return messaging.Words(
        f"Demande d’appui : {rules.outcome_words(one).lower()}",
        detail=said,
        source=last.by if last else "",
        address=f"{DESK}/{focus}",
    )
