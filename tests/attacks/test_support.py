"""A request for support opens a record to the team that accepts it: nobody opens one to themself alone, and the person is told."""

import asyncio
from typing import Any

import pytest

from maillage.access.access import Access
from maillage.access.audit import Outcome
from maillage.errors import Forbidden, MaillageError, Unprocessable
from maillage.services.coordination import pages
from maillage.services.coordination.rules.support import State
from maillage.services.coordination.service import support
from maillage.services.coordination.service.support import Person
from maillage.services.messaging.service import threads
from maillage.services.rights import public as rights
from tests.support.pages import client_of
from tests.support.people import SEED, care_team
from tests.support.teams import (
    DOMINIQUE,
    LISE,
    NEED,
    OUTSIDER,
    P,
    answer,
    ask,
    by_outsider,
    coordinator,
    react,
    sees,
    state_of,
    works,
    write_teams,
)

UNSEEN = Person(patient=None, traits=DOMINIQUE)


@pytest.fixture(autouse=True)
async def territory(access: Access) -> None:
    await write_teams(access)


async def in_team(access: Access, *people: str) -> None:
    async with access.act(SEED) as ctx:
        await ctx.records.write_all({"resourceType": "Practitioner", "id": one, "name": [{"text": one}]} for one in people)
        await ctx.records.write_all(works(one, "dac") for one in people)


async def told(access: Access) -> list[str]:
    """What the person reads in their conversations."""
    async with access.act(P, read_only=True) as ctx:
        return [one.last.text for one in (await threads.conversations(ctx)).threads]


async def test_who_asks_for_support_of_somebody_they_do_not_follow_is_answered_by_a_colleague(access: Access) -> None:
    await in_team(access, "marc")
    id = await ask(access, LISE, UNSEEN)
    with pytest.raises(Forbidden):
        await answer(access, LISE, id, State.ACCEPTED)
    assert (await state_of(access, id), await sees(access, LISE, "Patient", "p")) == (State.NEW, False)
    await answer(access, LISE, id, State.ANALYSED)
    marc = coordinator("marc")
    await answer(access, marc, id, State.ACCEPTED)
    assert (await sees(access, marc, "Patient", "p"), await sees(access, LISE, "Patient", "p")) == (True, True)


async def test_the_page_offers_to_accept_only_to_who_may_and_says_who_does(access: Access, application: Any) -> None:
    await in_team(access, "marc")
    id = await ask(access, LISE, UNSEEN)
    app, address = application(pages), f"/demandes-d-appui/{id}"
    async with await client_of(app, access, LISE) as lise, await client_of(app, access, coordinator("marc")) as marc:
        mine, his = (await lise.get(address)).text, (await marc.get(address)).text
    assert ("Accepter la demande" in mine, "marc peut l’accepter" in mine) == (False, True)
    assert ("Accepter la demande" in his, "l’accepter." in his) == (True, False)
    for words in ("Demander une précision", "Retirer ma demande"):
        assert words in mine, words


async def test_who_follows_the_person_already_needs_nobody_else(access: Access) -> None:
    await in_team(access, "marc")
    async with access.act(SEED) as ctx:
        await ctx.records.write(care_team("p", "Practitioner/gp", "Practitioner/lise"))
    id = await ask(access, LISE, Person(patient="p", traits=DOMINIQUE))
    await answer(access, LISE, id, State.ACCEPTED)
    assert await state_of(access, id) is State.ACCEPTED


async def test_alone_in_their_team_they_answer_and_the_person_is_told_as_of_every_opening(access: Access) -> None:
    refused = await by_outsider(access)
    await answer(access, LISE, refused, State.REFUSED, words="Hors de notre territoire")
    assert await told(access) == []
    id = await ask(access, LISE, UNSEEN)
    for _ in range(2):
        await answer(access, LISE, id, State.ACCEPTED)
    (words,) = await told(access)
    assert "Équipe dac" in words
    assert "voit votre dossier" in words


async def test_who_asked_for_themself_is_told_by_their_answer(access: Access) -> None:
    id = await ask(access, P, Person(patient="p", traits=DOMINIQUE), how="online")
    await answer(access, LISE, id, State.ACCEPTED)
    assert await told(access) == []


async def test_that_somebody_learned_that_the_person_says_no_is_in_their_trail(access: Access) -> None:
    async with access.act(P) as ctx:
        await rights.choose(ctx, "p", "coordination", denied=True)
    async with access.act(OUTSIDER) as ctx:
        with pytest.raises(Unprocessable):
            await support.ask(ctx, access, UNSEEN, NEED, how="spoken", team="Organization/dac", key="k")
    async with access.act(P) as ctx:
        lines = [(one["reference"], one["query"], one["outcome"]) for one in await ctx.records.trail("p")]
    assert ("Practitioner/outsider", "support=refused", Outcome.REFUSED) in lines


async def test_of_two_colleagues_who_answer_at_once_one_does(access: Access) -> None:
    await in_team(access, "marc", "jeanne")
    id = await by_outsider(access)

    async def decide(who: str, state: State) -> str:
        try:
            async with access.act(coordinator(who)) as ctx:
                await support.move(ctx, id, state, words="Hors de notre territoire" if state is State.REFUSED else "")
        except MaillageError as fault:
            return type(fault).__name__
        return "done"

    both = [("marc", State.ACCEPTED), ("jeanne", State.REFUSED), ("lise", State.ACCEPTED)]
    said = await asyncio.gather(*(decide(who, state) for who, state in both))
    await react(access)
    state = await state_of(access, id)
    decided = {asked for one, (_, asked) in zip(said, both, strict=True) if one == "done"}
    assert decided == {state}, (said, "who comes after it is said may say the same, and nothing else")
    async with access.act(SEED) as ctx:
        episodes = await ctx.records.find("EpisodeOfCare", {"patient": "Patient/p"})
    assert len(episodes) == (state is State.ACCEPTED)
    assert len(await told(access)) == len(episodes)
