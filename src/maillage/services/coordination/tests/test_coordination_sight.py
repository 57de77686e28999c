"""Whom an episode, a stay or a visit lets in, and that none of them keeps somebody in who left the circle."""

from datetime import timedelta
from typing import Any

import pytest

from maillage.access.access import Access
from maillage.access.actors import Actor, Role
from maillage.clock import FixedClock
from maillage.errors import Forbidden, NotFound, Unprocessable
from maillage.services.coordination import jobs, public
from maillage.services.coordination.events import MemberLeft
from maillage.services.coordination.resources.work_notices import alone_words
from maillage.services.messaging.events import MatterTold
from tests.support.people import MACHINE, NOON, SEED, care_team, professional
from tests.support.teams import GP, LISE, OUTSIDER, sees, works, write_teams

Resource = dict[str, Any]
assert public.keep_episodes

NORA = professional("nora", Role.NURSE, name="Nora FICTIVE")
NORA_AT_WORK = "PractitionerRole/nora-cabinet"
BEFORE = ("Practitioner/gp", NORA_AT_WORK, "Organization/dac")
STRANGER = {"reference": "Practitioner/outsider"}
OF_NORA = {"reference": "Organization/cabinet"}


@pytest.fixture(autouse=True)
async def circle(access: Access) -> None:
    await write_teams(access)
    async with access.act(SEED) as ctx:
        await ctx.records.write({"resourceType": "Practitioner", "id": "nora", "name": [{"text": "Nora FICTIVE"}]})
        await ctx.records.write({"resourceType": "Organization", "id": "cabinet", "name": "Cabinet infirmier"})
        await ctx.records.write(works("nora", "cabinet"))
        await ctx.records.write(works("outsider", "autre"))
        await ctx.records.write(care_team("p", *BEFORE))


def episode(id: str = "e", **more: Any) -> Resource:
    return {"resourceType": "EpisodeOfCare", "id": id, "status": "active", "patient": {"reference": "Patient/p"}, **more}


def encounter(id: str = "v", code: str = "HH", **more: Any) -> Resource:
    return {
        "resourceType": "Encounter", "id": id, "status": "in-progress", "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": code},
        "subject": {"reference": "Patient/p"}, "period": {"start": "2026-11-20T10:00:00Z"}, **more,
    }  # fmt: skip


def visit(*who: str, id: str = "a") -> Resource:
    coming = [{"actor": {"reference": one}, "status": "accepted"} for one in ("Patient/p", *who)]
    start = NOON + timedelta(days=3)
    return {
        "resourceType": "Appointment", "id": id, "status": "booked", "description": "Pansement", "participant": coming,
        "serviceType": [{"coding": [{"system": "urn:maillage:appointment", "code": "home-visit"}]}],
        "start": start.isoformat(), "end": (start + timedelta(hours=1)).isoformat(),
    }  # fmt: skip


async def write(access: Access, actor: Actor, *resources: Resource) -> None:
    async with access.act(actor, door="fhir") as ctx:
        await ctx.records.write_all(list(resources))


async def read(access: Access, kind: str, id: str) -> Resource:
    async with access.act(SEED) as ctx:
        return await ctx.records.read(kind, id)


async def leave(access: Access, *stay: str) -> list[MatterTold]:
    """Somebody writes the circle without those who are not named here, and the worker does its work; what it tells."""
    async with access.act(SEED) as ctx:
        await ctx.records.write(care_team("p", *stay))
        left = [one for one in ctx.announced if isinstance(one, MemberLeft)]
    assert left
    async with access.act(SEED) as ctx:
        for one in left:
            await jobs.hand_back_their_tasks.handler(ctx, one)
        return [one for one in ctx.announced if isinstance(one, MatterTold) and not one.settled]


BY = {
    "EpisodeOfCare.careManager": lambda who: episode(careManager=who),
    "EpisodeOfCare.managingOrganization": lambda who: episode(managingOrganization=who),
    "Encounter.participant": lambda who: encounter(participant=[{"individual": who}]),
    "Encounter.serviceProvider": lambda who: encounter(serviceProvider=who),
}


@pytest.mark.parametrize("place", BY)
async def test_who_is_near_is_named_and_a_stranger_is_let_in_by_the_circle_alone(access: Access, place: str) -> None:
    organisation = place.endswith(("Organization", "Provider"))
    near, stranger = (
        (OF_NORA, {"reference": "Organization/autre"}) if organisation else ({"reference": "Practitioner/nora"}, STRANGER)
    )
    written = BY[place]
    await write(access, GP, written(near))
    for actor in (GP, NORA):
        with pytest.raises(Unprocessable, match="Let them into the CareTeam first"):
            await write(access, actor, written(stranger))
    assert not await sees(access, OUTSIDER, "Condition", "secret")
    await write(access, MACHINE, written(stranger))
    assert await sees(access, OUTSIDER, "Condition", "secret"), "an establishment says who cares for its patients"
    await write(
        access, GP, {**written(stranger), "length": {"value": 1, "unit": "h"}} if place.startswith("Enc") else written(stranger)
    )
    assert await read(access, place.partition(".")[0], "e" if place.startswith("Epi") else "v"), "who was named stays named"


async def test_an_episode_that_is_over_is_not_opened_again_for_a_stranger(access: Access) -> None:
    await write(access, MACHINE, episode(careManager=STRANGER, status="finished"))
    assert not await sees(access, OUTSIDER, "Condition", "secret")
    with pytest.raises(Unprocessable):
        await write(access, GP, episode(careManager=STRANGER))
    await write(access, MACHINE, episode(careManager=STRANGER, period={"end": "2026-11-30"}))
    with pytest.raises(Unprocessable):
        await write(access, GP, episode(careManager=STRANGER, period={"end": "2036-11-30"}))
    await write(access, GP, episode(careManager=STRANGER, status="finished"))
    assert not await sees(access, OUTSIDER, "Condition", "secret"), "to let nobody in any more takes no right over them"


async def test_a_support_is_its_teams(access: Access) -> None:
    support = episode(
        identifier=[{"system": "urn:maillage:support-episode", "value": "r"}],
        managingOrganization={"reference": "Organization/dac"},
    )
    with pytest.raises(Forbidden, match="given by the platform"):
        await write(access, LISE, support)
    await write(access, SEED, support)
    for actor, change in ((GP, {"status": "finished"}), (NORA, {"careManager": {"reference": "Practitioner/nora"}})):
        with pytest.raises(Forbidden, match="changed by the team"):
            await write(access, actor, support | change)
    await write(access, LISE, support | {"status": "onhold"})
    assert (await read(access, "EpisodeOfCare", "e"))["status"] == "onhold"


async def test_who_leaves_sees_by_nothing_that_they_planted(access: Access, clock: FixedClock) -> None:
    held = [
        episode("own", careManager={"reference": "Practitioner/nora"}),
        episode("office", managingOrganization=OF_NORA),
        encounter("round", participant=[{"individual": {"reference": "Practitioner/nora"}}]),
        encounter("plan", status="planned", serviceProvider=OF_NORA),
        visit("Practitioner/nora"),
    ]
    await write(access, NORA, *held)
    clock.advance(timedelta(seconds=1))
    told = await leave(access, "Practitioner/gp", "Organization/dac")
    for days in (0, 3):
        clock.advance(timedelta(days=days))
        with pytest.raises(NotFound):
            async with access.act(NORA, read_only=True) as ctx:
                await ctx.records.read("Condition", "secret")
    ended = {one["id"]: (await read(access, one["resourceType"], one["id"]))["status"] for one in held}
    assert ended == {"own": "finished", "office": "finished", "round": "finished", "plan": "cancelled", "a": "cancelled"}
    alone = await read(access, "Appointment", "a")
    assert alone["cancelationReason"]["text"] == "Qui devait venir ne suit plus la personne"
    assert [(one.asks, one.about) for one in told] == [("visit-left", "Appointment/a")], "the person may be waiting for them"
    assert alone_words(alone).title == "Plus personne pour : Pansement, le 26\N{NO-BREAK SPACE}nov.\N{NO-BREAK SPACE}2026"


async def test_what_others_hold_too_goes_on_without_who_left(access: Access) -> None:
    gp = {"reference": "Practitioner/gp"}
    both = [
        episode(managingOrganization=OF_NORA, careManager=gp),
        encounter(participant=[{"individual": {"reference": "Practitioner/nora"}}, {"individual": gp}]),
        visit("Practitioner/nora", "Practitioner/gp"),
    ]
    others = [
        episode("gp", careManager=gp),
        encounter("bed", "IMP", serviceProvider=OF_NORA),
        visit("Practitioner/gp", id="later"),
    ]
    others[2]["start"], others[2]["end"] = "2026-12-24T10:00:00Z", "2026-12-24T11:00:00Z"
    await write(access, SEED, *both, *others)
    untouched = [await read(access, one["resourceType"], one["id"]) for one in others]
    assert await leave(access, "Practitioner/gp", "Organization/dac") == []
    assert [await read(access, one["resourceType"], one["id"]) for one in others] == untouched
    goes_on, contact, coming = [await read(access, one["resourceType"], one["id"]) for one in both]
    assert (goes_on["status"], goes_on.get("managingOrganization"), goes_on["careManager"]) == ("active", None, gp)
    assert (contact["status"], contact["participant"]) == ("in-progress", [{"individual": gp}])
    assert (coming["status"], [one["status"] for one in coming["participant"]]) == (
        "booked",
        ["accepted", "declined", "accepted"],
    )


async def test_who_is_still_there_by_another_place_keeps_what_they_hold(access: Access) -> None:
    await write(access, SEED, care_team("p", *BEFORE, "Practitioner/nora"), episode(managingOrganization=OF_NORA))
    await leave(access, "Practitioner/gp", "Organization/dac", "Practitioner/nora")
    assert (await read(access, "EpisodeOfCare", "e"))["status"] == "active"
    await leave(access, "Practitioner/gp", "Organization/dac")
    assert (await read(access, "EpisodeOfCare", "e"))["status"] == "finished"
