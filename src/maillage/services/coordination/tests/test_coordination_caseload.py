"""The caseload of five hundred people: few statements, filters in the address, views that are kept, a file whose taking is traced."""

from datetime import timedelta
from typing import Any

import pytest
from playwright.async_api import Browser

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.clock import FixedClock
from maillage.db import count_statements
from maillage.services.coordination import pages
from maillage.services.coordination.resources.contact import contact_for
from maillage.services.coordination.resources.task import task_for, with_status
from tests.support.browser import DESK, PHONE, screen
from tests.support.pages import client_of
from tests.support.people import NOON, SEED, care_team

STATEMENTS = 15  # session and trail included, whatever the number of people
LISE = Actor(
    id="psc:lise", kind=ActorKind.PROFESSIONAL, name="Lise MAQUETTE", roles=frozenset({Role.COORDINATOR}),
    reference="Practitioner/lise", organizations=("Organization/dac",),
)  # fmt: skip
OTHER = Actor(
    id="psc:eve", kind=ActorKind.PROFESSIONAL, name="Ève AUTRE", roles=frozenset({Role.COORDINATOR}),
    reference="Practitioner/eve", organizations=("Organization/other",),
)  # fmt: skip


def person(number: int) -> list[dict[str, Any]]:
    """Somebody with a circle, an episode and a task: the first live in Démoville and are followed closely."""
    id, few = f"p{number}", number < 3
    episode = {
        "resourceType": "EpisodeOfCare", "id": f"e{number}", "status": "active", "patient": {"reference": f"Patient/{id}"},
        "type": [{"coding": [{"system": "urn:maillage:episode", "code": "coordination"}]},
                 {"coding": [{"system": "urn:maillage:support-level", "code": "complex" if few else "simple"}]}],
        "managingOrganization": {"reference": "Organization/dac"}, "careManager": {"reference": "Practitioner/lise"},
    }  # fmt: skip
    task = task_for(
        patient=id, owner="Organization/dac", code="x/y", title=f"Appeler {number}", description="Prendre des nouvelles", focus=f"Encounter/{number}",
        due=NOON + timedelta(days=number), at=NOON, origin=f"o{number}",
    )  # fmt: skip
    return [
        {"resourceType": "Patient", "id": id, "name": [{"family": f"ESSAI{number:03}"}], "birthDate": "1950-02-03",
         "address": [{"city": "Démoville" if few else "Prototype"}]},
        care_team(id, "Organization/dac"), episode, {"id": f"t{number}", **task},
    ]  # fmt: skip


async def followed(access: Access, numbers: range) -> None:
    async with access.act(SEED) as ctx:
        await ctx.records.load([one for number in numbers for one in person(number)])


@pytest.fixture(autouse=True)
async def team(access: Access) -> None:
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            *({"resourceType": "Organization", "id": id, "name": id} for id in ("dac", "other")),
            *({"resourceType": "Practitioner", "id": id, "name": [{"text": id.upper(), "family": id.upper()}]} for id in ("lise", "eve")),
            *({"resourceType": "PractitionerRole", "id": f"role-{id}", "active": True, "practitioner": {"reference": f"Practitioner/{id}"},
               "organization": {"reference": f"Organization/{team}"}} for id, team in (("lise", "dac"), ("eve", "other"))),
        )  # fmt: skip


async def test_five_hundred_people_take_as_many_statements_as_two(access: Access, application: Any) -> None:
    await followed(access, range(2))
    async with await client_of(application(pages), access, LISE) as lise:
        await lise.get("/file-active")  # what is read once in a process
        with count_statements() as few:
            await lise.get("/file-active")
        await followed(access, range(2, 500))
        with count_statements() as many:
            page = await lise.get("/file-active")
        assert "500 personnes suivies" in page.text.replace("\u00a0", " ").replace("\u202f", " ")
        assert many.statements == few.statements <= STATEMENTS
        assert "ESSAI499" in (await lise.get("/file-active?vue=&depuis=450")).text


async def test_filters_stand_in_the_address_and_narrow_the_file_too(access: Access, application: Any) -> None:
    await followed(access, range(6))
    async with await client_of(application(pages), access, LISE) as lise:
        for query in ("commune=Démoville", "niveau=Complexe", "commune=Démoville&niveau=Complexe&referent=LISE"):
            for address in ("/file-active", "/file-active.csv"):
                text = (await lise.get(f"{address}?{query}")).text
                assert "ESSAI002" in text, (address, query)
                assert "ESSAI004" not in text, (address, query)
        assert "ESSAI002" not in (await lise.get("/file-active?referent=PERSONNE")).text


async def test_who_was_helped_lately_is_not_silent(access: Access, application: Any, clock: FixedClock) -> None:
    await followed(access, range(2))
    async with access.act(SEED) as ctx:
        task = await ctx.records.read("Task", "t0")
        await ctx.records.write(with_status(task, "completed", by=None, at=NOON))
    async with await client_of(application(pages), access, LISE) as lise:
        page = (await lise.get("/file-active?vue=silence")).text
        assert "ESSAI001" in page
        assert "ESSAI000" not in page
        clock.advance(timedelta(minutes=50))
        clock.advance(timedelta(days=31))
    async with await client_of(application(pages), access, LISE) as lise:
        assert "ESSAI000" in (await lise.get("/file-active?vue=silence")).text


async def test_who_was_called_or_visited_lately_is_not_silent_and_who_did_not_answer_is(
    access: Access, application: Any, clock: FixedClock
) -> None:
    await followed(access, range(4))
    said = {"by": {"reference": "Practitioner/lise"}, "subject": "Nouvelles", "result": "", "at": NOON}
    async with access.act(SEED) as ctx:
        for number, means, reached in ((0, "PHONE", True), (1, "PHYSICAL", True), (2, "PHONE", False)):
            to = {"reference": f"Patient/p{number}"}
            await ctx.records.write(contact_for(patient=f"p{number}", means=means, with_whom=to, reached=reached, **said))
    async with await client_of(application(pages), access, LISE) as lise:
        page = (await lise.get("/file-active?vue=silence")).text
        assert [f"ESSAI00{number}" in page for number in range(4)] == [False, False, True, True]
    clock.advance(timedelta(days=31))
    async with await client_of(application(pages), access, LISE) as lise:
        assert "ESSAI000" in (await lise.get("/file-active?vue=silence")).text


async def test_a_letter_is_told_before_the_note_and_the_picture_that_came_after_it(access: Access, application: Any) -> None:
    await followed(access, range(2))

    def document(id: str, patient: str, hour: int, **more: Any) -> dict[str, Any]:
        at = (NOON - timedelta(hours=hour)).isoformat()
        content = [{"attachment": {"contentType": "text/plain", "title": "Plaie.jpg"}}]
        return {
            "resourceType": "DocumentReference",
            "id": id,
            "status": "current",
            "subject": {"reference": f"Patient/{patient}"},
            "date": at,
            "content": content,
            **more,
        }

    note = {
        "type": {
            "coding": [
                {
                    "system": "https://mos.esante.gouv.fr/NOS/TRE_R234-TypeNote/FHIR/TRE-R234-TypeNote",
                    "code": "OBS",
                    "display": "Note d’observation",
                }
            ]
        }
    }
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            document("letter", "p0", 30, description="Lettre de liaison"), document("earlier", "p0", 40, description="Compte rendu ancien"),
            document("note", "p0", 2, **note), document("joined", "p0", 1, type={"text": "Pièce jointe d’une conversation"}),
            document("other-note", "p1", 3, **note),
        )  # fmt: skip
    async with await client_of(application(pages), access, LISE) as lise:
        page = (await lise.get("/file-active")).text
    assert 'href="/documents/letter"' in page
    assert "Lettre de liaison" in page
    assert not any(f'href="/documents/{one}"' in page for one in ("earlier", "note", "joined"))
    assert 'href="/documents/other-note"' in page
    assert "Note d’observation" in page


async def test_a_view_is_kept_for_its_owner_opens_the_page_and_goes(access: Access, application: Any) -> None:
    await followed(access, range(6))
    app = application(pages)
    async with await client_of(app, access, LISE) as lise, await client_of(app, access, OTHER) as other:
        await lise.post("/file-active/vues", data={"nom_vue": "Les complexes", "filtres": "niveau=Complexe", "ouvre": "1"})
        opened = await lise.get("/file-active")
        assert (opened.status_code, opened.headers["location"]) == (303, "/file-active?niveau=Complexe")
        assert "Les complexes" in (await lise.get("/file-active?vue=")).text
        assert (await other.get("/file-active")).status_code == 200
        assert "Les complexes" not in (await other.get("/file-active?vue=")).text
        await lise.post("/file-active/vues/retirer", data={"nom_vue": "Les complexes"})
        assert (await lise.get("/file-active")).status_code == 200


async def test_another_team_has_nobody_of_it_in_its_list_nor_in_its_file(access: Access, application: Any) -> None:
    await followed(access, range(3))
    app = application(pages)
    async with await client_of(app, access, LISE) as lise, await client_of(app, access, OTHER) as other:
        assert "ESSAI001" in (await lise.get("/file-active.csv")).text
        for address in ("/file-active", "/file-active.csv"):
            assert "ESSAI" not in (await other.get(address)).text


@pytest.mark.browser
@pytest.mark.parametrize("width", [PHONE, DESK])
async def test_the_caseload_is_whole(access: Access, browser: Browser, application: Any, signed_in: Any, width: int) -> None:
    await followed(access, range(5))
    window = await screen(browser, application(pages), headers=await signed_in(LISE), width=width)
    await window.open("/file-active?vue=")
    await window.check(f"file-active-{width}")


async def test_ones_own_people_a_programme_and_the_last_contact(access: Access, application: Any) -> None:
    await followed(access, range(4))
    async with access.act(SEED) as ctx:
        for number, changed in (
            (1, {"careManager": {"reference": "Practitioner/paul"}}),
            (2, {"type": [{"text": "Insuffisance cardiaque"}]}),
        ):
            episode = await ctx.records.read("EpisodeOfCare", f"e{number}")
            await ctx.records.write({**episode, **changed, "type": [*episode["type"], *changed.get("type", [])]})
        for days in (3, 1):
            await ctx.records.write(contact_for(
                patient="p0", means="PHONE", by={"reference": "Practitioner/lise"}, with_whom={"display": "Sa fille"}, subject="", result="Vu",
                at=NOON - timedelta(days=days), reached=True,
            ))  # fmt: skip
    async with await client_of(application(pages), access, LISE) as lise:

        async def shown(query: str) -> list[str]:
            page = (await lise.get(f"/file-active?{query}")).text
            return [number for number in "0123" if f"ESSAI00{number}" in page]

        assert await shown("vue=") == ["0", "1", "2", "3"]
        assert await shown("qui=moi") == ["0", "2", "3"]
        assert await shown("qui=moi&programme=Insuffisance+cardiaque") == ["2"]
        assert await shown("qui=moi&commune=Prototype") == ["3"]
        page = (await lise.get("/file-active?vue=")).text
        assert "Mes personnes (3)" in page.replace("\u00a0", " ")
        assert page.count('/contacts">dim. 13:00') == 1
        assert page.split("<tbody")[1].count("Insuffisance cardiaque") == 1
        own = (await lise.get("/file-active?qui=moi")).text
        assert "/file-active?vue=retard&amp;qui=moi" in own, "a view keeps whose people they are"
