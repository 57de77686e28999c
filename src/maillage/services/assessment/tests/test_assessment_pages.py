"""Assessments: begun with what the record knows, saved as one goes, finished into the record, corrected with history, compared."""

import re
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient, Response
from playwright.async_api import Browser, expect

from maillage.access.access import Access
from maillage.access.actors import Role
from maillage.services.assessment import pages, public
from maillage.services.assessment.events import AssessmentRecorded
from maillage.services.assessment.service import recording
from tests.support.browser import HERE as BASE
from tests.support.browser import screen
from tests.support.people import SEED, care_team, patient, professional
from tests.support.questionnaires import FORM, URL

NORA = professional("nora", Role.NURSE, name="Nora FICTIVE")
GP = professional("gp", Role.GP, name="Dr Camille EXEMPLE")
OUTSIDER = professional("other", Role.NURSE)
ROGER = patient("p")
assert public.declared
HERE = "/patients/p/evaluations"


class Visitor:
    """Somebody at the pages."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client

    async def text(self, address: str) -> str:
        return (await self.client.get(address)).text

    async def begin(self) -> str:
        page = await self.text(HERE)
        sent = dict(re.findall(r'name="(csrf|cle)" value="([\w-]+)"', page)) | {"questionnaire": URL}
        answer = await self.client.post(HERE, data=sent)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    async def send(self, address: str, page: str = "", **fields: Any) -> Response:
        held = dict(re.findall(r'name="(csrf|version)" value="([\w-]+)"', page or await self.text(address)))
        return await self.client.post(address.partition("?")[0], data={**held, **fields})


@pytest.fixture
def visit(application, signed_in, access: Access):
    async def client(actor: Any) -> Visitor:
        cookies = dict([dict(await signed_in(actor))["cookie"].split("=", 1)])
        transport = ASGITransport(app=application(pages))
        return Visitor(AsyncClient(transport=transport, base_url=BASE, headers={"accept": "text/html"}, cookies=cookies))

    return client


@pytest.fixture
async def territory(access: Access) -> None:
    person = {
        "resourceType": "Patient",
        "id": "p",
        "name": [{"use": "official", "family": "CANEVAS", "given": ["ROGER"]}],
        "gender": "male",
        "birthDate": "1945-02-02",
    }
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            *({"resourceType": "Practitioner", "id": one, "name": [{"family": one.upper()}]} for one in ("nora", "gp", "other")),
            person,
        )
        await ctx.records.write(care_team("p", "Practitioner/nora", "Practitioner/gp"), FORM)


async def react(access: Access) -> None:
    """What the worker does with what was announced."""
    async with access.act(SEED) as ctx:
        for one in await ctx.records.find("QuestionnaireResponse", {"patient": "Patient/p"}):
            await recording.record(ctx, AssessmentRecorded(response=one["id"], patient="p", url=URL, status=one["status"]))


async def found(access: Access, kind: str, **search: str) -> list[dict[str, Any]]:
    async with access.act(SEED) as ctx:
        return await ctx.records.find(kind, {"patient": "Patient/p", **search})


def names(page: str) -> dict[str, str]:
    """The name of each field by the words of its label or legend."""
    return {words: id for id, words in re.findall(r'<fieldset id="(q[^"]+)"[^>]*><legend[^>]*>([^<]+)<', page)} | {
        words: id for id, words in re.findall(r'<label for="(q[^"]+)">([^<]+)<', page)
    }


async def test_an_assessment_is_begun_computed_and_finished_into_the_record(access: Access, territory: None, visit: Any) -> None:
    nora = await visit(NORA)
    address = await nora.begin()
    page = await nora.text(address)
    assert "0 réponses sur 2" in page
    assert re.search(r"2\sfévr\.\s1945", page)
    fields = names(page)
    assert "Circonstances des chutes" not in fields
    answer = await nora.send(address, page, **{fields["Marche"]: ["", "1"], fields["Chutes depuis six mois"]: "2"})
    assert answer.status_code == 303
    page = await nora.text(str(answer.headers["location"]))
    assert "Circonstances des chutes" in names(page)
    assert re.search(r"Score <b[^>]*>3</b>", page)
    assert "Risque de chute" in page
    await react(access)
    assert await found(access, "Observation") == []
    done = await nora.send(address, page, terminer="1")
    assert done.headers["location"] == f"{address}?fait=fini"
    (response,) = await found(access, "QuestionnaireResponse")
    assert (response["status"], response["author"]["reference"], response["questionnaire"]) == (
        "completed",
        "Practitioner/nora",
        f"{URL}|1",
    )
    await react(access)
    (score,) = await found(access, "Observation", code="urn:maillage:score|marche")
    assert (score["valueInteger"], score["derivedFrom"]) == (3, [{"reference": f"QuestionnaireResponse/{response['id']}"}])
    assert "Risque de chute" in await nora.text(HERE)


async def test_nothing_is_finished_while_an_answer_is_missing_or_out_of_bounds(
    access: Access, territory: None, visit: Any
) -> None:
    nora = await visit(NORA)
    address = await nora.begin()
    page = await nora.text(address)
    fields = names(page)
    answer = await nora.send(address, page, **{fields["Chutes depuis six mois"]: "51"}, terminer="1")
    assert answer.status_code == 422
    assert "Au plus 50" in answer.text
    assert "elle est nécessaire" in answer.text
    assert 'value="51"' in answer.text
    (response,) = await found(access, "QuestionnaireResponse")
    assert (response["status"], response["meta"]["versionId"]) == ("in-progress", "1")


@pytest.mark.parametrize(
    ("typed", "words"), [("deux", "Indiquez un nombre"), ("2,5", "Indiquez un nombre entier"), ("-1", "Au moins 0")]
)
async def test_a_draft_keeps_what_may_be_and_asks_the_rest_again(
    access: Access, territory: None, visit: Any, typed: str, words: str
) -> None:
    nora = await visit(NORA)
    address = await nora.begin()
    page = await nora.text(address)
    fields = names(page)
    answer = await nora.send(address, page, **{fields["Marche"]: ["", "2"], fields["Chutes depuis six mois"]: typed})
    assert answer.status_code == 422
    assert words in answer.text
    assert f'value="{typed}"' in answer.text
    (response,) = await found(access, "QuestionnaireResponse")
    (group,) = response["item"]
    assert [one["linkId"] for one in group["item"] if "answer" in one] == ["marche.1", "marche.ne"]


async def test_a_correction_keeps_the_version_before_and_writes_over_the_score(
    access: Access, territory: None, visit: Any
) -> None:
    nora, gp = await visit(NORA), await visit(GP)
    address = await nora.begin()
    page = await nora.text(address)
    fields = names(page)
    await nora.send(address, page, **{fields["Marche"]: ["", "1"], fields["Chutes depuis six mois"]: "0"}, terminer="1")
    page = await gp.text(f"{address}?corriger")
    answer = await gp.send(address, page, **{fields["Marche"]: ["", "2"]}, terminer="1")
    assert answer.headers["location"] == f"{address}?fait=corrige"
    (response,) = await found(access, "QuestionnaireResponse")
    assert (response["status"], response["author"]["reference"]) == ("amended", "Practitioner/gp")
    async with access.act(SEED) as ctx:
        history = await ctx.records.histories([f"QuestionnaireResponse/{response['id']}"], count=9)
    assert [one.resource["status"] for one in next(iter(history.values()))] == ["amended", "completed", "in-progress"]
    await react(access)
    (score,) = await found(access, "Observation", code="urn:maillage:score|marche")
    assert (score["status"], score["valueInteger"]) == ("amended", 2)


async def test_two_who_answer_at_once_lose_nothing(access: Access, territory: None, visit: Any) -> None:
    nora, gp = await visit(NORA), await visit(GP)
    address = await nora.begin()
    mine, theirs = await nora.text(address), await gp.text(address)
    fields = names(mine)
    assert (await nora.send(address, mine, **{fields["Marche"]: ["", "1"]})).status_code == 303
    assert (await gp.send(address, theirs, **{fields["Marche"]: [""], fields["Chutes depuis six mois"]: "4"})).status_code == 303
    (response,) = await found(access, "QuestionnaireResponse")
    answers = {one["linkId"]: one["answer"][0] for one in response["item"][0]["item"] if "answer" in one}
    assert answers["marche.1"]["valueCoding"]["code"] == "aide"
    assert answers["marche.2"] == {"valueInteger": 4}
    conflict = await gp.send(address, theirs, **{fields["Marche"]: ["", "2"]})
    assert conflict.status_code == 409
    assert "Quelqu’un a modifié entre-temps" in conflict.text
    assert "Marche avec une aide" in conflict.text


async def test_one_that_was_written_by_mistake_leaves_the_record_with_its_score(
    access: Access, territory: None, visit: Any
) -> None:
    nora = await visit(NORA)
    address = await nora.begin()
    page = await nora.text(address)
    fields = names(page)
    await nora.send(address, page, **{fields["Marche"]: ["", "1"], fields["Chutes depuis six mois"]: "0"}, terminer="1")
    await react(access)
    page = await nora.text(address)
    answer = await nora.send(f"{address}/erreur", page)
    assert answer.headers["location"] == f"{HERE}?fait=retire"
    await react(access)
    assert [one["status"] for one in await found(access, "QuestionnaireResponse")] == ["entered-in-error"]
    assert [one["status"] for one in await found(access, "Observation")] == ["entered-in-error"]
    assert "Marche et chutes</a>" not in await nora.text(HERE)


async def test_assessments_of_one_form_stand_beside_each_other(territory: None, visit: Any) -> None:
    nora, gp = await visit(NORA), await visit(GP)
    for who, falls in ((nora, "0"), (gp, "3")):
        address = await who.begin()
        page = await who.text(address)
        fields = names(page)
        await who.send(address, page, **{fields["Marche"]: ["", "1"], fields["Chutes depuis six mois"]: falls}, terminer="1")
    page = await nora.text(f"{HERE}/comparer?questionnaire={URL}")
    assert "Nora FICTIVE" in page
    assert "Dr Camille EXEMPLE" in page
    assert re.search(r'<tr role="row" class="m-strong"><th[^>]*>Chutes depuis six mois', page)
    assert re.search(r'<tr role="row"><th[^>]*>Marche<', page)


async def test_a_person_answers_from_their_space_and_who_asked_is_told(access: Access, territory: None, visit: Any) -> None:
    nora, roger = await visit(NORA), await visit(ROGER)
    page = await nora.text(HERE)
    sent = dict(re.findall(r'name="(csrf|cle)" value="([\w-]+)"', page)) | {"questionnaire": URL}
    for _ in range(2):
        assert (await nora.client.post(f"{HERE}/demander", data=sent)).headers["location"] == f"{HERE}?fait=demande"
    (task,) = await found(access, "Task")
    address = f"/mes-questionnaires/{task['id']}"
    assert address in await nora.text(HERE)
    assert address in await roger.text("/mes-questionnaires")
    page = await roger.text(address)
    fields = names(page)
    answer = await roger.send(address, page, **{fields["Marche"]: ["", "1"]})
    assert answer.status_code == 303, answer.text
    (draft,) = await found(access, "QuestionnaireResponse")
    assert (draft["status"], draft["author"]["reference"]) == ("in-progress", "Patient/p")
    own = f"{HERE}/{draft['id']}"
    assert "Enregistrer et calculer" not in await nora.text(own)
    assert (
        await nora.client.post(own, data={"csrf": sent["csrf"], "version": "2", fields["Chutes depuis six mois"]: "9"})
    ).status_code == 409
    page = await roger.text(address)
    assert re.search(r'value="1" checked', page)
    assert (await roger.send(address, page, terminer="1")).status_code == 422
    answer = await roger.send(address, page, **{fields["Chutes depuis six mois"]: "2"}, terminer="1")
    assert answer.headers["location"] == f"{address}?envoye=1"
    assert "Vos réponses sont envoyées" in await roger.text(f"{address}?envoye=1")
    await react(access)
    (task,) = await found(access, "Task")
    assert (task["status"], task["output"][0]["valueReference"]["reference"]) == (
        "completed",
        f"QuestionnaireResponse/{draft['id']}",
    )
    (score,) = await found(access, "Observation", code="urn:maillage:score|marche")
    assert (score["valueInteger"], score["performer"][0]["reference"]) == (3, "Patient/p")
    assert "Risque de chute" in await nora.text(HERE)
    again = await roger.send(address, page, **{fields["Chutes depuis six mois"]: "0"}, terminer="1")
    assert again.status_code == 409


async def test_what_a_professional_must_see_is_not_asked_of_the_person(territory: None, visit: Any) -> None:
    nora = await visit(NORA)
    page = await nora.text(HERE)
    sent = dict(re.findall(r'name="(csrf|cle)" value="([\w-]+)"', page)) | {
        "questionnaire": "https://maillage.example/Questionnaire/aggir"
    }
    assert 'Demander à la personne<span class="visually-hidden"> : Grille AGGIR' not in page
    assert (await nora.client.post(f"{HERE}/demander", data=sent)).status_code == 400


async def test_a_request_that_was_taken_back_is_answered_no_more(access: Access, territory: None, visit: Any) -> None:
    nora, roger = await visit(NORA), await visit(ROGER)
    sent = dict(re.findall(r'name="(csrf|cle)" value="([\w-]+)"', await nora.text(HERE))) | {"questionnaire": URL}
    await nora.client.post(f"{HERE}/demander", data=sent)
    (task,) = await found(access, "Task")
    await nora.client.post(f"{HERE}/demander/{task['id']}", data={"csrf": sent["csrf"]})
    assert (await roger.client.get(f"/mes-questionnaires/{task['id']}")).status_code == 410
    assert "Rien à remplir" in await roger.text("/mes-questionnaires")


async def test_who_is_not_of_the_circle_finds_nothing(territory: None, visit: Any) -> None:
    nora, other = await visit(NORA), await visit(OUTSIDER)
    address = await nora.begin()
    assert (await other.client.get(address)).status_code == 404
    assert (await other.client.get(HERE)).status_code == 404
    assert (await other.send(address, await nora.text(address), terminer="1")).status_code in (403, 404)


async def test_a_retired_form_is_not_begun(access: Access, territory: None, visit: Any) -> None:
    nora = await visit(NORA)
    page = await nora.text(HERE)
    async with access.act(SEED) as ctx:
        await ctx.records.write({**FORM, "status": "retired"})
    sent = dict(re.findall(r'name="(csrf|cle)" value="([\w-]+)"', page)) | {"questionnaire": URL}
    assert (await nora.client.post(HERE, data=sent)).status_code == 410
    assert await found(access, "QuestionnaireResponse") == []


async def test_the_pages_hold_on_a_phone_and_compute_as_one_answers(
    access: Access, territory: None, browser: Browser, application: Any, signed_in: Any
) -> None:
    window = await screen(browser, application(pages), headers=await signed_in(NORA))
    page = await window.open(HERE)
    await window.check("evaluations")
    await page.get_by_text("Autres questionnaires").click()
    await page.get_by_role("button", name="Commencer : Marche et chutes").click()
    await expect(page.get_by_role("heading", name="Marche et chutes")).to_be_visible()
    await window.check("evaluation-questionnaire")
    await page.get_by_label("Marche avec une aide").check()
    await expect(page.get_by_role("status")).to_contain_text("Brouillon enregistré à")
    await page.get_by_label("Chutes depuis six mois").fill("2")
    await page.get_by_label("Chutes depuis six mois").press("Tab")
    await expect(page.get_by_label("Circonstances des chutes")).to_be_visible()
    await expect(page.get_by_text("Risque de chute")).to_be_visible()
    await page.get_by_label("Circonstances des chutes").fill("Dans la salle de bains")
    await page.get_by_role("button", name="Terminer et verser au dossier").click()
    await expect(page.get_by_text("Évaluation enregistrée dans le dossier.")).to_be_visible()
    await window.check("evaluation")
    await page.get_by_role("link", name="Comparer").click()
    await window.check("evaluation-comparee")


async def test_the_form_works_without_script(territory: None, browser: Browser, application: Any, signed_in: Any) -> None:
    plain = await screen(browser, application(pages), headers=await signed_in(NORA), scripts=False)
    page = await plain.open(HERE)
    await page.get_by_text("Autres questionnaires").click()
    await page.get_by_role("button", name="Commencer : Marche et chutes").click()
    await page.get_by_label("Ne marche pas").check()
    await page.get_by_label("Chutes depuis six mois").fill("0")
    await page.get_by_role("button", name="Enregistrer et calculer").click()
    await expect(page.get_by_text("Risque de chute")).to_be_visible()
    await page.get_by_role("button", name="Terminer et verser au dossier").click()
    await expect(page.get_by_text("Évaluation enregistrée dans le dossier.")).to_be_visible()
