"""The doors of the demonstration territory: is it there, put it there, who may sign in."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from maillage.access.actors import Actor, ActorKind, Role, job_actor
from maillage.access.context import Context
from maillage.access.platform import Platform
from maillage.db import Database
from maillage.demo import everyday, professionals, situations, structures
from maillage.demo.drawing import Territory, machine
from maillage.demo.letters import Letter, cda
from maillage.demo.people import PAT_TROIS
from maillage.demo.personas import PERSONAS, Persona, granted_role, persona
from maillage.demo.plans import write_plan
from maillage.errors import NotFound
from maillage.fhir.scope import Scope
from maillage.fhir.store import Store
from maillage.services.documents.public import Origin, import_document, receive
from maillage.services.exchange.public import Arrival
from maillage.services.exchange.public import receive as receive_message
from maillage.services.identity.public import ImportedCase, import_cases, import_people
from maillage.services.steering import public as steering
from maillage.services.steering.public import Tally

Resource = dict[str, Any]

SEED = job_actor("demo/seed")
CHUNK = 15_000
"""Resources loaded at once: each load refreshes the statistics of the store."""
DELIVERY = timedelta(minutes=50)
"""From the making of a past document to its arrival."""
TOKEN_LIFETIME = timedelta(days=365)
_KINDS = {
    "patient": ActorKind.PATIENT,
    "carer": ActorKind.CARER,
    "representative": ActorKind.CARER,
    "system": ActorKind.SYSTEM,
}


async def is_seeded(database: Database) -> bool:
    """Whether the territory is there: it is written whole or not at all, the official test patient with it."""
    async with database.transaction() as conn:
        try:
            await Store().read(conn, "Patient", PAT_TROIS.id, scope=Scope.all())
        except NotFound:
            return False
    return True


async def seed(platform: Platform, *, scale: float = 1) -> str:
    """Writes the territory as it stands now, in one transaction; answers in a French sentence what is there.

    A message that had to be refused comes after it, by the door of messages, and what people say themselves by theirs.
    """
    drawn = Territory(platform.clock.now(), scale=scale)
    async with platform.access.act(SEED) as ctx:
        count = await _load_records(ctx, drawn, await _missing(ctx, drawn.directory()))
        await write_plan(ctx)
        await ctx.records.write_all([*everyday.tasks(drawn.home(), ctx)])
        await everyday.write_alerts(ctx, home=drawn.home()[0], visited=drawn.visited()[-1])
        documents = await _load_letters(ctx, drawn)
    await receive_message(
        platform.access, Arrival(content=situations.outdated_message(drawn.at), peer="192.0.2.51:50000", at=drawn.at)
    )
    await everyday.say_what_is_planned(platform, actor_of(persona("coordinator")))
    return (
        f"{len(drawn.people)} personnes, {len(drawn.professionals)} professionnels, {len(drawn.structures)} structures, "
        f"{documents} documents, {count} ressources FHIR"
    )


async def ensure_personas(platform: Platform) -> dict[str, str]:
    """The establishments and practitioners of the personas where they are missing; a fresh bearer token for each persona, by id."""
    drawn = _persona_directory()
    async with platform.access.act(SEED) as ctx:
        if missing := await _missing(ctx, drawn):
            await ctx.records.load(missing)
    return {one.id: await platform.access.issue_token(actor_of(one), lifetime=TOKEN_LIFETIME) for one in PERSONAS}


def actor_of(one: Persona) -> Actor:
    """The actor a persona is once signed in."""
    role = granted_role(one)
    besides = {Role.REGULATOR} if one.regulates else {Role.CARER} if role == "representative" else set()
    return Actor(
        id=one.reference,
        kind=_KINDS.get(role, ActorKind.PROFESSIONAL),
        name=one.name,
        roles=frozenset({Role(role)} | besides),
        reference=one.reference,
        organizations=one.organizations,
        scopes=frozenset({"system/*.*"}) if role == "system" else frozenset(),
    )


def _persona_directory() -> list[Resource]:
    places = structures.workplaces()
    working = professionals.personas_at_work(places)
    return [
        *(resource for place in places for resource in structures.resources(place)),
        *(resource for one in working for resource in professionals.resources(one)),
        machine(),
    ]


async def _missing(ctx: Context, resources: Iterable[Resource]) -> list[Resource]:
    """Those of these resources that are not there yet; the personas' own may be."""
    wanted = list(resources)
    own = {(one["resourceType"], one["id"]) for one in _persona_directory()}
    there: set[tuple[str, str]] = set()
    for kind in sorted({kind for kind, _ in own}):
        ids = ",".join(sorted(id for own_kind, id in own if own_kind == kind))
        there |= {(kind, one["id"]) for one in await ctx.records.find(kind, [("_id", ids), ("_count", "100")])}
    return [one for one in wanted if (one["resourceType"], one["id"]) not in there]


async def _load_records(ctx: Context, drawn: Territory, directory: list[Resource]) -> int:
    """The directory, the records, and the identities that wait with their cases."""
    chunk, count, waiting = directory, 0, drawn.waiting()
    for record in drawn.records():
        chunk += record
        if len(chunk) >= CHUNK:
            count += await _load(ctx, chunk)
            chunk = []
    count += await _load(
        ctx, [*chunk, *drawn.consequences(), *drawn.round(), *drawn.supports(), *(one.patient for one in waiting)]
    )
    await ctx.records.write_all(drawn.agenda())  # not loaded: its visits take their time
    await import_cases(ctx, [ImportedCase(one.patient["id"], one.reason, one.near, one.origin, one.opened) for one in waiting])
    return count


async def _load(ctx: Context, resources: Sequence[Resource]) -> int:
    await ctx.records.load(resources)
    await import_people(ctx, [one for one in resources if one["resourceType"] == "Patient"])
    return len(resources)


async def _load_letters(ctx: Context, drawn: Territory) -> int:
    """Past documents silently, but counted; recent ones as if they arrived now, so that their readers are told."""
    tallies = []
    for letter in drawn.past_letters():
        received = await import_document(ctx, cda(letter), origin=_origin(letter), came=min(letter.at + DELIVERY, ctx.now))
        tallies.append(_tally(letter, received.document))
    await steering.count(ctx, tallies)
    recent = drawn.recent_letters()
    for letter in recent:
        await receive(ctx, cda(letter), origin=_origin(letter))
    return len(tallies) + len(recent)


def _tally(letter: Letter, document: str) -> Tally:
    """How a past document counts in the indicators: as if it had come when it was made."""
    return Tally(
        document=document,
        day=steering.local_day(letter.at),
        type=letter.model.code,
        organization=letter.author.structure.id,
        qualified=letter.person.ins is not None,
    )


def _origin(letter: Letter) -> Origin:
    return Origin(door="import", source=letter.author.structure.name, subject=letter.person.reference)
