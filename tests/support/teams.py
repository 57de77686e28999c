"""Two coordination teams that follow nobody, a person with a general practitioner, and requests for support about them."""

from typing import Any
from uuid import uuid4

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.services.coordination import jobs
from maillage.services.coordination.events import SupportAnswered, SupportAsked
from maillage.services.coordination.resources import support as resources
from maillage.services.coordination.resources.support import Asked
from maillage.services.coordination.rules.support import Delay, State
from maillage.services.coordination.service import support
from maillage.services.coordination.service.support import Person
from maillage.services.identity import public as identity
from maillage.services.identity.public import Traits
from maillage.services.messaging.events import MatterTold
from maillage.services.messaging.jobs import put_before
from maillage.services.messaging.resources.wording import words_of
from maillage.services.messaging.service import inbox
from tests.support.people import SEED, care_team, patient, professional

Resource = dict[str, Any]

GP = professional("gp", Role.GP, name="Dr Camille EXEMPLE")
OUTSIDER = professional("outsider", Role.GP, name="Dr Paul ESSAI")
P = patient("p")
SECTORS = "https://mos.esante.gouv.fr/NOS/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite"
NEED = Asked(reason="complex", words="Trouver un relais pour son épouse", needs=("link",), delay=Delay.WEEK, gp_informed="yes")
DOMINIQUE = Traits(birth_name="PAT-TROIS", first_given="DOMINIQUE", birth_date="1979-03-28", sex="female")


def coordinator(id: str) -> Actor:
    return Actor(
        id=f"psc:{id}", kind=ActorKind.PROFESSIONAL, name=id.title(), roles=frozenset({Role.COORDINATOR}), reference=f"Practitioner/{id}", organizations=("Organization/dac" if id == "lise" else "Organization/autre",),
    )  # fmt: skip


LISE, OTHER = coordinator("lise"), coordinator("other")


def team(id: str) -> Resource:
    return {
        "resourceType": "Organization",
        "id": id,
        "name": f"Équipe {id}",
        "type": [{"coding": [{"system": SECTORS, "code": "SA57"}]}],
    }


def works(who: str, place: str) -> Resource:
    return {
        "resourceType": "PractitionerRole", "id": f"{who}-{place}", "active": True, "practitioner": {"reference": f"Practitioner/{who}"},
        "organization": {"reference": f"Organization/{place}"},
    }  # fmt: skip


async def write_teams(access: Access) -> None:
    """A person with a GP, and two coordination teams that follow nobody."""
    person = {
        "resourceType": "Patient", "id": "p", "name": [{"use": "official", "family": "PAT-TROIS", "given": ["DOMINIQUE"]}], "gender": "female",
        "birthDate": "1979-03-28",
    }  # fmt: skip
    async with access.act(SEED) as ctx:
        await ctx.records.write_all([
            team("dac"), team("autre"), *({"resourceType": "Practitioner", "id": one, "name": [{"text": one}]} for one in ("gp", "outsider", "lise", "other")),
            works("lise", "dac"), works("other", "autre"), identity.as_regional(person, "R-p"),
        ])  # fmt: skip
        await ctx.records.write(care_team("p", "Practitioner/gp"))
        await ctx.records.write(
            {"resourceType": "Condition", "id": "secret", "subject": {"reference": "Patient/p"}, "code": {"text": "Diabète"}}
        )


async def react(access: Access) -> None:
    """What the worker does with what was announced."""
    told: list[MatterTold] = []
    async with access.act(SEED) as ctx:
        for one in await ctx.records.find("ServiceRequest", {"category": support.OF_SUPPORT}):
            request = resources.request_from(one)
            await jobs.put_before_the_team.handler(
                ctx, SupportAsked(request=request.id, patient=request.patient, team=request.team)
            )
        told += [event for event in ctx.announced if isinstance(event, MatterTold)]
    async with access.act(SEED) as ctx:
        for task in await ctx.records.find("Task", {"code": support.OF_SUPPORT, "status:not": "requested"}):
            focus, who = (
                task["focus"]["reference"].removeprefix("ServiceRequest/"),
                task["for"]["reference"].removeprefix("Patient/"),
            )
            by = resources.referent_of(task)
            event = SupportAnswered(task=task["id"], request=focus, patient=who, state=task["status"], by=by)
            await jobs.follow_the_answer.handler(ctx, event)
        told += [event for event in ctx.announced if isinstance(event, MatterTold)]
    async with access.act(SEED) as ctx:
        for one in told:
            await put_before.handler(ctx, one)


async def news(access: Access, actor: Actor) -> list[str]:
    """What « Nouveautés » holds for somebody, in words."""
    async with access.act(actor, read_only=True) as ctx:
        held = await inbox.inbox(ctx)
    shown = [one for one in held.notices if one.about in held.matters]
    return sorted(words_of(one.kind, held.matters[one.about], patient=one.patient).title for one in shown)


async def ask(access: Access, actor: Actor, person: Person, *, how: str = "spoken", key: str = "", asked: Asked = NEED) -> str:
    async with access.act(actor) as ctx:
        id = await support.ask(ctx, access, person, asked, how=how, team="Organization/dac", key=key or uuid4().hex)
    await react(access)
    return id


async def by_outsider(access: Access) -> str:
    return await ask(access, OUTSIDER, Person(patient=None, traits=DOMINIQUE))


async def sees(access: Access, actor: Actor, kind: str, id: str) -> bool:
    async with access.act(actor, read_only=True) as ctx:
        return bool(await ctx.records.find(kind, {"_id": id}))


async def answer(access: Access, actor: Actor, id: str, state: State, **more: Any) -> None:
    async with access.act(actor) as ctx:
        await support.move(ctx, id, state, **more)
    await react(access)


async def state_of(access: Access, id: str) -> State:
    async with access.act(SEED) as ctx:
        return (await support.one(ctx, id)).state
