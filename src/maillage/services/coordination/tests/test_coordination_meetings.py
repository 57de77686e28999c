"""Meetings about a person: called, answered, prepared in writing, concluded; the decision moves the plan."""

import base64
import json
import re
from typing import Any
from uuid import uuid4

import pytest
from httpx import AsyncClient, Response
from playwright.async_api import Browser

from maillage.access.access import Access
from maillage.errors import Conflict
from maillage.services.coordination import pages
from maillage.services.coordination.events import MeetingConcluded
from maillage.services.coordination.jobs import report_the_meeting
from maillage.services.coordination.resources.meeting import word_about
from maillage.services.coordination.resources.meeting_report import values
from maillage.services.coordination.service import meeting_telling, meetings
from maillage.services.coordination.service.meeting_report import told_in
from maillage.services.messaging.events import MatterTold
from maillage.services.messaging.jobs import put_before
from tests.support.browser import screen
from tests.support.people import NOON, SEED, carer
from tests.support.people import sees as let_see
from tests.support.teams import DOMINIQUE, P, news, sees

from .test_coordination_plan import GP, LISE, NURSE, STRANGER, Visit, all_of, only, shown, started, territory, visit

__all__ = ["territory", "visit"]
LIST = "/patients/p/concertations"
PROFESSIONS = "https://mos.esante.gouv.fr/NOS/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante"


async def post(client: AsyncClient, path: str, **fields: Any) -> Response:
    token = re.findall(r'name="csrf" value="(\w+)"', (await client.get(LIST)).text)[-1]
    return await client.post(path, data={"csrf": token, "cle": uuid4().hex, **fields})


async def called(client: AsyncClient, **more: Any) -> str:
    fields = {"question": "Peut-elle rester chez elle ?", "jour": "2026-12-03", "heure": "13:30", "lieu": "https://visio.example/abc",
              "quorum": "3", "invites": ["Practitioner/gp", "Practitioner/nora"]} | more  # fmt: skip
    answer = await post(client, LIST, **fields)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].partition("?")[0]


async def test_a_meeting_is_called_prepared_and_concluded_and_moves_the_plan(territory: Access, visit: Visit) -> None:
    lise, gp, nora = await visit(LISE), await visit(GP), await visit(NURSE)
    await started(lise)
    here = await called(lise)
    assert "0 réponse sur 3 participants" not in await shown(lise, LIST)
    assert "1 réponse sur 3 participants" in await shown(lise, LIST)
    assert "Je viendrai" in await shown(gp, here)
    assert (await post(gp, f"{here}/reponse", reponse="accepted")).status_code == 303
    assert "Je viendrai" not in await shown(gp, here)
    assert "Je ne peux pas" in await shown(gp, here), "one may think again"
    assert (await post(nora, f"{here}/avis", avis="Les nuits sont difficiles", genre="opinion")).status_code == 303
    page = await shown(lise, here)
    for words in ("Nora FICTIVE", "Les nuits sont difficiles", "2 présents annoncés, quorum 3", "en visio"):
        assert words in page, words
    early = await post(lise, f"{here}/decision", decision="Garde de nuit à l’essai", qui="Practitioner/nora")
    assert (early.status_code, "Le quorum est de 3" in early.text, "Garde de nuit à l’essai" in early.text) == (409, True, True)
    key = uuid4().hex
    for _ in range(2):
        done = await post(
            lise, f"{here}/decision", decision="Garde de nuit à l’essai", qui="Practitioner/nora", malgre="1", cle=key
        )
        assert done.status_code == 303
    assert "Décision : Garde de nuit à l’essai" in " ".join(
        (await gp.get(here)).text.replace("\u202f", " ").replace("\u00a0", " ").split()
    )
    assert "Décidé en concertation le 3 déc. 2026" in await shown(lise)
    assert "Garde de nuit à l’essai" in await shown(nora, "/taches")
    again = await post(lise, f"{here}/decision", decision="Autre chose", malgre="1")
    assert (again.status_code, "conclue" in again.text) == (409, True)
    assert len([one for one in await all_of(territory, "Communication") if one["topic"]["text"] == "Décision"]) == 1
    words = len(await all_of(territory, "Communication"))
    late = await post(nora, f"{here}/avis", avis="J’ajoute ceci", genre="opinion")
    assert (late.status_code, "compte rendu est fait" in late.text) == (409, True)
    said = next(one for one in await all_of(territory, "Communication") if one["topic"]["text"] != "Décision")
    with pytest.raises(Conflict):
        async with territory.act(GP, door="fhir") as ctx:
            fresh = {name: value for name, value in said.items() if name not in ("id", "meta", "identifier")}
            await ctx.records.write(fresh | {"sender": {"reference": GP.reference}})
    assert len(await all_of(territory, "Communication")) == words


async def test_what_is_missing_is_said_and_nothing_is_written(territory: Access, visit: Visit) -> None:
    lise = await visit(LISE)
    answer = await post(lise, LIST, question="", jour="2020-01-01", heure="tard", quorum="beaucoup")
    assert answer.status_code == 422
    for words in (
        "Écrivez la question posée",
        "Cette date est passée",
        "Invitez au moins une personne",
        "Un nombre de personnes",
    ):
        assert words in answer.text, words
    assert await all_of(territory, "Appointment") == []


async def test_only_the_circle_knows_of_it_and_only_who_is_invited_answers(territory: Access, visit: Visit) -> None:
    lise, gp, stranger, nora = await visit(LISE), await visit(GP), await visit(STRANGER), await visit(NURSE)
    here = await called(lise, invites=["Practitioner/gp"])
    assert (await gp.get(here)).status_code == 200
    assert (await stranger.get(here)).status_code == 404
    assert (await stranger.get(LIST)).status_code == 404
    assert (await post(gp, f"{here}/reponse", reponse="declined")).status_code == 303
    assert (await post(nora, f"{here}/reponse", reponse="accepted")).status_code == 403
    assert [one["status"] for one in (await only(territory, "Appointment"))["participant"]] == [
        "accepted",
        "accepted",
        "declined",
    ]


async def test_a_meeting_looks_right(territory: Access, visit: Visit, application: Any, signed_in: Any, browser: Browser) -> None:
    lise = await visit(LISE)
    here = await called(lise)
    await post(await visit(NURSE), f"{here}/avis", avis="Les nuits sont difficiles", genre="opinion")
    window = await screen(browser, app=application(pages), headers=await signed_in(LISE))
    await window.open(here)
    await window.check("concertation")
    await window.open(LIST)
    await window.check("concertations")


async def heard(access: Access, meeting: str, tell: Any) -> None:
    """What the worker does with what is told about a meeting."""
    async with access.act(SEED) as ctx:
        resource = await ctx.records.read("Appointment", meeting)
        tell(ctx, resource, patient="p")
        told = [event for event in ctx.announced if isinstance(event, MatterTold)]
        for event in told:
            await put_before.handler(ctx, event)


async def test_who_is_invited_finds_it_in_their_news_and_then_the_decision(territory: Access, visit: Visit) -> None:
    lise = await visit(LISE)
    here = await called(lise, invites=["Practitioner/gp"])
    meeting = here.rpartition("/")[2]
    for _ in range(2):
        await heard(territory, meeting, meeting_telling.tell_invited)
    assert await news(territory, GP) == ["Concertation : votre présence ou votre avis"]
    assert await news(territory, NURSE) == []
    assert (await post(lise, f"{here}/decision", decision="Garde de nuit", malgre="1")).status_code == 303
    await heard(territory, meeting, meeting_telling.tell_concluded)
    assert await news(territory, GP) == ["Concertation conclue : la décision est dans le plan"]


async def reported(access: Access, announced: list[Any]) -> None:
    """What the worker does with a conclusion, as often as it is told."""
    (concluded,) = [one for one in announced if isinstance(one, MeetingConcluded)]
    for _ in range(2):
        async with access.act(SEED) as ctx:
            await report_the_meeting.handler(ctx, concluded)
            told = [event for event in ctx.announced if isinstance(event, MatterTold)]
            for event in told:
                await put_before.handler(ctx, event)


@pytest.mark.parametrize("door", ["page", "fhir"])
async def test_a_concluded_meeting_leaves_its_report_to_the_circle_and_the_person(
    territory: Access, visit: Visit, door: str
) -> None:
    lise, nora = await visit(LISE), await visit(NURSE)
    async with territory.act(SEED) as ctx:
        known = await ctx.records.read("Practitioner", "nora")
        await ctx.records.write(known | {"qualification": [{"code": {"coding": [{"system": PROFESSIONS, "code": "60"}]}}]})
    here = await called(lise, invites=["Practitioner/gp"], quorum="")
    meeting = here.rpartition("/")[2]
    assert (await post(nora, f"{here}/avis", avis="Les nuits #[sont] *difficiles*", genre="opinion")).status_code == 303
    async with territory.act(LISE, door=door) as ctx:
        if door == "page":
            await meetings.conclude(
                ctx, patient="p", meeting=meeting, words="Garde de nuit", owner="", due="", despite_quorum=True, key="k"
            )
        else:
            await meetings.say(ctx, patient="p", meeting=meeting, kind="summary", words="Garde de nuit", key="k")
            held = await ctx.records.read("Appointment", meeting)
            await ctx.records.write(held | {"status": "fulfilled"})
            await ctx.records.write((await ctx.records.read("Appointment", meeting)) | {"comment": "Salle 2"})
        announced = list(ctx.announced)
    await reported(territory, announced)
    (report,) = await all_of(territory, "DocumentReference")
    assert report["meta"]["versionId"] in ("1", "2")
    assert base64.b64decode(report["content"][0]["attachment"]["data"]).startswith(b"%PDF-")
    async with territory.act(LISE, read_only=True) as ctx:
        held = await meetings.read(ctx, patient="p", meeting=meeting)
    said = json.dumps(values(held, traits=DOMINIQUE, ins=None, at=NOON), ensure_ascii=False)
    for words in (
        "PAT-TROIS",
        "Peut-elle rester chez elle ?",
        "Garde de nuit",
        "Les nuits #[sont]",
        "Nora FICTIVE",
        "Camille EXEMPLE",
    ):
        assert words in said, words
    assert await news(territory, NURSE) == ["Compte rendu de concertation"], "who was not invited; once"
    assert "Compte rendu de concertation" not in await news(territory, GP), "who was invited is told of the decision"
    assert f"/documents/{report['id']}" in (await lise.get(here)).text
    for actor in (LISE, GP, NURSE, P):
        assert await sees(territory, actor, "DocumentReference", report["id"]), actor.id
    assert not await sees(territory, STRANGER, "DocumentReference", report["id"])


async def test_a_carer_reads_the_report_where_they_are_let_see_the_plan(territory: Access, visit: Visit) -> None:
    lise = await visit(LISE)
    here = await called(lise, invites=["Practitioner/gp"], quorum="")
    async with territory.act(LISE) as ctx:
        await meetings.conclude(
            ctx,
            patient="p",
            meeting=here.rpartition("/")[2],
            words="Garde de nuit",
            owner="",
            due="",
            despite_quorum=True,
            key="k",
        )
        announced = list(ctx.announced)
    await reported(territory, announced)
    (report,) = await all_of(territory, "DocumentReference")
    async with territory.act(SEED) as ctx:
        await ctx.records.write(await ctx.records.read("RelatedPerson", "claude") | let_see("agenda"))
    assert not await sees(territory, carer("claude"), "DocumentReference", report["id"])
    async with territory.act(SEED) as ctx:
        await ctx.records.write(await ctx.records.read("RelatedPerson", "claude") | let_see("follow"))
    assert await sees(territory, carer("claude"), "DocumentReference", report["id"])


async def test_what_is_kept_from_some_or_is_about_another_is_not_told_by_the_report(territory: Access, visit: Visit) -> None:
    lise = await visit(LISE)
    here = await called(lise, invites=["Practitioner/gp"], quorum="")
    meeting = here.rpartition("/")[2]
    care_only = {"coding": [{"system": "urn:maillage:audience", "code": "care-only"}]}
    restricted = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}
    async with territory.act(SEED) as ctx:
        await ctx.records.write({"resourceType": "Patient", "id": "q", "name": [{"family": "AUTRE"}]})
        word = word_about(
            meeting=meeting,
            patient="p",
            kind="opinion",
            words="Dit à tous",
            sender="Practitioner/gp",
            name="Dr Camille EXEMPLE",
            at=NOON,
            key="all",
        )
        kept = [
            word | {"payload": [{"contentString": "Pour ceux qui soignent"}], "category": [*word["category"], care_only]},
            word | {"payload": [{"contentString": "Confidentiel"}], "meta": restricted},
            word | {"payload": [{"contentString": "Pour un seul"}], "recipient": [{"reference": "Practitioner/nora"}]},
            word | {"payload": [{"contentString": "Sur une autre"}], "subject": {"reference": "Patient/q"}},
        ]
        await ctx.records.write_all([word, *kept])
    async with territory.act(LISE) as ctx:
        await meetings.conclude(
            ctx, patient="p", meeting=meeting, words="Garde de nuit", owner="", due="", despite_quorum=True, key="k"
        )
        (concluded,) = [one for one in ctx.announced if isinstance(one, MeetingConcluded)]
    async with territory.act(SEED) as ctx:
        said = {one.words for one in (await told_in(ctx, concluded)).said}
    assert said == {"Dit à tous", "Garde de nuit"}
