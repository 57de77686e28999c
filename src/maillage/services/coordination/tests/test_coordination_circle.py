"""The members of a circle: who joins sees at once, who leaves sees no more, why is kept, and two who change it at once are told."""

from datetime import timedelta

import pytest

from maillage.access.access import Access
from maillage.access.actors import Actor
from maillage.clock import FixedClock
from maillage.errors import Forbidden, Invalid, NotFound, PreconditionFailed, Unprocessable
from maillage.services.coordination.rules.support import State
from maillage.services.coordination.service import circles
from tests.support.people import SEED
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
