"""What is unusual in the accesses of a day: found with its reason and its lines, told to the officer alone, decided once."""

import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient
from playwright.async_api import Browser, expect

from maillage.access.access import Access
from maillage.access.actors import Actor, Role, job_actor
from maillage.access.audit_days import Span
from maillage.clock import FixedClock
from maillage.db import Database
from maillage.errors import Forbidden
from maillage.services.rights import jobs, pages
from maillage.services.rights.public import Reason, open_in_emergency
from maillage.services.rights.rules import unusual
from maillage.services.rights.rules.unusual import Kind, Person, Usual
from tests.support.browser import HERE, screen
from tests.support.people import SEED, care_team, officer_of, patient, professional

OFFICER = officer_of(Role.OFFICER)
DOCTOR = replace(professional("gp", Role.GP, name="Dr Jo MÉDECIN"), organizations=("Organization/house",))
JOB = job_actor("rights.look_for_the_unusual")
HOME = {"line": ["3 rue des Essais"], "postalCode": "69001", "city": "Lyon"}


def someone(kind: str, id: str, family: str, given: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": kind, "id": id, "name": [{"family": family, "given": [given]}], **more}


@pytest.fixture
async def territory(access: Access) -> Access:
    """A doctor and a nurse of one house; patients: the nurse, a neighbour, a namesake in town, a namesake elsewhere, and a stranger."""
    people = {
        "nurse": ("SOIGNANTE", "Zoé", {}),
        "near": ("VOISIN", "Max", {"address": [HOME | {"line": ["3 RUE DES  ESSAIS"]}]}),
        "town": ("MÉDECIN", "Léa", {"address": [HOME | {"line": ["9 avenue"]}]}),
        "name": ("Medecin", "Tom", {"address": [{"city": "Lille", "postalCode": "59000"}]}),
        "other": ("AUTRE", "Ali", {"address": [HOME | {"line": ["1 place"]}]}),
    }
    role = {"resourceType": "PractitionerRole", "organization": {"reference": "Organization/house"}}
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Organization", "id": "house", "name": "Maison de santé"},
            someone("Practitioner", "gp", "Médecin", "Jo", address=[HOME]),
            someone("Practitioner", "zoe", "Soignante", "Zoe"),
            role | {"id": "a", "practitioner": {"reference": "Practitioner/gp"}},
            role | {"id": "b", "practitioner": {"reference": "Practitioner/zoe"}},
        )
        for id, (family, given, more) in people.items():
            await ctx.records.write(someone("Patient", id, family, given, **more), care_team(id, "Practitioner/gp"))
    return access


async def opens(access: Access, *ids: str, actor: Actor = DOCTOR) -> None:
    for id in ids:
        async with access.act(actor, read_only=True, door="page") as ctx:
            await ctx.records.read("Patient", id)


async def night(access: Access, clock: FixedClock, days: int = 1) -> None:
    """The job, on the morning after."""
    clock.advance(timedelta(days=days))
    async with access.act(JOB, door="job") as ctx:
        await jobs.look_for_the_unusual(ctx)


async def found(database: Database) -> list[tuple[str, str | None]]:
    async with database.transaction() as conn:
        rows = await (await conn.execute("select kind, record from rights_unusual order by day, kind, record")).fetchall()
    return [(row["kind"], row["record"]) for row in rows]


async def test_a_colleague_a_neighbour_and_a_namesake_are_found(territory: Access, clock: FixedClock, database: Database) -> None:
    await opens(territory, "nurse", "near", "town", "name", "other")
    await night(territory, clock)
    assert await found(database) == [("colleague", "nurse"), ("family", "name"), ("neighbour", "near"), ("neighbour", "town")]


async def test_a_list_is_no_reading(territory: Access, clock: FixedClock, database: Database) -> None:
    async with territory.act(DOCTOR, read_only=True, door="page") as ctx:
        await ctx.records.find("Patient", {"_count": "50"})
    await night(territory, clock)
    assert await found(database) == []


async def test_what_waits_or_was_explained_is_not_told_again(
    territory: Access, clock: FixedClock, database: Database, application: Any, signed_in: Any
) -> None:
    await opens(territory, "name")
    await night(territory, clock)
    await opens(territory, "name")
    await night(territory, clock)
    assert await found(database) == [("family", "name")]
    for verdict, times in (("followed", 2), ("explained", 2)):
        async with await visit(application, await signed_in(OFFICER)) as officer:
            await decide(officer, verdict)
        await opens(territory, "name")
        await night(territory, clock)
        assert await found(database) == [("family", "name")] * times


async def test_reading_many_more_than_usual_is_found(territory: Access, clock: FixedClock, database: Database) -> None:
    async with territory.act(SEED) as ctx:
        for n in range(40):
            await ctx.records.write({"resourceType": "Patient", "id": f"m{n}"}, care_team(f"m{n}", "Practitioner/gp"))
    for _ in range(unusual.KNOWN_AFTER):
        await opens(territory, "other")
        await night(territory, clock)
    await opens(territory, *(f"m{n}" for n in range(40)))
    await night(territory, clock)
    assert await found(database) == [("mass", None)]
    async with database.transaction() as conn:
        row = await (await conn.execute("select facts, lines from rights_unusual")).fetchone()
    assert row is not None
    assert (row["facts"]["records"], round(row["facts"]["usual"]), len(row["lines"])) == (40, 1, 20)


async def test_reading_by_night_is_found_where_it_is_no_habit(territory: Access, clock: FixedClock, database: Database) -> None:
    guard = professional("guard", Role.NURSE)
    async with territory.act(SEED) as ctx:
        await ctx.records.write(care_team("other", "Practitioner/gp", "Practitioner/guard", id="team-other"))
    for _ in range(unusual.KNOWN_AFTER):
        await opens(territory, "other")
        clock.advance(timedelta(hours=10))
        await opens(territory, "other", actor=guard)
        clock.advance(timedelta(hours=-10))
        await night(territory, clock)
    clock.advance(timedelta(hours=10))
    await opens(territory, "other", actor=guard)
    await opens(territory, "other")
    clock.advance(timedelta(hours=-10))
    await night(territory, clock)
    async with database.transaction() as conn:
        rows = await (await conn.execute("select kind, reference from rights_unusual")).fetchall()
    assert rows == [{"kind": "night", "reference": "Practitioner/gp"}]


async def test_emergencies_repeated_after_the_end_of_care_are_found(
    territory: Access, clock: FixedClock, database: Database
) -> None:
    async with territory.act(SEED) as ctx:
        await ctx.records.write(care_team("other", "Practitioner/gp", id="team-other", period={"end": "2026-11-01"}))
    for _ in range(2):
        async with territory.act(DOCTOR) as ctx:
            await open_in_emergency(ctx, "other", reason=Reason.LIFE, words="Malaise au cabinet")
        await night(territory, clock)
    async with database.transaction() as conn:
        rows = await (await conn.execute("select kind, record, facts from rights_unusual")).fetchall()
    assert rows == [{"kind": "again", "record": "other", "facts": {"times": 2, "ended": True}}]


async def test_each_day_is_looked_at_once_and_a_missed_one_is_caught_up(
    territory: Access, clock: FixedClock, database: Database
) -> None:
    await opens(territory, "name")
    await night(territory, clock)
    await night(territory, clock, days=0)
    await opens(territory, "nurse")
    await night(territory, clock, days=3)
    async with database.transaction() as conn:
        days = await (await conn.execute("select day from rights_day order by day")).fetchall()
    assert [row["day"] for row in days] == [date(2026, 11, 23) + timedelta(days=n) for n in range(4)]
    assert await found(database) == [("family", "name"), ("colleague", "nurse")]


async def test_the_job_alone_compares(territory: Access, clock: FixedClock) -> None:
    for actor in (OFFICER, DOCTOR):
        async with territory.act(actor, read_only=True) as ctx:
            with pytest.raises(Forbidden):
                Span(ctx, clock.now(), clock.now())


async def visit(application: Any, headers: Any) -> AsyncClient:
    transport = ASGITransport(app=application(pages))
    return AsyncClient(transport=transport, base_url=HERE, headers=[("accept", "text/html"), *headers])


async def decide(officer: AsyncClient, verdict: str) -> None:
    page = (await officer.get("/acces-inhabituels")).text
    token, id = (
        re.findall(r'name="csrf" value="(\w+)"', page)[-1],
        re.findall(r'action="/acces-inhabituels/([0-9a-f-]{36})"', page)[0],
    )
    for sent, words in (({}, "Choisissez une décision"), ({"avis": verdict, "remarque": "non"}, "dix lettres au moins")):
        refused = await officer.post(f"/acces-inhabituels/{id}", data={"csrf": token, **sent})
        assert (refused.status_code, words in refused.text) == (422, True)
    answers = [
        await officer.post(
            f"/acces-inhabituels/{one}", data={"csrf": token, "avis": verdict, "remarque": "Médecin traitant de la famille"}
        )
        for one in (id, id, "nothing")
    ]
    assert [answer.status_code for answer in answers] == [303, 404, 404]


async def test_the_officer_reads_the_reason_and_the_lines_and_decides(
    territory: Access, clock: FixedClock, application: Any, signed_in: Any
) -> None:
    await opens(territory, "name")
    await night(territory, clock)
    async with await visit(application, await signed_in(OFFICER)) as officer:
        page = (await officer.get("/acces-inhabituels")).text
        for words in ("Dr Jo MÉDECIN", "Maison de santé", "portent le même nom de famille", "Dossier name"):
            assert words in page
        assert "Medecin" not in page
        lines = (await officer.get(re.findall(r'href="(/traces\?lignes=[^"]+)"', page)[0].replace("&amp;", "&"))).text
        assert "Patient/name" in lines
        await decide(officer, "explained")
        assert "Dr Jo MÉDECIN" not in (await officer.get("/acces-inhabituels")).text
        assert "Médecin traitant de la famille" in (await officer.get("/acces-inhabituels?vue=examines")).text


@pytest.mark.parametrize("actor", [DOCTOR, patient("p"), officer_of(Role.OPERATOR)], ids=lambda one: one.id)
async def test_nobody_else_has_that_page(territory: Access, application: Any, signed_in: Any, actor: Actor) -> None:
    async with await visit(application, await signed_in(actor)) as other:
        assert (await other.get("/acces-inhabituels")).status_code == 403


@pytest.mark.browser
async def test_the_page_is_accessible(
    territory: Access, clock: FixedClock, browser: Browser, application: Any, signed_in: Any
) -> None:
    await opens(territory, "nurse", "near")
    await night(territory, clock)
    window = await screen(browser, application(pages), headers=await signed_in(OFFICER))
    page = await window.open("/acces-inhabituels")
    await window.check("acces-inhabituels")
    await page.get_by_label("Expliqué", exact=True).first.check()
    await page.get_by_label("Remarque").first.fill("Suivi connu de l’établissement")
    await page.get_by_role("button", name="Enregistrer").first.click()
    await expect(page.get_by_text("Accès examiné")).to_be_visible()
    await page.get_by_role("link", name="Examinés").click()
    await expect(page.get_by_text("Suivi connu")).to_be_visible()
    await window.check("acces-inhabituels-examines")


def test_the_usual_forgets_slowly() -> None:
    usual = Usual().after(10, night=False)
    assert usual == Usual(1, 10.0, 0.0)
    for _ in range(4):
        usual = usual.after(10, night=False)
    assert not unusual.is_mass(29, usual)
    assert unusual.is_mass(30, usual)
    assert unusual.is_odd_night(usual)
    assert not unusual.is_odd_night(usual.after(10, night=True))
    assert not unusual.is_mass(99, Usual())
    assert unusual.is_mass(100, Usual())


def test_one_without_a_name_has_nothing_in_common() -> None:
    nobody = unusual.person({})
    assert nobody == Person(frozenset(), frozenset(), frozenset())
    assert unusual.relation(nobody, nobody, set()) is None
    town = unusual.person({"names": [{"family": "A"}], "addresses": [{"city": "Lyon"}]})
    other = unusual.person({"names": [{"family": "B"}], "addresses": [{"city": "Lyon"}]})
    assert unusual.relation(town, other, set()) is None


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_says_why(kind: Kind) -> None:
    facts = {"records": 120, "usual": 12.0, "days": 9, "times": 2, "ended": True}
    assert unusual.reason(kind, facts).endswith(".")
    assert unusual.TITLES[kind]
