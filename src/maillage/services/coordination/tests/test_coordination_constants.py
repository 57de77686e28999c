"""Constants: logged in few taps, refused or asked again when they cannot be, drawn, held against what somebody wants for this person."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient, Response
from playwright.async_api import Browser, expect

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.clock import FixedClock
from maillage.db import count_statements
from maillage.services.coordination import pages
from maillage.services.coordination.forms.constant import constant_form, number_of
from maillage.services.coordination.resources.alert import alert_from, first_of
from maillage.services.coordination.resources.body_mass import computed, with_computed
from maillage.services.coordination.resources.constants import MEASURES, Taken, bounds_of, observation_for, series
from tests.support.browser import HERE, PHONE, screen
from tests.support.people import NOON, SEED, care_team, professional

NORA = professional("nora", Role.NURSE, name="Nora FICTIVE")
GP = professional("gp", Role.GP, name="Dr Camille EXEMPLE")
OUTSIDER = professional("other", Role.NURSE)
LISE = Actor(
    id="psc:lise",
    kind=ActorKind.PROFESSIONAL,
    name="Lise MAQUETTE",
    roles=frozenset({Role.COORDINATOR}),
    reference="Practitioner/lise",
)
STATEMENTS = 12
PAGE = "/patients/p/constantes"


def person(id: str) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": id,
        "name": [{"use": "official", "family": "CANEVAS", "given": ["ROGER"]}],
        "gender": "male",
        "birthDate": "1945-02-02",
    }


@pytest.fixture
async def territory(access: Access) -> None:
    weights = [
        observation_for(
            MEASURES["poids"], Decimal("76.5") + n % 3, patient="p", at=NOON - timedelta(days=1 + n), by="Practitioner/gp"
        )
        for n in range(40)
    ]
    async with access.act(SEED) as ctx:
        people = [
            {"resourceType": "Practitioner", "id": one, "name": [{"family": one.upper()}]}
            for one in ("nora", "gp", "other", "lise")
        ]
        await ctx.records.write(*people, person("p"), person("q"))
        await ctx.records.write(care_team("p", "Practitioner/nora", "Practitioner/gp", "Practitioner/lise"), *weights)


class Visitor:
    """Somebody at the pages, who sends what stands in the last form of a page."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client

    async def send(self, address: str, page: str = f"{PAGE}/saisir", **fields: str) -> Response:
        text = (await self.client.get(page)).text
        tokens = re.findall(r'name="(csrf|envoi)" value="([\w-]+)"', text)
        return await self.client.post(address, data={**dict(tokens), **fields})


@pytest.fixture
def visit(application, signed_in):
    async def client(actor: Actor) -> Visitor:
        cookies = dict([dict(await signed_in(actor))["cookie"].split("=", 1)])
        transport = ASGITransport(app=application(pages))
        return Visitor(AsyncClient(transport=transport, base_url=HERE, headers={"accept": "text/html"}, cookies=cookies))

    return client


async def found(access: Access, kind: str, **search: str) -> list[dict[str, Any]]:
    async with access.act(SEED) as ctx:
        return await ctx.records.find(kind, {"patient": "Patient/p", **search})


# --- what is typed


@pytest.mark.parametrize(("text", "value"), [("79,3", "79.3"), ("79.3", "79.3"), ("1 200", "1200"), ("0", "0")])
def test_a_number_is_read_as_people_write_it(text: str, value: str) -> None:
    assert number_of(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "-3", "1e9", "7,9,3", "٣", "abc", "NaN", "123456789", "."])
def test_what_is_no_number_is_none(text: str) -> None:
    assert number_of(text) is None


def test_what_cannot_be_is_refused_and_what_hardly_can_is_asked_again() -> None:
    before = Taken("1", "1", Decimal("79"), None, NOON, "")
    assert constant_form({"mesure": "poids", "valeur": "79,3"}, last=before).doubt == ""
    assert "valeur" in constant_form({"mesure": "poids", "valeur": "793"}, last=before).faults
    assert constant_form({"mesure": "temperature", "valeur": "398"}).faults
    doubt = constant_form({"mesure": "glycemie", "valeur": "12"}).doubt
    assert doubt.startswith("12 g/L au lieu de 1,2")
    assert constant_form({"mesure": "glycemie", "valeur": "12", "certain": "12"}).doubt == ""
    assert constant_form({"mesure": "glycemie", "valeur": "13", "certain": "12"}).doubt, "another value was confirmed"


def test_a_pressure_has_two_numbers_in_their_order() -> None:
    whole = {"mesure": "tension", "valeur": "135", "minima": "80"}
    assert not constant_form(whole).faults
    assert "minima" in constant_form({**whole, "minima": ""}).faults
    assert "minima" in constant_form({**whole, "minima": "140"}).faults


def test_glucose_is_one_curve_in_both_units() -> None:
    form = constant_form({"mesure": "glycemie", "valeur": "6,1", "unite": "mmol"})
    written = observation_for(form.measured, form.typed, patient="p", at=NOON, by=None, moles=True) | {"id": "1"}
    assert written["valueQuantity"]["code"] == "mmol/L"
    assert series([written])["glycemie"][0].value == Decimal("1.10")


def test_what_another_software_wrote_is_read_and_what_is_in_error_is_not() -> None:
    foreign = {
        "resourceType": "Observation", "id": "f", "status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "effectiveDateTime": "2026-11-20T08:00:00+01:00", "valueQuantity": {"value": 79300, "code": "g"},
    }  # fmt: skip
    assert [one.value for one in series([foreign])["poids"]] == [Decimal("79.3")]
    assert series([{**foreign, "status": "entered-in-error"}]) == {}
    assert (
        series([{**foreign, "valueQuantity": {"value": 12, "code": "[lb_av]"}}, {**foreign, "effectiveDateTime": "2026"}]) == {}
    )


# --- the pages


async def test_a_constant_is_written_once_with_its_unit_profile_and_author(territory: None, visit: Any, access: Access) -> None:
    nora = await visit(NORA)
    answer = await nora.send(PAGE, mesure="temperature", valeur="37,8")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}?mesure=temperature&fait=note")
    [one] = await found(access, "Observation", code="8310-5")
    assert one["valueQuantity"] | {"value": str(one["valueQuantity"]["value"])} == {
        "value": "37.8",
        "unit": "°C",
        "system": "http://unitsofmeasure.org",
        "code": "Cel",
    }
    assert one["meta"]["profile"] == ["https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-observation-body-temperature"]
    assert one["performer"] == [{"reference": "Practitioner/nora", "display": "Nora FICTIVE"}]


async def test_a_doubt_is_asked_and_nothing_is_written_before_the_answer(territory: None, visit: Any, access: Access) -> None:
    nora = await visit(NORA)
    asked = await nora.send(PAGE, mesure="poids", valeur="7,9")
    assert asked.status_code == 422
    assert "7,9\u00a0kg" in asked.text or "7,9 kg" in asked.text
    assert not [one for one in await found(access, "Observation", code="29463-7") if one["valueQuantity"]["value"] < 10]
    assert (await nora.send(PAGE, mesure="poids", valeur="7,9", certain="7,9")).status_code == 303


async def test_a_constant_beyond_what_somebody_set_raises_an_alert_that_names_both(
    territory: None, visit: Any, access: Access
) -> None:
    gp, nora = await visit(GP), await visit(NORA)
    assert (
        await gp.send("/patients/p/seuils", PAGE, mesure="poids", bas="", haut="78,5", seuil="", version="")
    ).status_code == 303
    await nora.send(PAGE, mesure="poids", valeur="78")
    assert await found(access, "Flag") == []
    await nora.send(PAGE, mesure="poids", valeur="79,3")
    [flag] = await found(access, "Flag")
    assert (flag["status"], flag["code"]["text"]) == ("active", "Poids 79,3 kg, seuil 78,5")
    assert flag["category"][0]["coding"][0]["system"] == "urn:maillage:alert"
    alert = alert_from(flag, None)
    assert alert.about.startswith("Observation/")
    assert (alert.why.threshold, alert.level) == ("Seuils fixés par GP", 2)
    assert first_of(flag) == "Practitioner/gp"
    page = (await nora.client.get(f"{PAGE}?mesure=poids")).text
    assert "79,3" in page
    assert "↑" in page
    record = (await gp.client.get("/patients/p")).text.split('id="depuis"')[1].split("</section>")[0]
    lines = [" ".join(re.sub(r"<[^>]+>", " ", one).split()) for one in record.split("<li")[1:]]
    told = [one for one in lines if "79,3" in one]
    assert len(told) == 1, "the alert, its task and its measure are one line"
    assert "seuil 78,5" in told[0]
    assert len([one for one in lines if "78 kg" in one.replace("\N{NO-BREAK SPACE}", " ")]) == 1, (
        "a measure within the bounds is a line of its own"
    )


async def test_two_who_set_bounds_at_once_see_both_texts(territory: None, visit: Any, access: Access) -> None:
    gp, nora = await visit(GP), await visit(NORA)
    await gp.send("/patients/p/seuils", PAGE, mesure="poids", bas="", haut="78,5", seuil="", version="")
    bounds = bounds_of(MEASURES["poids"], await found(access, "Goal"))
    sent = {"mesure": "poids", "seuil": bounds.id, "version": bounds.version, "bas": ""}
    assert (await gp.send("/patients/p/seuils", PAGE, **sent, haut="80")).status_code == 303
    late = await nora.send("/patients/p/seuils", PAGE, **sent, haut="82")
    assert late.status_code == 409
    shown = " ".join(late.text.split())
    assert "Quelqu’un a modifié entre-temps" in shown
    assert re.search(r"Enregistré</dt><dd class=\"m-text\">80</dd><dt>Le vôtre</dt><dd class=\"m-text\">82</dd>", shown)
    assert bounds_of(MEASURES["poids"], await found(access, "Goal")).high == 80


async def test_an_error_leaves_the_curves_with_its_reason_and_stays_in_the_record(
    territory: None, visit: Any, access: Access
) -> None:
    nora = await visit(NORA)
    await nora.send(PAGE, mesure="pouls", valeur="72")
    [one] = await found(access, "Observation", code="8867-4")
    answer = await nora.send(f"{PAGE}/{one['id']}/erreur", motif="Autre patient", version=one["meta"]["versionId"])
    assert answer.status_code == 303
    [after] = await found(access, "Observation", code="8867-4")
    assert (after["status"], after["note"][0]["text"]) == ("entered-in-error", "Saisie par erreur : Autre patient")
    assert "Pouls</a>" not in (await nora.client.get(PAGE)).text


async def test_who_is_not_of_the_circle_or_does_not_care_logs_nothing(territory: None, visit: Any, access: Access) -> None:
    outsider, lise = await visit(OUTSIDER), await visit(LISE)
    assert (await outsider.client.get(PAGE)).status_code == 404
    assert (await outsider.send(PAGE, "/patients/q/constantes", mesure="pouls", valeur="72")).status_code in (403, 404)
    assert (await lise.client.get(PAGE)).status_code == 200
    assert (await lise.client.get(f"{PAGE}/saisir")).status_code == 403
    page = (await lise.client.get(f"{PAGE}?mesure=poids")).text
    assert "Fixer les seuils" not in page
    assert "sont fixés par qui la soigne" in page, "who can is said"
    assert await found(access, "Observation", code="8867-4") == []


# --- the body mass index


def taken(value: str, days: int) -> Taken:
    return Taken(id="x", version="1", value=Decimal(value), second=None, at=NOON - timedelta(days=days), by="Practitioner/nora")


@pytest.mark.parametrize(
    ("heights", "born", "index"),
    [
        ([("172", 400)], "1945-02-02", "26.8"),
        ([("172", 400), ("170", 30)], "1945-02-02", "27.4"),  # the last before the weight
        ([("172", 400), ("170", -5)], "1945-02-02", "26.8"),
        ([("170", -5)], "1945-02-02", "27.4"),  # none before: the first after
        ([("172", 4000)], "1945-02-02", None),  # too long ago
        ([("172", 400)], "2015-02-02", None),  # who grows is measured again
        ([("172", 100)], "2015-02-02", "26.8"),
        ([("172", 400)], "", None),  # nobody knows whether they grow
        ([("30", 10)], "1945-02-02", None),  # a height that cannot go with this weight
        ([], "1945-02-02", None),
    ],
)
def test_the_index_follows_from_a_weight_and_a_height_that_is_near_enough(
    heights: list[tuple[str, int]], born: str, index: str | None
) -> None:
    found = computed([taken("79.3", 0)], sorted((taken(*one) for one in heights), key=lambda one: one.at), born=born)
    assert [str(one.value) for one in found] == ([index] if index else [])
    assert all("79,3 kg" in one.by for one in found)


def test_what_was_measured_stands_before_what_is_computed_of_the_same_day() -> None:
    known, mine = [taken("27", 0)], [taken("26.8", 0), taken("26.5", 3)]
    assert [str(one.value) for one in with_computed(known, mine)] == ["26.5", "27"]


async def test_the_index_is_shown_as_computed_and_never_written(territory: None, visit: Any, access: Access) -> None:
    nora = await visit(NORA)
    assert "IMC" not in (await nora.client.get(PAGE)).text
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            observation_for(MEASURES["taille"], Decimal(172), patient="p", at=NOON - timedelta(days=900), by="Practitioner/gp")
        )
    page = (await nora.client.get(f"{PAGE}?mesure=imc&periode=6m")).text
    assert "Calculé : 76,5 kg et 172 cm" in page
    assert "<polyline" in page
    assert "Saisie par erreur" not in page
    assert "Fixer les seuils" not in page
    assert ">IMC</a>" not in (await nora.client.get(f"{PAGE}/saisir?mesure=imc")).text
    assert (await nora.send(PAGE, mesure="imc", valeur="25")).status_code == 400
    async with access.act(SEED) as ctx:
        assert await ctx.records.find("Observation", {"code": "39156-5"}) == []
        foreign = observation_for(
            MEASURES["imc"], Decimal("31.2"), patient="p", at=NOON - timedelta(days=1), by="Practitioner/gp"
        )
        await ctx.records.write(foreign)
    assert "31,2" in (await nora.client.get(f"{PAGE}?mesure=imc")).text, "what another software wrote is read"


async def test_curves_are_read_in_few_statements(territory: None, visit: Any) -> None:
    nora = await visit(NORA)
    with count_statements() as counted:
        page = await nora.client.get(PAGE)
    assert page.status_code == 200
    assert "<polyline" in page.text
    assert len(page.content) < 60_000
    assert counted.statements <= STATEMENTS


@pytest.mark.browser
async def test_the_pages_hold_on_a_phone_without_script(
    territory: None, browser: Browser, application: Any, signed_in: Any, clock: FixedClock
) -> None:
    window = await screen(browser, application(pages), headers=await signed_in(NORA))
    page = await window.open(PAGE)
    await window.check("constantes")
    await window.open(f"{PAGE}/saisir")
    await window.check("constante")
    await page.set_viewport_size({"width": PHONE, "height": 844})
    small = await page.evaluate(
        "() => [...document.querySelectorAll('main a, main button, main input:not([type=hidden])')].filter(e => e.getBoundingClientRect().height < 48 && !e.closest('p')).map(e => e.outerHTML.slice(0, 80))"
    )
    assert small == []
    plain = await screen(browser, application(pages), headers=await signed_in(NORA), scripts=False)
    page = await plain.open(f"{PAGE}/saisir")
    await page.get_by_label("Poids en kilogrammes").fill("79,3")
    await page.get_by_role("button", name="Enregistrer").click()
    await expect(page.get_by_text("Constante enregistrée.")).to_be_visible()
