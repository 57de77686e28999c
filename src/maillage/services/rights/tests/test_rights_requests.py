"""What people ask of those who hold their data: asked in their space, due within a month, answered by the officer or by the author."""

import re
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.clock import FixedClock
from maillage.db import Database
from maillage.services.documents.events import DocumentReceived
from maillage.services.rights import jobs, pages
from maillage.services.rights.events import OppositionAccepted
from maillage.services.rights.public import choices_of, for_care_only
from maillage.services.rights.rules.requests import due, is_answer
from maillage.services.steering import jobs as steering_jobs
from tests.support.browser import HERE, screen
from tests.support.people import SEED, care_team, officer_of, patient, professional, sees

ZOE, GP, NURSE, OFFICER = patient("zoe"), professional("gp", Role.GP), professional("nurse", Role.NURSE), officer_of(Role.OFFICER)
CARER = Actor(
    id="c", kind=ActorKind.CARER, name="Claude", roles=frozenset({Role.CARER, Role.REPRESENTATIVE}), reference="RelatedPerson/c"
)
WRONG = "Je ne suis pas allergique à la pénicilline"
ABOUT = {"demande": "rectification", "mots": WRONG, "quoi": "DocumentReference/letter"}


@pytest.fixture
async def followed(access: Access) -> Access:
    """Zoé, with a letter by her doctor; another person's letter; a carer who sees all and does not act in her name."""

    def letter(id: str, whose: str) -> dict[str, Any]:
        return {
            "resourceType": "DocumentReference", "id": id, "status": "current", "description": "Lettre", "subject": {"reference": f"Patient/{whose}"},
            "author": [{"reference": "Practitioner/gp"}], "content": [{"attachment": {"contentType": "application/pdf", "url": "urn:x"}}],
        }  # fmt: skip

    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Patient", "id": "zoe"},
            {"resourceType": "Patient", "id": "other"},
            {"resourceType": "RelatedPerson", "id": "c", "patient": {"reference": "Patient/zoe"}, **sees("whole")},
            care_team("zoe", "Practitioner/gp", "Practitioner/nurse"),
            letter("letter", "zoe"),
            letter("others", "other"),
        )
    return access


async def visit(application: Any, signed_in: Any, who: Actor) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=application(pages))
    return httpx.AsyncClient(transport=transport, base_url=HERE, headers=[("accept", "text/html"), *await signed_in(who)])


async def post(client: httpx.AsyncClient, page: str, address: str, **fields: str) -> httpx.Response:
    token = re.findall(r'name="csrf" value="(\w+)"', (await client.get(page)).text)
    return await client.post(address, data={"csrf": token[-1] if token else "", **fields})


async def asked(application: Any, signed_in: Any, **fields: str) -> str:
    """The id of what Zoé asked for, as the officer's page has it."""
    async with await visit(application, signed_in, ZOE) as zoe:
        assert (await post(zoe, "/mes-demandes", "/mes-demandes", **fields)).headers["location"] == "/mes-demandes?fait=1"
    async with await visit(application, signed_in, OFFICER) as officer:
        return str(re.findall(r'action="/demandes/([0-9a-f-]{36})"', (await officer.get("/demandes")).text)[-1])


async def test_the_author_answers_what_is_said_to_be_wrong(followed: Access, application: Any, signed_in: Any) -> None:
    id = await asked(application, signed_in, **ABOUT)
    async with await visit(application, signed_in, NURSE) as nurse:
        assert WRONG not in (await nurse.get("/corrections")).text
        answer = {"reponse": "corrected", "mots": "Ce n’est pas à moi de le dire"}
        assert (await post(nurse, "/corrections", f"/corrections/{id}", **answer)).status_code in (403, 404)
    async with await visit(application, signed_in, GP) as gp:
        assert WRONG in (await gp.get("/corrections")).text
        refused = await post(gp, "/corrections", f"/corrections/{id}", reponse="refused", mots="non")
        assert (refused.status_code, "entre 10 et 1" in refused.text) == (422, True)
        done = await post(gp, "/corrections", f"/corrections/{id}", reponse="corrected", mots="Corrigé dans une nouvelle lettre")
        assert done.headers["location"] == "/corrections?fait=1"
    async with await visit(application, signed_in, ZOE) as zoe:
        page = (await zoe.get("/mes-demandes")).text
    assert "Corrigé dans une nouvelle lettre" in page
    assert "Corrigé</span>" in page


async def test_the_officer_sees_what_is_due_and_answers_once(
    followed: Access, clock: FixedClock, application: Any, signed_in: Any
) -> None:
    id = await asked(application, signed_in, demande="rectification", mots=WRONG)
    clock.advance(timedelta(days=31))
    async with await visit(application, signed_in, OFFICER) as officer:
        assert "En retard" in (await officer.get("/demandes")).text
        for wrong, words in (
            ({}, "Choisissez une réponse"),
            ({"reponse": "lifted"}, "Choisissez une réponse"),
            ({"reponse": "refused", "mots": "non"}, "entre 10"),
        ):
            answer = await post(officer, "/demandes", f"/demandes/{id}", **wrong)
            assert (answer.status_code, words in answer.text) == (422, True), wrong
        assert 'value="refused" checked' in answer.text, "what was chosen is kept"
        assert ">non</textarea>" in answer.text, "and what was written"
        said = {"reponse": "refused", "mots": "Le compte rendu dit ce qui a été constaté"}
        page = (await officer.get("/demandes")).text
        assert (await post(officer, "/demandes", f"/demandes/{id}", **said)).status_code == 303
        token = re.findall(r'name="csrf" value="(\w+)"', page)[-1]
        again = await officer.post(f"/demandes/{id}", data={"csrf": token, **said})
        assert again.status_code == 422
        assert "Le compte rendu dit" in (await officer.get("/demandes?vue=repondues")).text


async def test_a_restriction_keeps_data_for_care_until_it_is_lifted(followed: Access, application: Any, signed_in: Any) -> None:
    id = await asked(application, signed_in, demande="restriction", mots=WRONG)
    for state, kept in (("accepted", {"zoe"}), ("lifted", set())):
        async with await visit(application, signed_in, OFFICER) as officer:
            page = "/demandes" if state == "accepted" else "/demandes?vue=repondues"
            assert (await post(officer, page, f"/demandes/{id}", reponse=state, mots="Le temps de vérifier")).status_code == 303
        async with followed.act(SEED) as ctx:
            assert await for_care_only(ctx, ["zoe", "other"]) == kept


async def test_an_opposition_is_the_persons_choice_and_leaves_them_out_of_the_figures(
    followed: Access, database: Database, application: Any, signed_in: Any
) -> None:
    id = await asked(application, signed_in, demande="opposition", mots="Pas de statistiques avec mes données")
    async with await visit(application, signed_in, OFFICER) as officer:
        await post(officer, "/demandes", f"/demandes/{id}", reponse="accepted", mots="C’est enregistré ce jour")
    async with followed.act(SEED) as ctx:
        await jobs.record_the_opposition.handler(ctx, OppositionAccepted(request=id))
    async with followed.act(ZOE, read_only=True) as ctx:
        assert (await choices_of(ctx, "zoe")).denied("secondary-use")
    came = [
        DocumentReceived(document=name, patient=whose, certain=True, type="11490-0", door="fhir")
        for name, whose in (("letter", "zoe"), ("others", "other"))
    ]
    async with followed.act(SEED) as ctx:
        await steering_jobs.count_the_document.handler(ctx, came)
    async with database.reading() as conn:
        rows = await (await conn.execute("select document from steering_document")).fetchall()
    assert [row["document"] for row in rows] == ["others"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({**ABOUT, "demande": "erase-all"}, "Choisissez ce que vous demandez"),
        ({**ABOUT, "mots": "faux"}, "entre 10 et 1"),
        ({**ABOUT, "quoi": "DocumentReference/others"}, "dans votre dossier"),
        ({**ABOUT, "quoi": "Patient/zoe"}, "dans votre dossier"),
    ],
)
async def test_what_cannot_be_meant_is_not_asked(
    followed: Access, application: Any, signed_in: Any, fields: dict[str, str], words: str
) -> None:
    async with await visit(application, signed_in, ZOE) as zoe:
        answer = await post(zoe, "/mes-demandes", "/mes-demandes", **fields)
        assert (answer.status_code, words in answer.text) == (422, True)
        assert "Aucune demande." in (await zoe.get("/mes-demandes")).text


async def test_nobody_else_asks_or_answers(followed: Access, application: Any, signed_in: Any) -> None:
    id = await asked(application, signed_in, **ABOUT)
    async with await visit(application, signed_in, CARER) as carer:  # who sees all of it, and does not act in her name
        assert (await carer.get("/mes-demandes")).status_code == 403
    for who, page in (
        (ZOE, "/demandes"),
        (GP, "/demandes"),
        (ZOE, "/corrections"),
        (OFFICER, "/corrections"),
        (OFFICER, "/mes-demandes"),
    ):
        async with await visit(application, signed_in, who) as one:
            assert (await one.get(page)).status_code == 403, (who.id, page)
    async with await visit(application, signed_in, OFFICER) as officer:
        for unknown in ("nothing", "00000000-0000-4000-8000-000000000000"):
            answer = await post(officer, "/demandes", f"/demandes/{unknown}", reponse="refused", mots="Ceci n’est rien du tout")
            assert answer.status_code == 404
        assert id in (await officer.get("/demandes")).text


def test_a_month_is_a_month() -> None:
    assert due(date(2026, 11, 23)) == date(2026, 12, 23)
    assert due(date(2026, 12, 31)) == date(2027, 1, 31)
    assert due(date(2027, 1, 31)) == date(2027, 2, 28)
    assert not is_answer("rectification", "lifted", "corrected")
    assert not is_answer("restriction", "accepted", "accepted")


@pytest.mark.browser
async def test_the_pages_are_accessible(followed: Access, browser: Browser, application: Any, signed_in: Any) -> None:
    await asked(application, signed_in, **ABOUT)
    for who, path, name in (
        (ZOE, "/mes-demandes?quoi=DocumentReference/letter", "mes-demandes"),
        (OFFICER, "/demandes", "demandes"),
        (GP, "/corrections", "corrections"),
    ):
        window = await screen(browser, application(pages), headers=await signed_in(who))
        await window.open(path)
        await window.check(name)
