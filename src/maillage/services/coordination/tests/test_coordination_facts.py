"""The facts of a record and the page of somebody's life: written once, over the version that was read, by who may; foreign resources break nothing."""

import asyncio
import re
from typing import Any

import pytest
from httpx import AsyncClient, Response
from playwright.async_api import Browser, expect

from maillage.access.access import Access
from maillage.errors import NotFound
from maillage.services.coordination import pages
from maillage.services.coordination.resources.fact import FACTS, fact_from
from tests.support.browser import PHONE, screen
from tests.support.followed import ABOUT, GP, LISE, NURSE, THEO, Enter, Resource, form_of, write
from tests.support.pages import Visit
from tests.support.people import SEED, carer, patient, professional, sees

FILLED: dict[str, dict[str, str]] = {
    "probleme": {"quoi": "Insuffisance cardiaque", "depuis": "01/02/2024", "note": "Stade II"},
    "traitement": {"quoi": "Bisoprolol 2,5 mg", "dose": "1 comprimé le matin", "depuis": "2026-01-02", "jusqua": "", "note": ""},
    "allergie": {"etat": "connue", "quoi": "Pénicilline", "reaction": "Urticaire", "note": ""},
    "avis": {"quoi": "Retour à domicile", "texte": "Possible avec un passage du soir."},
    "domicile": {"habitat": "Appartement, 2e sans ascenseur", "seul": "oui", "acces": "Boîte à clés 1234", "directives": "inconnu"},
    "proche": {"nom": "PAT-TROIS", "prenom": "Claude", "lien": "Conjoint", "part": "aidant", "tel": "06 39 98 00 01"},
    "protection": {"mesure": "curatelle-renforcee", "nom": "UDAF des Essais", "tel": "", "depuis": "2025-01-01", "jusqua": "2030-01-01"},
    "aide": {"quoi": "aide-domicile", "libelle": "", "par": "SAAD des Essais", "rythme": "6 h par semaine", "financement": "apa", "etat": "active",
             "depuis": "2026-03-01", "jusqua": "", "note": ""},
    "suivi": {"quoi": "Orthophoniste", "par": "Mme MODÈLE", "rythme": "", "depuis": "", "note": "06 39 98 00 02"},
    "droit": {"quoi": "apa", "par": "Département de la Marne", "detail": "GIR 3", "etat": "active", "depuis": "2026-01-01", "jusqua": ""},
}  # fmt: skip


async def send(client: AsyncClient, slug: str, values: dict[str, str], *, fact: str = "") -> Response:
    address = f"/patients/p/donnees/{slug}" + (f"/{fact}" if fact else "")
    page = await client.get(address)
    assert page.status_code == 200, page.text
    return await client.post(address, data=form_of(page.text, address) | values)


async def stored(access: Access, type: str) -> list[Resource]:
    async with access.act(SEED) as ctx:
        return await ctx.records.find(type, [("_count", "50")])


async def facts(access: Access, slug: str) -> list[Resource]:
    return [one for one in await stored(access, FACTS[slug].type) if FACTS[slug].is_one(one)]


@pytest.mark.parametrize("slug", sorted(FACTS))
async def test_a_fact_is_written_as_plain_fhir_changed_and_ended(slug: str, followed: None, access: Access, enter: Enter) -> None:
    gp = await enter(GP)
    assert (await send(gp, slug, FILLED[slug])).status_code == 303
    (made,) = await facts(access, slug)
    shown = FACTS[slug].values(made)
    assert {name: shown[name] for name in FILLED[slug]} == FILLED[slug] | ({"depuis": "2024-02-01"} if slug == "probleme" else {})
    first = next(one.name for one in FACTS[slug].fields if one.control == "text" and FILLED[slug].get(one.name))
    assert (await send(gp, slug, shown | {first: "Autres mots"}, fact=made["id"])).status_code == 303
    (changed,) = await facts(access, slug)
    assert FACTS[slug].values(changed) == shown | {first: "Autres mots"}
    page = (await gp.get("/patients/p/situation-de-vie")).text + (await gp.get("/patients/p")).text
    assert "Autres mots" in page
    if not FACTS[slug].single:
        address = f"/patients/p/donnees/{slug}/{made['id']}"
        form = form_of((await gp.get(address)).text, f"{address}/fin")
        assert (await gp.post(f"{address}/fin", data=form)).status_code == 303
        assert "Autres mots" not in (await gp.get("/patients/p/situation-de-vie")).text


async def test_a_form_resent_is_written_once(followed: None, access: Access, enter: Enter) -> None:
    gp = await enter(GP)
    form = form_of((await gp.get("/patients/p/donnees/aide")).text, "/patients/p/donnees/aide") | FILLED["aide"]
    answers = await asyncio.gather(*(gp.post("/patients/p/donnees/aide", data=form) for _ in range(3)))
    assert {one.status_code for one in answers} == {303}
    assert len(await facts(access, "aide")) == 1
    assert (await send(gp, "aide", FILLED["aide"])).status_code == 303
    assert len(await facts(access, "aide")) == 2, "another form is another aid"


async def test_of_two_who_edit_at_once_the_second_sees_both_texts_and_loses_none(
    followed: None, access: Access, enter: Enter
) -> None:
    gp, nurse = await enter(GP), await enter(NURSE)
    await send(gp, "traitement", FILLED["traitement"])
    (made,) = await facts(access, "traitement")
    address = f"/patients/p/donnees/traitement/{made['id']}"
    mine, theirs = [form_of((await one.get(address)).text, address) for one in (gp, nurse)]
    values = FILLED["traitement"]
    assert (await nurse.post(address, data=theirs | values | {"dose": "1 comprimé le soir"})).status_code == 303
    refused = await gp.post(address, data=mine | values | {"dose": "2 comprimés le matin"})
    assert refused.status_code == 409
    assert "1 comprimé le soir" in refused.text
    assert "2 comprimés le matin" in refused.text
    again = await gp.post(address, data=form_of(refused.text, address) | values | {"dose": "2 comprimés le matin"})
    assert again.status_code == 303
    (last,) = await facts(access, "traitement")
    assert FACTS["traitement"].values(last)["dose"] == "2 comprimés le matin"


async def test_two_who_describe_the_home_at_once_are_shown_to_each_other(followed: None, access: Access, enter: Enter) -> None:
    gp, nurse = await enter(GP), await enter(NURSE)
    forms = [form_of((await one.get("/patients/p/donnees/domicile")).text, "/patients/p/donnees/domicile") for one in (gp, nurse)]
    assert (await gp.post("/patients/p/donnees/domicile", data=forms[0] | FILLED["domicile"])).status_code == 303
    second = await nurse.post("/patients/p/donnees/domicile", data=forms[1] | {"habitat": "Maison"})
    assert second.status_code == 409
    assert "2e sans ascenseur" in second.text
    assert len(await facts(access, "domicile")) == 1


@pytest.mark.parametrize(
    ("slug", "values", "words"),
    [
        ("aide", {"depuis": "31/02/2026"}, "Cette date n’existe pas"),
        ("aide", {"depuis": "2026-05-01", "jusqua": "2026-04-01"}, "La fin est avant le début"),
        ("probleme", {"depuis": "2031-01-01"}, "Cette date est à venir"),
        ("probleme", {"depuis": "0026-01-01"}, "trop ancienne"),
        ("aide", {"quoi": "rien"}, "Choisissez dans la liste"),
        ("avis", {"texte": " "}, "Indiquez"),
        ("allergie", {"quoi": ""}, "Indiquez"),
    ],
)
async def test_what_makes_no_sense_is_said_in_the_words_of_the_form_and_kept(
    slug: str, values: dict[str, str], words: str, followed: None, access: Access, enter: Enter
) -> None:
    gp = await enter(GP)
    answer = await send(gp, slug, FILLED[slug] | values)
    assert answer.status_code == 422
    assert words in answer.text
    assert await facts(access, slug) == []
    assert (await send(gp, slug, FILLED[slug])).status_code == 303


async def test_no_known_allergy_is_not_said_over_one_that_is(followed: None, access: Access, enter: Enter) -> None:
    gp = await enter(GP)
    assert "Allergies non renseignées" in (await gp.get("/patients/p")).text
    none = {"etat": "aucune", "quoi": "", "reaction": "", "note": ""}
    assert (await send(gp, "allergie", none)).status_code == 303
    assert "Aucune allergie connue" in (await gp.get("/patients/p")).text
    assert (await send(gp, "allergie", FILLED["allergie"])).status_code == 303
    assert "Pénicilline" in (await gp.get("/patients/p")).text
    assert (await send(gp, "allergie", none)).status_code == 422


async def test_money_is_for_the_social_side_where_its_label_says_so(followed: None, access: Access, enter: Enter) -> None:
    theo, lise, gp = await enter(THEO), await enter(LISE), await enter(GP)
    assert (await send(theo, "droit", FILLED["droit"] | {"social": "1"})).status_code == 303
    assert (await send(theo, "aide", FILLED["aide"])).status_code == 303
    for client in (theo, lise):
        page = (await client.get("/patients/p/situation-de-vie")).text
        assert "GIR 3" in page
        assert "Coordination et social seulement" in page
    for address in ("/patients/p/situation-de-vie", "/patients/p", "/patients/p/chronologie"):
        assert "GIR 3" not in (await gp.get(address)).text, address
    assert "SAAD des Essais" in (await gp.get("/patients/p/situation-de-vie")).text
    (right,) = await facts(access, "droit")
    assert (await gp.get(f"/patients/p/donnees/droit/{right['id']}")).status_code == 404
    async with access.act(GP, door="fhir") as ctx:
        with pytest.raises(NotFound):
            await ctx.records.read("Coverage", right["id"])
    async with access.act(patient("p")) as ctx:
        assert (await ctx.records.read("Coverage", right["id"]))["id"] == right["id"], "it is the person's own"


async def test_who_does_not_read_clinical_data_writes_none(followed: None, access: Access, enter: Enter) -> None:
    theo, gp = await enter(THEO), await enter(GP)
    assert (await gp.get("/patients/p/donnees/traitement")).status_code == 200
    assert (await theo.get("/patients/p/donnees/traitement")).status_code == 403
    assert (await theo.get("/patients/p/donnees/avis")).status_code == 200
    form = form_of((await gp.get("/patients/p/donnees/avis")).text, "/patients/p/donnees/avis")
    assert (await theo.post("/patients/p/donnees/traitement", data=form | FILLED["traitement"])).status_code == 403
    assert await facts(access, "traitement") == []


async def test_who_does_not_read_allergies_is_told_nothing_of_them(followed: None, access: Access, enter: Enter) -> None:
    theo, gp = await enter(THEO), await enter(GP)
    for address in ("/patients/p", "/patients/p/situation-de-vie", "/patients/p/cercle"):
        assert "Allergies non renseignées" in (await gp.get(address)).text, address
        assert "llergie" not in (await theo.get(address)).text, address
    await send(gp, "allergie", FILLED["allergie"])
    assert "Pénicilline" in (await gp.get("/patients/p")).text
    assert "llergie" not in (await theo.get("/patients/p")).text


async def glance(client: AsyncClient) -> str:
    """What the summary says at a glance."""
    page = " ".join((await client.get("/patients/p")).text.split())
    return page.split("En un coup d’œil", 1)[-1].split("</section>")[0] if "En un coup d’œil" in page else ""


async def test_the_last_gir_stands_at_a_glance_wherever_it_was_written(followed: None, access: Access, enter: Enter) -> None:
    theo, gp = await enter(THEO), await enter(GP)
    assert await glance(theo) == ""
    assert (await send(theo, "droit", FILLED["droit"] | {"depuis": "2024-01-01", "detail": "GIR 5, 200 €"})).status_code == 303
    for client in (theo, gp):
        assert "Autonomie : GIR 5" in await glance(client)
    grid = {
        "resourceType": "Observation", "status": "final", **ABOUT, "code": {"text": "Groupe iso-ressources (GIR)"}, "valueString": "GIR 4",
        "effectiveDateTime": "2025-02",
    }  # fmt: skip
    await write(access, GP, grid, grid | {"valueString": "non évaluable", "effectiveDateTime": "2026-06-01"})
    assert "Autonomie : GIR 4" in await glance(gp)
    assert (await send(theo, "domicile", FILLED["domicile"] | {"gir": "2"})).status_code == 303
    for client in (theo, gp):
        assert "Autonomie : GIR 2" in await glance(client)
    assert "GIR 2" in (await theo.get("/patients/p/situation-de-vie")).text


async def test_a_gir_of_the_social_side_is_not_at_a_glance_for_who_cares(followed: None, enter: Enter) -> None:
    theo, gp = await enter(THEO), await enter(GP)
    assert (await send(theo, "droit", FILLED["droit"] | {"social": "1"})).status_code == 303
    assert "Autonomie : GIR 3" in await glance(theo)
    assert "GIR" not in await glance(gp)


async def test_an_outsider_and_who_left_the_circle_write_and_see_nothing(followed: None, access: Access, enter: Enter) -> None:
    out = await enter(professional("out"))
    nurse = await enter(NURSE)
    assert (await send(nurse, "aide", FILLED["aide"])).status_code == 303
    (aid,) = await facts(access, "aide")
    gp = await enter(GP)
    form = form_of((await nurse.get("/patients/p/donnees/proche")).text, "/patients/p/donnees/proche") | FILLED["proche"]
    async with access.act(SEED) as ctx:
        team = await ctx.records.read("CareTeam", "team-p")
        rest = [one for one in team["participant"] if "gp" not in one["member"]["reference"]]
        assert len(rest) < len(team["participant"])
        await ctx.records.write({**team, "participant": rest})
    for client in (out, gp):
        assert (await client.get("/patients/p/situation-de-vie")).status_code == 404
        assert (await client.get(f"/patients/p/donnees/aide/{aid['id']}")).status_code == 404
        assert (await client.post("/patients/p/donnees/proche", data=form)).status_code in (403, 404)
    assert (await nurse.post("/patients/p/donnees/proche", data=form)).status_code == 303


async def test_a_fact_of_somebody_else_is_not_reached_by_this_record(followed: None, access: Access, enter: Enter) -> None:
    gp = await enter(GP)
    await write(
        access, SEED, {"resourceType": "Condition", "id": "other", "subject": {"reference": "Patient/q"}, "code": {"text": "X"}}
    )
    await write(access, SEED, {"resourceType": "Condition", "id": "own", **ABOUT, "code": {"text": "Y"}})
    assert (await gp.get("/patients/p/donnees/probleme/own")).status_code == 200
    assert (await gp.get("/patients/p/donnees/probleme/other")).status_code == 404


async def test_what_somebody_may_see_is_not_changed_by_this_form(followed: None, access: Access, enter: Enter) -> None:
    gp = await enter(GP)
    related = {"resourceType": "RelatedPerson", "patient": {"reference": "Patient/p"}, "name": [{"text": "Claude"}]}
    await write(access, SEED, {**related, "id": "seer", **sees("whole")}, {**related, "id": "contact"})
    page = (await gp.get("/patients/p/situation-de-vie")).text
    assert "/donnees/proche/contact" in page
    assert "/donnees/proche/seer" not in page
    assert (await gp.get("/patients/p/donnees/proche/seer")).status_code == 404
    assert (await send(gp, "proche", FILLED["proche"])).status_code == 303
    (made,) = [one for one in await facts(access, "proche") if one["id"] not in ("seer", "contact")]
    async with access.act(carer(made["id"])) as ctx:
        assert await ctx.records.find("ServiceRequest") == []
        with pytest.raises(NotFound):
            await ctx.records.read("Patient", "p")


async def test_what_others_write_is_read_changed_and_kept(followed: None, access: Access, enter: Enter) -> None:
    gp = await enter(GP)
    coded = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "I50.9"}], "text": "Insuffisance cardiaque"}
    await write(
        access, NURSE,
        {"resourceType": "Condition", "id": "foreign", **ABOUT, "code": coded, "severity": {"text": "modérée"}, "bodySite": [{"text": "Cœur"}]},
        {"resourceType": "Coverage", "status": "active", "beneficiary": {"reference": "Patient/p"}, "payor": [{"reference": "Patient/p"}]},
        {"resourceType": "ServiceRequest", "status": "active", "intent": "order", **ABOUT},
        {"resourceType": "QuestionnaireResponse", "status": "completed", **ABOUT, "questionnaire": "urn:maillage:questionnaire|home",
         "item": [{"linkId": "habitat"}, {"linkId": "autre", "answer": [{"valueBoolean": True}]}]},
    )  # fmt: skip
    assert (await gp.get("/patients/p/situation-de-vie")).status_code == 200
    assert (
        await send(gp, "probleme", {"quoi": "Insuffisance cardiaque", "depuis": "", "note": "Suivie"}, fact="foreign")
    ).status_code == 303
    (condition,) = await facts(access, "probleme")
    assert condition["code"] == coded
    assert condition["severity"] == {"text": "modérée"}
    assert (await send(gp, "domicile", FILLED["domicile"])).status_code == 303
    (home,) = await facts(access, "domicile")
    assert home["item"][-1]["linkId"] == "autre"


def test_what_a_form_no_longer_says_is_cleared() -> None:
    kind: Any = FACTS["aide"]
    made = fact_from(kind, FILLED["aide"] | {"note": "Matin"}, {})
    assert made["note"] == [{"text": "Matin"}]
    assert "note" not in fact_from(kind, FILLED["aide"], {"resourceType": "ServiceRequest", **made})


@pytest.mark.browser
async def test_the_pages_are_whole_and_a_fact_is_written_on_a_phone(
    followed: None, access: Access, browser: Browser, application: Any, signed_in: Visit, enter: Enter
) -> None:
    theo = await enter(THEO)
    for slug in ("aide", "domicile", "proche", "protection", "droit"):
        assert (await send(theo, slug, FILLED[slug] | ({"social": "1"} if slug == "droit" else {}))).status_code == 303
    window = await screen(browser, application(pages), headers=await signed_in(THEO), width=PHONE)
    page = await window.open("/patients/p/situation-de-vie")
    await expect(page.locator("#droit")).to_contain_text("Coordination et social seulement")
    await window.check("situation-de-vie")
    await page.get_by_role("link", name=re.compile("Ajouter une aide")).click()
    await window.check("aide-nouvelle")
    await page.get_by_label("Nature").select_option("repas")
    await page.get_by_role("button", name="Enregistrer").click()
    await expect(page.get_by_role("alert")).to_contain_text("service ou personne")
    await window.check("aide-a-corriger")
    await page.get_by_label("Service ou personne").fill("Portage des Essais")
    await page.get_by_role("button", name="Enregistrer").click()
    await expect(page.locator("#aide")).to_contain_text("Portage des Essais")
