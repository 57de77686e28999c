"""The members of a circle: who joins sees at once, who leaves sees no more, why is kept, and two who change it at once are told."""

from datetime import date, timedelta
from typing import Any

import pytest

from maillage.access.access import Access
from maillage.access.actors import Actor
from maillage.clock import FixedClock
from maillage.errors import Forbidden, Invalid, NotFound, PreconditionFailed, Unprocessable
from maillage.services.coordination import pages
from maillage.services.coordination.events import ReferentNamed
from maillage.services.coordination.jobs import follow_the_referent
from maillage.services.coordination.resources.circle import role_for
from maillage.services.coordination.rules.support import State
from maillage.services.coordination.service import circles
from tests.support.pages import client_of
from tests.support.people import SEED, carer
from tests.support.teams import GP, LISE, OUTSIDER, P, answer, by_outsider, sees, works, write_teams

MOMENT = timedelta(milliseconds=1)
NEW = "PractitionerRole/outsider-autre"


@pytest.fixture
async def territory(access: Access) -> None:
    await write_teams(access)
    async with access.act(SEED) as ctx:
        await ctx.records.write(works("outsider", "autre"))


async def held(access: Access, actor: Actor = GP) -> circles.Held:
    async with access.act(actor, read_only=True) as ctx:
        return await circles.of_person(ctx, "p")


async def add(access: Access, actor: Actor, member: str = NEW, *, version: str = "") -> None:
    async with access.act(actor) as ctx:
        await circles.add(ctx, "p", member, version=version)


async def remove(access: Access, actor: Actor, member: str, *, version: str = "") -> bool:
    async with access.act(actor) as ctx:
        return await circles.remove(ctx, "p", member, words="Ne suit plus la personne", version=version)


async def test_who_joins_sees_the_record_and_who_is_removed_sees_it_no_more(
    territory: None, access: Access, clock: FixedClock
) -> None:
    assert not await sees(access, OUTSIDER, "Condition", "secret")
    await add(access, GP)
    assert await sees(access, OUTSIDER, "Condition", "secret")
    assert await remove(access, GP, NEW) is False
    clock.advance(MOMENT)
    assert not await sees(access, OUTSIDER, "Condition", "secret")
    now = await held(access)
    assert ([one.reference for one in now.now], [one.reference for one in now.past]) == (["Practitioner/gp"], [NEW])
    assert [words for _, _, words in now.said] == [
        "outsider est retiré du cercle : Ne suit plus la personne",
        "outsider rejoint le cercle",
    ]


async def test_somebody_leaves_by_themself(territory: None, access: Access, clock: FixedClock) -> None:
    await add(access, GP)
    assert await remove(access, OUTSIDER, NEW) is True
    clock.advance(MOMENT)
    assert not await sees(access, OUTSIDER, "Patient", "p")


async def test_nobody_lets_themself_in(territory: None, access: Access) -> None:
    for refused in (OUTSIDER, LISE):
        with pytest.raises((Forbidden, NotFound)):
            await add(access, refused)
    with pytest.raises(Forbidden):
        await add(access, P)
    with pytest.raises(Invalid):
        await add(access, GP, "Organization/autre")
    with pytest.raises(NotFound):
        await add(access, GP, "RelatedPerson/of-nobody")
    assert not await sees(access, OUTSIDER, "Patient", "p")
    await add(access, GP)
    assert await sees(access, OUTSIDER, "Patient", "p")


async def test_two_who_change_a_circle_at_once_are_told(territory: None, access: Access) -> None:
    read = (await held(access)).version
    await add(access, GP, version=read)
    with pytest.raises(PreconditionFailed):
        await remove(access, GP, NEW, version=read)
    assert NEW in [one.reference for one in (await held(access)).now]


async def test_a_circle_that_has_a_referent_keeps_one(territory: None, access: Access) -> None:
    await answer(access, LISE, await by_outsider(access), State.ACCEPTED)
    with pytest.raises(Unprocessable):
        await remove(access, GP, "PractitionerRole/lise-dac")
    assert [one.reference for one in (await held(access)).now if one.referent] == ["PractitionerRole/lise-dac"]
    await remove(access, GP, "Organization/dac")


async def change(access: Access, member: str, part: str, until: date | None = None, actor: Actor = GP, version: str = "") -> None:
    async with access.act(actor) as ctx:
        await circles.change(ctx, "p", member, part=part, until=until, version=version)


async def test_the_sight_of_a_member_ends_with_their_last_day(territory: None, access: Access, clock: FixedClock) -> None:
    await add(access, GP)
    await change(access, NEW, "", date(2026, 11, 24))
    assert await sees(access, OUTSIDER, "Condition", "secret")
    clock.advance(timedelta(hours=34))  # the 24th, 23 h in Paris
    assert await sees(access, OUTSIDER, "Condition", "secret")
    clock.advance(timedelta(hours=2))
    for kind, id in (("Condition", "secret"), ("Patient", "p"), ("CareTeam", "team-p")):
        assert not await sees(access, OUTSIDER, kind, id), kind
        assert await sees(access, GP, kind, id), kind
    assert [one.reference for one in (await held(access)).past] == [NEW]


async def test_a_part_that_another_software_said_in_words_stays_where_only_the_day_changes(
    territory: None, access: Access
) -> None:
    await add(access, GP)
    async with access.act(SEED) as ctx:
        (team,) = await ctx.records.find("CareTeam", {"patient": "Patient/p"})
        said = [
            {**one, "role": [{"text": "Pédicure"}]} if one["member"]["reference"] == NEW else one for one in team["participant"]
        ]
        await ctx.records.write(team | {"participant": said})
    await change(access, NEW, "", date(2026, 12, 1))
    assert [(one.part, one.until) for one in (await held(access)).now if one.reference == NEW] == [("Pédicure", "2026-12-01")]


async def test_a_referent_is_named_in_the_place_of_another_and_has_a_substitute(territory: None, access: Access) -> None:
    await answer(access, LISE, await by_outsider(access), State.ACCEPTED)
    await add(access, GP)
    await change(access, NEW, "substitute")
    assert [(one.code, one.part) for one in (await held(access)).now if one.reference == NEW] == [
        ("substitute", "Remplaçant du référent")
    ]
    await change(access, NEW, "referent")
    now = (await held(access)).now
    assert [one.reference for one in now if one.referent] == [NEW]
    assert "PractitionerRole/lise-dac" in [one.reference for one in now], "who was referent stays a member"
    with pytest.raises(Unprocessable):
        await change(access, NEW, "PCP")
    await change(access, "PractitionerRole/lise-dac", "referent")
    await change(access, NEW, "PCP")
    async with access.act(SEED) as ctx:
        (team,) = await ctx.records.find("CareTeam", {"patient": "Patient/p"})
    (coding,) = next(one for one in team["participant"] if one["member"]["reference"] == NEW)["role"][0]["coding"]
    assert (coding["system"].rpartition("/")[2], coding["code"]) == ("TRE-R259-HL7ParticipationFunction", "PCP")


@pytest.mark.parametrize("door", ["page", "fhir"])
async def test_who_is_named_referent_manages_the_support_of_their_team(territory: None, access: Access, door: str) -> None:
    await answer(access, LISE, await by_outsider(access), State.ACCEPTED)
    async with access.act(SEED) as ctx:
        await ctx.records.write({"resourceType": "Practitioner", "id": "marc", "name": [{"text": "Marc"}]}, works("marc", "dac"))
    marc, announced = "PractitionerRole/marc-dac", []
    for who, expected in ((NEW, "Practitioner/lise"), (marc, "Practitioner/marc")):
        if door == "page":
            await add(access, GP, who)
        async with access.act(GP, door=door) as ctx:
            if door == "page":
                await circles.change(ctx, "p", who, part="referent", until=None, version="")
            else:
                (team,) = await ctx.records.find("CareTeam", {"patient": "Patient/p"})
                others = [
                    {k: v for k, v in one.items() if k != "role"}
                    for one in team["participant"]
                    if one["member"]["reference"] != who
                ]
                named = {"member": {"reference": who}, "role": [role_for("referent")]}
                await ctx.records.write(team | {"participant": [*others, named]})
            announced = [one for one in ctx.announced if isinstance(one, ReferentNamed)]
        assert [one.member for one in announced] == [who]
        async with access.act(SEED) as ctx:
            for one in announced:
                await follow_the_referent.handler(ctx, one)
            (episode,) = await ctx.records.find("EpisodeOfCare", {"patient": "Patient/p"})
        assert episode["careManager"]["reference"] == expected, "somebody of another team does not manage this one's support"
    async with access.act(GP, door=door) as ctx:
        (team,) = await ctx.records.find("CareTeam", {"patient": "Patient/p"})
        await ctx.records.write(team | {"name": "Cercle"})
        assert not [one for one in ctx.announced if isinstance(one, ReferentNamed)], "nobody new was named"


async def test_what_is_no_part_no_day_or_no_member_is_refused(territory: None, access: Access) -> None:
    await add(access, GP)
    read = (await held(access)).version
    for part, until in (("GUARD", None), ("anything", None), ("", date(2026, 11, 22))):
        with pytest.raises(Invalid):
            await change(access, NEW, part, until)
    with pytest.raises(NotFound):
        await change(access, "PractitionerRole/other-autre", "")
    for stranger in (LISE, P):
        with pytest.raises((Forbidden, NotFound)):
            await change(access, NEW, "PCP", actor=stranger)
    await change(access, NEW, "PCP", version=read)
    with pytest.raises(PreconditionFailed):
        await change(access, NEW, "substitute", version=read)


async def test_somebody_close_joins_the_circle_and_sees_what_the_person_lets_them_see(territory: None, access: Access) -> None:
    async with access.act(SEED) as ctx:
        for id, patient in (("niece", "p"), ("stranger", "q")):
            if patient == "q":
                await ctx.records.write({"resourceType": "Patient", "id": "q"})
            kin = {"resourceType": "RelatedPerson", "id": id, "active": True, "patient": {"reference": f"Patient/{patient}"}}
            await ctx.records.write(
                kin | {"name": [{"family": "PROCHE", "given": ["Claire"]}], "relationship": [{"text": "Nièce"}]}
            )
    async with access.act(GP, read_only=True) as ctx:
        assert [(one.reference, one.name, one.words) for one in await circles.kin(ctx, "p")] == [
            ("RelatedPerson/niece", "PROCHE Claire", "Nièce")
        ]
    async with access.act(GP) as ctx:
        await circles.add(ctx, "p", "RelatedPerson/niece", version="", part="NOK")
        with pytest.raises(Invalid):
            await circles.add(ctx, "p", "RelatedPerson/niece", version="", part="PCP")
        with pytest.raises((Invalid, NotFound)):
            await circles.add(ctx, "p", "RelatedPerson/stranger", version="")
    assert [one.part for one in (await held(access)).now if one.reference == "RelatedPerson/niece"] == ["Personne de confiance"]
    for kind, id in (("Patient", "p"), ("Condition", "secret"), ("CareTeam", "team-p")):
        assert not await sees(access, carer("niece"), kind, id), f"{kind}: the person has let her see nothing"
    async with access.act(GP, read_only=True) as ctx:
        assert await circles.kin(ctx, "p") == []


@pytest.mark.parametrize(
    ("end", "sent", "said"),
    [
        ("role", {"membre": "Practitioner/gp", "part": "referent", "jusqu": "2026-12-24"}, "rôle « Référent de coordination », jusqu’au 24 déc. 2026."),
        ("retrait", {"membre": "Practitioner/gp", "raison": "Part à la retraite"}, "retirer, « Part à la retraite »."),
        ("membres", {"membre": NEW, "part": ""}, "ajouter, rôle « Selon sa profession »."),
    ],
)  # fmt: skip
async def test_who_was_slower_reads_what_stands_and_what_they_meant(
    territory: None, access: Access, application: Any, end: str, sent: dict[str, str], said: str
) -> None:
    async with access.act(SEED) as ctx:
        await ctx.records.write(works("gp", "cabinet"))
    await add(access, GP, "PractitionerRole/gp-cabinet")
    read = (await held(access)).version
    async with access.act(SEED) as ctx:
        await ctx.records.write({"resourceType": "Practitioner", "id": "later", "name": [{"text": "Ana TARDIVE"}]})
        await ctx.records.write(works("later", "autre"))
    await add(access, GP, "PractitionerRole/later-autre")
    client = await client_of(application(pages), access, GP)
    answer = await client.post(f"/patients/p/cercle/{end}", data={**sent, "version": read})
    assert answer.status_code == 409
    shown = " ".join(answer.text.split())
    assert said in shown
    assert "Ana TARDIVE" in shown
    assert (await held(access)).version != read
    fresh = {**sent, "version": (await held(access)).version}
    assert (await client.post(f"/patients/p/cercle/{end}", data=fresh)).status_code == 303
