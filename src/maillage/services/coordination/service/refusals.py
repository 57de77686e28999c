"""The person refuses coordination: what was asked for is refused, what goes on ends, and nobody waits for a team that sees nothing any more."""

from collections.abc import Sequence
from typing import Any

from maillage.access.choices import denials
from maillage.access.context import Context
from maillage.access.guards import Seen, guard_of_many
from maillage.access.references import local
from maillage.fhir.change import Change, Verb
from maillage.services.coordination.events import CoordinationRefused
from maillage.services.coordination.resources import support as resources
from maillage.services.coordination.rules.support import State
from maillage.services.coordination.service.episodes import OPEN_TASKS
from maillage.services.coordination.service.support import OF_SUPPORT
from maillage.services.identity import public as identity
from maillage.services.rights import public as rights

Resource = dict[str, Any]
WORDS = "La personne s’oppose à la coordination"
OPEN = ",".join(one.value for one in (State.NEW, State.ANALYSED, State.WAITING, State.ACCEPTED))


@guard_of_many("Consent")
async def hear_refusals(ctx: Context, changes: Sequence[Change]) -> Seen:
    """A Consent that keeps a record from somebody is heard: whether it refuses coordination is asked once it is written."""
    for change in changes:
        patient = local(change.resource.get("patient")) or ""
        if change.verb is not Verb.DELETE and patient.startswith("Patient/") and denials(change.resource):
            ctx.announce(CoordinationRefused(patient=patient.removeprefix("Patient/")))
    return [change.resource for change in changes]


async def follow(ctx: Context, *, patient: str) -> None:
    """For jobs: ends what coordination teams were asked for and what they do, where the person refuses it."""
    chosen = await rights.choices_of(ctx, patient)
    if not chosen.denied("coordination") and not chosen.denied("sharing"):
        return
    people = ",".join(f"Patient/{one}" for one in await identity.identities_of(ctx, patient))
    for task in await ctx.records.find("Task", {"patient": people, "code": OF_SUPPORT, "status": OPEN, "_count": "100"}):
        if task["status"] != State.ACCEPTED.value:
            await ctx.records.write(resources.moved(task, State.REFUSED, words=WORDS, by=None, name="Maillage", at=ctx.now))
            continue
        team = local(task.get("owner")) or ""
        owed = await ctx.records.find("Task", {"patient": people, "owner": team, "status": OPEN_TASKS, "_count": "200"})
        dropped = [
            {**one, "status": "cancelled", "statusReason": {"text": WORDS}} for one in owed if not resources.is_answer(one)
        ]
        ended = resources.closed(task, reason="refusal", words=WORDS, by=None, name="Maillage", at=ctx.now)
        await ctx.records.write_all([*dropped, ended])
