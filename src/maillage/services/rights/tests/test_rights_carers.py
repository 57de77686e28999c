"""Carers and legal representatives: named on a page, seeing what was said and until when, taken back at once."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, expect

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.access.habilitation.carers import carer_rows
from maillage.access.platform import Platform
from maillage.clock import FixedClock
from maillage.db import Database
from maillage.errors import Forbidden, NotFound
from maillage.fhir import ids
from maillage.http.app import create_app
from maillage.http.fhir import fhir_routes
from maillage.services.rights import jobs, pages
from maillage.services.rights.events import GuardianEnded, GuardianNamed
from maillage.services.rights.public import choose, own_sight
from maillage.services.rights.rules.carers import came_of_age, last_day_of_guardian
from tests.support.browser import HERE, screen
from tests.support.pages import client_of
from tests.support.people import SEED, care_team, officer_of, patient, professional, sees

ZOE, NURSE, OFFICER = patient("zoe"), professional("nurse", Role.NURSE), officer_of(Role.OFFICER)
NAMED = {
    "prenom": "Claude",
    "nom": "MARTIN",
    "naissance": "1975-01-02",
    "lien": "ma fille",
    "acces": "follow",
    "fin": "2026-12-31",
}
PARENT = {
    "dossier": "child", "prenom": "Alix", "nom": "MARTIN", "naissance": "1980-01-02", "titre": "parental", "justificatif": "Livret de famille, 12/03/2010",
}  # fmt: skip


@pytest.fixture
async def followed(access: Access) -> Access:
    """Zoé, an adult with a nurse, a plan and a problem; and a child of sixteen."""
    of_zoe = {"subject": {"reference": "Patient/zoe"}}
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Patient", "id": "zoe", "birthDate": "1950-06-01", "name": [{"family": "MARTIN", "given": ["Zoé"]}]},
            {"resourceType": "Patient", "id": "child", "birthDate": "2010-03-01"},
            {"resourceType": "Patient", "id": "other", "birthDate": "1960-03-01"},
            care_team("zoe", "Practitioner/nurse"),
            {"resourceType": "CarePlan", "id": "plan", "status": "active", "intent": "plan", **of_zoe},
            {"resourceType": "Condition", "id": "problem", **of_zoe},
            {"resourceType": "Condition", "id": "of-child", "subject": {"reference": "Patient/child"}},
        )
    return access


@pytest.fixture
async def zoe(application: Any, signed_in: Any, followed: Access) -> AsyncIterator[httpx.AsyncClient]:
    async with visit(application, await signed_in(ZOE)) as client:
        yield client


def visit(application: Any, headers: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=application(pages))
    return httpx.AsyncClient(transport=transport, base_url=HERE, headers=[("accept", "text/html"), *headers])


async def post(client: httpx.AsyncClient, page: str, address: str, **fields: str) -> httpx.Response:
    token = re.findall(r'name="csrf" value="(\w+)"', (await client.get(page)).text)[-1]
    return await client.post(address, data={"csrf": token, **fields})


def carer(id: str, *roles: Role) -> Actor:
    return Actor(
        id=id, kind=ActorKind.CARER, name="Claude", roles=frozenset({Role.CARER, *roles}), reference=f"RelatedPerson/{id}"
    )


async def carer_of(access: Access, patient: str) -> str:
    """The id of the one RelatedPerson of a record that is active."""
    async with access.act(SEED) as ctx:
        (one,) = await ctx.records.find("RelatedPerson", {"patient": f"Patient/{patient}", "active": "true"})
    return str(one["id"])


async def sees_of(access: Access, who: Actor) -> set[str]:
    """Which of the seeded records this actor reads."""
    found = set()
    async with access.act(who, read_only=True) as ctx:
        for kind in ("CarePlan", "Condition", "Patient"):
            found |= {one["id"] for one in await ctx.records.find(kind, {})}
    return found


async def test_a_carer_sees_what_was_said_until_the_last_day(zoe: httpx.AsyncClient, followed: Access, clock: FixedClock) -> None:
    assert (await post(zoe, "/mes-proches", "/mes-proches", **NAMED)).headers["location"] == "/mes-proches?fait=nomme"
    claude = carer(await carer_of(followed, "zoe"))
    assert await sees_of(followed, claude) == {"zoe", "plan"}
    await post(zoe, "/mes-proches", "/mes-proches", **NAMED | {"acces": "whole"})
    assert await sees_of(followed, claude) == {"zoe", "plan", "problem"}, "the same person, named again"
    shown = (await zoe.get("/mes-proches")).text
    assert "Claude MARTIN" in shown
    assert "31 déc. 2026" in shown.replace("\u00a0", " ")
    clock.advance(datetime(2026, 12, 31, 22, 59, tzinfo=UTC) - clock.now())
    assert await sees_of(followed, claude) == {"zoe", "plan", "problem"}
    clock.advance(datetime(2026, 12, 31, 23, 0, tzinfo=UTC) - clock.now())  # midnight in Paris
    assert await sees_of(followed, claude) == set()


async def test_what_was_given_is_taken_back_at_once(zoe: httpx.AsyncClient, followed: Access) -> None:
    await post(zoe, "/mes-proches", "/mes-proches", **NAMED)
    claude = carer(await carer_of(followed, "zoe"))
    async with followed.act(SEED) as ctx:  # who is in the circle too sees no more for it
        await ctx.records.write(care_team("zoe", "Practitioner/nurse", f"{claude.reference}"))
    taken = await post(zoe, "/mes-proches", f"/mes-proches/{claude.id}/retirer")
    assert taken.headers["location"] == "/mes-proches?fait=retire"
    assert await sees_of(followed, claude) == set()
    assert "Claude MARTIN" not in (await zoe.get("/mes-proches")).text
    with pytest.raises(NotFound):
        async with followed.act(claude, read_only=True) as ctx:
            await own_sight(ctx)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"nom": " "}, "Indiquez son nom de naissance"),
        ({"naissance": "demain"}, "Indiquez sa date de naissance"),
        ({"naissance": "2030-01-01"}, "Indiquez sa date de naissance"),
        ({"acces": "everything"}, "Choisissez ce que cette personne peut voir"),
        ({"fin": "2026-11-01"}, "Choisissez une date à venir"),
        ({"lien": "x" * 81}, "Au plus 80 caractères"),
    ],
)
async def test_a_form_that_cannot_be_meant_names_nobody(
    zoe: httpx.AsyncClient, followed: Access, wrong: dict[str, str], words: str
) -> None:
    answer = await post(zoe, "/mes-proches", "/mes-proches", **NAMED | wrong)
    assert (answer.status_code, words in answer.text) == (422, True)
    async with followed.act(SEED) as ctx:
        assert not await ctx.records.find("RelatedPerson", {})


async def test_nobody_else_says_what_a_carer_sees(followed: Access, platform: Platform) -> None:
    """A nurse of the circle, through the FHIR door: naming, widening, lengthening, and putting somebody else in a carer's place."""
    named = {
        "resourceType": "RelatedPerson",
        "id": "c",
        "active": True,
        "patient": {"reference": "Patient/zoe"},
        **sees("agenda"),
    }
    async with followed.act(SEED) as ctx:
        await ctx.records.write(
            named, {"resourceType": "RelatedPerson", "id": "contact", "patient": {"reference": "Patient/zoe"}}
        )
    changes: list[dict[str, Any]] = [
        sees("whole"), {"period": {"end": "2040-01-01"}}, {"name": [{"family": "MINE"}]}, {"birthDate": "1980-01-01"}, {"extension": []}, {"active": False},
    ]  # fmt: skip
    async with await client_of(create_app(platform, fhir_routes()), followed, NURSE, accept="application/fhir+json") as nurse:
        for change in changes:
            body = {name: value for name, value in (named | change).items() if value != []}
            assert (await nurse.put("/fhir/RelatedPerson/c", json=body)).status_code == 403, change
        for refused in (
            await nurse.delete("/fhir/RelatedPerson/c"),
            await nurse.post("/fhir/RelatedPerson", json={**named, "id": "new"}),
            await nurse.put("/fhir/RelatedPerson/contact", json=named | {"id": "contact"}),
        ):
            assert refused.status_code == 403
        told = named | {"telecom": [{"system": "phone", "value": "06"}]}
        assert (await nurse.put("/fhir/RelatedPerson/c", json=told)).status_code == 200, "an address is no right"
    assert await sees_of(followed, carer("c")) == {"zoe"}


async def test_a_person_names_nobody_for_another_nor_a_guardian(followed: Access) -> None:
    of_other = {"resourceType": "RelatedPerson", "patient": {"reference": "Patient/other"}, **sees("whole")}
    said = [{"url": "kind", "valueCode": "judgment"}, {"url": "proof", "valueString": "x"}]
    guardian = sees("representative")["extension"] + [{"url": "urn:maillage:carer-authority", "extension": said}]
    of_zoe = of_other | {"patient": {"reference": "Patient/zoe"}}
    for written in (of_other, of_zoe | {"extension": guardian}):
        with pytest.raises((Forbidden, NotFound)):
            async with followed.act(ZOE) as ctx:
                await ctx.records.write(written)
    async with followed.act(SEED) as ctx:
        await ctx.records.write(of_zoe | {"id": "g", "extension": guardian})
    with pytest.raises(Forbidden):  # nor ends one
        async with followed.act(ZOE) as ctx:
            await ctx.records.write(of_zoe | {"id": "g", "extension": guardian, "active": False})


async def test_a_minor_is_not_represented_by_whom_they_choose(application: Any, signed_in: Any, followed: Access) -> None:
    async with visit(application, await signed_in(patient("child"))) as child:
        assert "Agir au nom de la personne" not in (await child.get("/mes-proches")).text
        assert (await post(child, "/mes-proches", "/mes-proches", **NAMED | {"acces": "representative"})).status_code == 422
    with pytest.raises(Forbidden):
        async with followed.act(patient("child")) as ctx:
            await ctx.records.write(
                {"resourceType": "RelatedPerson", "patient": {"reference": "Patient/child"}, **sees("representative")}
            )


async def test_who_acts_in_the_persons_name_makes_choices_until_it_is_taken_back(followed: Access) -> None:
    related = {"resourceType": "RelatedPerson", "id": "r", "patient": {"reference": "Patient/zoe"}}
    acting = carer("r", Role.REPRESENTATIVE)
    async with followed.act(SEED) as ctx:
        await ctx.records.write(related | sees("representative"))
    async with followed.act(acting) as ctx:
        await choose(ctx, "zoe", "sharing", denied=True)
    assert await sees_of(followed, NURSE) == set()
    for scope in ("whole", "agenda"):
        async with followed.act(SEED) as ctx:
            await ctx.records.write(related | sees(scope))
        with pytest.raises((Forbidden, NotFound)):
            async with followed.act(acting) as ctx:  # their session is still that of a representative
                await choose(ctx, "zoe", "sharing", denied=False)


async def test_a_parent_acts_until_the_child_is_of_age(
    application: Any, signed_in: Any, followed: Access, database: Database, clock: FixedClock
) -> None:
    async with visit(application, await signed_in(OFFICER)) as officer:
        assert (await post(officer, "/representants", "/representants", **PARENT)).status_code == 303
        page = (await officer.get("/representants")).text
        assert "Livret de famille" in page
        (id,) = re.findall(r'action="/representants/([0-9a-f-]{36})/fin"', page)
        async with followed.act(SEED) as ctx:
            await jobs.let_the_guardian_in.handler(ctx, GuardianNamed(guardian=id))
        alix = carer(id, Role.REPRESENTATIVE)
        assert await sees_of(followed, alix) == {"child", "of-child"}
        clock.advance(datetime(2028, 2, 29, 12, tzinfo=UTC) - clock.now())
        assert await sees_of(followed, alix) == {"child", "of-child"}
        clock.advance(datetime(2028, 3, 1, 12, tzinfo=UTC) - clock.now())
        assert await sees_of(followed, alix) == set()
        clock.advance(datetime(2026, 11, 24, 12, tzinfo=UTC) - clock.now())
    async with visit(application, await signed_in(OFFICER)) as officer:
        assert (await post(officer, "/representants", f"/representants/{id}/fin")).status_code == 303
        assert (await post(officer, "/representants", f"/representants/{id}/fin")).status_code == 404
        async with followed.act(SEED) as ctx:
            await jobs.shut_the_guardian_out.handler(ctx, GuardianEnded(guardian=id))
        assert await sees_of(followed, alix) == set()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"dossier": "nobody"}, "Aucun dossier n’a ce numéro"),
        ({"dossier": "zoe"}, "il faut une décision de justice"),
        ({"dossier": ""}, "Indiquez le numéro du dossier"),
        ({"titre": "ami"}, "Choisissez à quel titre"),
        ({"justificatif": "vu"}, "Décrivez le justificatif vu"),
    ],
)
async def test_a_representative_without_proof_is_none(
    application: Any, signed_in: Any, followed: Access, wrong: dict[str, str], words: str
) -> None:
    async with visit(application, await signed_in(OFFICER)) as officer:
        answer = await post(officer, "/representants", "/representants", **PARENT | wrong)
        assert (answer.status_code, words in answer.text) == (422, True)
        assert "Aucun représentant légal enregistré" in (await officer.get("/representants")).text
    async with visit(application, await signed_in(ZOE)) as zoe:
        assert (await zoe.get("/representants")).status_code == 403


def test_of_age_on_the_eighteenth_birthday() -> None:
    assert came_of_age(date(2008, 2, 29)) == date(2026, 3, 1)
    assert last_day_of_guardian("parental", date(2010, 3, 1), None) == date(2028, 2, 29)
    assert last_day_of_guardian("parental", date(2010, 3, 1), date(2027, 1, 1)) == date(2027, 1, 1)
    assert last_day_of_guardian("judgment", date(2010, 3, 1), None) is None


async def test_the_scopes_in_force_are_those_of_the_file(database: Database) -> None:
    async with database.reading() as conn:
        rows = await (await conn.execute("select scope, types, audiences from access_carer")).fetchall()
    shipped = {code: (sorted(map(ids.number, types)), sorted(heard)) for code, _, types, heard in carer_rows()}
    assert {row["scope"]: (sorted(row["types"]), sorted(row["audiences"])) for row in rows} == shipped


@pytest.mark.browser
async def test_the_pages_are_accessible(followed: Access, browser: Browser, application: Any, signed_in: Any) -> None:
    window = await screen(browser, application(pages), headers=await signed_in(ZOE))
    page = await window.open("/mes-proches")
    await page.get_by_label("Son premier prénom").fill("Claude")
    await page.get_by_role("button", name="Donner cet accès").click()
    await expect(page.get_by_role("heading", name="réponses à corriger")).to_be_visible()
    await window.check("mes-proches-erreur")
    for label, value in (("Son nom de naissance", "MARTIN"), ("Sa date de naissance", "1975-01-02"), ("Jusqu’au", "2027-01-02")):
        await page.get_by_label(label).fill(value)
    await page.get_by_label("Le plan de soins et le suivi").check()
    await page.get_by_role("button", name="Donner cet accès").click()
    await expect(page.get_by_role("status")).to_contain_text("C’est noté")
    await window.check("mes-proches")
    assert "Retirer l’accès : Claude MARTIN" in await window.tab_order()
    office = await screen(browser, application(pages), headers=await signed_in(OFFICER))
    page = await office.open("/representants")
    await office.check("representants")
