"""The person reads their plan in plain words and says that they disagree; a carer reads what they were let see, and says nothing in their name."""

import re
from typing import Any
from uuid import uuid4

from httpx import AsyncClient, Response
from playwright.async_api import Browser

from maillage.access.access import Access
from maillage.access.habilitation.carers import CARER_SCOPE
from maillage.services.coordination import jobs, pages
from maillage.services.coordination.events import PlanContested
from tests.support.browser import screen
from tests.support.people import SEED, carer
from tests.support.people import patient as person

from .test_coordination_plan import LISE, Visit, only, send, shown, started, territory, visit

__all__ = ["territory", "visit"]
DOMINIQUE, CLAUDE = person("p"), carer("claude")
HERE = "/mon-plan"


async def say(client: AsyncClient, **fields: str) -> Response:
    page = (await client.get(HERE)).text
    token = re.findall(r'name="csrf" value="(\w+)"', page)[-1]
    return await client.post(f"{HERE}/avis", data={"csrf": token, "cle": uuid4().hex, **fields})


async def let(access: Access, scope: str) -> None:
    async with access.act(SEED) as ctx:
        known = await ctx.records.read("RelatedPerson", "claude")
        await ctx.records.write(known | {"active": True, "extension": [{"url": CARER_SCOPE, "valueCode": scope}]})


async def planned(client: AsyncClient) -> None:
    await started(client)
    await send(client, "/paroles", paroles="Dormir chez moi")
    await send(client, "/actions", action="Pansement", comment="un jour sur deux", qui="Practitioner/nora", echeance="2026-11-28")
    await send(client, "/actions", action="Fond d’œil", echeance="2027-03-01")


async def test_the_person_reads_it_in_plain_words_and_disagrees(territory: Access, visit: Visit) -> None:
    lise, dominique = await visit(LISE), await visit(DOMINIQUE)
    assert "Pas de plan pour l’instant" in await shown(dominique, HERE)
    await planned(lise)
    page = await shown(dominique, HERE)
    for words in (
        "Ce que j’ai dit",
        "Dormir chez moi",
        "Par Nora FICTIVE, un jour sur deux",
        "Avant le samedi 28 novembre 2026",
        "Nous cherchons qui peut le faire",
    ):
        assert words in page, words
    plan = (await only(territory, "CarePlan"))["id"]
    empty = await say(dominique, avis="contested", plan=plan, mots="")
    assert (empty.status_code, "Écrivez avec quoi vous n’êtes pas d’accord" in empty.text) == (422, True)
    assert (await say(dominique, avis="contested", plan=plan, mots="Je ne veux pas de fond d’œil")).status_code == 303
    said = await only(territory, "Communication")
    async with territory.act(SEED) as ctx:
        await jobs.review_what_is_contested(ctx, PlanContested(plan=plan, patient="p", position=said["id"]))
    page = await shown(lise)
    for words in (
        "Désaccord à traiter de la personne",
        "Je ne veux pas de fond d’œil",
        "en ligne",
        "À revoir depuis un désaccord",
    ):
        assert words in page, words
    await send(lise, "/reponse", dit=said["id"], reponse="On en reparle en janvier")
    assert "On en reparle en janvier" in await shown(dominique, HERE)


async def test_a_carer_reads_what_they_were_let_see_and_says_nothing_in_their_name(territory: Access, visit: Visit) -> None:
    await planned(await visit(LISE))
    plan = (await only(territory, "CarePlan"))["id"]
    for scope, sees in (("follow", True), ("agenda", False)):
        await let(territory, scope)
        claude = await visit(CLAUDE)
        assert ("Pansement" in await shown(claude, HERE)) is sees, scope
    await let(territory, "follow")
    claude = await visit(CLAUDE)
    token = re.findall(r'name="csrf" value="(\w+)"', (await claude.get(HERE)).text)[-1]
    refused = await claude.post(f"{HERE}/avis", data={"csrf": token, "cle": uuid4().hex, "plan": plan, "avis": "agreed"})
    assert refused.status_code == 403


async def test_a_carer_is_not_told_that_they_disagree_where_the_person_does(territory: Access, visit: Visit) -> None:
    dominique = await visit(DOMINIQUE)
    await planned(await visit(LISE))
    plan = (await only(territory, "CarePlan"))["id"]
    await say(dominique, avis="contested", plan=plan, mots="Je ne veux pas de fond d’œil")
    await let(territory, "follow")
    mine, theirs = await shown(dominique, HERE), await shown(await visit(CLAUDE), HERE)
    assert ("Votre désaccord est noté" in mine, "<b>Vous</b>" in mine) == (True, True)
    assert ("Votre désaccord" in theirs, "<b>Vous</b>" in theirs) == (False, False)
    assert ("Son désaccord est noté" in theirs, "<b>La personne</b>" in theirs) == (True, True)


async def test_what_is_being_done_is_of_this_month_however_late_it_ends(territory: Access, visit: Visit) -> None:
    lise, dominique = await visit(LISE), await visit(DOMINIQUE)
    await started(lise)
    await send(lise, "/actions", action="Kinésithérapie", qui="Practitioner/nora", echeance="2027-03-01")
    assert (await shown(dominique, HERE)).index("Plus tard") < (await shown(dominique, HERE)).index("Kinésithérapie")
    task = await only(territory, "Task")
    assert (await send(lise, "/etat", quoi=f"Task/{task['id']}", etat="in-progress")).status_code == 303
    page = await shown(dominique, HERE)
    assert "Kinésithérapie" in page
    assert "Plus tard" not in page


async def test_who_left_the_circle_finds_nothing_any_more(territory: Access, visit: Visit) -> None:
    lise = await visit(LISE)
    await planned(lise)
    assert (await lise.get("/patients/p/plan")).status_code == 200
    async with territory.act(SEED) as ctx:
        team = await ctx.records.read("CareTeam", "team-p")
        kept = [one for one in team["participant"] if one["member"]["reference"] not in ("Practitioner/lise", "Organization/dac")]
        await ctx.records.write(team | {"participant": kept})
    assert (await lise.get("/patients/p/plan")).status_code == 404


async def test_it_looks_right_for_the_person(
    territory: Access, visit: Visit, application: Any, signed_in: Any, browser: Browser
) -> None:
    await planned(await visit(LISE))
    window = await screen(browser, app=application(pages), headers=await signed_in(DOMINIQUE))
    await window.open(HERE)
    await window.check("mon-plan")
