"""« Mon appui » in the words of who reads it: the person, or who helps them; and whether a team is there already."""

from typing import Any

import pytest

from maillage.access.access import Access
from maillage.access.habilitation.carers import CARER_SCOPE
from maillage.services.coordination import pages
from maillage.services.coordination.rules.support import State
from tests.support.pages import client_of
from tests.support.people import SEED, carer
from tests.support.teams import LISE, P, answer, by_outsider, write_teams

CLAUDE = carer("claude")


@pytest.fixture(autouse=True)
async def territory(access: Access) -> None:
    await write_teams(access)


async def helps(access: Access, scope: str) -> None:
    relation = {
        "resourceType": "RelatedPerson",
        "id": "claude",
        "active": True,
        "patient": {"reference": "Patient/p"},
        "name": [{"text": "Claude"}],
    }
    async with access.act(SEED) as ctx:
        await ctx.records.write(relation | {"extension": [{"url": CARER_SCOPE, "valueCode": scope}]})


async def shown(access: Access, application: Any, actor: Any) -> str:
    async with await client_of(application(pages), access, actor) as client:
        answered = await client.get("/mon-appui")
    assert answered.status_code == 200, answered.text
    return " ".join(answered.text.split())


async def test_each_reads_it_in_their_own_words(access: Access, application: Any) -> None:
    await helps(access, "whole")
    own, theirs = await shown(access, application, P), await shown(access, application, CLAUDE)
    assert "Être aidé pour m’organiser" in own
    assert "La personne qui m’aide est fatiguée ou absente" in own
    assert "m-banner" not in own
    assert "Demander de l’aide pour Dominique" in theirs
    assert "Je m’épuise, ou je ne peux plus être là" in theirs
    assert "La personne qui m’aide" not in theirs
    assert 'class="m-banner"' in theirs, "no page about somebody without who it is"


async def test_a_team_that_is_there_already_is_said_to_who_may_see_it(access: Access, application: Any) -> None:
    await helps(access, "whole")
    for actor in (P, CLAUDE):
        assert "accompagne déjà" not in await shown(access, application, actor)
    await answer(access, LISE, await by_outsider(access), State.ACCEPTED)
    assert "Équipe dac vous accompagne déjà." in await shown(access, application, P)
    assert "Équipe dac accompagne déjà Dominique." in await shown(access, application, CLAUDE)
    await helps(access, "agenda")
    assert "accompagne déjà" not in await shown(access, application, CLAUDE)
