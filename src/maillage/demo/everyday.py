"""What a coordination team finds in the morning: tasks of each, alerts, who is away, an invitation that waits for its answer."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from maillage.access.actors import Actor, ActorKind, Role
from maillage.access.context import Context
from maillage.access.platform import Platform
from maillage.clock import PARIS
from maillage.demo.numbers import resource_id
from maillage.demo.people import PAT_TROIS, Person
from maillage.demo.personas import DAC, persona
from maillage.demo.professionals import COLLEAGUES
from maillage.services.coordination.public import Why, invite, raise_alert, say_away, todo_for, with_checks

Resource = dict[str, Any]

TASKS = (
    ("coordinator", "coordinator", "Relancer la MDPH", "Certificat médical et attestation de la CPAM.", 1, "urgent", ("Appeler la MDPH", "Envoyer les deux pièces")),
    ("coordinator", "coordinator-3", "Trouver un kinésithérapeute à domicile", "Dix séances, l’ordonnance est dans les documents.", 4, "routine", ()),
    ("coordinator-2", "coordinator", "Rappeler sa fille", "Elle demande un hébergement temporaire cet hiver.", 0, "routine", ()),
    ("gp", "coordinator", "Prévoir l’aide du soir", "Coucher difficile depuis la chute.", 2, "routine", ()),
    ("coordinator", "nurse", "Prendre la tension trois jours de suite", "Debout et couché, le matin.", 3, "routine", ()),
    ("coordinator", "gp", "Renouveler l’ordonnance de soins infirmiers", "Elle se termine à la fin du mois.", 5, "routine", ()),
    ("coordinator", DAC.key, "Préparer la concertation", "Inviter l’assistante sociale du secteur.", 6, "routine", ("Choisir la date", "Prévenir la famille")),
)  # fmt: skip
"""Who asks, who does it, what, how, in how many days, priority, its steps."""
FALL = Why("Téléassistance", "", "Appel de chute à 6 h 40, relevé par le voisin, pas de blessure dite", "")
WEIGHT = Why("Poids, variation en une semaine", "1", "76,5 kg puis 78,9 kg", "Dr Camille EXEMPLE")
INVITED = "podologie.esquisse@professionnels.example"


def tasks(people: Sequence[Person], ctx: Context) -> Iterator[Resource]:
    """What these people ask of each other about the official test patient and those who came home."""
    about = (PAT_TROIS, *people)
    for number, (asker, owner, title, words, days, priority, steps) in enumerate(TASKS):
        person = about[number % len(about)]
        due = (ctx.now + timedelta(days=days)).astimezone(PARIS).replace(hour=18, minute=0, second=0, microsecond=0)
        made = todo_for(
            id=resource_id("Task", f"todo-{number}"), patient=person.id, title=title, description=words, due=due, priority=priority, owner=_named(owner),
            requester=_named(asker), at=ctx.now - timedelta(days=1, hours=number), remind=None,
        )  # fmt: skip
        yield with_checks(made, [(step, not rank) for rank, step in enumerate(steps)])


async def write_alerts(ctx: Context, *, home: Person, visited: Person) -> None:
    """A fall that is before the coordinator, a weight that is before the nurse."""
    await raise_alert(
        ctx, key=f"demo-fall-{home.id}", patient=home.id, code="fall", title="Chute signalée par la téléassistance", level=1, why=FALL,
        to=persona("coordinator").reference,
    )  # fmt: skip
    await raise_alert(
        ctx, key=f"demo-weight-{visited.id}", patient=visited.id, code="weight", title="Poids : + 2,4 kg en une semaine", level=2, why=WEIGHT,
        to=persona("nurse").reference,
    )  # fmt: skip


async def say_what_is_planned(platform: Platform, coordinator: Actor) -> None:
    """A colleague is away and the coordinator stands in; she will be, and another does; a podologist is invited into a circle."""
    day, away = platform.clock.now().astimezone(PARIS).date(), COLLEAGUES[1]
    async with platform.access.act(_actor(away.key, f"{away.given} {away.family}")) as ctx:
        await say_away(ctx, since=day, until=day + timedelta(days=4), substitute=coordinator.reference)
    async with platform.access.act(coordinator) as ctx:
        await say_away(
            ctx, since=day + timedelta(days=14), until=day + timedelta(days=18), substitute=_reference(COLLEAGUES[0].key)
        )
        await invite(ctx, PAT_TROIS.id, email=INVITED)


def _actor(key: str, name: str) -> Actor:
    return Actor(
        id=_reference(key), kind=ActorKind.PROFESSIONAL, name=name, roles=frozenset({Role.COORDINATOR}), reference=_reference(key),
        organizations=(DAC.reference,),
    )  # fmt: skip


def _reference(key: str) -> str:
    return f"Practitioner/{resource_id('Practitioner', key)}"


def _named(key: str) -> dict[str, str]:
    if key == DAC.key:
        return {"reference": DAC.reference, "display": DAC.name}
    colleague = next((one for one in COLLEAGUES if one.key == key), None)
    return {"reference": _reference(key), "display": f"{colleague.given} {colleague.family}" if colleague else persona(key).name}
