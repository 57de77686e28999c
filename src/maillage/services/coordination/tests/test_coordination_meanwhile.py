"""Two who fill in one form at the same time: what each of them changed stands, and nobody writes over what they have not seen, on every form of several fields."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from httpx import AsyncClient, Response
from lxml import html

from maillage.access.access import Access
from maillage.services.coordination import pages
from maillage.services.coordination.forms.meanwhile import met
from maillage.services.coordination.resources import plan as plans
from tests.support.browser import HERE
from tests.support.followed import GP, NURSE, followed, write
from tests.support.pages import client_of
from tests.support.people import SEED

__all__ = ["followed"]

PLAN = {
    "resourceType": "CarePlan", "id": "plan", "status": "active", "intent": "plan", "subject": {"reference": "Patient/p"},
    "category": [{"coding": [{"system": "urn:maillage:plan", "code": "ppcs"}]}], "description": "Vit seule.\nSa fille passe.", "period": {"end": "2027-01-10"},
    "goal": [{"reference": "Goal/aim"}],
}  # fmt: skip
AIM = {
    "resourceType": "Goal", "id": "aim", "lifecycleStatus": "active", "subject": {"reference": "Patient/p"}, "description": {"text": "Sortir chaque jour"},
    "target": [{"measure": {"text": "Sorties"}, "detailString": "5 par semaine", "dueDate": "2027-01-20"}],
}  # fmt: skip
WEIGHT = {"system": "http://loinc.org", "code": "29463-7"}


@dataclass(frozen=True, slots=True)
class Form:
    """The page and the end of the address of a form, two of its fields, and other words for each: (mine, a colleague's)."""

    page: str
    action: str
    fields: tuple[str, str]
    words: tuple[tuple[str, str], tuple[str, str]]


FORMS = {
    "synthesis": Form("/patients/p/plan", "plan/synthese", ("synthese", "alerte"), (("Vit chez sa fille", "Vit seule\n\nUn chat"), ("Appeler sa fille", "Appeler le 15"))),
    "goal": Form("/patients/p/plan", "plan/objectifs", ("objectif", "critere"), (("Sortir le matin", "Sortir au marché"), ("2 par semaine", "3 par semaine"))),
    "task": Form("/taches/{task}", "/modifier", ("titre", "details"), (("Appeler Mme A", "Appeler Mme B"), ("Le matin", "Le soir"))),
    "visit": Form("/visites/{visit}", "/deplacer", ("motif", "lieu"), (("Bilan", "Pansement"), ("Au cabinet", "Chez sa fille"))),
    "treatment": Form("/patients/p/donnees/traitement/{treatment}", "{treatment}", ("dose", "note"), (("1 le matin", "2 le soir"), ("À jeun", "Au repas"))),
    "bounds": Form("/patients/p/constantes?mesure=poids", "/seuils", ("bas", "haut"), (("60", "61"), ("80", "81"))),
}  # fmt: skip

Two = tuple[AsyncClient, AsyncClient]


@pytest.fixture
async def two(followed: None, access: Access, application: Any) -> AsyncIterator[Two]:
    """A doctor and a nurse of one person."""
    app = application(pages)
    clients = await client_of(app, access, GP), await client_of(app, access, NURSE)
    yield clients
    for client in clients:
        await client.aclose()


async def opened(access: Access, nurse: AsyncClient, form: Form) -> Form:
    """The form with the addresses of the records that it is about, which are written first."""
    bounds = {
        "resourceType": "Goal", "id": "bounds", "lifecycleStatus": "active", "subject": {"reference": "Patient/p"}, "description": {"text": "Seuils"},
        "category": [{"coding": [{"system": "urn:maillage:goal", "code": "threshold"}]}],
        "target": [{"measure": {"coding": [WEIGHT]}, "detailRange": {"low": {"value": 50, "unit": "kg"}, "high": {"value": 90, "unit": "kg"}}}],
    }  # fmt: skip
    await write(access, SEED, PLAN, AIM, bounds)
    due = {"jour": "2026-11-26", "heure": "14:30", "duree": "60", "qui": "Practitioner/nora"}
    key = str(uuid4())
    made = [
        await nurse.post("/taches", data={"cle": key, "patient": "p", "titre": "Appeler", "details": "Vite", "echeance": "2026-11-26", "priorite": "routine", "pour": "Practitioner/gp"}),
        await nurse.post("/patients/p/visites", data={"motif": "Évaluer", "lieu": "Chez elle", **due}),
        await nurse.post("/patients/p/donnees/traitement", data={"quoi": "Bisoprolol", "dose": "1", "note": "Ras", "cle": str(uuid4())}),
    ]  # fmt: skip
    assert {one.status_code for one in made} == {303}, [one.text for one in made]
    async with access.act(SEED, read_only=True) as ctx:
        (treatment,) = await ctx.records.find("MedicationStatement")
    task, visit = (one.headers["location"].split("?")[0].split("/")[-1] for one in made[:2])
    names = {"task": task, "visit": visit, "treatment": treatment["id"]}
    return Form(form.page.format(**names), form.action.format(**names), form.fields, form.words)


def filled(page: str, form: Form) -> Any:
    """The form on a page, as a browser reads it."""
    found = [
        one
        for one in html.fromstring(page, base_url=HERE).forms
        if (one.get("action") or "").split("?")[0].endswith(form.action) and form.fields[0] in one.fields
    ]
    return next((one for one in found if one.fields.get("but") or form.action != "plan/objectifs"), None)  # fmt: skip


async def read(client: AsyncClient, form: Form) -> Any:
    page = await client.get(form.page)
    assert page.status_code == 200
    found = filled(page.text, form)
    assert found is not None, form
    return found


async def send(client: AsyncClient, form: Any, **typed: str) -> Response:
    """Sends a form as a browser does, lines ended by CR LF, with what was typed in it."""
    values = {**dict(form.form_values()), **typed}
    return await client.post(form.get("action"), data={name: "\r\n".join(text.splitlines()) for name, text in values.items()})


async def now(client: AsyncClient, form: Form) -> tuple[str, ...]:
    """What both fields hold, for who opens the page anew."""
    fields = (await read(client, form)).fields
    return tuple("\n".join((fields[name] or "").splitlines()) for name in form.fields)


@pytest.mark.parametrize("name", FORMS)
async def test_what_i_did_not_touch_keeps_what_a_colleague_wrote(name: str, two: Two, access: Access) -> None:
    gp, nurse = two
    form = await opened(access, nurse, FORMS[name])
    mine, theirs = await read(gp, form), await read(nurse, form)
    (first, second), ((_, their_word), (my_word, _)) = form.fields, form.words
    assert (await send(nurse, theirs, **{first: their_word})).status_code == 303
    shown = await send(gp, mine, **{second: my_word})
    assert shown.status_code == 409
    assert (await now(nurse, form))[0] == their_word, "nothing is written before it was seen"
    alert = " ".join(shown.text.split('aria-label="Modifié entre-temps"')[1].split("</section>")[0].split())
    assert " ".join(their_word.split()) in alert
    assert "Vous n’y aviez pas touché" in alert
    assert (await send(gp, filled(shown.text, form))).status_code == 303
    assert await now(gp, form) == (their_word, my_word)


@pytest.mark.parametrize("name", FORMS)
async def test_what_both_wrote_is_shown_to_the_second_who_decides(name: str, two: Two, access: Access) -> None:
    gp, nurse = two
    form = await opened(access, nurse, FORMS[name])
    mine, theirs = await read(gp, form), await read(nurse, form)
    first, (my_word, their_word) = form.fields[0], form.words[0]
    untouched = (await now(gp, form))[1]
    assert (await send(nurse, theirs, **{first: their_word})).status_code == 303
    shown = await send(gp, mine, **{first: my_word})
    assert shown.status_code == 409
    alert = " ".join(shown.text.split('aria-label="Modifié entre-temps"')[1].split("</section>")[0].split())
    assert " ".join(their_word.split()) in alert
    assert my_word in alert
    assert (await now(gp, form))[0] == their_word
    assert (await send(gp, filled(shown.text, form))).status_code == 303
    assert await now(gp, form) == (my_word, untouched)


@pytest.mark.parametrize("name", FORMS)
async def test_a_third_who_comes_between_is_seen_too(name: str, two: Two, access: Access) -> None:
    gp, nurse = two
    form = await opened(access, nurse, FORMS[name])
    mine, theirs = await read(gp, form), await read(nurse, form)
    (first, second), (words, others) = form.fields, form.words
    assert (await send(nurse, theirs, **{first: words[1]})).status_code == 303
    again = filled((await send(gp, mine, **{first: words[0]})).text, form)
    assert (await send(nurse, await read(nurse, form), **{second: others[1]})).status_code == 303
    shown = await send(gp, again)
    assert shown.status_code == 409
    assert others[1] in shown.text.split('aria-label="Modifié entre-temps"')[1].split("</section>")[0]
    assert (await send(gp, filled(shown.text, form))).status_code == 303
    assert await now(gp, form) == (words[0], others[1])


FAULTY = {
    "synthesis": ("revue", "32/13/2026"), "goal": ("echeance", "32/13/2026"), "task": ("echeance", "32/13/2026"), "visit": ("heure", "25:70"),
    "treatment": ("depuis", "32/13/2026"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTY)
async def test_a_form_that_is_corrected_still_stands_on_what_it_read(name: str, two: Two, access: Access) -> None:
    """A fault of one's own shows the form again; what a colleague wrote before it is sent anew is seen all the same."""
    gp, nurse = two
    form = await opened(access, nurse, FORMS[name])
    mine, theirs = await read(gp, form), await read(nurse, form)
    (field, wrong), (first, second) = FAULTY[name], form.fields
    right = mine.fields[field] or ""
    assert (await send(nurse, theirs, **{first: form.words[0][1]})).status_code == 303
    refused = await send(gp, mine, **{second: form.words[1][0], field: wrong})
    assert refused.status_code == 422
    shown = await send(gp, filled(refused.text, form), **{field: right})
    assert shown.status_code == 409
    assert (await send(gp, filled(shown.text, form))).status_code == 303
    assert await now(gp, form) == (form.words[0][1], form.words[1][0])


@pytest.mark.parametrize(("name", "day"), [("synthesis", "revue"), ("goal", "echeance")])
async def test_a_day_that_passed_refuses_no_other_words(name: str, day: str, two: Two, access: Access) -> None:
    gp, nurse = two
    form = await opened(access, nurse, FORMS[name])
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {**PLAN, "period": {"end": "2026-01-10"}}, {**AIM, "target": [{**AIM["target"][0], "dueDate": "2026-01-10"}]}
        )  # type: ignore[index, dict-item]
    mine = await read(gp, form)
    first, word = form.fields[0], form.words[0][0]
    assert (await send(gp, mine, **{first: word, day: "2026-01-11"})).status_code == 422, "another day is one to come"
    assert (await send(gp, mine, **{first: word})).status_code == 303
    assert (await now(gp, form))[0] == word


async def test_what_changed_elsewhere_in_the_plan_stops_nobody(two: Two, access: Access) -> None:
    gp, nurse = two
    form = await opened(access, nurse, FORMS["synthesis"])
    mine = await read(gp, form)
    async with access.act(SEED) as ctx:
        held = await ctx.records.read("CarePlan", "plan")
        await ctx.records.write(plans.with_activity(held, {"detail": {"status": "not-started", "description": "Kinésithérapie"}}))
    assert (await send(gp, mine, synthese="Vit chez sa fille")).status_code == 303
    async with access.act(SEED) as ctx:
        held = await ctx.records.read("CarePlan", "plan")
    assert (held["description"], held["activity"][0]["detail"]["description"]) == ("Vit chez sa fille", "Kinésithérapie")


async def test_bounds_that_somebody_set_first_meanwhile_are_seen(two: Two, access: Access) -> None:
    gp, nurse = two
    form = FORMS["bounds"]
    mine, theirs = await read(gp, form), await read(nurse, form)
    assert (await send(nurse, theirs, haut="80")).status_code == 303
    shown = await send(gp, mine, haut="90")
    assert shown.status_code == 409
    assert (await send(gp, filled(shown.text, form))).status_code == 303
    assert (await now(gp, form))[1] == "90"


@pytest.mark.parametrize(
    ("mine", "read", "stored", "values", "changed"),
    [
        ("a", "a", "a", "a", None),
        ("b", "a", "a", "b", None),
        ("a", "a", "b", "b", ("b", None)),
        ("c", "a", "b", "c", ("b", "c")),
        ("b", "a", "b", "b", None),
        ("a\r\nb ", "a\nb", "c", "c", ("c", None)),
        ("", "a", "b", "", ("b", "")),
        ("a", "a", "", "", ("", None)),
    ],
)
def test_of_three_texts(mine: str, read: str, stored: str, values: str, changed: tuple[str, str | None] | None) -> None:
    meeting = met({"x": mine}, {"x": read}, {"x": stored})
    assert (meeting.values["x"], meeting.changes.get("x")) == (values, changed)


def test_where_nobody_knows_what_was_read_everything_is_its_writers() -> None:
    assert met({"x": "a", "y": "same"}, None, {"x": "b", "y": "same"}).changes == {"x": ("b", "a")}
